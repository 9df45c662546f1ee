"""`Tally`: counts where the spikes are, so that a few numbers a sample leave Lava instead of every spike.

Lava moves variables between processes and the user one element at a time, some 30 microseconds each.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from lava.magma.core.process.ports.ports import InPort, RefPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.process.variable import Var

SLOTS = 8  # variables that one tally can set to zero


class Tally(AbstractProcess):
    """Counts a layer's spikes in every sample, and sets variables to zero at its end, so that the next starts anew.

    Args:
        shape: of the layer.
        fan_out: (neurons,) synapses that a spike of each neuron, in Lava's order, acts on.
        window: first and last step that count, from 1 in the sample.
        period: steps from sample to sample.
        by_neuron: keep each neuron's spikes, too; else `counts` and `first` have one element, which stays 0.
        erased: shapes of the variables to set to zero, `SLOTS` at most, in the order of the ports ``erase_0``, ...

    Attributes:
        totals: spikes, and synaptic operations (spikes times synapses), of the last sample.
        counts, first: (neurons,) spikes of each neuron in the last sample, and the step of its first; 0 without one.
    """

    def __init__(
        self,
        *,
        shape: tuple[int, ...],
        fan_out: np.ndarray,
        window: tuple[int, int],
        period: int,
        by_neuron: bool,
        erased: Sequence[tuple[int, ...]],
    ) -> None:
        super().__init__(fan_out=fan_out, window=window, period=period, by_neuron=by_neuron, n_erased=len(erased))
        kept = int(np.prod(shape)) if by_neuron else 1
        self.s_in = InPort(shape=shape)
        self.totals = Var(shape=(2,), init=0)
        self.counts = Var(shape=(kept,), init=0)
        self.first = Var(shape=(kept,), init=0)
        for slot in range(SLOTS):
            setattr(self, f"erase_{slot}", RefPort(shape=erased[slot] if slot < len(erased) else (1,)))

    def erasers(self) -> list[RefPort]:
        """The ports for the variables to set to zero."""
        return [getattr(self, f"erase_{slot}") for slot in range(self.proc_params["n_erased"])]
