"""How many spike-time derivatives of an epoch are clamped, layer by layer (EQUATIONS B.4)."""

from __future__ import annotations

from collections.abc import Sequence

from bats_dt.layers import ClockedLIFLayer
from runs.directory import Row


class ClampedShares:
    """Counts over batches; `row` gives the metrics.

    Args:
        names: of the layers with weights, in order.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)
        self._clamped = [0] * len(names)
        self._spikes = [0] * len(names)

    def add(self, layers: Sequence[ClockedLIFLayer]) -> None:
        """The spikes of the layers' last forward pass."""
        for place, layer in enumerate(layers):
            self._clamped[place] += layer.bounded_slopes
            self._spikes[place] += len(layer.emitted.steps)

    def row(self, split: str) -> Row:
        """clamped_...: share of a layer's spikes whose |dt/du| is clamped, 0 if there are none."""
        return {
            f"{split}_clamped_{name}": clamped / max(spikes, 1)
            for name, clamped, spikes in zip(self._names, self._clamped, self._spikes, strict=True)
        }
