"""How large the gradients of an epoch are, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from runs.directory import Row


class GradientNorms:
    """Norms over batches; `row` gives the metrics.

    Args:
        names: of the layers with weights, in order.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)
        self._norms: list[list[float]] = [[] for _ in names]

    def add(self, gradients: Sequence[npt.NDArray[np.floating] | None]) -> None:
        """One batch: the gradients that a step is made from, one a layer with weights (None elsewhere)."""
        present = [gradient for gradient in gradients if gradient is not None]
        for norms, gradient in zip(self._norms, present, strict=True):
            norms.append(float(np.sqrt(np.sum(np.square(gradient, order="K"), dtype=np.float64))))

    def row(self, split: str) -> Row:
        """gradient_...: the Euclidean norm of a batch's gradient of a layer's weights, mean over the epoch's batches;
        largest_gradient_...: the largest of them."""
        found: Row = {}
        for name, norms in zip(self._names, self._norms, strict=True):
            found[f"{split}_gradient_{name}"] = float(np.mean(norms)) if norms else 0.0
            found[f"{split}_largest_gradient_{name}"] = max(norms, default=0.0)
        return found
