"""The clock-driven model on rate-coded MNIST: NumPy and Numba only, trained through spike times."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from bats_dt.optimizers import AdamOptimizer
from bats_dt.silent_labels import SilentLabelRemedy
from bats_dt.spikes import SpikeEvents
from runs.config import ClockedConfig
from runs.data import Images, load_mnist
from runs.directory import Row
from runs.observables.clocked import observe
from runs.tensors import Arrays
from runs.training.clamped_shares import ClampedShares
from runs.training.clocked_input import rate_coded, step_chances
from runs.training.clocked_lbfgs import Evaluation, minimise
from runs.training.clocked_network import build, clocked, loss_of, simulate
from runs.training.gradient_norms import GradientNorms
from runs.training.loop import Watcher, batches
from runs.training.scores import Scores
from runs.training.stored_network import arrays_of, put_back

_TEST_BATCH = 250
_TEST_EPOCH = 2**32  # the draw of the test images' spikes, which is the same after every epoch

Gradients = list[npt.NDArray[np.float32] | None]


class ClockedLearner:
    """Dense layers of clocked neurons, trained by Adam or L-BFGS (EQUATIONS B.4)."""

    def __init__(self, config: ClockedConfig) -> None:
        self._config = config
        self._train = _first(load_mnist(config.data, "train"), config.train_samples)
        self._test = _first(load_mnist(config.data, "test"), config.test_samples)
        self._chances = step_chances(config.rate, config.rate_per, config.dt)
        self._network = build(config, int(np.prod(self._train.images.shape[1:])))
        self._neurons = clocked(self._network)
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
        norms = GradientNorms([layer.name for layer in self._neurons])
        order = batches(len(self._train), config.batch, config.seed, epoch, config.epoch_samples)
        total = sum(map(len, order))
        evaluations, abnormal, clamps = 0, 0, ClampedShares([layer.name for layer in self._neurons])
        for indices in order:
            if config.optimizer == "lbfgs":
                done = minimise(self._neurons, self._evaluation(indices, epoch), config.iterations)
                evaluations, abnormal = evaluations + len(done.losses), abnormal + done.abnormal
            gradients = self._gradients(indices, epoch, scores)
            norms.add(gradients)
            clamps.add(self._neurons)
            if config.optimizer == "adam":
                self._network.apply_deltas(self._optimizer.step(gradients))
            seen += len(indices)
            watcher.tick(seen, total)
        row = {**scores.row("train"), **norms.row("train"), **clamps.row("train")}
        if config.optimizer == "lbfgs":
            row.update(train_evaluations=evaluations / len(order), train_abnormal=abnormal / len(order))
        return row

    def test(self) -> Row:
        scores = self._scores()
        for indices in batches(len(self._test), _TEST_BATCH, None, 0):
            self._show(self._test, indices, _TEST_EPOCH, scores)
        return scores.row("test")

    def _scores(self) -> Scores:
        sizes = [layer.n_neurons for layer in self._neurons]
        return Scores(
            sizes,
            [layer.name for layer in self._neurons],
            fan_out=sizes,
            seconds=self._config.duration,
            updates=self._config.steps * sum(sizes),
        )

    def _evaluation(self, indices: npt.NDArray[np.intp], epoch: int) -> Callable[[], Evaluation]:
        """What L-BFGS asks for, again and again with the same input spikes."""

        def evaluate() -> Evaluation:
            scores = self._scores()
            gradients = [g for g in self._gradients(indices, epoch, scores) if g is not None]
            row = scores.row("train")
            return row["train_loss"], round(row["train_accuracy"] * len(indices)), gradients

        return evaluate

    def _gradients(self, indices: npt.NDArray[np.intp], epoch: int, scores: Scores) -> Gradients:
        draw = epoch if self._config.redraw else 0
        errors = self._show(self._train, indices, draw, scores)
        gradients = self._network.backward(errors)
        if self._config.silent_labels:
            gradients = self._remedy.apply(gradients, self._network, self._train.labels[indices])
        return [None if g is None else g[0] for g in gradients]

    def _show(
        self, images: Images, indices: npt.NDArray[np.intp], draw: int, scores: Scores
    ) -> npt.NDArray[np.float32]:
        """Simulates a batch and scores it; returns the errors of the output spikes."""
        config, labels = self._config, images.labels[indices]
        inputs = self._spikes_of(images, indices, draw)
        simulate(self._network, inputs, config.duration)
        times, counts = self._network.output_spike_trains
        loss, errors = self._loss.compute_loss_and_errors(times, counts, labels)
        spikes = [float(len(layer.events.times)) for layer in self._neurons]
        predicted = self._loss.predict(times, counts)
        scores.add(labels, predicted, counts, spikes, float(np.sum(loss, dtype=np.float64)), float(len(inputs.times)))
        return errors

    def _spikes_of(self, images: Images, indices: npt.NDArray[np.intp], draw: int) -> SpikeEvents:
        config = self._config
        return rate_coded(
            images.images[indices], indices, chances=self._chances, steps=config.steps, dt=config.dt, seed=config.seed,
            epoch=draw,
        )  # fmt: skip

    def observables(self) -> Arrays:
        """Of the first batch of the training set, see `runs.observables.clocked`; with L-BFGS, how it fits that batch.

        The fit is from the initial weights: losses and right predictions of every evaluation of L-BFGS, and of as many
        steps of Adam; the evaluations that L-BFGS accepted, and the output's spikes with which it ended.
        """
        config = self._config
        indices = np.arange(min(config.batch, len(self._train)))
        inputs = self._spikes_of(self._train, indices, 0)
        found = observe(config, inputs, self._train.labels[indices], self._network)
        if config.optimizer == "lbfgs":
            learner = ClockedLearner(config.model_copy(update={"redraw": False}))
            fitted = minimise(learner._neurons, learner._evaluation(indices, 0), config.iterations * config.epochs)
            found.update({"fit.lbfgs.losses": fitted.losses, "fit.lbfgs.correct": fitted.correct})
            found["fit.lbfgs.accepted"] = fitted.accepted
            found["fit.lbfgs.abnormal"] = np.array(fitted.abnormal)
            learner._evaluation(indices, 0)()  # with the weights that it ended with
            found["fit.lbfgs.spikes"] = learner._network.output_spike_trains[1].sum()
            losses, correct = ClockedLearner(config.model_copy(update={"redraw": False}))._fit(
                indices, len(fitted.losses)
            )
            found.update({"fit.adam.losses": losses, "fit.adam.correct": correct})
        return found

    def _fit(self, indices: npt.NDArray[np.intp], steps: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        """Losses and right predictions of steps of Adam on one batch, always with the same input spikes."""
        evaluate, path = self._evaluation(indices, 0), []
        for _ in range(steps):
            loss, correct, gradients = evaluate()
            path.append((loss, correct))
            self._network.apply_deltas(self._optimizer.step([None, *gradients]))
        losses, rights = zip(*path, strict=True)
        return np.array(losses), np.array(rights)

    def arrays(self) -> Arrays:
        return arrays_of(self._neurons, self._optimizer)

    def restore(self, arrays: Arrays) -> None:
        put_back(arrays, self._neurons, self._optimizer)


def _first(images: Images, n: int | None) -> Images:
    return images if n is None or n >= len(images) else images.take(slice(n))
