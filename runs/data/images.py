"""Labelled grey images in memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from runs.data.selection import selected


@dataclass(frozen=True, eq=False)
class Images:
    """Grey images with their labels.

    Args:
        images: uint8, shape (n, 28, 28), 0 = background, 255 = full ink.
        labels: int64, shape (n,).

    Raises:
        ValueError: shapes or types that do not fit.
    """

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        if self.images.dtype != np.uint8 or self.images.ndim != 3 or self.images.shape[1:] != (28, 28):
            raise ValueError(
                f"images came as {self.images.dtype} of shape {self.images.shape}: pass uint8 of shape (n, 28, 28)"
            )
        if self.labels.shape != (len(self.images),):
            raise ValueError(
                f"labels have shape {self.labels.shape} for {len(self.images)} images: "
                f"pass one label an image, shape ({len(self.images)},)"
            )

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: npt.ArrayLike | slice) -> Images:
        """The images at `indices` (integers, a boolean mask or a slice), in that order, copied."""
        rows = selected(indices, len(self))
        return Images(self.images[rows], self.labels[rows])
