"""A converted network trained a little further at its new step, to answer as it did at dt = 1.

What is learnt. A trained network names nearly all of its training samples rightly, and labels alone would teach it more
of those by heart. It is taught what it answered itself at dt = 1 (distillation), and in equal parts the label: with k
the spikes of the output neurons of a sample, K those at dt = 1, and y 1 for the label and 0 for the others,

    loss = -sum_c q_c log p_c,    p = softmax(kappa k / m),    q = softmax(kappa (K / M + y) / 2),    kappa = 5,

summed over the classes and averaged over a batch. m and M are the means over the samples of the largest k and K, before
the training: a step of dt fine steps holds one spike at most, so that fewer are counted, and only how they are spread
over the classes is to be as before.

What is trained. The weights of synapses alone: thresholds, which may have been matched, decays and delays stay, and the
weights go on being rounded to 8 bits in every forward pass, as they are when they are written.

Gradient. SLAYER's surrogate (EQUATIONS A.4), scale / (2 width) exp(-|v - threshold| / width), with a width of three
thresholds in all layers, which is lava-dl's usual one, and a scale of 1; a network is given its own back afterwards.

Steps. Adam, batches of 32, drawn from the seed and the epoch. Adam moves a weight by about the learning rate, whatever
the size of the gradient, and n steps of random sign move it by the root of n times as much. So

    learning rate = 0.007 rms(w) / sqrt(n)

for each layer's weights w and the n steps of all epochs: they may wander by some 0.7 per cent, few steps or many. It
falls to 0 along half a cosine.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from lava_dt.block import cuba
from lava_dt.export.blocks import blocks_of
from runs.config import ConfigError
from runs.directory import Arrays, Checkpoint, Row, RunDirectory
from runs.training.loop import batches
from runs.tune.data import Labelled

_BATCH = 32
_SHARPNESS = 5.0  # kappa
_WANDER = 0.007  # of the weights' rms
_WIDTH = 3.0  # of the surrogate, in thresholds
_ASKED = 100  # samples in a batch of `answers`


class Watcher(Protocol):
    """Is told how it goes."""

    def tick(self, samples: int, total: int) -> None:
        """So many samples of the epoch have been seen."""

    def line(self, text: str) -> None:
        """An epoch is done."""

    def warn(self, sentence: str) -> None:
        """A damaged file was found, and what was done about it."""


def answers(net: Any, samples: Labelled, watcher: Watcher | None = None, *, dt: int = 1) -> npt.NDArray[np.float32]:
    """Spikes of every output neuron for every sample, float32 (n, classes): what `finetune` teaches, at dt = 1.

    Args:
        net: blocks at dt fine steps, on the coarse clock or the held one; it is put into evaluation mode.
        samples: with their fine steps.
        watcher: told after every batch.
        dt: of the network.
    """
    for module in blocks_of(net):
        module.eval()
    found = []
    with torch.no_grad():
        for indices in batches(len(samples), _ASKED, None, 0):
            found.append(_counts(_outputs(net, samples, indices, dt)).numpy())
            if watcher is not None:
                watcher.tick(sum(map(len, found)), len(samples))
    return np.concatenate(found)


def finetune(
    net: Any,
    samples: Labelled,
    targets: npt.NDArray[np.float32],
    epochs: int,
    dt: int,
    decide: Callable[[Tensor], Tensor],
    seed: int,
    folder: Path,
    watcher: Watcher,
) -> None:
    """Trains a network in place, for networks that decide by the number of spikes. Same seed, same result.

    Every epoch that is finished is kept in the folder, and a training that was stopped goes on after the last one;
    called again when all are there, it puts back the weights. In between the network is what it was made as.

    Args:
        net: blocks at dt fine steps, as they were converted.
        samples: to train on.
        targets: what the network answered to them at dt = 1, by `answers`.
        epochs: 1 or more.
        dt: of the network.
        decide: output spikes (batch, classes, time) -> classes (batch,), for the accuracy that is told.
        seed: of the order of the samples.
        folder: for the weights and the optimizer's state; made where it is not there.
        watcher: told after every batch and epoch.

    Raises:
        ValueError: targets of another number of samples, fewer than 1 epoch, or a network without weights to train.
        ConfigError: the folder holds the training of another network, or with other options or data.
    """
    weights = _weights_of(net)
    _check(samples, targets, epochs, weights)
    folder.mkdir(parents=True, exist_ok=True)
    directory = RunDirectory(folder, warn=watcher.warn)
    identity = f"dt {dt}, {epochs} epochs, seed {seed}, {_checksum(net)}, {samples.checksum}, {_crc(targets)}"
    checkpoint = directory.load()
    if checkpoint is not None and checkpoint.data != identity:
        raise ConfigError(
            f"{folder} holds a fine-tuning of something else ({checkpoint.data}; asked for: {identity}): give another "
            "--out"
        )
    rows = [] if checkpoint is None else checkpoint.rows
    if checkpoint is None:
        share = float(answers(net, samples, watcher, dt=dt).max(1).mean())
    else:
        share = float(checkpoint.arrays["share"])
    steps = epochs * math.ceil(len(samples) / _BATCH)
    optimizer, rates = _optimizer(weights, steps)
    if checkpoint is not None:
        _restore(weights, optimizer, checkpoint.arrays)
    wanted = _wanted(targets, samples.labels)
    with _surrogates(net), torch.random.fork_rng(devices=[]):
        for epoch in range(len(rows) + 1, epochs + 1):
            torch.manual_seed(
                int(np.random.default_rng([seed, epoch]).integers(2**63))
            )  # of a dropout, if there is any
            loss = _Loss(net, samples, wanted, share, dt, decide)
            rows = [*rows, {"epoch": epoch, **_train(loss, optimizer, rates, steps, seed, epoch, watcher)}]
            arrays = {**_arrays(weights, optimizer), "share": np.array(share)}
            directory.save(Checkpoint(epoch=epoch, data=identity, arrays=arrays, rows=rows))
            watcher.line(
                f"dt = {dt}: epoch {epoch} of {epochs} of fine-tuning, {rows[-1]['accuracy']:.1%} of the training set"
            )
    for block in blocks_of(net):
        block.eval()


class _Loss:
    """The loss of a batch, and how many of it are named rightly."""

    def __init__(
        self, net: Any, samples: Labelled, wanted: Tensor, share: float, dt: int, decide: Callable[[Tensor], Tensor]
    ) -> None:
        self._net, self.samples, self._wanted, self._share = net, samples, wanted, share
        self._dt, self._decide = dt, decide
        self._labels = samples.labels

    def __call__(self, indices: npt.NDArray[np.intp]) -> tuple[Tensor, int]:
        output = _outputs(self._net, self.samples, indices, self._dt)
        named = np.asarray(self._decide(output.detach()))
        loss = torch.nn.functional.cross_entropy(_logits(_counts(output), self._share), self._wanted[indices])
        return loss, int(np.count_nonzero(named == self._labels[indices]))

    def train_mode(self) -> None:
        for block in blocks_of(self._net):
            block.train()


def _train(
    loss_of: _Loss, optimizer: torch.optim.Adam, rates: list[float], steps: int, seed: int, epoch: int, watcher: Watcher
) -> Row:
    """One epoch; its mean loss and accuracy while training."""
    loss_of.train_mode()
    n, total, right, seen = len(loss_of.samples), 0.0, 0, 0
    order = batches(n, _BATCH, seed, epoch)
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


def _outputs(net: Any, samples: Labelled, indices: npt.NDArray[np.intp], dt: int) -> Tensor:
    """Output spikes (batch, classes, bins) for samples in bins of dt, or in fine steps on the held clock."""
    blocks = blocks_of(net)
    held = any(timestep.held for block in blocks if (timestep := getattr(block, "timestep", None)) is not None)
    spikes = samples.batch(indices, 1 if held else dt, isinstance(blocks[0], cuba.Dense))
    for block in blocks:
        output = block(spikes)
        spikes = output[0] if isinstance(output, tuple) else output
    return spikes.flatten(1, -2)


def _counts(spikes: Tensor) -> Tensor:
    return spikes.sum(-1)


def _logits(counts: Tensor, share: float) -> Tensor:
    """kappa k / m; of a silent network kappa k."""
    return _SHARPNESS * counts / (share or 1.0)


def _wanted(targets: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]) -> Tensor:
    """q: a probability a class, (n, classes)."""
    share = float(targets.max(1).mean())
    label = torch.nn.functional.one_hot(torch.from_numpy(labels), targets.shape[1])
    return torch.softmax((_logits(torch.from_numpy(targets), share) + _SHARPNESS * label) / 2, 1)


def _weights_of(net: Any) -> dict[str, torch.nn.Parameter]:
    """What is trained, by name: the weights of synapses, also of recurrent ones, normalised or not."""
    blocks = torch.nn.ModuleList(blocks_of(net))
    return {name: each for name, each in blocks.named_parameters() if "synapse." in name and each.requires_grad}


def _check(samples: Labelled, targets: Any, epochs: int, weights: dict[str, torch.nn.Parameter]) -> None:
    if len(targets) != len(samples):
        raise ValueError(f"there are targets of {len(targets)} samples and {len(samples)} samples: pass one row each")
    if epochs < 1:
        raise ValueError(f"epochs is {epochs}: pass 1 or more")
    if not weights:
        raise ValueError("the network has no synapse whose weights can be trained: pass one with weights")


def _optimizer(weights: dict[str, torch.nn.Parameter], steps: int) -> tuple[torch.optim.Adam, list[float]]:
    """Adam, a group for each weight tensor, and the learning rates that they begin with."""
    rates = [_WANDER * float(each.detach().square().mean().sqrt()) / math.sqrt(steps) for each in weights.values()]
    return torch.optim.Adam([{"params": [each]} for each in weights.values()]), rates


@contextmanager
def _surrogates(net: Any) -> Iterator[None]:
    """Surrogates of `_WIDTH` thresholds and scale 1 while it lasts."""
    neurons: list[Any] = [neuron for block in blocks_of(net) if (neuron := getattr(block, "neuron", None)) is not None]
    before = [(neuron.tau_rho, neuron.scale_rho) for neuron in neurons]
    for neuron in neurons:
        if (neuron._threshold or 0) > 0:
            neuron.tau_rho *= _WIDTH * float(neuron.level.double().mean()) / neuron.s_scale / _width(neuron)
            neuron.scale_rho /= neuron.surrogate_scale
    try:
        yield
    finally:
        for neuron, (tau, scale) in zip(neurons, before, strict=True):
            neuron.tau_rho, neuron.scale_rho = tau, scale


def _width(neuron: Any) -> float:
    return float(neuron.surrogate_width.mean())


def _arrays(weights: dict[str, torch.nn.Parameter], optimizer: torch.optim.Adam) -> Arrays:
    found: Arrays = {}
    for name, each in weights.items():
        found[f"weights.{name}"] = each.detach().cpu().numpy().copy()
        for moment, value in optimizer.state[each].items():
            found[f"optimizer.{moment}.{name}"] = torch.as_tensor(value).cpu().numpy().copy()
    return found


def _restore(weights: dict[str, torch.nn.Parameter], optimizer: torch.optim.Adam, arrays: Arrays) -> None:
    moments = ("step", "exp_avg", "exp_avg_sq")
    for name, each in weights.items():
        each.data = torch.from_numpy(arrays[f"weights.{name}"].copy()).to(each)
        state = {moment: torch.from_numpy(arrays[f"optimizer.{moment}.{name}"].copy()) for moment in moments}
        optimizer.state[each] = state


def _checksum(net: Any) -> str:
    """Of all parameters, buffers and thresholds that a network begins with."""
    blocks, crc = torch.nn.ModuleList(blocks_of(net)), 0
    for name, value in sorted(blocks.state_dict().items()):
        crc = zlib.crc32(np.ascontiguousarray(value.detach().cpu().numpy()).tobytes(), zlib.crc32(name.encode(), crc))
    for block in blocks:
        crc = zlib.crc32(repr(getattr(getattr(block, "neuron", None), "_threshold", None)).encode(), crc)
    return f"network {crc:08x}"


def _crc(targets: npt.NDArray[np.float32]) -> str:
    return f"targets {zlib.crc32(np.ascontiguousarray(targets).tobytes()):08x}"
