"""The loss of fine-tuning, measured and trained: `runs.tune.finetuning` says what it is and why."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from lava_dt.block import cuba
from lava_dt.export.blocks import blocks_of
from runs.directory import Row
from runs.training.loop import batches
from runs.tune.data import Labelled

BATCH = 32
ASKED = 100  # samples in a batch where nothing is trained
_SHARPNESS = 5.0  # kappa


class Watcher(Protocol):
    """Is told how it goes."""

    def tick(self, samples: int, total: int) -> None:
        """So many samples of the epoch have been seen."""

    def line(self, text: str) -> None:
        """An epoch is done."""

    def warn(self, sentence: str) -> None:
        """A damaged file was found, and what was done about it."""


class Loss:
    """The loss of a batch, and how many of it are named rightly.

    Args:
        wanted: of `wanted_of`.
        share: the mean over the samples of the largest count, before the training.
    """

    def __init__(
        self, net: Any, samples: Labelled, wanted: Tensor, share: float, dt: int, decide: Callable[[Tensor], Tensor]
    ) -> None:
        self._net, self.samples, self._wanted, self._share = net, samples, wanted, share
        self._dt, self._decide = dt, decide
        self._labels = samples.labels

    def __call__(self, indices: npt.NDArray[np.intp]) -> tuple[Tensor, int]:
        output = outputs_of(self._net, self.samples, indices, self._dt)
        named = np.asarray(self._decide(output.detach()))
        loss = torch.nn.functional.cross_entropy(_logits(counts_of(output), self._share), self._wanted[indices])
        return loss, int(np.count_nonzero(named == self._labels[indices]))

    def score(self, held: npt.NDArray[np.intp]) -> tuple[float, float]:
        """Of samples at evaluation: how many are named rightly, and the negative loss."""
        for block in blocks_of(self._net):
            block.eval()
        right, total = 0, 0.0
        with torch.no_grad():
            for part in batches(len(held), ASKED, None, 0):
                loss, named = self(held[part])
                right, total = right + named, total + loss.item() * len(part)
        return float(right), -total / len(held)

    def train_mode(self) -> None:
        """For training; the running means of norms stay."""
        for block in blocks_of(self._net):
            block.train()
            if (norm := getattr(getattr(block, "neuron", None), "norm", None)) is not None:
                norm.eval()


def train_epoch(
    loss_of: Loss,
    optimizer: torch.optim.Adam,
    rates: list[float],
    steps: int,
    trained: npt.NDArray[np.intp],
    seed: int,
    epoch: int,
    watcher: Watcher,
) -> Row:
    """One epoch on the samples `trained`; its mean loss and accuracy while training."""
    loss_of.train_mode()
    n, total, right, seen = len(trained), 0.0, 0, 0
    order = [trained[part] for part in batches(n, BATCH, seed, epoch)]
    for step, indices in enumerate(order, (epoch - 1) * len(order)):
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * (1 + math.cos(math.pi * step / steps)) / 2
        loss, named = loss_of(indices)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        total, right, seen = total + loss.item() * len(indices), right + named, seen + len(indices)
        watcher.tick(seen, n)
    return {"loss": total / n, "accuracy": right / n}


def outputs_of(net: Any, samples: Labelled, indices: npt.NDArray[np.intp], dt: int) -> Tensor:
    """Output spikes (batch, classes, bins) for samples in bins of dt, or in fine steps on the held clock."""
    blocks = blocks_of(net)
    held = any(timestep.held for block in blocks if (timestep := getattr(block, "timestep", None)) is not None)
    spikes = samples.batch(indices, 1 if held else dt, isinstance(blocks[0], cuba.Dense))
    for block in blocks:
        output = block(spikes)
        spikes = output[0] if isinstance(output, tuple) else output
    return spikes.flatten(1, -2)


def counts_of(spikes: Tensor) -> Tensor:
    """(batch, classes), of (batch, classes, bins)."""
    return spikes.sum(-1)


def _logits(counts: Tensor, share: float) -> Tensor:
    """kappa k / m; of a silent network kappa k."""
    return _SHARPNESS * counts / (share or 1.0)


def wanted_of(targets: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]) -> Tensor:
    """q: a probability a class, (n, classes)."""
    share = float(targets.max(1).mean())
    label = torch.nn.functional.one_hot(torch.from_numpy(labels), targets.shape[1])
    return torch.softmax((_logits(torch.from_numpy(targets), share) + _SHARPNESS * label) / 2, 1)
