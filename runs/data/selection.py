"""Which items of a data set are meant."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def selected(indices: npt.ArrayLike | slice, size: int) -> npt.NDArray[np.int64]:
    """Positions 0 ... size - 1 meant by integers (negative: from the end), a boolean mask or a slice.

    Raises:
        IndexError: a position beyond the data set, or a mask of another length.
    """
    if not isinstance(indices, slice):
        indices = np.asarray(indices)
        if indices.size == 0:
            indices = indices.astype(np.int64)
    return np.atleast_1d(np.arange(size, dtype=np.int64)[indices])
