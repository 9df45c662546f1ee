"""What a CuBa neuron of Loihi makes of one input spike, and how far it is from what a neuron of `bats_dt` does.

BATS's neuron answers an input spike of weight w with w g(t) (EQUATIONS A.1; `bats_dt.neuron.Neuron.response`), and is
observed on the grid by the rule ``detect`` (A.6). With p = exp(-dt/tau_s) and q = exp(-dt/tau_mem),

    g((n + 1) dt) = kappa h[n],   h[n] = (q^(n+1) - p^(n+1)) / (q - p),   kappa = g(dt),

where h[n] = (n + 1) p^n for p = q. A CuBa neuron that keeps p of its current and q of its voltage (A.2, exponential)
answers an input of weight w in step m with w h[n - m] in step n. Step n is therefore the time (n + 1) dt, the threshold
is theta / kappa, the soft reset takes theta / kappa q^n in both, and a spike of step n reaches the next layer in step
n + 1: on grid inputs both emit the same spikes.

A clocked neuron (B.2; `bats_dt.clocked_neuron`) makes of a spike in step m a charge times p^(n + 1 - m) in its current,
with the scheme's own p and q, and of that a gain times h[n - m] in its potential at the end of step n, (n + 1) dt: the
same with kappa = gain times charge. Forward Euler's potential sees the current one step later: step n is (n + 2) dt.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bats_dt.clocked_neuron import ClockedNeuron
from bats_dt.neuron import Neuron


@dataclass(frozen=True)
class Dynamics:
    """A layer's neurons on the steps of a grid, before registers.

    Attributes:
        keep_current, keep_voltage: p and q, shares of a state that a step leaves, in [0, 1).
        level: the threshold where an input spike of weight 1 lifts the voltage by 1 in its first step.
        reset: ``soft`` or ``hard``.
        hop: steps until a spike reaches the layer above, which is its time in steps of dt after the step's begin.
    """

    keep_current: float
    keep_voltage: float
    level: float
    reset: str = "soft"
    hop: int = 1


def dynamics_of(neuron: Neuron | ClockedNeuron, dt: float) -> Dynamics:
    """A neuron of BATS that is observed every ``dt`` seconds, or one that is stepped by its own dt."""
    if isinstance(neuron, ClockedNeuron):
        step = neuron.coefficients()
        late = step.x_to_u == 0
        kappa = step.i_to_u * step.x_to_i if late else step.x_to_u
        return Dynamics(step.keep_i, step.keep_u, neuron.threshold / kappa, neuron.reset, 2 if late else 1)
    return Dynamics(
        keep_current=math.exp(-dt / neuron.tau_syn),
        keep_voltage=math.exp(-dt / neuron.tau_mem),
        level=neuron.threshold / neuron.response(dt),
    )


def area(p: float, q: float) -> float:
    """The sum of h over all steps."""
    return 1 / ((1 - p) * (1 - q))


def peak(p: float, q: float) -> float:
    """The largest h: the first after which it does not grow, h[n + 1] = q h[n] + p^(n + 1)."""
    if min(p, q) == 0:
        return 1.0
    log_p, log_q = math.log(p), math.log(q)
    top = -1 / log_p if p == q else math.log(log_p / log_q) / (log_q - log_p)
    first = max(math.floor(top) - 1, 0)
    return max(response(p, q, n) for n in (first, first + 1, first + 2))


def response(p: float, q: float, n: int) -> float:
    """h[n] for n >= 0, without cancellation where p and q are close."""
    slow, fast = max(p, q), min(p, q)
    if fast == 0 or slow == fast:
        return slow**n * (n + 1 if fast else 1)
    apart = math.log(fast / slow)
    return slow**n * math.expm1((n + 1) * apart) / math.expm1(apart)


def product(one: tuple[float, float], other: tuple[float, float]) -> float:
    """The sum over all steps of h of one pair (p, q) times h of another."""
    # h[n] = c A^n b with A the step of (current, voltage); X = sum of A^n b b' A'^n solves X = A X A' + b b'
    steps = [np.array([[p, 0.0], [p, q]]) for p, q in (one, other)]
    start = np.ones(4)
    sums = np.linalg.solve(np.eye(4) - np.kron(*steps), start)
    return float(sums[3])


def shape_error(wanted: tuple[float, float], given: tuple[float, float]) -> tuple[float, float]:
    """How well h of ``given`` (p, q), times a factor, is h of ``wanted``: the best factor, and the relative error.

    The error is the root of the squared differences over all steps, relative to that of h itself.
    """
    across, own, target = product(wanted, given), product(given, given), product(wanted, wanted)
    return across / own, math.sqrt(max(1 - across * across / (own * target), 0.0))


def decay_error(wanted: float, given: float) -> float:
    """The error of the sequence given^n as `shape_error` measures it, without a factor: of what a reset leaves."""
    squares = 1 / (1 - wanted * wanted)
    difference = squares - 2 / (1 - wanted * given) + 1 / (1 - given * given)
    return math.sqrt(max(difference / squares, 0.0))
