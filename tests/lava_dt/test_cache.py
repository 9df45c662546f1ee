"""What the kernels tell the processor's caches."""

import numpy as np
import pytest
from numba import njit

from lava_dt import cache
from lava_dt.cache import aligned_zeros, prefetch
from lava_dt.room import LINE


@pytest.mark.parametrize("kind", [np.float32, np.int16, np.int64])
def test_a_kernels_own_array_is_zero_and_begins_with_a_cache_line(kind):
    array = aligned_zeros(100, kind)
    assert array.shape == (100,)
    assert array.dtype == kind
    assert not array.any()
    assert array.ctypes.data % LINE == 0


def test_asking_for_memory_changes_nothing_even_beyond_the_end():
    @njit
    def ask(array):
        prefetch(array, np.uint64(0), array.size)
        prefetch(array, np.uint64(1 << 40), 100)

    array = np.arange(100, dtype=np.float32)
    ask(array)
    assert np.array_equal(array, np.arange(100))


@pytest.mark.parametrize(
    ("said", "size"), [("512K\n", 512 << 10), ("2048K\n", 2 << 20), ("1M\n", 1 << 20), (None, 1 << 20)]
)
def test_the_second_level_is_as_large_as_linux_says_or_as_usual(said, size, tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "SECOND_LEVEL", tmp_path / "size")
    if said is not None:
        (tmp_path / "size").write_text(said)
    assert cache.second_level() == size
