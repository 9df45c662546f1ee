"""Neurons and synapses that lava-nc lacks."""

from __future__ import annotations

from typing import Any

import numpy as np
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.process.variable import Var
from lava.proc.lif.process import LIF


class SoftResetLIF(LIF):
    """lava-nc's LIF, but a spike lowers the voltage by the threshold instead of zeroing it [A13].

    Takes the arguments of `lava.proc.lif.process.LIF`. For the simulation only: Loihi's built-in neuron has no such
    reset, and whether Loihi 2's microcode runs it was not tried.
    """


class DelayedDense(AbstractProcess):
    """Dense synapses whose activation reaches neuron i with its own delay.

    Without a bias this is lava-dl's axonal delay: the neuron spikes ``delays[i]`` steps later. lava-nc's DelayDense
    has a delay a synapse, at 63 times the work.

    Args:
        weights: (n_post, n_pre) integers.
        delays: (n_post,) steps, >= 0, on top of the one step that every Lava synapse takes.
        weight_exp, num_weight_bits, sign_mode, num_message_bits: as those of `lava.proc.dense.process.Dense`.
    """

    def __init__(
        self, *, weights: np.ndarray, delays: np.ndarray, num_message_bits: int = 0, **parameters: Any
    ) -> None:
        super().__init__(weights=weights, delays=delays, num_message_bits=num_message_bits, **parameters)
        n_post, n_pre = weights.shape
        self.s_in = InPort(shape=(n_pre,))
        self.a_out = OutPort(shape=(n_post,))
        self.weights = Var(shape=weights.shape, init=weights)
        self.delays = Var(shape=(n_post,), init=delays)
        self.a_buff = Var(shape=(n_post, int(np.max(delays)) + 1), init=0)
        self.num_message_bits = Var(shape=(1,), init=num_message_bits)
