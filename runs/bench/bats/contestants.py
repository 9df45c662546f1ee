"""The contestants of `lava-dt bench bats`: the same network in each, the same weights, and one step of its work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bats_dt import get_backend, set_backend
from bats_dt.backend import array_module, to_numpy
from bats_dt.kernels.threads import use_threads
from bats_dt.losses import SpikeCountClassLoss
from bats_dt.optimizers import AdamOptimizer
from runs.bench.bats.cases import Case, Entry
from runs.bench.bats.inputs import batch_of, training_images
from runs.bench.bats.literal_port import LiteralLayer
from runs.bench.bats.networks import build

Array = npt.NDArray[Any]
FLAT = 0.03  # of threshold/tau: the slope below which rounding, divided by its square, is seen in gradients
END = 0.3  # of the simulation, seconds
_NONE = np.empty(0, np.int64)


class Contestant:
    """One library's network on one case, with its input, ready to be timed.

    All have the same loss, optimizer and settings of them. `step` is what is timed: the simulation with its predicted
    classes ("forward"), the loss and the gradients ("backward"), or all of a training step. `restore` puts the weights
    back, so that every step meets the same spikes, and before a backward pass simulates. The input lies where the
    network computes, on a GPU in its memory.
    """

    def __init__(self, case: Case, entry: Entry, seed: int, data: Path | None) -> None:
        self.name, self.case, self.entry = entry.name, case, entry
        with on(entry):
            self.network = build(case, entry, seed)
            arrays = batch_of(training_images(data), case, seed)
            self.times, self.counts, self.labels = (placed(entry, array) for array in arrays)
            self.weighted = [layer for layer in self.network.layers if layer.weights is not None]
            self._initial = [layer.weights.copy() for layer in self.weighted]
        self._loss = SpikeCountClassLoss(target_true=15, target_false=3)
        self._optimizer = AdamOptimizer(learning_rate=1e-3)
        self._steps: dict[str, Callable[[], object]] = {
            "forward": self.forward,
            "backward": self.backward,
            "training": self.train,
        }

    def step(self) -> None:
        """The work of the case."""
        with on(self.entry):
            self._steps[self.case.mode]()

    def restore(self) -> None:
        """The weights of the beginning and, before a backward pass, the spikes it starts from."""
        with on(self.entry):
            for layer, initial in zip(self.weighted, self._initial, strict=True):
                layer.weights = initial.copy()
            if self.case.mode == "backward":
                self.forward()

    def take(self, times: Array, counts: Array, labels: Array) -> None:
        """Another batch, from the host."""
        with on(self.entry):
            self.times, self.counts, self.labels = (placed(self.entry, a) for a in (times, counts, labels))

    def forward(self) -> Any:
        """The predicted classes."""
        if self.entry.library == "bats_dt":
            self.network.reset()
        self.network.forward(self.times, self.counts, END)
        return self._loss.predict(*self.network.output_spike_trains)

    def backward(self) -> list[Any]:
        """The batch mean of every layer's gradient, (1, n_post, n_pre), None for a layer without weights."""
        times, counts = self.network.output_spike_trains
        _, errors = self._loss.compute_loss_and_errors(times, counts, self.labels)
        return self.network.backward(errors)

    def train(self) -> Any:
        """A training step; the classes predicted in it."""
        predicted = self.forward()
        gradients = [None if g is None else g[0] for g in self.backward()]
        self.network.apply_deltas(self._optimizer.step(gradients))
        return predicted

    def spikes(self) -> int:
        """How many all layers with weights emitted in the last simulation."""
        with on(self.entry):
            return sum(int(_trains(layer)[1].sum()) for layer in self.weighted)

    def outcome(self) -> Outcome:
        """What the network gives on its batch with the weights it has, on the host."""
        with on(self.entry):
            self.forward()
            gradients = [to_numpy(g) for g in self.backward() if g is not None]
            trains = [(to_numpy(times), to_numpy(counts)) for times, counts in map(_trains, self.weighted)]
            flat = [_flat_samples(layer) for layer in self.weighted if not isinstance(layer, LiteralLayer)]
        return Outcome(trains, gradients, np.unique(np.concatenate([*flat, _NONE])))


@dataclass(frozen=True)
class Outcome:
    """Times (batch, n, slots) in seconds and counts (batch, n) of every layer with weights; their gradients
    (1, n_post, n_pre); and the samples in which bats_dt crosses a threshold with less than FLAT threshold/tau."""

    trains: list[tuple[Array, Array]]
    gradients: list[Array]
    flat: Array

    def equals(self, other: Outcome) -> bool:
        """Whether every spike and every gradient is the same, bit for bit."""
        mine, theirs = ([*chain(*each.trains), *each.gradients] for each in (self, other))
        return all(np.array_equal(a, b) for a, b in zip(mine, theirs, strict=True))


@contextmanager
def on(entry: Entry) -> Iterator[None]:
    """The entry's backend and threads."""
    before = get_backend()
    set_backend(entry.device)
    try:
        with use_threads(entry.threads):
            yield
    finally:
        set_backend(before)


def placed(entry: Entry, array: Array) -> Any:
    """The array where the entry computes; called on its backend."""
    return array if entry.device == "cpu" else array_module().asarray(array)


def _trains(layer: Any) -> tuple[Any, Any]:
    return (layer.times, layer.counts) if isinstance(layer, LiteralLayer) else layer.spike_trains


def _flat_samples(layer: Any) -> Array:
    """The sample of every spike whose potential hardly rose when it reached the threshold."""
    flattest = FLAT * layer.neuron.threshold / layer.neuron.tau_mem
    found: Array = to_numpy(layer.events.samples)[to_numpy(layer.emitted.inverse_slope) * flattest > 1]
    return found
