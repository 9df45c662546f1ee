"""What the way from a BATS network to Loihi's integers changed, layer by layer."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lava_dt.export.bats.measuring import Measured
from lava_dt.export.bats.quantisation import ROOM, Quantised
from lava_dt.export.bats.registers import Registers
from lava_dt.export.bats.response import Dynamics
from lava_dt.export.description import DECAY_UNIT

_HEAD = ("", "weights to", "error", "threshold", "current decay", "voltage decay", "response", "area", "peak", "reset")
_MEASURED = ("u, v bits", "spikes", "beyond")


@dataclass(frozen=True)
class LayerReport:
    """One layer of neurons.

    Attributes:
        name: as in BATS.
        neurons: how many.
        dynamics: what its neurons do on the grid, in real numbers.
        quantised: its integers, and the error of the weights.
        registers: its decays, and what they change.
        limit: spikes that `bats_dt` keeps of each neuron (``max_n_spike``), None for all; Loihi's have no limit.
        measured: on the samples; None without any.
    """

    name: str
    neurons: int
    dynamics: Dynamics
    quantised: Quantised
    registers: Registers
    limit: int | None
    measured: Measured | None

    def cells(self) -> tuple[str, ...]:
        """Its row of the table."""
        quantised, registers = self.quantised, self.registers
        real = (DECAY_UNIT * (1 - keep) for keep in (self.dynamics.keep_current, self.dynamics.keep_voltage))
        decays = (
            f"{register} for {value:.1f}"
            for register, value in zip((registers.current_decay, registers.voltage_decay), real, strict=True)
        )
        changes = (
            f"{registers.response_error:.2%}", f"{registers.area_error:+.2%}", f"{registers.peak_error:+.2%}",
            f"{registers.reset_error:.2%}",
        )  # fmt: skip
        weights = str(quantised.largest), f"{quantised.weight_error:.2%}", str(quantised.threshold)
        return (self.name, *weights, *decays, *changes, *self._measured())

    def warning(self) -> str | None:
        """That its neurons reached max_n_spike on the samples; None where none did."""
        if self.measured is None or not self.measured.beyond:
            return None
        return (
            f"warning: {self.name} sends {self.measured.beyond:.1f} of its {self.measured.spikes:.1f} spikes a sample "
            f"beyond max_n_spike = {self.limit}; bats_dt cut them while it was trained, and Loihi's neurons do not: "
            "see by `stages` what they do to the accuracy, or train with a larger max_n_spike (or grow=True)"
        )

    def _measured(self) -> tuple[str, ...]:
        if self.measured is None:
            return ()
        states = self.measured.states
        bits = ", ".join(f"{math.log2(max(state, 1)):.1f}" for state in (states.current, states.voltage))
        return bits, f"{self.measured.spikes:.1f}", f"{self.measured.beyond:.1f}"


@dataclass(frozen=True)
class Report:
    """All layers; ``str()`` is a table.

    Attributes:
        dt: [s].
        weight_bits: of the weights.
        samples: on how many states and spikes were measured, 0 for none.
        layers: from the first to the last.
    """

    dt: float
    weight_bits: int
    samples: int
    layers: tuple[LayerReport, ...]

    def __str__(self) -> str:
        head = _HEAD + (_MEASURED if self.samples else ())
        rows = table([head, *(layer.cells() for layer in self.layers)])
        plural = "" if self.samples == 1 else "s"
        measured = (
            f"on {self.samples} sample{plural}, the largest current and voltage (of 23 bits and a sign), of each "
            "spikes and those beyond max_n_spike, at which Loihi's neurons do not stop"
            if self.samples
            else f"nothing was measured: states have room for {ROOM} thresholds; pass samples to use all of it"
        )
        first = f"dt = {self.dt:.4g} s, weights of {self.weight_bits} bits, decays in 1/{DECAY_UNIT}"
        return "\n".join([f"{first}; errors against bats_dt on the grid", *rows, measured, *self.warnings])

    @property
    def warnings(self) -> tuple[str, ...]:
        """A sentence for each layer whose neurons reached max_n_spike; not the last, whose surplus `decode` drops."""
        return tuple(text for layer in self.layers[:-1] if (text := layer.warning()) is not None)


def table(rows: list[tuple[str, ...]]) -> list[str]:
    """Rows of cells as lines; the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([row[0].ljust(widths[0]), *(cell.rjust(n) for cell, n in zip(row[1:], widths[1:], strict=True))])
        .rstrip()
        for row in rows
    ]  # fmt: skip
