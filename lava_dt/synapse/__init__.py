"""Synapses as lists of connections: what a spike adds where, for the kernels that follow spikes instead of steps."""

from lava_dt.synapse.connections import Connections
from lava_dt.synapse.order import Order
from lava_dt.synapse.plan import Plan, geometry_of, plan_of

__all__ = ["Connections", "Order", "Plan", "geometry_of", "plan_of"]
