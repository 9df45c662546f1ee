"""Time constants with units into lava-dl's decays and back (EQUATIONS A.2).

A decay is the fraction that a fine step loses. Each scheme reads it in its own way, so that `bats_dt.discretization`
gives that decay back at dt = 1; with r = step/tau:

    forward_euler r,   exponential 1 - exp(-r),   backward_euler r/(1 + r),   bilinear 2 r/(2 + r)
"""

from __future__ import annotations

import math
import re
from typing import Any, TypeAlias

from bats_dt.discretization import SCHEMES, retained

Time: TypeAlias = "float | str"

UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ns": 1e-9}
REGISTER = 1 << 12  # Loihi's decays are fractions of it


def seconds(value: Time, name: str) -> float:
    """A time in seconds, from a number of seconds or a string such as '20 ms', '350 us', '0.02 s'.

    Raises:
        TypeError: neither a number nor a string.
        ValueError: no number with one of the units s, ms, us, ns in the string; a time that is not finite and above 0.
    """
    if isinstance(value, str):
        match = re.fullmatch(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*([^\d\s.]\S*)?\s*", value)
        if match is None or match[2] not in UNITS:
            if match is None:
                fault = "is no number with a unit"
            else:
                fault = f"has the unit {match[2]!r}" if match[2] else "has no unit"
            raise ValueError(f"{name} is {value!r}, which {fault}: write it in s, ms, us or ns, for instance '20 ms'")
        time = float(match[1]) * UNITS[match[2]]
    elif isinstance(value, bool) or not hasattr(value, "__float__"):
        raise TypeError(f"{name} is {value!r}: pass a number of seconds, or a string with a unit such as '20 ms'")
    else:
        time = float(value)
    if not (math.isfinite(time) and time > 0):
        raise ValueError(f"{name} is {value!r}: a time must be finite and above 0")
    return time


def fine_decay(ratio: float, scheme: str) -> float:
    """Fraction lost in a fine step, for ratio = step/tau > 0. May lie above 1 (forward Euler, bilinear).

    Raises:
        ValueError: unknown scheme.
    """
    if scheme == "forward_euler":
        return ratio
    if scheme == "exponential":
        return -math.expm1(-ratio)
    if scheme == "backward_euler":
        return ratio / (1 + ratio)
    if scheme == "bilinear":
        return 2 * ratio / (2 + ratio)
    raise ValueError(f"scheme is {scheme!r}, which is unknown: pass one of {', '.join(SCHEMES)}")


def steps_of_decay(decay: float, scheme: str) -> float:
    """tau/step for the fraction that a step loses: the inverse of `fine_decay`. Infinite where nothing is lost.

    Raises:
        ValueError: unknown scheme.
    """
    if scheme not in SCHEMES:
        raise ValueError(f"scheme is {scheme!r}, which is unknown: pass one of {', '.join(SCHEMES)}")
    if decay <= 0:
        return math.inf
    if scheme == "forward_euler":
        return 1 / decay
    if scheme == "exponential":
        return 0.0 if decay >= 1 else -1 / math.log1p(-decay)
    if scheme == "backward_euler":
        return (1 - decay) / decay
    return (2 - decay) / (2 * decay)


def decay(tau: Time, step: Time, scheme: str = "exponential", *, dt: int = 1, name: str = "tau") -> float:
    """The decay of a fine step, as lava-dl's neuron parameters take it, from a time constant.

    Args:
        tau: time constant; seconds, or a string with a unit such as '20 ms'.
        step: length of a fine step, in the same way.
        scheme: how the decay is read, as in `Timestep`.
        dt: fine steps in the step of the neuron, whose 12-bit decay must not be rounded to no leak at all.
        name: what the time constant is called in errors.

    Returns:
        Fraction lost in a fine step, in (0, 1].

    Raises:
        TypeError, ValueError: as `seconds`.
        ValueError: a decay above 1, or one that is rounded to 0/4096; an unknown scheme.
    """
    ratio = seconds(step, "step") / seconds(tau, name)
    lost = fine_decay(ratio, scheme)
    if lost > 1 + 1e-12:
        raise ValueError(
            f"{name} is {tau!r} and a fine step {step!r}: {scheme} would lose {lost:.4g} of it in one step, and a "
            "decay is 1 at most; use a shorter step, or scheme='exponential', which takes any"
        )
    lost = min(lost, 1.0)
    if REGISTER * (1 - retained(lost, dt, scheme)) <= 0.5:
        longest = dt * REGISTER * 2 * seconds(step, "step")
        raise ValueError(
            f"{name} is {tau!r} and a fine step {step!r}: a step of dt={dt} would lose less than half of "
            f"1/4096, which 12 bits round to no leak at all; a time constant of about {longest:.3g} s is the longest; "
            "use a larger dt, or give a decay of 0 if no leak is meant"
        )
    return lost


def time_constant(decay: float, step: Time, scheme: str = "exponential") -> float:
    """The time constant in seconds that a decay of a fine step stands for: the inverse of `decay`.

    Args:
        decay: fraction lost in a fine step, in [0, 1].
        step: length of a fine step; seconds, or a string with a unit.
        scheme: as in `Timestep`.

    Returns:
        Seconds; infinite for a decay of 0; 0 for one of 1 under ``exponential`` and ``backward_euler``.

    Raises:
        TypeError, ValueError: as `seconds`.
        ValueError: a decay outside [0, 1], or an unknown scheme.
    """
    if not 0 <= decay <= 1:
        raise ValueError(f"decay is {decay:g}: a decay is the fraction lost per step and lies in [0, 1]")
    return steps_of_decay(decay, scheme) * seconds(step, "step")


def in_decays(parameters: dict[str, Any], scheme: str, dt: int = 1) -> dict[str, Any]:
    """Neuron parameters with `tau_syn` and `tau_mem` replaced by `current_decay` and `voltage_decay`.

    Args:
        parameters: of a neuron. `tau_syn` and `tau_mem` are times, or ranges of them where ``shared_param`` is False;
            `step` is the length of a fine step. Unchanged.
        scheme, dt: of the timestep.

    Returns:
        ``parameters`` itself where it has none of the three keys, else a new dictionary without them.

    Raises:
        TypeError, ValueError: as `decay`.
        ValueError: a time constant and its decay both given, a time constant without `step`, `step` without either.
    """
    named = {"tau_syn": "current_decay", "tau_mem": "voltage_decay"}
    if not {*named, "step"} & parameters.keys():
        return parameters
    step = parameters.get("step")
    given = {tau: parameters[tau] for tau in named if parameters.get(tau) is not None}
    if step is not None and not given:
        raise ValueError(
            "step is given without tau_syn or tau_mem: decays are fractions lost per step and need no length; leave it "
            "out, or give time constants"
        )
    result = {key: value for key, value in parameters.items() if key not in (*named, "step")}
    for tau, value in given.items():
        if result.get(named[tau]) is not None:
            raise ValueError(f"both {tau} and {named[tau]} are given, which say the same: give one of them")
        if step is None:
            raise ValueError(
                f"{tau} is given without step, the length of a fine step: add for instance step='1 ms' to the neuron "
                "parameters"
            )
        if isinstance(value, (tuple, list)):
            result[named[tau]] = tuple(sorted(decay(one, step, scheme, dt=dt, name=tau) for one in value))
        else:
            result[named[tau]] = decay(value, step, scheme, dt=dt, name=tau)
    return result
