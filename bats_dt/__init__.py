"""BATS, exact backpropagation through spikes, on any timestep: event-driven, without torch and without a GPU."""

from bats_dt.backend import get_backend, set_backend
from bats_dt.grid import TimeGrid
from bats_dt.network import Network
from bats_dt.silent_labels import SilentLabelRemedy

__all__ = ["Network", "SilentLabelRemedy", "TimeGrid", "get_backend", "set_backend"]
