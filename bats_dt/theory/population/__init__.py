"""Populations of identical neurons under Poisson input: their density, moments, and simulation (EQUATIONS B.3)."""

from bats_dt.theory.population.density import Density, evolve, stationary
from bats_dt.theory.population.grid import Grid, grid_for
from bats_dt.theory.population.moments import Moments, moments_at, stationary_moments
from bats_dt.theory.population.monte_carlo import sample_rates, sample_states

__all__ = [
    "Density",
    "Grid",
    "Moments",
    "evolve",
    "grid_for",
    "moments_at",
    "sample_rates",
    "sample_states",
    "stationary",
    "stationary_moments",
]
