"""How wide the vectors of the kernels' loops may be."""

import numpy as np
from numba import njit

from lava_dt.vectors import with_whole_vectors


def test_loops_may_use_vectors_of_512_bits():
    @njit
    def double(array):
        with_whole_vectors()
        for i in range(array.size):
            array[i] *= 2

    array = np.arange(100, dtype=np.float32)
    double(array)
    assert np.array_equal(array, np.arange(0, 200, 2))
    assert '"prefer-vector-width"="512"' in double.inspect_llvm(double.signatures[0])
