"""What every layer offers to the network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

import numpy as np

from bats_dt.backend import as_array
from bats_dt.checks import whole_number
from bats_dt.spikes import SpikeEvents
from bats_dt.stored_weights import read_layer, write_layer


class AbstractLayer(ABC):
    """A layer of ``n_neurons`` neurons.

    Raises
    ------
    ValueError, TypeError: n_neurons is not a whole number from 1.
    """

    def __init__(self, n_neurons: int, name: str = "") -> None:
        self._n_neurons = whole_number("n_neurons", n_neurons, "a layer needs at least 1 neuron, a whole number")
        self._name = name

    def __repr__(self) -> str:
        return f"{type(self).__name__} {self.name!r}"

    @property
    def n_neurons(self) -> int:
        """Number of neurons."""
        return self._n_neurons

    @property
    def name(self) -> str:
        """The name its weights are stored under."""
        return self._name

    @property
    def previous_layer(self) -> AbstractLayer | None:
        """The layer below, None for one that has none."""
        return None

    @property
    @abstractmethod
    def trainable(self) -> bool:
        """Whether errors pass through it."""

    @property
    @abstractmethod
    def events(self) -> SpikeEvents:
        """What it emitted in the last forward pass. Raises RuntimeError before the first."""

    @property
    def spike_trains(self) -> tuple[np.ndarray, np.ndarray]:
        """Times (batch, n_neurons, slots) [s], rows ascending, inf where no spike is; counts (batch, n_neurons)."""
        return self.events.to_trains()

    @property
    def weights(self) -> np.ndarray | None:
        """Weights, the neurons above first: (n_post, n_pre) or (n_filters, fx, fy, channels). None without any."""
        return None

    @abstractmethod
    def reset(self) -> None:
        """Forget the spikes of the last forward pass."""

    @abstractmethod
    def forward(self, max_simulation: float, training: bool = False) -> None:
        """Simulate up to ``max_simulation`` [s]. ``training`` is taken for BATS's sake; it changes nothing."""

    @abstractmethod
    def backward(
        self, errors: np.ndarray, per_sample: bool = False
    ) -> tuple[np.ndarray | None, np.ndarray | None] | None:
        """Gradient of the weights and errors of the layer below; None for a layer that errors do not pass."""

    def add_deltas(self, delta: np.ndarray) -> None:
        """Add to the weights, which this layer does not have."""
        raise ValueError(f"{self!r} has no weights: pass None for it")

    def store(self, directory: str | Path) -> None:
        """Write the weights to ``<name>_weights.npy`` in ``directory``, as BATS does; nothing if there are none."""
        if self.weights is not None:
            write_layer(Path(directory), self.name, self.weights)

    def restore(self, directory: str | Path) -> None:
        """Read what :meth:`store`, or that of BATS, wrote; nothing for a layer without weights.

        Raises
        ------
        FileNotFoundError: the file is not there (BATS would go on with the weights as they are). ValueError: it holds
            no array, or one of another shape.
        """
        if self.weights is not None:
            self.weights = read_layer(Path(directory), self.name)  # type: ignore[misc]

    def _event_errors(self, errors: np.ndarray) -> np.ndarray:
        """Errors one an event, from those or from padded ones. Raises ValueError for another shape."""
        errors, events = as_array("errors", errors), self.events
        if errors.ndim == 1 and errors.shape == events.times.shape:
            return errors
        shape = (events.batch, events.n_neurons, events.n_slots)
        if errors.shape != shape:
            raise ValueError(f"errors of layer {self.name!r} have shape {errors.shape}: pass {shape}, one a spike slot")
        return events.gather(errors)
