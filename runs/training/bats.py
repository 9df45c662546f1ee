"""BATS with bats_dt: NumPy and Numba only on the CPU, in exact time or on a grid."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bats_dt.backend import to_numpy
from bats_dt.losses import AbstractLoss, SpikeCountClassLoss, TTFSSoftmaxCrossEntropy
from bats_dt.optimizers import AdamOptimizer
from bats_dt.silent_labels import SilentLabelRemedy
from runs.config import BatsConfig
from runs.directory import Row
from runs.tensors import Arrays
from runs.training.bats_input import SpikeTrains, spike_trains
from runs.training.bats_network import build, fan_outs, spiking
from runs.training.loop import Watcher, batches
from runs.training.scores import Scores
from runs.training.stored_network import arrays_of, put_back

_TEST_BATCH = 256


class BatsLearner:
    """Dense or convolutional, trained on spike counts or first spikes (EQUATIONS A.5 to A.7)."""

    def __init__(self, config: BatsConfig) -> None:
        self._config = config
        self._train, self._test = spike_trains(config, "train"), spike_trains(config, "test")
        self._network = build(config, self._train.shape, self._train.n_classes)
        self._neurons = spiking(self._network)
        self._lost = 0  # spikes that did not fit into max_spikes since the epoch, or the test, began
        self._loss = loss_of(config)
        self._remedy = SilentLabelRemedy(config.silent_labels)
        self._optimizer = AdamOptimizer(learning_rate=config.learning_rate)

    def data_name(self) -> str:
        crc = self._test.checksum(self._train.checksum(0))
        return f"{self._train.name}, {len(self._train)} + {len(self._test)} {self._train.what}, crc32 {crc:08x}"

    def train_epoch(self, epoch: int, watcher: Watcher) -> Row:
        config, scores, seen = self._config, self._scores(), 0
        self._optimizer.learning_rate = config.rate(epoch)
        train = self._train.at_epoch(epoch)
        order = batches(len(train), config.batch, config.seed, epoch, config.epoch_samples)
        total = sum(map(len, order))
        for indices in order:
            errors = self._show(train, indices, scores)
            gradients = self._network.backward(errors)
            if config.silent_labels:
                gradients = self._remedy.apply(gradients, self._network, train.labels[indices])
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
        return Scores(
            [layer.n_neurons for layer in self._neurons],
            [layer.name for layer in self._neurons],
            n_classes=self._train.n_classes,
            fan_out=fan_outs(self._network),
            seconds=self._config.duration,
        )

    def _show(self, trains: SpikeTrains, indices: npt.NDArray[np.intp], scores: Scores) -> npt.NDArray[np.float32]:
        """Simulates a batch and scores it; returns the errors of the output spikes."""
        times, counts = trains.take(indices)
        labels = trains.labels[indices]
        self._network.reset()
        self._network.forward(times, counts, self._config.duration)
        output_times, output_counts = self._network.output_spike_trains
        predicted = to_numpy(self._loss.predict(output_times, output_counts))
        loss, errors = self._loss.compute_loss_and_errors(output_times, output_counts, labels)
        # where there is room for one spike, the first is the code and the others are not missed
        self._lost += sum(layer.lost_spikes for layer in self._neurons if layer.max_n_spike > 1)
        spikes = [float(len(layer.events.times)) for layer in self._neurons]
        scores.add(
            labels, predicted, to_numpy(output_counts), spikes, float(np.sum(to_numpy(loss))), float(counts.sum())
        )
        return errors

    def arrays(self) -> Arrays:
        return arrays_of(self._neurons, self._optimizer)

    def restore(self, arrays: Arrays) -> None:
        put_back(arrays, self._neurons, self._optimizer)


def loss_of(config: BatsConfig) -> AbstractLoss:
    """What a run is trained on; its `predict` names the class."""
    if config.loss == "ttfs":
        return TTFSSoftmaxCrossEntropy(tau=config.loss_tau)
    return SpikeCountClassLoss(target_true=config.target_true, target_false=config.target_false)
