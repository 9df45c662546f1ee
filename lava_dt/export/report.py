"""`ParityReport`: how a Lava network compares with the network it was exported from."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class LayerParity:
    """Comparison of one layer, over all samples and steps.

    Attributes:
        name: its index and kind.
        neurons: how many.
        latency: steps by which Lava runs behind training here, (smallest, largest) over the neurons.
        spikes, lava_spikes: spikes of the trained network, and of Lava's.
        differing_spikes: entries (neuron and step) at which one side spikes and the other does not.
        differing_currents, differing_voltages: entries at which the integers differ; the voltage after its reset.
        differing_outputs: entries at which the sums of an average block differ, or what leaves the last layer's delays.
        reads_out: whether its neurons, if it has any, never spike: an affine or average layer.
    """

    name: str
    neurons: int
    latency: tuple[int, int]
    spikes: int
    differing_spikes: int
    differing_currents: int
    differing_voltages: int
    differing_outputs: int = 0
    lava_spikes: int = 0
    reads_out: bool = False


@dataclass(frozen=True)
class Divergence:
    """The first difference: the earliest step, the lowest layer there.

    Attributes:
        sample, layer, neuron, step: where; the neuron by its index in the layer's shape, the step from 0 and
            as training counts it. The layer is ``input`` where what went in differs.
        quantity: ``input``, ``current``, ``voltage``, ``spike`` or ``output``.
        trained, lava: its values, integers.
        cause: a sentence.
    """

    sample: int
    layer: str
    neuron: tuple[int, ...]
    step: int
    quantity: str
    trained: int
    lava: int
    cause: str

    def __str__(self) -> str:
        neuron = self.neuron[0] if len(self.neuron) == 1 else self.neuron
        return (
            f"first difference: sample {self.sample}, {self.layer}, neuron {neuron}, step {self.step}: {self.quantity} "
            f"{self.trained} in training, {self.lava} in Lava: {self.cause}"
        )


@dataclass(frozen=True)
class ParityReport:
    """Input, spikes, currents and voltages of every layer, in training and in Lava, compared step by step.

    Attributes:
        samples, steps: how much was compared; steps of Lava's clock.
        dt: fine steps in a step of the neurons.
        layers: one entry a layer that computes something.
        first: the first difference, None if there is none.
        seconds: time spent in Lava.
        clock: ``coarse`` where a step of the comparison is one of dt, ``held`` where it is a fine step.
        input_differs: entries (sample, neuron, step) at which the first Lava layer received something else than the
            first trained one.
        output: what leaves the last layer in Lava, at the steps at which it leaves training's: (samples, neuron...,
            steps), spikes, or integers of a layer that only adds.
    """

    samples: int
    steps: int
    dt: int
    layers: tuple[LayerParity, ...]
    first: Divergence | None
    seconds: float
    clock: str = "coarse"
    input_differs: int = 0
    output: np.ndarray | None = field(default=None, compare=False, repr=False)

    @property
    def spikes(self) -> int:
        """Spikes of the trained network that were compared."""
        return sum(layer.spikes for layer in self.layers)

    @property
    def differing_spikes(self) -> int:
        return sum(layer.differing_spikes for layer in self.layers)

    @property
    def differing_currents(self) -> int:
        return sum(layer.differing_currents for layer in self.layers)

    @property
    def differing_voltages(self) -> int:
        return sum(layer.differing_voltages for layer in self.layers)

    @property
    def differing_outputs(self) -> int:
        return sum(layer.differing_outputs for layer in self.layers)

    @property
    def entries(self) -> int:
        """Entries (sample, neuron, step) compared, of each quantity."""
        return self.samples * self.steps * sum(layer.neurons for layer in self.layers)

    @property
    def identical(self) -> bool:
        """No input, spike, current, voltage or output differs."""
        states = self.differing_currents + self.differing_voltages + self.differing_outputs
        return not (self.input_differs or self.differing_spikes or states)

    def __str__(self) -> str:
        plural = "" if self.samples == 1 else "s"
        fine = f"fine steps on the {self.clock} clock" if self.clock == "held" and self.dt > 1 else "steps"
        where = f"{self.samples} sample{plural} of {self.steps} {fine} at dt = {self.dt}"
        if self.identical:
            return (
                f"{self.differing_spikes} of {self.spikes:,} spikes differ between training and Lava, and no input, "
                f"current or voltage, in {len(self.layers)} layers over {where} ({self.entries:,} entries)"
                f"{self._silence()}"
            )
        columns = ("spikes", "differing", "currents", "voltages", *(["outputs"] if self.differing_outputs else []))
        lines = [
            f"training and Lava differ, over {where}:",
            f"{'layer':24}" + "".join(f"{column:>12}" for column in columns),
            *(_line(layer, len(columns)) for layer in self.layers),
        ]
        if self.input_differs:
            lines.append(f"{self.input_differs:,} entries of the input differ")
        return "\n".join([*lines, str(self.first)])

    def _silence(self) -> str:
        silent = [layer.name for layer in self.layers if not layer.spikes and not layer.reads_out]
        if not silent:
            return ""
        return f"; {', '.join(silent)} never spiked, so that its threshold and what follows were hardly tried"


def _line(layer: LayerParity, columns: int) -> str:
    counts = (
        layer.spikes,
        layer.differing_spikes,
        layer.differing_currents,
        layer.differing_voltages,
        layer.differing_outputs,
    )
    return f"{layer.name:24}" + "".join(f"{count:12,}" for count in counts[:columns])
