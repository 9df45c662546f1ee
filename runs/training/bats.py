"""BATS on MNIST with bats_dt: NumPy and Numba only, in exact time or on a grid."""

from __future__ import annotations

import zlib

import numpy as np
import numpy.typing as npt

from bats_dt import Network, TimeGrid
from bats_dt.layers import AbstractLayer, InputLayer, LIFLayer
from bats_dt.losses import SpikeCountClassLoss
from bats_dt.optimizers import AdamOptimizer
from runs.config import BatsConfig
from runs.data import Images, latency_times, load_mnist
from runs.directory import Arrays, Row
from runs.training.loop import Watcher, batches
from runs.training.scores import N_CLASSES, Scores

_TEST_BATCH = 256


class BatsLearner:
    """784-...-10, one spike a pixel, trained on spike counts (EQUATIONS A.5 to A.7)."""

    def __init__(self, config: BatsConfig) -> None:
        self._config = config
        self._train = _first(load_mnist(config.data, "train"), config.train_samples)
        self._test = _first(load_mnist(config.data, "test"), config.test_samples)
        grid = None if config.dt is None else TimeGrid(dt=config.dt, rule=config.rule)
        self._spike_time = _spike_time_of_pixel(config, grid)
        self._layers = (*config.hidden, N_CLASSES)
        self._network = _build(config, grid, self._train.images[0].size)
        self._neurons = [layer for layer in self._network.layers if isinstance(layer, LIFLayer)]
        self._lost = 0  # spikes that did not fit into max_spikes since the epoch, or the test, began
        self._loss = SpikeCountClassLoss(target_true=config.target_true, target_false=config.target_false)
        self._optimizer = AdamOptimizer(learning_rate=config.learning_rate)

    def data_name(self) -> str:
        crc = 0
        for images in (self._train, self._test):
            crc = zlib.crc32(images.labels.tobytes(), zlib.crc32(images.images.tobytes(), crc))
        return f"MNIST, {len(self._train)} + {len(self._test)} images, crc32 {crc:08x}"

    def train_epoch(self, epoch: int, watcher: Watcher) -> Row:
        scores, seen, self._lost = Scores(self._layers), 0, 0
        for indices in batches(len(self._train), self._config.batch, self._config.seed, epoch):
            errors = self._show(self._train, indices, scores)
            gradients = [None if g is None else g[0] for g in self._network.backward(errors)]
            self._network.apply_deltas(self._optimizer.step(gradients))
            seen += len(indices)
            watcher.tick(seen, len(self._train))
        return {**scores.row("train"), "train_lost_spikes": self._lost}

    def test(self) -> Row:
        scores, self._lost = Scores(self._layers), 0
        for indices in batches(len(self._test), _TEST_BATCH, None, 0):
            self._show(self._test, indices, scores)
        return {**scores.row("test"), "test_lost_spikes": self._lost}

    def _show(self, images: Images, indices: npt.NDArray[np.intp], scores: Scores) -> npt.NDArray[np.float32]:
        """Simulates a batch and scores it; returns the errors of the output spikes."""
        times = self._spike_time[images.images[indices]].reshape(len(indices), -1, 1)
        labels = images.labels[indices]
        self._network.reset()
        self._network.forward(times, np.isfinite(times[..., 0]).astype(np.int32), self._config.duration)
        output_times, output_counts = self._network.output_spike_trains
        predicted = self._loss.predict(output_times, output_counts)
        loss, errors = self._loss.compute_loss_and_errors(output_times, output_counts, labels)
        self._lost += sum(layer.lost_spikes for layer in self._neurons)
        spikes = [float(len(layer.events.times)) for layer in self._neurons]
        scores.add(labels, np.asarray(predicted), output_counts, spikes, float(np.sum(loss)))
        return errors

    def arrays(self) -> Arrays:
        found: Arrays = {f"weights.{layer.name}": layer.weights for layer in self._neurons}
        found.update({f"optimizer.{name}": array for name, array in self._optimizer.state_dict().items()})
        return found

    def restore(self, arrays: Arrays) -> None:
        for layer in self._neurons:
            layer.weights = arrays[f"weights.{layer.name}"]
        prefix = "optimizer."
        state = {name[len(prefix) :]: array for name, array in arrays.items() if name.startswith(prefix)}
        self._optimizer.load_state_dict(state)


def _build(config: BatsConfig, grid: TimeGrid | None, n_inputs: int) -> Network:
    generator = np.random.default_rng([config.seed, 0])

    def uniform(n_post: int, n_pre: int) -> npt.NDArray[np.float32]:
        return generator.uniform(-config.weight_range, config.weight_range, (n_post, n_pre)).astype(np.float32)

    network = Network()
    layer: AbstractLayer = InputLayer(n_neurons=n_inputs, name="input")
    network.add_layer(layer, input=True)
    sizes = (*config.hidden, N_CLASSES)
    for i, size in enumerate(sizes):
        last = i == len(sizes) - 1
        threshold = config.output_threshold if last else config.hidden_threshold
        layer = LIFLayer(
            previous_layer=layer,
            tau_s=config.tau_syn,
            theta=threshold,
            delta_theta=threshold,
            weight_initializer=uniform,
            max_n_spike=config.max_spikes,
            n_neurons=size,
            name="output" if last else f"hidden{i + 1}",
            grid=grid,
        )
        network.add_layer(layer)
    return network


def _spike_time_of_pixel(config: BatsConfig, grid: TimeGrid | None) -> npt.NDArray[np.float32]:
    """When a pixel of each of the 256 values spikes, in seconds; inf: never."""
    values = np.arange(256, dtype=np.uint8)[:, None]
    times = latency_times(values, config.window)[:, 0]
    return times if grid is None or not config.grid_inputs else grid.encode(times)


def _first(images: Images, n: int | None) -> Images:
    return images if n is None or n >= len(images) else images.take(slice(n))
