"""Memory for large signals."""

import platform
import subprocess
import sys

import numpy as np
import pytest

from lava_dt import room as memory
from lava_dt.room import LARGE, LINE, release, room

SIZE = LARGE // 4 + 3  # float32, of no other test


@pytest.mark.parametrize("kind", [np.float32, np.int8])
@pytest.mark.parametrize("shape", [(3,), (2, 5, 7), (1, SIZE), (0, 4)])
def test_a_tensor_begins_with_a_cache_line(shape, kind):
    tensor = room(*shape, dtype=kind)
    assert tensor.shape == shape
    assert tensor.numpy().dtype == kind
    assert tensor.data_ptr() % LINE == 0


def test_released_memory_is_used_again_and_memory_in_use_never():
    first, second = room(SIZE), room(SIZE)
    first.fill_(1)
    second.fill_(2)
    where, view = first.data_ptr(), second.numpy()[5:]
    del first, second
    third, fourth = room(SIZE), room(SIZE)
    assert third.data_ptr() == where
    fourth.fill_(3)
    assert (view == 2).all()  # a view alone keeps its memory


def test_what_was_used_last_is_kept_longest(monkeypatch):
    monkeypatch.setattr(memory, "MOST_KEPT", 3 * LARGE)
    monkeypatch.setattr(memory, "_kept", {})
    for size in (LARGE // 4, LARGE // 4 + 1, LARGE // 4, LARGE // 4 + 2, LARGE):
        room(size)
    assert list(memory._kept) == [LARGE, LARGE + 8]


def test_no_more_than_the_most_is_kept(monkeypatch):
    monkeypatch.setattr(memory, "MOST_KEPT", 3 * LARGE)
    monkeypatch.setattr(memory, "_kept", {})
    held = [room(LARGE // 4 + k) for k in range(5)]
    del held
    kept = [array.size for arrays in memory._kept.values() for array in arrays]
    assert 0 < sum(kept) <= memory.MOST_KEPT


def test_what_is_kept_can_be_given_back(monkeypatch):
    monkeypatch.setattr(memory, "_kept", {})
    used = room(SIZE)
    room(SIZE + 8)
    assert memory._kept
    release()
    assert not memory._kept
    where = used.data_ptr()
    del used
    assert room(SIZE).data_ptr() == where  # what was in use meanwhile is kept


TOUCHED = """
import resource, torch
from lava_dt.room import LARGE, room
room(LARGE)
for step in range(32):
    if step == 12:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    weight = torch.ones(7 << 20)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc's heap learns from what is freed")
def test_large_tensors_of_torch_find_the_memory_of_those_before():
    found = subprocess.run([sys.executable, "-c", TOUCHED], capture_output=True, text=True, check=True)
    assert int(found.stdout) < 7168  # pages, as many as one of the 20 tensors has
