"""Schemes that turn a decay into the decay of a larger step (EQUATIONS A.2, B.2).

A linear decay dx/dt = -x/tau is stepped by multiplying x with a *retained* factor each step. Given the fraction
``decay`` that is lost in one fine step, each scheme says what is retained over a step of ``dt`` fine steps. The
time constant is the one with which the same scheme gives ``decay`` at dt = 1, so that every scheme agrees with the
original network at dt = 1.

The functions use arithmetic only and so take floats, NumPy arrays and torch tensors alike.
"""

from __future__ import annotations

import math
from typing import Any

SCHEMES = ("forward_euler", "exponential", "backward_euler", "bilinear")


def retained(decay: Any, dt: int, scheme: str) -> Any:
    """Factor kept over a step of dt fine steps.

    Args:
        decay: fraction lost in one fine step, in [0, 1]; scalar or any array.
        dt: step size in fine steps, >= 1.
        scheme: one of `SCHEMES`:

            - forward_euler: 1 - dt/tau with tau = 1/decay [A15, A16]
            - exponential: exp(-dt/tau) with exp(-1/tau) = 1 - decay; exact between spikes
            - backward_euler: 1/(1 + dt/tau) with tau = (1 - decay)/decay [B14]
            - bilinear: (1 - dt/2tau)/(1 + dt/2tau) with 1/2tau = decay/(2 - decay)

    Returns:
        The factor, of the shape of ``decay``. Negative where the scheme alternates in sign (forward Euler beyond
        dt = tau, bilinear beyond dt = 2 tau).

    Raises:
        ValueError: unknown scheme.
    """
    if scheme == "forward_euler":
        return 1 - dt * decay
    if scheme == "exponential":
        return (1 - decay) ** dt
    if scheme == "backward_euler":
        return (1 - decay) / (1 - decay + dt * decay)
    if scheme == "bilinear":
        return (2 - decay - dt * decay) / (2 - decay + dt * decay)
    raise ValueError(f"scheme is {scheme!r}, which is unknown: pass one of {', '.join(SCHEMES)}")


def kept(ratio: float, scheme: str) -> float:
    """Factor by which dx/dt = -x/tau multiplies x over one step, ratio = dt/tau (EQUATIONS A.2, B.2).

    Args:
        ratio: the step in time constants, above 0.
        scheme: one of `SCHEMES`.

    Returns:
        1 - ratio; exp(-ratio); 1/(1 + ratio); or (1 - ratio/2)/(1 + ratio/2). Of magnitude below 1, that is stable, for
        forward Euler only where ratio < 2.

    Raises:
        ValueError: unknown scheme.
    """
    if scheme == "forward_euler":
        return 1 - ratio
    if scheme == "exponential":
        return math.exp(-ratio)
    if scheme == "backward_euler":
        return 1 / (1 + ratio)
    if scheme == "bilinear":
        return (2 - ratio) / (2 + ratio)
    raise ValueError(f"scheme is {scheme!r}, which is unknown: pass one of {', '.join(SCHEMES)}")


def largest_decay(dt: int, scheme: str) -> float:
    """Largest fine-step decay whose retained factor over dt steps is not negative (Loihi's decays lie in [0, 1])."""
    if scheme == "forward_euler":
        return 1 / dt
    if scheme == "bilinear":
        return 2 / (1 + dt)
    return 1.0


def gain(decay_current: Any, decay_voltage: Any, dt: int, scheme: str) -> Any:
    """Factor g on the current that keeps the area of the voltage's response to one spike (EQUATIONS A.2).

    g = (1 - e_I)(1 - e_u) / (dt alpha beta), with e the retained factors of a step and alpha, beta the decays of a
    fine step; 1 at dt = 1, and dt under forward Euler. A decay of 0 takes the limit (1 - e)/alpha -> dt.

    Args:
        decay_current, decay_voltage: fine-step decays alpha, beta in [0, 1]; floats.
        dt: step size in fine steps.
        scheme: one of `SCHEMES`.
    """

    def lost(decay: float) -> float:
        return dt if decay == 0 else (1 - max(retained(decay, dt, scheme), 0.0)) / decay

    return lost(decay_current) * lost(decay_voltage) / dt
