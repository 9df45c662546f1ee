"""SLAYER on N-MNIST with lava_dt's blocks: the one module of training that needs torch and lava-dl."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from runs.config import SlayerConfig
from runs.data import EventSet, Recordings
from runs.directory import Row
from runs.quiet import quiet_imports
from runs.tensors import Arrays
from runs.training.datasets import FINE_STEP, name_data, open_split
from runs.training.loop import Watcher, batches
from runs.training.scores import N_CLASSES, Scores

try:
    with quiet_imports():
        import lava_dt  # first: it applies the patches that lava's own packages may need
    with quiet_imports():
        import torch
        from lava.lib.dl import slayer

        from lava_dt.block import cuba
except ImportError as error:
    raise ImportError(
        f"SLAYER needs torch, lava-nc and lava-dl, and {error.name or 'one of them'} cannot be imported: "
        'install with pip install "lava-dt[lava]"; lava-dt doctor says what is missing'
    ) from error

_TEST_BATCH = 32


class SlayerLearner:
    """2312-...-10 CuBa blocks, trained on spike rates (EQUATIONS A.2 to A.4, A.7)."""

    def __init__(self, config: SlayerConfig) -> None:
        self._config = config
        self._train, self._test = open_split(config, "train"), open_split(config, "test")
        self._layers = (*config.hidden, self._train.n_classes)
        torch.manual_seed(config.seed)
        self.blocks = self._build((self._train.n_channels, *self._layers))
        self._parameters = dict(self.blocks.named_parameters())
        self._optimizer = torch.optim.Adam(self._parameters.values(), lr=config.learning_rate)
        self._loss = slayer.loss.SpikeRate(true_rate=config.true_rate, false_rate=config.false_rate, reduction="sum")

    def data_name(self) -> str:
        return name_data(self._train, self._test)

    def train_epoch(self, epoch: int, watcher: Watcher) -> Row:
        torch.manual_seed(_mixed(self._config.seed, epoch))
        self.blocks.train()
        scores, seen, config = self._scores(), 0, self._config
        train = self._train.at_epoch(epoch)
        order = batches(len(train), config.batch, config.seed, epoch, config.epoch_samples)
        total = sum(map(len, order))
        for indices in order:
            loss = self._show(train, indices, scores)
            self._optimizer.zero_grad()
            loss.backward()
            self._optimizer.step()
            seen += len(indices)
            watcher.tick(seen, total)
        return scores.row("train")

    def test(self) -> Row:
        self._evaluate()
        scores = self._scores()
        with torch.no_grad():
            for indices in batches(len(self._test), _TEST_BATCH, None, 0):
                self._show(self._test, indices, scores)
        return scores.row("test")

    def _show(self, events: EventSet, indices: npt.NDArray[np.intp], scores: Scores) -> Any:
        """Simulates a batch and scores it; returns the loss, summed over the batch."""
        spikes, inputs = self._input(events, indices)
        layers = run_blocks(self.blocks, spikes)
        output = layers[-1]
        labels = events.labels[indices]
        loss = self._loss(output, torch.from_numpy(labels))
        predicted = slayer.classifier.Rate.predict(output).numpy()
        counts = output.detach().sum(-1).numpy()
        sums = [float(layer.detach().sum()) for layer in layers]
        scores.add(labels, predicted, counts, sums, loss.item(), inputs)
        return loss

    def _evaluate(self) -> None:
        self.blocks.eval()

    def _build(self, sizes: Sequence[int]) -> torch.nn.ModuleList:
        return build_blocks(self._config, sizes)

    def _input(self, events: EventSet, indices: npt.NDArray[np.intp]) -> tuple[torch.Tensor, int]:
        """What the first block takes, and in how many of its entries there are spikes."""
        spikes = list_spikes(events, indices, self._config)
        return spikes, _count_cells(spikes)

    def _entries(self) -> int:
        """Entries of the time axis in which neurons are updated."""
        return self._config.bins or 1

    def _scores(self) -> Scores:
        return Scores(
            self._layers,
            n_classes=self._train.n_classes,
            fan_out=self._layers,
            updates=sum(self._layers) * self._entries(),
            seconds=self._config.steps * FINE_STEP,
        )

    def arrays(self) -> Arrays:
        found: Arrays = {f"weights.{name}": _array(tensor) for name, tensor in self._parameters.items()}
        for name, parameter in self._parameters.items():
            for moment, value in self._optimizer.state.get(parameter, {}).items():
                found[f"optimizer.{moment}.{name}"] = _array(torch.as_tensor(value))
        return found

    def restore(self, arrays: Arrays) -> None:
        set_weights(self.blocks, arrays)
        state: dict[int, dict[str, Any]] = {}
        for key, array in arrays.items():
            kind, _, rest = key.partition(".")
            if kind == "optimizer":
                moment, _, name = rest.partition(".")
                state.setdefault(list(self._parameters).index(name), {})[moment] = torch.from_numpy(array.copy())
        groups = self._optimizer.state_dict()["param_groups"]
        self._optimizer.load_state_dict({"state": state, "param_groups": groups})


def build_blocks(config: SlayerConfig, sizes: Sequence[int]) -> torch.nn.ModuleList:
    """The network's blocks, input side first, freshly initialised from torch's generator.

    sizes: channels of the input, then neurons of each layer, the output's being the classes.
    """
    neuron = {**config.neuron(), "timestep": lava_dt.Timestep(**config.timestep())}
    return dense_blocks(cuba.Dense, neuron, config, sizes)


def dense_blocks(
    dense: Callable[..., Any], neuron: dict[str, Any], config: SlayerConfig, sizes: Sequence[int]
) -> torch.nn.ModuleList:
    """Blocks of one kind, lava-dl's or lava_dt's Dense, with these neurons; sizes as `build_blocks`."""
    last = len(sizes) - 2
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*weight_norm.*", FutureWarning)  # lava-dl's way of normalising
        return torch.nn.ModuleList(
            dense(dict(neuron), n_pre, n_post, weight_norm=config.weight_norm, delay=config.delay and i < last)
            for i, (n_pre, n_post) in enumerate(pairwise(sizes))
        )


def set_weights(blocks: torch.nn.ModuleList, arrays: Arrays) -> None:
    """Puts a checkpoint's weights into blocks of the same configuration."""
    for name, parameter in blocks.named_parameters():
        parameter.data = torch.from_numpy(arrays[f"weights.{name}"].copy())
    for module in blocks.modules():
        if isinstance(module, slayer.axon.Delay):
            module.init = True  # lava-dl draws delays at the first forward pass unless told that they are there


