"""A bats_dt network and its optimizer as the arrays of a checkpoint, and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bats_dt.backend import to_numpy
from bats_dt.optimizers import AdamOptimizer
from runs.tensors import Arrays

_OPTIMIZER = "optimizer."


def arrays_of(layers: Iterable[Any], optimizer: AdamOptimizer) -> Arrays:
    """The weights of the layers, by their names, and the optimizer's state."""
    found: Arrays = {f"weights.{layer.name}": to_numpy(layer.weights) for layer in layers}
    found.update({f"{_OPTIMIZER}{name}": to_numpy(array) for name, array in optimizer.state_dict().items()})
    return found


def put_back(arrays: Arrays, layers: Iterable[Any], optimizer: AdamOptimizer) -> None:
    """Gives layers and optimizer what `arrays_of` found."""
    for layer in layers:
        layer.weights = arrays[f"weights.{layer.name}"]
    state = {name[len(_OPTIMIZER) :]: array for name, array in arrays.items() if name.startswith(_OPTIMIZER)}
    optimizer.load_state_dict(state)
