"""What is counted while a network sees samples: accuracy, loss, silent labels, spikes, and what the spikes cost."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from runs.directory import Row

N_CLASSES = 10


class Scores:
    """Sums over batches; `row` gives the metrics.

    Args:
        layers: neurons of each layer, the output layer last.
        names: of the layers; without them hidden1, hidden2 ..., output.
        n_classes: labels are 0 to n_classes - 1.
        fan_out: synapses that one spike reaches, on average over the neurons that emit it: of the input, of layer 1,
            ..., of the last layer but one. Without it synaptic operations are not counted.
        seconds: simulated time of a sample [s].
        updates: neuron updates of a sample, of a clocked network: neurons times steps. Without them the network is
            driven by events, and a neuron is updated by each spike that reaches it: as many updates as operations.

    Raises:
        ValueError: fan_out has not one number a layer.
    """

    def __init__(
        self,
        layers: Sequence[int],
        names: Sequence[str] = (),
        *,
        n_classes: int = N_CLASSES,
        fan_out: Sequence[float] | None = None,
        seconds: float | None = None,
        updates: float | None = None,
    ) -> None:
        self._layers = tuple(layers)
        self._names = tuple(names) or (*(f"hidden{i + 1}" for i in range(len(self._layers) - 1)), "output")
        if fan_out is not None and len(fan_out) != len(self._layers):
            raise ValueError(
                f"fan_out has {len(fan_out)} numbers, but {len(self._layers)} are needed: one for the input and one "
                "for each layer but the last"
            )
        self._n_classes = n_classes
        self._fan_out = None if fan_out is None else np.asarray(fan_out, dtype=float)
        self._seconds = seconds
        self._updates = updates
        self._seen = 0
        self._correct = 0
        self._loss = 0.0
        self._inputs = 0.0
        self._silent = np.zeros(n_classes, np.int64)
        self._labels = np.zeros(n_classes, np.int64)
        self._spikes = np.zeros(len(self._layers))

    def add(
        self,
        labels: npt.NDArray[np.int64],
        predicted: npt.NDArray[np.int64],
        output_counts: npt.NDArray[np.integer | np.floating],
        spikes: Sequence[float],
        loss: float = 0.0,
        inputs: float = 0.0,
    ) -> None:
        """One batch.

        Args:
            labels, predicted: shape (batch,).
            output_counts: spikes of the output neurons, shape (batch, classes).
            spikes: spikes of each layer, summed over the batch and its neurons.
            loss: summed over the batch.
            inputs: spikes that enter the network, summed over the batch; where a bin holds several of a channel, they
                enter together and count once.
        """
        self._seen += len(labels)
        self._correct += int(np.count_nonzero(labels == predicted))
        self._loss += float(loss)
        self._inputs += float(inputs)
        silent = output_counts[np.arange(len(labels)), labels] == 0
        self._silent += np.bincount(labels[silent], minlength=self._n_classes)
        self._labels += np.bincount(labels, minlength=self._n_classes)
        self._spikes += np.asarray(spikes, dtype=float)

    def row(self, split: str) -> Row:
        """The metrics, their names starting with the split.

        accuracy: share of samples, 0 to 1. loss: a sample's mean. silent_labels: share of samples whose label's neuron
        did not spike. dead_classes: labels whose neuron spiked for none of its samples. spikes_...: a neuron's mean a
        sample, for each layer; activity: for all layers together. spikes: of all neurons, a sample's mean. And, each a
        sample's mean and only where it is known:

        input_spikes: spikes that enter. synaptic_operations: synapses that a spike reaches, summed over the spikes of
        the input and of all layers but the last (NeuroBench's effective operations, arXiv:2304.04640, with synapses
        whose weight is zero counted as any other). neuron_updates: times that a neuron's state is computed.
        simulated_seconds: time that the network simulates [s].
        """
        seen = max(1, self._seen)
        dead = np.count_nonzero((self._labels > 0) & (self._silent == self._labels))
        means = self._spikes / seen / np.asarray(self._layers)
        return {
            f"{split}_accuracy": self._correct / seen,
            f"{split}_loss": self._loss / seen,
            f"{split}_silent_labels": int(self._silent.sum()) / seen,
            f"{split}_dead_classes": int(dead),
            **{f"{split}_spikes_{name}": float(mean) for name, mean in zip(self._names, means, strict=True)},
            f"{split}_activity": float(self._spikes.sum()) / seen / sum(self._layers),
            f"{split}_spikes": float(self._spikes.sum()) / seen,
            **{f"{split}_{name}": value for name, value in self._costs().items()},
        }

    def _costs(self) -> Row:
        """A sample's mean of what is known of its cost."""
        seen = max(1, self._seen)
        costs: Row = {}
        if self._fan_out is not None or self._inputs:
            costs["input_spikes"] = self._inputs / seen
        if self._fan_out is not None:
            sent = np.array([self._inputs, *self._spikes[:-1]])
            costs["synaptic_operations"] = float(sent @ self._fan_out) / seen
        updates = costs.get("synaptic_operations") if self._updates is None else float(self._updates)
        if updates is not None:
            costs["neuron_updates"] = updates
        if self._seconds is not None:
            costs["simulated_seconds"] = float(self._seconds)
        return costs
