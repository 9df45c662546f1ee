"""What the kernels call for every row of a signal counts no references to its arrays: that took longer than the rows.

It does where it calls another function that is not merged into it (``inline="always"``), `min` and `max` among them.
"""

import numpy as np
import pytest
from numba import njit

from lava_dt import cache
from lava_dt.dynamics import row_sums
from lava_dt.dynamics.cuba import adjoint, gather, scatter, step

ZERO, N = np.uint64(0), 32
ROW, SIGNAL, INDEX = cache.aligned_zeros(N, np.float32), np.zeros((4, N), np.float32), np.zeros(4, np.int32)
DRIVE, TABLE = np.zeros(N, np.int32), np.zeros((1, 4, N), np.int8)
CALLS = {
    cache.prefetch: (SIGNAL, ZERO, N),
    cache.write_past: (ROW, N, SIGNAL, ZERO, ZERO),
    row_sums.add_rows: (SIGNAL, ZERO, ZERO, np.uint64(N - 1), SIGNAL, ZERO, ZERO, INDEX, 0, 4),
    row_sums.add_weights: (DRIVE, TABLE, ZERO, INDEX, 0, 4),
    step.advance: (np.zeros(step.SLOTS * step.SLOT, np.int32), N, DRIVE, ZERO, np.int32(1), True, ROW, ROW.copy()),
    adjoint.retreat: (
        np.zeros(adjoint.SLOTS * adjoint.SLOT, np.float32), N, np.float32(1), SIGNAL, ZERO, SIGNAL, ZERO, ZERO, SIGNAL,
        ZERO, ZERO,
    ),
    gather._add_counted: (DRIVE, N, np.int32(2), TABLE, ZERO, ZERO),
    gather._sum_counted: (SIGNAL, ZERO, ZERO, N, np.int32(2), SIGNAL, ZERO, ZERO),
    scatter._add_run: (DRIVE, ZERO, np.int32(2), TABLE, ZERO),
    scatter._sum_run: (np.zeros((1, 2, N), np.float32), 0, 1, np.float32(2), SIGNAL, ZERO, ZERO),
}  # fmt: skip


@pytest.mark.parametrize("function", CALLS, ids=lambda function: function.py_func.__name__)
def test_no_references_are_counted(function):
    compiled = njit(function.py_func)
    compiled(*CALLS[function])
    assert "NRT_incref" not in compiled.inspect_asm(compiled.signatures[0])
