"""Sums of rows in registers against NumPy's, for every width that is made up of vectors in another way."""

import numpy as np
import pytest

from lava_dt.dynamics.row_sums import LANE, MOST_ROWS, add_rows, add_weights

ZERO = np.uint64(0)


@pytest.mark.parametrize("width", [16, 112, 128, 144, 272])
@pytest.mark.parametrize("kind", [np.int32, np.int64])
def test_rows_of_weights(width, kind):
    rng = np.random.default_rng(width)
    table = rng.integers(-128, 128, (3, 20, width), dtype=np.int8)
    index = rng.integers(0, 20, 30, dtype=np.int32)
    begin = rng.integers(-1000, 1000, width + LANE, dtype=kind)
    x = begin.copy()
    add_weights(x, table, np.uint64(1), index, 4, 27)
    expected = begin.copy()
    expected[:width] += table[1, index[4:27]].sum(0, dtype=kind)
    assert np.array_equal(x, expected)
    add_weights(x, table, np.uint64(1), index, 7, 7)
    assert np.array_equal(x, expected)


@pytest.mark.parametrize("weight", [-128, 127])
@pytest.mark.parametrize("times", [MOST_ROWS, MOST_ROWS + 1, 3 * MOST_ROWS + 5])
def test_more_rows_than_16_bits_hold(weight, times):
    table, index = np.full((1, 2, 144), weight, np.int8), np.ones(times, np.int32)
    x = np.zeros(144, np.int32)
    add_weights(x, table, ZERO, index, 0, times)
    assert (x == times * weight).all()


@pytest.mark.parametrize("n", [1, 10, 16, 23, 64, 65, 80, 96, 127, 128, 213])
@pytest.mark.parametrize("kind", [np.int32, np.int64])
def test_rows_are_added_one_after_the_other(n, kind):
    rng = np.random.default_rng(n)
    table = rng.standard_normal((9, n + 5), dtype=np.float32)
    index = rng.integers(0, 7, 12).astype(kind)
    begin = rng.standard_normal((4, n + 3), dtype=np.float32)
    total, expected = begin.copy(), begin.copy()
    add_rows(total, np.uint64(2), np.uint64(3), np.uint64(n), table, np.uint64(2), np.uint64(5), index, 1, 11)
    for i in index[1:11]:
        expected[2, 3:] += table[2 + i, 5:]
    assert np.array_equal(total, expected)
    add_rows(total, ZERO, ZERO, np.uint64(n), table, ZERO, ZERO, index, 5, 5)
    assert np.array_equal(total, expected)
