"""What is counted while a network sees samples: accuracy, loss, silent labels, spikes."""

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
    """

    def __init__(self, layers: Sequence[int], names: Sequence[str] = ()) -> None:
        self._layers = tuple(layers)
        self._names = tuple(names) or (*(f"hidden{i + 1}" for i in range(len(self._layers) - 1)), "output")
        self._seen = 0
        self._correct = 0
        self._loss = 0.0
        self._silent = np.zeros(N_CLASSES, np.int64)
        self._labels = np.zeros(N_CLASSES, np.int64)
        self._spikes = np.zeros(len(self._layers))

    def add(
        self,
        labels: npt.NDArray[np.int64],
        predicted: npt.NDArray[np.int64],
        output_counts: npt.NDArray[np.integer | np.floating],
        spikes: Sequence[float],
        loss: float = 0.0,
    ) -> None:
        """One batch.

        Args:
            labels, predicted: shape (batch,).
            output_counts: spikes of the output neurons, shape (batch, classes).
            spikes: spikes of each layer, summed over the batch and its neurons.
            loss: summed over the batch.
        """
        self._seen += len(labels)
        self._correct += int(np.count_nonzero(labels == predicted))
        self._loss += float(loss)
        silent = output_counts[np.arange(len(labels)), labels] == 0
        self._silent += np.bincount(labels[silent], minlength=N_CLASSES)
        self._labels += np.bincount(labels, minlength=N_CLASSES)
        self._spikes += np.asarray(spikes, dtype=float)

    def row(self, split: str) -> Row:
        """The metrics, their names starting with the split.

        accuracy: share of samples, 0 to 1. loss: a sample's mean. silent_labels: share of samples whose label's neuron
        did not spike. dead_classes: labels whose neuron spiked for none of its samples. spikes_...: a neuron's mean a
        sample, for each layer.
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
        }
