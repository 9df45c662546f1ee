import numpy as np
import pytest

from bats_dt import set_backend
from bats_dt.kernels.event_lists import event_lists
from bats_dt.kernels.pooling import back, pool
from bats_dt.kernels.threads import use_threads

MAPS = [(4, 4, 1), (5, 7, 3), (2, 2, 5), (3, 2, 2), (33, 9, 1)]


@pytest.fixture(params=["cpu", "reference"])
def backend(request):
    set_backend(request.param)


def events_on(shape, random_trains, decimals=None, seed=0):
    times, counts = random_trains(np.random.default_rng(seed), 3, int(np.prod(shape)), 2, np.float32)
    return event_lists(times if decimals is None else np.round(times, decimals), counts)


def listed(events):
    return [events.offsets, events.times, events.neurons, events.slots]


def test_a_square_worked_by_hand_emits_all_spikes_of_its_pixels(backend):
    # map 2 x 4 of one channel, two squares: pixels 0, 1, 4, 5 and 2, 3, 6, 7
    inf = np.inf
    times = np.array(
        [[[0.1, 0.4], [0.3, inf], [inf, inf], [inf, inf], [0.2, 0.3], [inf, inf], [0.3, inf], [0.1, inf]]], np.float32
    )
    events = event_lists(times, np.isfinite(times).sum(axis=2))
    pooled, source = pool(events, (2, 4, 1))
    np.testing.assert_array_equal(pooled.times, np.array([0.1, 0.1, 0.2, 0.3, 0.3, 0.3, 0.4], np.float32))
    assert pooled.neurons.tolist() == [0, 1, 0, 0, 0, 1, 0]
    assert pooled.slots.tolist() == [0, 0, 1, 2, 3, 1, 4]
    assert events.neurons[source].tolist() == [0, 7, 4, 1, 4, 6, 0]
    assert (pooled.n_neurons, pooled.n_slots) == (2, 8)


@pytest.mark.parametrize("decimals", [None, 2, 1], ids=["spread", "equal times", "more equal times"])
@pytest.mark.parametrize("shape", MAPS)
def test_pooled_trains_are_the_sorted_union_of_the_four_below(random_trains, backend, shape, decimals):
    events = events_on(shape, random_trains, decimals)
    pooled, source = pool(events, shape)
    half_x, half_y = shape[0] // 2, shape[1] // 2
    on_map = events.to_trains()[0].reshape(3, *shape, 2)[:, : 2 * half_x, : 2 * half_y]
    squares = on_map.reshape(3, half_x, 2, half_y, 2, shape[2], 2).transpose(0, 1, 3, 5, 2, 4, 6)
    np.testing.assert_array_equal(pooled.to_trains()[0], np.sort(squares.reshape(3, half_x * half_y * shape[2], 8)))
    np.testing.assert_array_equal(pooled.times, events.times[source])
    again = event_lists(*pooled.to_trains())
    for one, other in zip(listed(pooled), listed(again), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("decimals", [None, 2, 1])
@pytest.mark.parametrize("shape", MAPS)
def test_the_fast_kernel_is_the_reference(random_trains, shape, decimals):
    events = events_on(shape, random_trains, decimals)
    fast, fast_source = pool(events, shape)
    set_backend("reference")
    slow, slow_source = pool(events, shape)
    np.testing.assert_array_equal(fast_source, slow_source)
    for one, other in zip(listed(fast), listed(slow), strict=True):
        np.testing.assert_array_equal(one, other)


def test_errors_go_back_to_where_spikes_came_from_and_are_zero_where_they_were_left_out(random_trains, backend):
    events = events_on((5, 3, 2), random_trains)
    pooled, source = pool(events, (5, 3, 2))
    errors = np.random.default_rng(1).normal(size=len(source)).astype(np.float32)
    below = back(errors, source, len(events.times))
    np.testing.assert_array_equal(below[source], errors)
    x, y = events.neurons // 2 // 3, events.neurons // 2 % 3
    outside = (x == 4) | (y == 2)
    assert outside.sum() == len(events.times) - len(pooled.times) > 0
    assert (below[outside] == 0).all()
    assert below.dtype == np.float32


def test_the_number_of_threads_changes_no_bit(random_trains):
    events = events_on((5, 7, 3), random_trains, decimals=2)
    found = []
    for threads in (1, 3):
        with use_threads(threads):
            pooled, source = pool(events, (5, 7, 3))
            found.append([*listed(pooled), source])
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_silent_batch_stays_silent(backend):
    silent = event_lists(np.full((2, 8, 2), np.inf, np.float32), np.zeros((2, 8), int))
    pooled, source = pool(silent, (4, 2, 1))
    assert pooled.offsets.tolist() == [0, 0, 0]
    assert (len(source), len(back(np.zeros(0), source, 0))) == (0, 0)
