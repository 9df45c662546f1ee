"""What Loihi's numbers made of a graph's: weights of 8 bits, decays of 12, whole thresholds and delays."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LayerReport:
    """One layer with synapses or neurons.

    Attributes:
        name: of its node in the graph.
        scale: integers of the weights per unit.
        factor: by which weights and threshold were multiplied together, which changes no spike; 1 where nothing was.
        weight_error: largest change of a weight by rounding, relative to the layer's largest weight.
        weights_lost: weights that were rounded to 0, of how many that were not 0.
        current_decay, voltage_decay: fraction lost in a fine step, as the graph has it (the mean of several).
        decay_errors: of the current and voltage decay of a step of dt, in 12 bits, relative; the largest.
        threshold_error: relative, of the whole threshold.
    """

    name: str
    scale: int
    factor: float
    weight_error: float
    weights_lost: tuple[int, int]
    current_decay: float
    voltage_decay: float
    decay_errors: tuple[float, float]
    threshold_error: float


@dataclass(frozen=True)
class Report:
    """``str()`` is a table with notes below.

    Attributes:
        step: seconds in a fine step.
        layers: in order.
        notes: what a reader should know, in sentences.
    """

    step: float
    layers: tuple[LayerReport, ...]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        head = ("node", "scale", "factor", "weights", "lost", "decays", "rounded by", "threshold")
        rows = [
            (
                layer.name,
                str(layer.scale),
                f"{layer.factor:.4g}",
                f"{layer.weight_error:.2%}",
                f"{layer.weights_lost[0]} of {layer.weights_lost[1]}",
                f"{layer.current_decay:.4g}, {layer.voltage_decay:.4g}",
                ", ".join(f"{error:+.2%}" for error in layer.decay_errors),
                f"{layer.threshold_error:+.2%}",
            )
            for layer in self.layers
        ]
        widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
        lines = [
            "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in [head, *rows]
        ]
        return "\n".join([f"a fine step is {self.step:g} s", *lines, *self.notes])
