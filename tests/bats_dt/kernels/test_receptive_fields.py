import numpy as np
import pytest

from bats_dt import set_backend
from bats_dt.kernels.event_lists import event_lists
from bats_dt.kernels.receptive_fields import assemble, fold, unfold
from bats_dt.kernels.threads import use_threads

# (map, window): odd and even, one channel and several, a window of one pixel, one as large as the map
MAPS = [
    ((5, 7, 3), (3, 2)),
    ((4, 4, 1), (1, 1)),
    ((3, 5, 2), (3, 5)),
    ((33, 6, 1), (5, 5)),
]


@pytest.fixture(params=["cpu", "reference"])
def backend(request):
    set_backend(request.param)


def events_on(shape, random_trains, batch=3, slots=2, dtype=np.float32, decimals=None):
    times, counts = random_trains(np.random.default_rng(0), batch, int(np.prod(shape)), slots, dtype)
    if decimals is not None:
        times = np.round(times, decimals)
    return event_lists(times, counts)


def listed(events):
    return [events.offsets, events.times, events.neurons, events.slots]


def test_a_spike_worked_by_hand_is_seen_by_the_windows_that_hold_it(backend):
    # map 3 x 4, windows of 2 x 2 at 2 x 3 positions; pixel (1, 2) is in those at (0, 1), (0, 2), (1, 1), (1, 2)
    times = np.full((1, 12, 1), np.inf, np.float32)
    times[0, 1 * 4 + 2] = 0.5
    times[0, 0] = 0.7
    unfolded = unfold(event_lists(times, np.isfinite(times[..., 0]).astype(int)), (3, 4, 1), (2, 2))
    assert unfolded.events.offsets.tolist() == [0, 1, 2, 3, 3, 4, 5]
    assert unfolded.source.tolist() == [1, 0, 0, 0, 0]
    assert unfolded.events.neurons.tolist() == [0, 3, 2, 1, 0]
    np.testing.assert_array_equal(unfolded.events.times, np.array([0.7, 0.5, 0.5, 0.5, 0.5], np.float32))
    assert (unfolded.events.n_neurons, unfolded.events.n_slots) == (4, 1)
    np.testing.assert_array_equal(fold(np.array([10.0, 1, 2, 3, 4]), unfolded), [10, 10])


@pytest.mark.parametrize(("shape", "window"), MAPS)
def test_every_window_holds_the_trains_of_its_pixels(random_trains, backend, shape, window):
    events = events_on(shape, random_trains)
    times, counts = unfold(events, shape, window).events.to_trains()
    on_map = events.to_trains()[0].reshape(events.batch, *shape, -1)
    out = shape[0] - window[0] + 1, shape[1] - window[1] + 1
    for sample, ox, oy in np.ndindex(events.batch, *out):
        virtual = (sample * out[0] + ox) * out[1] + oy
        seen = on_map[sample, ox : ox + window[0], oy : oy + window[1]].reshape(times.shape[1:])
        np.testing.assert_array_equal(times[virtual], seen)
    np.testing.assert_array_equal(counts, np.isfinite(times).sum(axis=2))


@pytest.mark.parametrize("decimals", [None, 2], ids=["spread", "equal times"])
@pytest.mark.parametrize(("shape", "window"), MAPS)
def test_the_fast_windows_are_those_of_the_reference(random_trains, shape, window, decimals):
    events = events_on(shape, random_trains, decimals=decimals)
    fast = unfold(events, shape, window)
    errors = np.random.default_rng(1).normal(size=len(fast.source))
    folded = fold(errors, fast)
    set_backend("reference")
    slow = unfold(events, shape, window)
    for one, other in zip(listed(fast.events), listed(slow.events), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(fast.source, slow.source)
    np.testing.assert_array_equal(folded, fold(errors, slow))  # the same order of summation


def test_each_window_is_sorted_by_time_then_neuron(random_trains, backend):
    events = events_on((6, 5, 3), random_trains, decimals=2)
    virtual = unfold(events, (6, 5, 3), (3, 3)).events
    for low, high in zip(virtual.offsets[:-1], virtual.offsets[1:], strict=True):
        sort = np.lexsort((virtual.slots[low:high], virtual.neurons[low:high], virtual.times[low:high]))
        np.testing.assert_array_equal(sort, np.arange(high - low))


def test_folding_is_the_transpose_of_unfolding(random_trains, backend):
    events = events_on((5, 5, 2), random_trains, dtype=np.float64)
    unfolded = unfold(events, (5, 5, 2), (2, 3))
    rng = np.random.default_rng(2)
    errors, values = rng.normal(size=len(unfolded.source)), rng.normal(size=len(events.times))
    np.testing.assert_allclose(errors @ values[unfolded.source], fold(errors, unfolded) @ values, rtol=1e-12)


def test_what_positions_emit_is_put_together_in_the_order_of_events(random_trains, backend):
    # 2 samples, 6 positions, 4 filters
    virtual = event_lists(*[np.round(array, 2) for array in random_trains(np.random.default_rng(3), 12, 4, 3)])
    joined, order = assemble(virtual, 6)
    assert (joined.batch, joined.n_neurons, joined.n_slots) == (2, 24, 3)
    times, counts = virtual.to_trains()
    np.testing.assert_array_equal(joined.to_trains()[0], times.reshape(2, 24, 3))
    np.testing.assert_array_equal(joined.counts(), counts.reshape(2, 24))
    np.testing.assert_array_equal(virtual.times[order], joined.times)
    again = event_lists(*joined.to_trains())
    for one, other in zip(listed(joined), listed(again), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_number_of_threads_changes_no_bit(random_trains):
    events = events_on((6, 5, 3), random_trains, batch=7)
    found = []
    for threads in (1, 3):
        with use_threads(threads):
            unfolded = unfold(events, (6, 5, 3), (3, 3))
            joined, order = assemble(unfolded.events, 12)
            found.append(
                [*listed(unfolded.events), fold(np.sin(unfolded.events.times), unfolded), *listed(joined), order]
            )
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_silent_batch_has_nothing_to_see(backend):
    silent = event_lists(np.full((3, 16, 2), np.inf, np.float32), np.zeros((3, 16), int))
    unfolded = unfold(silent, (4, 4, 1), (2, 2))
    assert unfolded.events.batch == 27
    assert len(unfolded.source) == len(fold(np.zeros(0, np.float32), unfolded)) == 0
    assert len(assemble(unfolded.events, 9)[1]) == 0
