"""What arriving spikes do to a density along i, as generators Q of dp/dt = lambda Q p (EQUATIONS B.3).

Every column of a generator adds up to 0 and has no negative entry off the diagonal: probability is neither lost nor
negative, whatever the step.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from bats_dt.theory.population.grid import Grid


def jumps(grid: Grid, height: float) -> sparse.csr_matrix:
    """p(i - w/tau_syn) - p(i), (n_i, n_i); height: w/tau_syn, a whole number of cells.

    A jump beyond the last cell ends in it: there is no flux out of the plane.
    """
    n = len(grid.i_edges) - 1
    source = np.arange(n)
    target = np.clip(source + round(height / (grid.i_edges[1] - grid.i_edges[0])), 0, n - 1)
    moved = sparse.csr_matrix((np.ones(n), (target, source)), shape=(n, n))
    return sparse.csr_matrix(moved - sparse.identity(n))


def diffusion(grid: Grid, height: float) -> sparse.csr_matrix:
    """(w/tau_syn)^2/2 d2p/di2, (n_i, n_i), by the fluxes between neighbours; none at the ends.

    The mean of the jumps, -(w/tau_syn) dp/di, is not in it: it shifts where the current decays to.
    """
    n = len(grid.i_edges) - 1
    flux = sparse.diags([-1.0, 1.0], [0, 1], shape=(n - 1, n))  # p of the cell above less that of the cell
    strength = (height / (grid.i_edges[1] - grid.i_edges[0])) ** 2 / 2
    return sparse.csr_matrix(-strength * (flux.T @ flux))
