"""BATS on MNIST with bats_dt: NumPy and Numba only on the CPU, in exact time or on a grid."""

from __future__ import annotations

import zlib

import numpy as np
import numpy.typing as npt

from bats_dt.backend import to_numpy
from bats_dt.losses import AbstractLoss, SpikeCountClassLoss, TTFSSoftmaxCrossEntropy
from bats_dt.optimizers import AdamOptimizer
from bats_dt.silent_labels import SilentLabelRemedy
from runs.config import BatsConfig
from runs.data import Images, latency_times, load_mnist
from runs.directory import Arrays, Row
from runs.training.bats_network import build, spiking, time_grid
from runs.training.loop import Watcher, batches
from runs.training.scores import Scores

_TEST_BATCH = 256


class BatsLearner:
    """Dense or convolutional, one spike a pixel, trained on spike counts or first spikes (EQUATIONS A.5 to A.7)."""

    def __init__(self, config: BatsConfig) -> None:
        self._config = config
        self._train = _first(load_mnist(config.data, "train"), config.train_samples)
        self._test = _first(load_mnist(config.data, "test"), config.test_samples)
        self._spike_time = _spike_time_of_pixel(config)
        self._network = build(config, self._train.images.shape[1])
        self._neurons = spiking(self._network)
        self._lost = 0  # spikes that did not fit into max_spikes since the epoch, or the test, began
        self._loss = loss_of(config)
        self._remedy = SilentLabelRemedy(config.silent_labels)
        self._optimizer = AdamOptimizer(learning_rate=config.learning_rate)

    def data_name(self) -> str:
        crc = 0
        for images in (self._train, self._test):
            crc = zlib.crc32(images.labels.tobytes(), zlib.crc32(images.images.tobytes(), crc))
        return f"MNIST, {len(self._train)} + {len(self._test)} images, crc32 {crc:08x}"

    def train_epoch(self, epoch: int, watcher: Watcher) -> Row:
        config, scores, seen = self._config, self._scores(), 0
        self._optimizer.learning_rate = config.rate(epoch)
        order = batches(len(self._train), config.batch, config.seed, epoch, config.epoch_samples)
        total = sum(map(len, order))
        for indices in order:
            errors = self._show(self._train, indices, scores)
            gradients = self._network.backward(errors)
            if config.silent_labels:
                gradients = self._remedy.apply(gradients, self._network, self._train.labels[indices])
            means = [None if g is None else g[0] for g in gradients]
            self._network.apply_deltas(self._optimizer.step(means))
            seen += len(indices)
            watcher.tick(seen, total)
        return {**scores.row("train"), "train_lost_spikes": self._lost}

    def test(self) -> Row:
        scores = self._scores()
        for indices in batches(len(self._test), _TEST_BATCH, None, 0):
            self._show(self._test, indices, scores)
        return {**scores.row("test"), "test_lost_spikes": self._lost}

    def _scores(self) -> Scores:
        self._lost = 0
        return Scores([layer.n_neurons for layer in self._neurons], [layer.name for layer in self._neurons])

    def _show(self, images: Images, indices: npt.NDArray[np.intp], scores: Scores) -> npt.NDArray[np.float32]:
        """Simulates a batch and scores it; returns the errors of the output spikes."""
        times = self._spike_time[images.images[indices]].reshape(len(indices), -1, 1)
        labels = images.labels[indices]
        self._network.reset()
        self._network.forward(times, np.isfinite(times[..., 0]).astype(np.int32), self._config.duration)
        output_times, output_counts = self._network.output_spike_trains
        predicted = to_numpy(self._loss.predict(output_times, output_counts))
        loss, errors = self._loss.compute_loss_and_errors(output_times, output_counts, labels)
        # where there is room for one spike, the first is the code and the others are not missed
        self._lost += sum(layer.lost_spikes for layer in self._neurons if layer.max_n_spike > 1)
        spikes = [float(len(layer.events.times)) for layer in self._neurons]
        scores.add(labels, predicted, to_numpy(output_counts), spikes, float(np.sum(to_numpy(loss))))
        return errors

    def arrays(self) -> Arrays:
        found: Arrays = {f"weights.{layer.name}": to_numpy(layer.weights) for layer in self._neurons}
        found.update({f"optimizer.{name}": to_numpy(array) for name, array in self._optimizer.state_dict().items()})
        return found

    def restore(self, arrays: Arrays) -> None:
        for layer in self._neurons:
            layer.weights = arrays[f"weights.{layer.name}"]
        prefix = "optimizer."
        state = {name[len(prefix) :]: array for name, array in arrays.items() if name.startswith(prefix)}
        self._optimizer.load_state_dict(state)


def loss_of(config: BatsConfig) -> AbstractLoss:
    """What a run is trained on; its `predict` names the class."""
    if config.loss == "ttfs":
        return TTFSSoftmaxCrossEntropy(tau=config.loss_tau)
    return SpikeCountClassLoss(target_true=config.target_true, target_false=config.target_false)


def _spike_time_of_pixel(config: BatsConfig) -> npt.NDArray[np.float32]:
    """When a pixel of each of the 256 values spikes, in seconds; inf: never."""
    values, grid = np.arange(256, dtype=np.uint8)[:, None], time_grid(config)
    times = latency_times(values, config.window, config.dt if config.published_pixels else None)[:, 0]
    return times if grid is None or not config.grid_inputs else to_numpy(grid.encode(times))


def _first(images: Images, n: int | None) -> Images:
    return images if n is None or n >= len(images) else images.take(slice(n))
