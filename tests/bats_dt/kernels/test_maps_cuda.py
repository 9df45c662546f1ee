"""Windows and pooling of maps on a GPU, or by the same sources on the CPU, against the Numba kernels."""

import numpy as np
import pytest

from bats_dt.kernels.event_lists import event_lists
from bats_dt.kernels.pooling import back, pool
from bats_dt.kernels.receptive_fields import assemble, fold, unfold

# (map, window): odd and even, one channel and several, a window of one pixel, one as large as the map
MAPS = [((5, 7, 3), (3, 2)), ((4, 4, 1), (1, 1)), ((3, 5, 2), (3, 5)), ((33, 6, 1), (5, 5))]


def events_on(shape, random_trains, batch=3, decimals=None):
    times, counts = random_trains(np.random.default_rng(0), batch, int(np.prod(shape)), 2, np.float32)
    return event_lists(times if decimals is None else np.round(times, decimals), counts)


def assert_same_events(found, expected):
    for name in ("offsets", "times", "neurons", "slots"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), name)
        assert getattr(found, name).dtype == getattr(expected, name).dtype
    assert (found.n_neurons, found.n_slots) == (expected.n_neurons, expected.n_slots)


@pytest.mark.parametrize(("shape", "window"), MAPS)
@pytest.mark.parametrize("batch", [0, 3])
def test_windows_hold_the_spikes_that_they_hold_on_the_cpu(on_cuda, random_trains, batch, shape, window):
    events = events_on(shape, random_trains, batch)
    found, expected = on_cuda(unfold, events, shape, window), unfold(events, shape, window)
    assert_same_events(found.events, expected.events)
    np.testing.assert_array_equal(found.source, expected.source)
    errors = np.random.default_rng(1).normal(size=len(expected.source)).astype(np.float32)
    if batch:
        np.testing.assert_array_equal(on_cuda(fold, errors, expected), fold(errors, expected))  # in the same order


@pytest.mark.parametrize("decimals", [None, 1], ids=["spread", "equal times"])
def test_maps_are_put_together_as_on_the_cpu(on_cuda, random_trains, decimals):
    events = events_on((6, 1, 4), random_trains, 12, decimals)  # of 2 samples, 6 positions and 4 filters
    (found, order), (expected, expected_order) = on_cuda(assemble, events, 6), assemble(events, 6)
    assert_same_events(found, expected)
    np.testing.assert_array_equal(order, expected_order)


@pytest.mark.parametrize("decimals", [None, 2, 1], ids=["spread", "equal times", "more equal times"])
@pytest.mark.parametrize("shape", [(4, 4, 1), (5, 7, 3), (2, 2, 5), (3, 2, 2), (33, 9, 1)])
def test_pooled_spikes_are_those_of_the_cpu(on_cuda, random_trains, shape, decimals):
    events = events_on(shape, random_trains, decimals=decimals)
    (found, source), (expected, expected_source) = on_cuda(pool, events, shape), pool(events, shape)
    assert_same_events(found, expected)
    np.testing.assert_array_equal(source, expected_source)
    errors = np.arange(1.0, 1 + len(source))
    np.testing.assert_array_equal(
        on_cuda(back, errors, source, len(events.times)), back(errors, source, len(events.times))
    )


def test_a_map_without_spikes_has_none_in_its_windows_and_squares(on_cuda, random_trains):
    silent = event_lists(np.full((2, 16, 1), np.inf, np.float32), np.zeros((2, 16), np.int32))
    assert on_cuda(unfold, silent, (4, 4, 1), (3, 3)).events.offsets.tolist() == [0] * 9
    assert on_cuda(pool, silent, (4, 4, 1))[0].offsets.tolist() == [0, 0, 0]
