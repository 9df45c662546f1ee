"""The networks that are compared: built, trained for a few batches so that they spike as trained ones do, and fixed."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from runs.bench.parity.cases import FINE_STEPS, Case
from runs.data import Recordings
from runs.quiet import quiet_imports
from runs.training.loop import batches

with quiet_imports():
    import lava_dt  # first: it applies the patches that lava's own packages may need
with quiet_imports():
    import torch
    from lava.lib.dl import slayer

    from lava_dt.block import cuba

LONGEST_DELAY = 80.0  # fine steps; more than the 62 of a chip
_BATCH = 16
_LEARNING_RATE = 1e-3
_TRUE_RATE, _FALSE_RATE = 0.2, 0.03  # spikes a step (EQUATIONS A.7)
_NEURON = {"threshold": 1.25, "current_decay": 0.25, "voltage_decay": 0.03, "tau_grad": 0.03, "scale_grad": 3}


def trained(case: Case, recordings: Recordings, batch_count: int, seed: int) -> torch.nn.Sequential:
    """The network of a case, trained at its own step on so many batches of recordings."""
    torch.manual_seed(seed)
    network = torch.nn.Sequential(*_blocks(case, recordings.shape))
    network(take(case, recordings, slice(1)))  # draws what lava-dl draws at the first call
    _draw_delays(network)
    loss = slayer.loss.SpikeRate(true_rate=_TRUE_RATE, false_rate=_FALSE_RATE, reduction="sum")
    optimizer = torch.optim.Adam(network.parameters(), lr=_LEARNING_RATE)
    for indices in batches(len(recordings), min(_BATCH, len(recordings)), seed, 0)[:batch_count]:
        optimizer.zero_grad()
        error = loss(network(take(case, recordings, indices)), torch.from_numpy(recordings.labels[indices]))
        error.backward()
        optimizer.step()
    return network.eval()


def take(case: Case, recordings: Recordings, indices: Any) -> torch.Tensor:
    """Recordings as the network of a case takes them, float32 counts (batch, neuron..., steps)."""
    binned = recordings.bin(indices, FINE_STEPS, 1 if case.held else case.dt)
    if case.network == "conv":
        binned = binned.reshape(len(binned), *recordings.shape, -1)
    return torch.from_numpy(np.ascontiguousarray(binned))


def _blocks(case: Case, shape: tuple[int, int, int]) -> list[torch.nn.Module]:
    timestep = lava_dt.Timestep(case.dt, clock=case.clock, scheme="exponential", gain="integral", reset=case.reset)
    neuron = {**_NEURON, "timestep": timestep}
    channels, rows, columns = shape
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*weight_norm.*")  # lava-dl's way of normalising
        if case.network == "conv":
            return _conv(neuron, channels, (rows, columns))
        n, delay = channels * rows * columns, case.network == "delays"
        if case.network == "recurrent":
            recurrent = cuba.Recurrent(dict(neuron), 64, 64, weight_scale=0.5)
            return [_dense(neuron, n, 64), recurrent, _dense(neuron, 64, 10)]
        return [_dense(neuron, n, 256, delay), _dense(neuron, 256, 10)]


def _dense(neuron: dict[str, Any], n_pre: int, n_post: int, delay: bool = False) -> torch.nn.Module:
    return cuba.Dense(dict(neuron), n_pre, n_post, weight_norm=True, delay=delay)


def _conv(neuron: dict[str, Any], channels: int, image: tuple[int, int]) -> list[torch.nn.Module]:
    pooling = {**neuron, "threshold": 0.5}
    pixels = [-(-((n - 5) // 2 + 1) // 2) - 2 for n in image]
    return [
        cuba.Conv(dict(neuron), channels, 8, 5, stride=2, weight_scale=2, weight_norm=True),
        cuba.Pool(pooling, 2),
        cuba.Conv(dict(neuron), 8, 16, 3, weight_scale=2, weight_norm=True),
        cuba.Flatten(),
        _dense(neuron, 16 * pixels[0] * pixels[1], 10),
    ]


def _draw_delays(network: torch.nn.Sequential) -> None:
    for block in network:
        delay = getattr(block, "delay", None)
        if delay is not None:
            delay.max_delay = LONGEST_DELAY
            delay.delay.data = LONGEST_DELAY * torch.rand(delay.delay.shape)
