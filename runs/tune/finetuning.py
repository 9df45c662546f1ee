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

What is kept. One sample in eight, 1000 at most, is held back from the training. Of the network as it was converted and
of those after each epoch the one is kept that names most of these rightly, of equals the one with the smallest loss on
them: fine-tuning never costs accuracy there. That is no proof for other samples: a network has seen these in its first
training.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from lava_dt.export.blocks import blocks_of
from runs.checkpoints import Checkpoint
from runs.config import ConfigError
from runs.directory import RunDirectory
from runs.tensors import Arrays
from runs.training.loop import batches
from runs.tune.data import Labelled
from runs.tune.fitting import ASKED, BATCH, Loss, Watcher, counts_of, outputs_of, train_epoch, wanted_of

_WANDER = 0.007  # of the weights' rms
_WIDTH = 3.0  # of the surrogate, in thresholds
_HELD_BACK, _AT_MOST = 8, 1000  # one in so many, and so many at most


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
        for indices in batches(len(samples), ASKED, None, 0):
            found.append(counts_of(outputs_of(net, samples, indices, dt)).numpy())
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
    called again when all are there, it puts back the weights that are kept, which may be those that it came with. In
    between the network is what it was made as.

    Args:
        net: blocks at dt fine steps, as they were converted.
        samples: to train on, 8 or more.
        targets: what the network answered to them at dt = 1, by `answers`.
        epochs: 1 or more.
        dt: of the network.
        decide: output spikes (batch, classes, time) -> classes (batch,), for the accuracy that is told.
        seed: of the order of the samples.
        folder: for the weights and the optimizer's state; made where it is not there.
        watcher: told after every batch and epoch.

    Raises:
        ValueError: targets of another number of samples, too few samples, fewer than 1 epoch, or a network without
            weights to train.
        ConfigError: the folder holds the training of another network, or with other options or data.
    """
    weights = _weights_of(net)
    _check(samples, targets, epochs, weights)
    folder.mkdir(parents=True, exist_ok=True)
    directory = RunDirectory(folder, warn=watcher.warn)
    held, trained = _split(len(samples), seed)
    identity = (
        f"dt {dt}, {epochs} epochs, seed {seed}, {len(held)} held back, {_checksum(net)}, {samples.checksum}, "
        f"{_crc(targets)}"
    )
    checkpoint = directory.load()
    if checkpoint is not None and checkpoint.data != identity:
        raise ConfigError(
            f"{folder} holds a fine-tuning of something else ({checkpoint.data}; asked for: {identity}): give another "
            "--out"
        )
    steps = epochs * math.ceil(len(trained) / BATCH)
    optimizer, rates = _optimizer(weights, steps)
    best = _copied(weights)
    rows = [] if checkpoint is None else checkpoint.rows
    if checkpoint is None:
        share = float(answers(net, samples, watcher, dt=dt).max(1).mean())
    else:
        share = float(checkpoint.arrays["share"])
    loss = Loss(net, samples, wanted_of(targets, samples.labels), share, dt, decide)
    if checkpoint is None:
        scores = [loss.score(held)]
    else:
        scores = [(right, better) for right, better in checkpoint.arrays["scores"].tolist()]
        best = _kept(weights, checkpoint.arrays, "best")
        _restore(weights, optimizer, checkpoint.arrays)
    with _surrogates(net), torch.random.fork_rng(devices=[]):
        for epoch in range(len(rows) + 1, epochs + 1):
            torch.manual_seed(int(np.random.default_rng([seed, epoch]).integers(2**63)))  # of a dropout, if any
            row = train_epoch(loss, optimizer, rates, steps, trained, seed, epoch, watcher)
            rows = [*rows, {"epoch": epoch, **row}]
            scores.append(loss.score(held))
            if max(scores) > max(scores[:-1]):
                best = _copied(weights)
            arrays = {**_arrays(weights, best, optimizer), "share": np.array(share), "scores": np.array(scores)}
            directory.save(Checkpoint(epoch=epoch, data=identity, arrays=arrays, rows=rows))
            watcher.line(_told(dt, epochs, rows[-1]["accuracy"], scores, len(held)))
    _put(weights, best)
    for block in blocks_of(net):
        block.eval()


def _weights_of(net: Any) -> dict[str, torch.nn.Parameter]:
    """What is trained, by name: the weights of synapses, also of recurrent ones, normalised or not."""
    blocks = torch.nn.ModuleList(blocks_of(net))
    return {name: each for name, each in blocks.named_parameters() if "synapse." in name and each.requires_grad}


def _check(samples: Labelled, targets: Any, epochs: int, weights: dict[str, torch.nn.Parameter]) -> None:
    if len(targets) != len(samples):
        raise ValueError(f"there are targets of {len(targets)} samples and {len(samples)} samples: pass one row each")
    if len(samples) < _HELD_BACK:
        raise ValueError(
            f"there are {len(samples)} samples, and one in {_HELD_BACK} is held back: pass {_HELD_BACK} or more"
        )
    if epochs < 1:
        raise ValueError(f"epochs is {epochs}: pass 1 or more")
    if not weights:
        raise ValueError("the network has no synapse whose weights can be trained: pass one with weights")


def _split(n: int, seed: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Indices of samples that are held back, and of those that are trained on."""
    order = np.random.default_rng([seed, 0]).permutation(n)
    held = min(n // _HELD_BACK, _AT_MOST)
    return np.sort(order[:held]), np.sort(order[held:])


def _told(dt: int, epochs: int, accuracy: float, scores: list[tuple[float, float]], held: int) -> str:
    """Of the epoch that is done; of the last one also what is kept."""
    epoch = len(scores) - 1
    text = (
        f"dt = {dt}: epoch {epoch} of {epochs} of fine-tuning, {accuracy:.1%} of the training set, "
        f"{scores[-1][0]:.0f} of {held} held back ({scores[0][0]:.0f} before)"
    )
    if epoch < epochs:
        return text
    kept = scores.index(max(scores))
    return f"{text}; kept: {f'epoch {kept}' if kept else 'the network as it was converted'}"


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


def _copied(weights: dict[str, torch.nn.Parameter]) -> dict[str, Tensor]:
    return {name: each.detach().clone() for name, each in weights.items()}


def _put(weights: dict[str, torch.nn.Parameter], values: dict[str, Tensor]) -> None:
    for name, each in weights.items():
        each.data = values[name].to(each)


def _arrays(weights: dict[str, torch.nn.Parameter], best: dict[str, Tensor], optimizer: torch.optim.Adam) -> Arrays:
    found: Arrays = {}
    for name, each in weights.items():
        found[f"weights.{name}"] = each.detach().cpu().numpy().copy()
        found[f"best.{name}"] = best[name].cpu().numpy().copy()
        for moment, value in optimizer.state[each].items():
            found[f"optimizer.{moment}.{name}"] = torch.as_tensor(value).cpu().numpy().copy()
    return found


def _restore(weights: dict[str, torch.nn.Parameter], optimizer: torch.optim.Adam, arrays: Arrays) -> None:
    moments = ("step", "exp_avg", "exp_avg_sq")
    _put(weights, _kept(weights, arrays, "weights"))
    for name, each in weights.items():
        state = {moment: torch.from_numpy(arrays[f"optimizer.{moment}.{name}"].copy()) for moment in moments}
        optimizer.state[each] = state


def _kept(weights: dict[str, torch.nn.Parameter], arrays: Arrays, what: str) -> dict[str, Tensor]:
    """``weights``: of the last epoch; ``best``: those to keep."""
    return {name: torch.from_numpy(arrays[f"{what}.{name}"].copy()) for name in weights}


def _checksum(net: Any) -> str:
    """Of all parameters, buffers, thresholds and steps that a network begins with."""
    blocks, crc = torch.nn.ModuleList(blocks_of(net)), 0
    for name, value in sorted(blocks.state_dict().items()):
        crc = zlib.crc32(np.ascontiguousarray(value.detach().cpu().numpy()).tobytes(), zlib.crc32(name.encode(), crc))
    for block in blocks:
        said = getattr(getattr(block, "neuron", None), "_threshold", None), getattr(block, "timestep", None)
        crc = zlib.crc32(repr(said).encode(), crc)
    return f"network {crc:08x}"


def _crc(targets: npt.NDArray[np.float32]) -> str:
    return f"targets {zlib.crc32(np.ascontiguousarray(targets).tobytes()):08x}"
