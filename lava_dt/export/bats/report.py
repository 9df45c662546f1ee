"""What the way from a BATS network to Loihi's integers changed, layer by layer."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lava_dt.export.bats.blocks import States
from lava_dt.export.bats.quantisation import LARGEST_STATE, ROOM, Quantised
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
        states: the largest current and voltage on the samples; None where nothing was measured.
        spikes: of all its neurons, a sample; None where nothing was measured.
        limit: spikes that BATS keeps of each neuron (``max_n_spike``), None for all. Loihi's neurons have no limit.
        beyond: spikes of the quantised neurons beyond that limit, a sample; None where nothing was measured.
    """

    name: str
    neurons: int
    dynamics: Dynamics
    quantised: Quantised
    registers: Registers
    states: States | None
    spikes: float | None
    limit: int | None
    beyond: float | None

    @property
    def fits(self) -> bool:
        """Whether the states have stayed within 24 bits; True where nothing was measured."""
        return self.states is None or max(self.states.current, self.states.voltage) <= LARGEST_STATE

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

    def _measured(self) -> tuple[str, ...]:
        if self.states is None:
            return ()
        bits = ", ".join(f"{math.log2(max(state, 1)):.1f}" for state in (self.states.current, self.states.voltage))
        return bits, f"{self.spikes:.1f}", f"{self.beyond:.1f}"


@dataclass(frozen=True)
class Report:
    """All layers; ``str()`` is a table.

    Attributes:
        dt: [s].
        samples: on how many states and spikes were measured, 0 for none.
        layers: from the first to the last.
    """

    dt: float
    samples: int
    layers: tuple[LayerReport, ...]

    def __str__(self) -> str:
        head = _HEAD + (_MEASURED if self.samples else ())
        rows = table([head, *(layer.cells() for layer in self.layers)])
        states = (
            f"states (of 23 bits and a sign), spikes and those beyond BATS's limit (max_n_spike) on {self.samples} "
            f"sample{'' if self.samples == 1 else 's'}, of one sample"
            if self.samples
            else f"nothing was measured: states have room for {ROOM} thresholds; pass samples to use and check all of it"
        )
        return "\n".join(
            [
                f"dt = {self.dt:.4g} s; weights of 8 bits, decays in 1/{DECAY_UNIT}; errors relative to BATS on the grid",
                *rows,
                states,
            ]
        )


def table(rows: list[tuple[str, ...]]) -> list[str]:
    """Rows of cells as lines; the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([row[0].ljust(widths[0]), *(cell.rjust(n) for cell, n in zip(row[1:], widths[1:], strict=True))])
        .rstrip()
        for row in rows
    ]  # fmt: skip
