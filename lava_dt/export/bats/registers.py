"""The decays of a layer in Loihi's 12 bits, chosen together."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lava_dt.export.bats.response import Dynamics, area, decay_error, peak, shape_error
from lava_dt.export.description import DECAY_UNIT

_AROUND = (-1, 0, 1, 2)  # registers tried, from the one below the real decay


@dataclass(frozen=True)
class Registers:
    """Two registers, and what they change.

    Attributes:
        current_decay, voltage_decay: 1 to 4096, in 1/4096 a step.
        factor: what the response of these registers is to be multiplied with to be nearest to the wanted one; the
            threshold is divided by it.
        response_error: what is left between the two responses (`response.shape_error`).
        reset_error: between what a spike's soft reset leaves, step after step, and what it should; 0 of a hard reset.
        area_error, peak_error: of the response times ``factor``, relative.
    """

    current_decay: int
    voltage_decay: int
    factor: float
    response_error: float
    reset_error: float
    area_error: float
    peak_error: float


def choose(dynamics: Dynamics) -> Registers:
    """The pair of registers near the real decays that changes response and reset least together.

    The nearest register of each is not always the best pair: a response that is too short in the current and too long
    in the voltage is nearer than one that is too short in both.
    """
    pairs = [(i, v) for i in _near(dynamics.keep_current) for v in _near(dynamics.keep_voltage)]
    return min(
        (_registers(dynamics, i, v) for i, v in pairs), key=lambda r: math.hypot(r.response_error, r.reset_error)
    )


def _near(keep: float) -> list[int]:
    below = math.floor((1 - keep) * DECAY_UNIT)
    return sorted({min(max(below + step, 1), DECAY_UNIT) for step in _AROUND})


def _registers(dynamics: Dynamics, current: int, voltage: int) -> Registers:
    wanted = dynamics.keep_current, dynamics.keep_voltage
    p, q = 1 - current / DECAY_UNIT, 1 - voltage / DECAY_UNIT
    factor, error = shape_error(wanted, (p, q))
    return Registers(
        current_decay=current,
        voltage_decay=voltage,
        factor=factor,
        response_error=error,
        reset_error=decay_error(wanted[1], q) if dynamics.reset == "soft" else 0.0,
        area_error=factor * area(p, q) / area(*wanted) - 1,
        peak_error=factor * peak(p, q) / peak(*wanted) - 1,
    )
