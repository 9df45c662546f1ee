"""How the neurons' states evolve: one operator, one folder."""

from lava_dt.dynamics.integrator import leaky_integrator

__all__ = ["leaky_integrator"]