def trained_network(config: SlayerConfig, arrays: Arrays, channels: int) -> torch.nn.Sequential:
    """A checkpoint's network, ready to be exported."""
    blocks = build_blocks(config, (channels, *config.hidden, N_CLASSES))
    set_weights(blocks, arrays)
    network = torch.nn.Sequential(*blocks).eval()
    with torch.no_grad():
        network(torch.zeros(1, channels, 1))  # lava-dl's blocks know their shapes once they have run
    return network


def bin_spikes(events: EventSet | Recordings, indices: npt.ArrayLike, config: SlayerConfig) -> torch.Tensor:
    """EventSet as the network takes them: (batch, channels, time) counts in fine steps or, coarse, in bins."""
    return torch.from_numpy(events.bin(indices, config.steps, _bin(config)))


def list_spikes(events: EventSet, indices: npt.ArrayLike, config: SlayerConfig) -> torch.Tensor:
    """`bin_spikes` as a sparse tensor, which the blocks follow spike by spike."""
    cells, shape = events.listed(indices, config.steps, _bin(config))
    return torch.sparse_coo_tensor(torch.from_numpy(cells), torch.ones(cells.shape[1]), shape, check_invariants=False)


def _bin(config: SlayerConfig) -> int:
    return (config.dt or 1) if config.clock == "coarse" else 1


def _count_cells(spikes: torch.Tensor) -> int:
    """Different indices of a sparse tensor that lists some several times."""
    cells, (_, channels, bins) = spikes._indices().numpy(), spikes.shape
    return len(np.unique((cells[0] * channels + cells[1]) * bins + cells[2]))


def run_blocks(blocks: torch.nn.ModuleList, spikes: torch.Tensor) -> list[torch.Tensor]:
    """Spikes of every layer, each (batch, neurons, time)."""
    layers = []
    for block in blocks:
        spikes = block(spikes)
        layers.append(spikes)
    return layers


def _array(tensor: torch.Tensor) -> npt.NDArray[Any]:
    return tensor.detach().cpu().numpy().copy()


def _mixed(seed: int, epoch: int) -> int:
    return int(np.random.SeedSequence([seed, epoch]).generate_state(1, np.uint64)[0] >> np.uint64(1))
