"""`Rule`: one way to bring a trained network to a coarser step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from lava_dt.timestep import Gain, Reset, Scheme

Delays = Literal["up", "nearest"]
GainOf = Callable[[float, float, int], float]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What becomes of decays, current, thresholds and delays.

    The CuBa block has two poles E_I, E_u and one gain g on the current, which is folded into the threshold; a rule is a
    choice of these three, and of what is then done by looking at data.

    Attributes:
        name: as typed on the command line.
        equation: one line of text.
        scheme: of `Timestep`, which sets the poles. A decay that it takes beyond 1 is saturated.
        gain: (alpha, beta, dt) -> g, of a neuron with the fine-step decays alpha of current and beta of voltage.
        carrier: the `Timestep`'s gain that g is carried by, the ratio of both going into the threshold: what a bias and
            a voltage that is given out are multiplied by.
        matched: whether thresholds are then chosen by what the fine network did (`threshold_matching`).
        reset: of `Timestep`; None: as the network was trained. ``soft`` keeps what a neuron had beyond its threshold
            for the next step, where a fine neuron would have fired again within this one; Lava then needs lava_dt's
            own process (`lava_dt.export`), which the chip's plain LIF is not.
        delays: how delays are rounded to steps of dt (`delay_rounding`).
    """

    name: str
    equation: str
    scheme: Scheme
    gain: GainOf
    carrier: Gain = "integral"
    matched: bool = False
    reset: Reset | None = None
    delays: Delays = "up"

    @property
    def needs_calibration(self) -> bool:
        """Whether `convert` needs what `record` returns."""
        return self.matched
