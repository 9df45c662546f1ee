"""Random spike trains of a given density: the same events as a dense tensor, as a sparse one, and in bins of dt."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from runs.bench.slayer.cases import CHANNELS, CLASSES, SIDE, Case, Entry

_LARGEST_DRAW = 0.1


def spike_train(case: Case, entry: Entry, seed: int) -> torch.Tensor:
    """The input of a contestant: (batch, 2312, bins), or (batch, 2, 34, 34, bins) for the convolutional network.

    On the coarse clock the events of dt fine steps are counted in one bin, the last one shorter: all events are kept.
    Sparse (COO, coalesced) where the entry takes events. Nothing but the result and lists as long as its events is
    allocated up to a density of 10 %.
    """
    width = case.dt if entry.clock == "coarse" else 1
    bins = -(-case.steps // width)
    row, t = np.divmod(_cells(case, seed), case.steps)
    cells, counts = np.unique(row * bins + t // width, return_counts=True)
    space = (2, SIDE, SIDE) if case.network == "conv" else (CHANNELS,)
    shape = (case.batch, *space, bins)
    values = torch.from_numpy(counts.astype(np.float32))
    if entry.events:
        index = torch.from_numpy(np.stack(np.unravel_index(cells, shape)))
        return torch.sparse_coo_tensor(index, values, shape, device=case.device, check_invariants=False).coalesce()
    dense = torch.zeros(shape)
    dense.view(-1)[torch.from_numpy(cells)] = values
    return dense.to(case.device)


def labels(case: Case, seed: int) -> torch.Tensor:
    """(batch,) int64, the label of every sample."""
    drawn = np.random.default_rng([seed, 1]).integers(0, CLASSES, case.batch)
    return torch.from_numpy(drawn).to(case.device)


def _cells(case: Case, seed: int) -> npt.NDArray[Any]:
    """Where there is an event, sorted positions in (batch, channel, fine step)."""
    generator = np.random.default_rng([seed, 0])
    n = case.batch * CHANNELS * case.steps
    if case.density > _LARGEST_DRAW:
        return np.flatnonzero(generator.random(n, dtype=np.float32) < case.density)
    draws = round(-n * np.log1p(-case.density))  # so many that the share of cells hit at least once is the density
    return np.unique(generator.integers(0, n, draws))
