"""The cells of the plane of potential and current on which a population's density lives."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bats_dt.theory.lif import LIF
from bats_dt.theory.population.moments import Moments, stationary_moments

MOST_CELLS = 1000  # along one axis
LEAST_JUMPS = 0.1  # within tau_syn
_TAIL = 3.5  # jumps above the mean: where they are few, deviations tell little of the range


@dataclass(frozen=True)
class Grid:
    """Equal cells. A density is the probabilities of the cells, an array (n_i, n_u) that adds up to 1.

    u_edges, i_edges: (n_u + 1,) and (n_i + 1,), rising.
    """

    u_edges: np.ndarray
    i_edges: np.ndarray

    @property
    def u(self) -> np.ndarray:
        """Centres of the cells along u, (n_u,)."""
        return np.asarray((self.u_edges[1:] + self.u_edges[:-1]) / 2)

    @property
    def i(self) -> np.ndarray:
        """Centres of the cells along i, (n_i,)."""
        return np.asarray((self.i_edges[1:] + self.i_edges[:-1]) / 2)

    def at_rest(self) -> np.ndarray:
        """All neurons in the cell of u = i = 0, (n_i, n_u)."""
        mass = np.zeros((len(self.i_edges) - 1, len(self.u_edges) - 1))
        u, i = (min(max(int(np.searchsorted(e, 0, "right")) - 1, 0), len(e) - 2) for e in (self.u_edges, self.i_edges))
        mass[i, u] = 1.0
        return mass

    def gaussian(self, moments: Moments) -> np.ndarray:
        """The normal distribution of these moments, cut off at the edges, (n_i, n_u)."""
        u, i = self.u - moments.mean[0], self.i[:, None] - moments.mean[1]
        (a, b), (_, d) = np.linalg.inv(moments.covariance)
        mass = np.exp(-(a * u * u + 2 * b * u * i + d * i * i) / 2)
        return np.asarray(mass / mass.sum())

    def moments(self, mass: np.ndarray) -> Moments:
        """Of a density (n_i, n_u), each cell's probability at its centre."""
        total = mass.sum()
        mean = np.array([(mass * self.u).sum(), (mass * self.i[:, None]).sum()]) / total
        u, i = self.u - mean[0], self.i[:, None] - mean[1]
        both = (mass * u * i).sum()
        return Moments(mean, np.array([[(mass * u * u).sum(), both], [both, (mass * i * i).sum()]]) / total)


def grid_for(
    lif: LIF,
    rate: float,
    weight: float,
    *,
    noise: str = "jumps",
    threshold: float | None = None,
    v_reset: float = 0.0,
    from_rest: bool = False,
    width: float = 7.0,
    fineness: float = 10.0,
) -> Grid:
    """Cells of about 1/``fineness`` of a standard deviation, over ``width`` of them to both sides of the mean.

    They are finer where u follows i so closely that of a known i less than three cells of u would be left, and where
    i is therefore carried in very small steps. The height of a jump, w/tau_syn, is a whole number of cells along i.

    rate: lambda [1/s]. weight: w. noise: "jumps", which leave a neuron on one side of 0, or "diffusion".
    threshold, v_reset: the potential ends at the threshold, where one is given, and begins below v_reset.
    from_rest: the plane includes u = i = 0.

    Raises
    ------
    ValueError: a rate or weight for which there is no spread; fewer than one jump in 10 tau_syn, of which cells would
    not have the moments; so many small jumps, so far a threshold or so different time constants that they need too many
    cells.
    """
    if not (math.isfinite(rate) and rate > 0):
        raise ValueError(f"rate is {rate} 1/s: input spikes must arrive at a finite rate above 0; pass for example 100")
    if not (math.isfinite(weight) and weight):
        raise ValueError(f"weight is {weight}: it must be finite and not 0, or nothing arrives; pass for example 0.1")
    if noise == "jumps" and rate * lif.tau_syn < LEAST_JUMPS:
        raise ValueError(
            f"rate is {rate:g} 1/s, fewer than one input spike in ten tau_syn = {lif.tau_syn:g} s: most neurons are at "
            f"rest and the others just behind a jump, which cells do not follow; pass {LEAST_JUMPS / lif.tau_syn:g} "
            "1/s or more, or simulate neurons with sample_states and sample_rates"
        )
    with np.errstate(over="ignore", invalid="ignore"):  # refused below
        mean, covariance = stationary_moments(lif, rate, np.float64(weight))
    spread = np.sqrt(np.diag(covariance))
    if not (np.isfinite(spread).all() and spread.all()):
        raise ValueError(
            f"weight is {weight:g} with resistance = {lif.resistance:g}: the spread of u or i is beyond the numbers; "
            "pass values of ordinary size"
        )
    if threshold is not None and not (math.isfinite(threshold) and math.isfinite(v_reset)):
        raise ValueError(f"the threshold is {threshold} with v_reset = {v_reset}: pass finite potentials")
    jump = weight / lif.tau_syn
    far = np.array([lif.resistance * lif.tau_syn / (lif.tau_mem + lif.tau_syn), 1.0]) * jump  # what one jump does
    (low_u, high_u), (low_i, high_i) = (
        _range(m, width * s, _TAIL * one if noise == "jumps" else 0.0, from_rest)
        for m, s, one in zip(mean, spread, far, strict=True)
    )
    left = math.sqrt(lif.tau_mem / (lif.tau_mem + lif.tau_syn))  # of the deviation of u where i is known, and of i
    of_u, of_i = spread * np.minimum(1 / fineness, [left / 3, left / 4])
    height = abs(jump) / math.ceil(abs(jump) / of_i)
    if threshold is not None:
        low_u, high_u = min(low_u, 0.0, v_reset), threshold
        if not max(0.0, v_reset) < threshold:
            raise ValueError(
                f"the threshold is {threshold} with v_reset = {v_reset}: pass one above v_reset and above 0"
            )
    cells_u, cells_i = (math.ceil(length) for length in ((high_u - low_u) / of_u, (high_i - low_i) / height))
    if max(cells_u, cells_i) > MOST_CELLS:
        raise ValueError(
            f"the density needs {cells_i} by {cells_u} cells, {MOST_CELLS} are the most along an axis: {rate:g} spikes "
            f"a second within time constants of {lif.tau_syn:g} s and {lif.tau_mem:g} s need them; pass a lower "
            "rate with a larger weight, time constants that differ less, or a nearer threshold"
        )
    of_all = np.linspace(low_u, high_u, cells_u + 1) if threshold is not None else _cells(low_u, high_u, of_u)
    return Grid(of_all, _cells(low_i, high_i, height))


def _range(mean: float, deviations: float, tail: float, with_zero: bool) -> tuple[float, float]:
    """To both sides of the mean, by ``deviations`` and to the side of a jump by ``tail``.

    Jumps, which all go to one side, leave nothing beyond 0.
    """
    low, high = min(mean - deviations, mean + tail), max(mean + deviations, mean + tail)
    if with_zero:
        low, high = min(low, 0.0), max(high, 0.0)
    return (max(low, 0.0) if tail > 0 else low), (min(high, 0.0) if tail < 0 else high)


def _cells(low: float, high: float, size: float) -> np.ndarray:
    """Edges from ``low`` to ``high`` or a little beyond; at an end that is 0, a cell around it: neurons rest there."""
    if high == 0:
        return -_cells(0.0, -low, size)[::-1]
    low = -size / 2 if low == 0 else low
    return np.asarray(low + size * np.arange(math.ceil((high - low) / size) + 1))
