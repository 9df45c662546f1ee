"""What an operation costs in energy, as published: proxies that tell orders of magnitude, not measurements.

No network here ran on such a chip, and what leaves the arithmetic out (memory, routing, leakage, the host) is often the
larger part. They serve to put networks side by side whose operations are counted alike.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Prices:
    """Energy of the operations of one kind of chip [J].

    accumulate: of a synaptic operation whose input is a spike (a weight is added). multiply_accumulate: of one whose
    input is a number. update: of one update of a neuron's state. source: where the numbers were published.
    """

    name: str
    accumulate: float
    multiply_accumulate: float
    update: float
    source: str

    def of(self, *, accumulates: float, multiply_accumulates: float, updates: float) -> float:
        """Energy of so many operations [J]."""
        return (
            self.accumulate * accumulates
            + self.multiply_accumulate * multiply_accumulates
            + self.update * updates
        )  # fmt: skip


CMOS_45NM = Prices(
    name="45 nm CMOS, 32-bit floating point",
    accumulate=0.9e-12,
    multiply_accumulate=4.6e-12,
    update=2 * 4.6e-12,
    source=(
        "M. Horowitz, Computing's energy problem (and what we can do about it), ISSCC 2014: addition 0.9 pJ, "
        "multiplication 3.7 pJ; an update is two multiply-accumulates, current and voltage; memory not counted"
    ),
)
LOIHI = Prices(
    name="Loihi, 14 nm",
    accumulate=23.6e-12,
    multiply_accumulate=23.6e-12,
    update=81e-12,
    source=(
        "M. Davies et al., Loihi: a neuromorphic manycore processor with on-chip learning, IEEE Micro 38(1), 2018, "
        "table 2 (simulated before silicon): synaptic operation 23.6 pJ at least, active neuron's update 81 pJ; "
        "transport of spikes not counted"
    ),
)
PRICES = (CMOS_45NM, LOIHI)
