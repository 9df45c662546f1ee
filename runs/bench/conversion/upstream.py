"""Plain lava-dl: the network of slayer.block.cuba that conversions start from, its training, and how it is scored."""

from __future__ import annotations

import os
import warnings
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from runs.config import ConfigError, SlayerConfig
from runs.console import Console
from runs.data import Recordings
from runs.directory import Row
from runs.quiet import quiet_imports
from runs.training.loop import batches
from runs.training.scores import N_CLASSES, Scores
from runs.training.slayer import bin_spikes

with quiet_imports():
    import lava_dt as lava_dt  # first: it applies the patches that lava's own packages may need
with quiet_imports():
    from lava.lib.dl import slayer

_TEST_BATCH = 32


class UpstreamNetwork(torch.nn.Module):
    """Fully connected CuBa blocks as lava-dl's tutorials write them: (batch, channels, time) -> (batch, 10, time)."""

    def __init__(self, config: SlayerConfig, channels: int) -> None:
        super().__init__()
        neuron = {
            "threshold": config.threshold,
            "current_decay": config.current_decay,
            "voltage_decay": config.voltage_decay,
            "tau_grad": config.tau_grad,
            "scale_grad": config.scale_grad,
        }
        sizes = (channels, *config.hidden, N_CLASSES)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*weight_norm.*")  # lava-dl's way of normalising
            self.blocks = torch.nn.ModuleList(
                slayer.block.cuba.Dense(dict(neuron), n_pre, n_post, weight_norm=config.weight_norm)
                for n_pre, n_post in pairwise(sizes)
            )

    def layers(self, spikes: Tensor) -> list[Tensor]:
        """The spikes of every layer."""
        found = []
        for block in self.blocks:
            spikes = block(spikes)
            found.append(spikes)
        return found

    def forward(self, spikes: Tensor) -> Tensor:
        return self.layers(spikes)[-1]


def load_network(config: SlayerConfig, channels: int, file: Path) -> UpstreamNetwork:
    """The network with the weights of a state_dict that lava-dl's user saved by torch.save.

    Raises:
        ConfigError: the file cannot be read or holds no state_dict of this network.
    """
    network = UpstreamNetwork(config, channels)
    try:
        network.load_state_dict(torch.load(file, weights_only=True))
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}") from None
    except Exception as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise ConfigError(
            f"{file} does not fit a {'-'.join(map(str, (channels, *config.hidden, N_CLASSES)))} network with its "
            f"blocks in a ModuleList named blocks ({first}): save network.state_dict() by torch.save, and give its "
            "layers by --hidden"
        ) from None
    return network


def train_upstream(config: SlayerConfig, recordings: Recordings, path: Path, console: Console) -> None:
    """Trains with lava-dl alone and saves the state_dict as ``network.pt`` in the directory.

    An epoch that is finished is kept (``training.pt``) and not repeated; one that is not starts over. The order of the
    samples follows from the seed and the epoch.
    """
    torch.manual_seed(config.seed)
    network = UpstreamNetwork(config, recordings.channels)
    optimizer = torch.optim.Adam(network.parameters(), lr=config.learning_rate)
    epoch, kept = 0, path / "training.pt"
    if kept.exists():
        state = torch.load(kept, weights_only=True)
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        epoch = state["epoch"]
        console.line(f"lava-dl: continuing after epoch {epoch} of {config.epochs}")
    while epoch < config.epochs:
        epoch += 1
        row = train_epoch(network, optimizer, recordings, config, epoch, console)
        save(
            {"network": network.state_dict(), "optimizer": optimizer.state_dict(), "epoch": epoch},
            kept,
        )
        console.line(f"lava-dl: epoch {epoch}/{config.epochs}  train {row['train_accuracy']:.1%}")
    save(network.state_dict(), path / "network.pt")
    kept.unlink()


def train_epoch(
    network: Any, optimizer: Any, recordings: Recordings, config: SlayerConfig, epoch: int, console: Console
) -> Row:
    """Trains once through the recordings, at the configuration's step and clock; metrics of the training set."""
    network.train()
    step = config.dt or 1
    share = step if config.clock == "held" else 1  # spikes a grid step, of which the held clock has fewer
    loss_of = slayer.loss.SpikeRate(
        true_rate=config.true_rate / share, false_rate=config.false_rate / share, reduction="sum"
    )
    scores, seen = Scores((*config.hidden, N_CLASSES)), 0
    for indices in batches(len(recordings), config.batch, config.seed, epoch):
        layers = network.layers(bin_spikes(recordings, indices, config))
        labels = recordings.labels[indices]
        loss = loss_of(layers[-1], torch.from_numpy(labels))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        _score(scores, layers, labels, loss.item())
        seen += len(indices)
        console.tick(seen, len(recordings))
    return scores.row("train")


def score(network: Any, recordings: Recordings, config: SlayerConfig) -> Row:
    """Metrics of the test set at the configuration's step and clock, without gradients."""
    network.eval()
    scores = Scores((*config.hidden, N_CLASSES))
    with torch.no_grad():
        for indices in batches(len(recordings), _TEST_BATCH, None, 0):
            layers = network.layers(bin_spikes(recordings, indices, config))
            _score(scores, layers, recordings.labels[indices], 0.0)
    return scores.row("test")


def differing_spikes(one: Any, other: Any, recordings: Recordings, config: SlayerConfig) -> int:
    """Entries of all layers in which two networks' spikes differ over the recordings, at the configuration's step."""
    total = 0
    with torch.no_grad():
        for indices in batches(len(recordings), _TEST_BATCH, None, 0):
            spikes = bin_spikes(recordings, indices, config)
            pairs = zip(one.layers(spikes), other.layers(spikes), strict=True)
            total += sum(int(torch.count_nonzero(a != b)) for a, b in pairs)
    return total


def save(values: Any, file: Path) -> None:
    """torch.save, whole or not at all."""
    part = file.with_name(file.name + ".part")
    torch.save(values, part)
    os.replace(part, file)


def _score(scores: Scores, layers: list[Tensor], labels: Any, loss: float) -> None:
    output = layers[-1]
    predicted = slayer.classifier.Rate.predict(output).numpy()
    counts = output.detach().sum(-1).numpy()
    scores.add(labels, predicted, counts, [float(layer.detach().sum()) for layer in layers], loss)
