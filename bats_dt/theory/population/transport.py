"""Densities that are carried along x -> c + (x - c) e^(-dt/tau), conservatively and without becoming negative.

The flow tau dx/dt = -(x - c) takes to an edge x what was at x0 = c + (x - c) e^(dt/tau), so that the probability below
an edge, F(t + dt, x) = F(t, x0), has only to be read between the edges of before. In each cell a cubic is read, through
F at its edges with the slopes of F there, the densities: of fourth order, and at most three times the cell's own, with
which F rises. Cells are differences of F: nothing is lost in between, and nothing passes the ends of the axis.

Where that limit acts, at an edge of the density, the cells lag behind the flow, and their mean is put where it belongs.
"""

from __future__ import annotations

import numpy as np


def departures(edges: np.ndarray, centre: np.ndarray, ratio: float) -> np.ndarray:
    """Where what arrives at the edges (n + 1,) was ``ratio`` tau ago, (m, n + 1), for fixed points ``centre`` (m,)."""
    return np.asarray(centre[:, None] + (edges - centre[:, None]) * np.exp(ratio))


def below(mass: np.ndarray, edges: np.ndarray, points: np.ndarray) -> np.ndarray:
    """F at ``points`` (m or 1, k), of cells ``mass`` (m, n) between equal ``edges`` (n + 1,); 0 or all of it beyond."""
    m, n = mass.shape
    place = np.clip((points - edges[0]) / (edges[1] - edges[0]), 0.0, n)
    cell = np.minimum(place.astype(np.int64), n - 1)
    s, of_rows = place - cell, n * np.arange(m)[:, None] + cell
    before, slope = np.cumsum(mass, axis=1) - mass, _slopes(mass)
    start, rise, left, right = (np.take(values, of_rows) for values in (before, mass, slope[:, :-1], slope[:, 1:]))
    left, right = np.minimum(left, 3 * rise), np.minimum(right, 3 * rise)
    return np.asarray(start + s * (left + s * (3 * rise - 2 * left - right + s * (left + right - 2 * rise))))


def carried(mass: np.ndarray, edges: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The cells (m, n) after the flow that takes ``points`` (m or 1, n + 1) to the edges; no flux at either end.

    The mean of every row goes where the flow takes it, or to the end of the axis.
    """
    whole = mass.sum(axis=1)
    reached = np.minimum(np.maximum.accumulate(below(mass, edges, points), axis=1), whole[:, None])  # but for rounding
    reached[:, 0], reached[:, -1] = 0.0, whole
    return _centred(np.diff(reached, axis=1), mass, edges, points)


def _centred(found: np.ndarray, mass: np.ndarray, edges: np.ndarray, points: np.ndarray) -> np.ndarray:
    """The cells ``found`` (m, n) of what were ``mass``, with the mean of every row at where the flow takes it.

    A lag of less than a cell is made up for by moving that share of every cell to the next one; the last, which has
    none, stays. So nothing is lost or becomes negative.
    """
    centres, width = (edges[1:] + edges[:-1]) / 2, edges[1] - edges[0]
    growth = (points[:, -1] - points[:, 0]) / (edges[-1] - edges[0])
    wanted = (mass @ centres - (points[:, 0] - growth * edges[0]) * mass.sum(axis=1)) / growth
    cells = (wanted - found @ centres) / width  # times the probability of the row
    n = found.shape[1] - 1
    for distance, source, target in ((cells, 0, 1), (-cells, 1, 0)):  # up, down
        whole = found[:, source : source + n].sum(axis=1)
        share = np.where(whole > 0, distance / np.where(whole > 0, whole, 1.0), 0.0)
        moved = np.clip(share, 0.0, 1.0)[:, None] * found[:, source : source + n]
        found[:, source : source + n] -= moved
        found[:, target : target + n] += moved
    return found


def _slopes(mass: np.ndarray) -> np.ndarray:
    """Densities at the edges times the width of a cell, (m, n + 1)."""
    m = np.pad(mass, ((0, 0), (2, 2)))
    return np.asarray(np.maximum(7 * (m[:, 1:-2] + m[:, 2:-1]) - m[:, :-3] - m[:, 3:], 0.0) / 12)
