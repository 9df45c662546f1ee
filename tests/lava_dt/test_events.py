import re
from itertools import permutations

import numpy as np
import pytest
import torch
from numba import config

from lava_dt import time_axis
from lava_dt.events import Events, cpu, events_of, reference, to_sparse

DENSITIES = [0.0, 0.02, 0.3, 1.0]
DTYPES = [torch.float32, torch.float64, torch.uint8, torch.bool, torch.int8, torch.int64, torch.float16]


def random_counts(shape, density, graded=False, seed=3):
    """Ones, or whole numbers from -3 to 3, at random places."""
    generator = torch.Generator().manual_seed(seed)
    x = (torch.rand(shape, generator=generator) < density).float()
    return x * torch.randint(-3, 4, shape, generator=generator) if graded else x


def in_memory_order(x, axes):
    """The same tensor in memory that runs through its axes in this order."""
    back = [axes.index(axis) for axis in range(x.dim())]
    return x.permute(axes).contiguous().permute(back)


def the_same(ours, theirs):
    """Whether lists are the same, the order in a row too."""
    (*ours, count), (*theirs, expected) = ours, theirs
    return all(map(np.array_equal, ours, theirs)) and (
        (count is expected is None) or bool(count is not None and np.array_equal(count, expected))
    )


def ordered(lists):
    """The rows of lists, each sorted by neuron: the order in a row means nothing."""
    start, index, count = lists
    count = np.ones_like(index) if count is None else count
    row = np.repeat(np.arange(start.size - 1), np.diff(start))
    order = np.lexsort([index, row])
    return start.tolist(), index[order].tolist(), count[order].tolist()


def lists_of(events):
    return events.start, events.index, events.count


def same(events, dense):
    """Whether the events are those of the dense tensor, which is worked out by PyTorch."""
    places = dense.movedim(-1, 1).to(torch.int64).flatten(2).flatten(0, 1)
    row, index = places.nonzero(as_tuple=True)
    start, neuron, count = ordered(lists_of(events))
    return (
        events.shape == tuple(dense.shape)
        and start == [0, *places.count_nonzero(1).cumsum(0).tolist()]
        and neuron == index.tolist()
        and count == places[row, index].tolist()
        and (events.count is None) == bool((places[row, index] == 1).all())
        and (events.start.dtype, events.index.dtype) == (np.int64, np.int32)
    )


def test_a_case_worked_by_hand():
    x = torch.tensor([[[0.0, 1, 0], [0, 2, -1]], [[1, 0, 0], [0, 0, 0]]])  # 2 samples, 2 neurons, 3 steps
    events = events_of(x)
    assert events.start.tolist() == [0, 0, 2, 3, 4, 4, 4]
    assert events.index.tolist() == [0, 1, 1, 0]
    assert events.count.tolist() == [1, 2, -1, 1]
    assert (events.shape, events.batch, events.neurons, events.steps) == ((2, 2, 3), 2, 2, 3)
    assert events.density == 4 / 12
    binned = events.rebin(2)
    assert (binned.start.tolist(), binned.index.tolist()) == ([0, 2, 3, 4, 4], [0, 1, 1, 0])
    assert (binned.count.tolist(), binned.shape) == ([1, 2, -1, 1], (2, 2, 2))


@pytest.mark.parametrize("graded", [False, True])
@pytest.mark.parametrize("density", DENSITIES)
@pytest.mark.parametrize(
    "shape", [(3, 7, 5), (1, 1, 1), (2, 128, 16), (2, 131, 33), (1, 40, 50), (9, 70, 30), (2, 2, 3, 4, 6)]
)
def test_dense_tensors_are_listed_whatever_their_shape_and_density(shape, density, graded):
    x = random_counts(shape, density, graded)
    events = events_of(x)
    assert same(events, x)
    assert torch.equal(events.to_dense(), x)
    assert events.to_dense().movedim(-1, 1).is_contiguous()


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_real_type_is_listed(dtype):
    x = random_counts((3, 50, 20), 0.1, graded=dtype.is_signed).to(dtype)
    assert same(events_of(x), x)
    assert same(events_of(x.transpose(1, 2).contiguous().transpose(1, 2)), x)
    assert same(events_of(x.to_sparse()), x)


@pytest.mark.parametrize(
    "axes", [(0, *rest) for rest in permutations(range(1, 5))] + [(4, 0, 1, 2, 3), (1, 0, 2, 3, 4)]
)
def test_memory_is_read_in_any_order_of_its_axes(axes):
    x = random_counts((3, 2, 5, 7, 11), 0.1, graded=True)
    assert same(events_of(in_memory_order(x, axes)), x)


@pytest.mark.parametrize(
    "shape", [(1, 2, 1, 7, 11), (3, 2, 5, 1, 1), (3, 1, 1, 1, 11), (1, 1, 1, 1, 1), (1, 1, 1, 1, 9)]
)
def test_axes_of_one_entry_may_lie_anywhere_in_memory(shape):
    x = random_counts(shape, 0.3)
    for axes in permutations(range(5)):
        assert same(events_of(in_memory_order(x, axes)), x)


def test_views_with_gaps_are_listed():
    x = random_counts((6, 20, 30), 0.1)
    for view in (x[::2], x[:, 3:17], x[..., ::3], x[..., 5:], x[:1].expand(4, -1, -1), x[1:]):
        assert same(events_of(view), view)


@pytest.mark.parametrize("shape", [(0, 3, 4), (2, 0, 4), (2, 3, 0)])
def test_no_samples_neurons_or_steps_make_no_events(shape):
    for events in (events_of(torch.zeros(shape)), events_of(torch.zeros(shape).to_sparse())):
        assert (events.index.size, events.count, events.shape, events.density) == (0, None, shape, 0)
        assert events.to_dense().shape == shape
        assert events.rebin(3).start.tolist() == [0] * (1 + shape[0] * -(-shape[2] // 3))


@pytest.mark.parametrize("density", [0.0, 0.1, 0.9])
@pytest.mark.parametrize("time_last", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
def test_memory_is_listed_as_by_the_reference(dtype, time_last, density):
    values = random_counts((3, 11 * 13), density).numpy().astype(dtype)
    values[0, :5] = [0, 7, 1, 1, 3]
    neuron_at = np.random.default_rng(0).permutation(13).astype(np.int32)
    for most in (0, int((values != 0).sum()) - 1, int((values != 0).sum()), 10**6):
        arguments = (values, 11, time_last, neuron_at, most)
        fast, expected = cpu.list_dense(*arguments), reference.list_dense(*arguments)
        assert (fast is None) == (expected is None)
        assert fast is None or the_same(fast, expected)


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 16384, 16385, 40000])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
def test_memory_of_any_size_is_listed_in_its_order(dtype, size):
    values = random_counts((1, size), 0.05).numpy().astype(dtype)
    values[:, -1:] = 1
    lists = cpu.list_dense(values, 1, True, np.arange(size, dtype=np.int32), size)
    assert the_same(lists, reference.list_dense(values, 1, True, np.arange(size, dtype=np.int32), size))


@pytest.mark.parametrize("values", ["ones", "counts", "counts and zeros"])
@pytest.mark.parametrize("distinct, ascending", [(True, True), (True, False), (False, False), (False, True)])
def test_entries_are_listed_as_by_the_reference(distinct, ascending, values):
    rng = np.random.default_rng(1)
    shape = np.array([3, 2, 5, 4], np.int64)
    flat = rng.permutation(120)[:70] if distinct else rng.integers(0, 120, 300)
    places = np.array(np.unravel_index(np.sort(flat) if ascending else flat, shape))
    kinds = {"ones": [1], "counts": [-2, -1, 1, 2, 7], "counts and zeros": [-2, -1, 0, 1, 2]}
    values = rng.choice(kinds[values], flat.size).astype(np.float32)
    for array in (places, np.asfortranarray(places)):
        fast, expected = (module.list_entries(array, values, shape, distinct) for module in (cpu, reference))
        assert the_same(fast, expected)
    for axis in range(4):
        outside = places.copy()
        outside[axis, 5] = shape[axis]
        assert cpu.list_entries(outside, values, shape, distinct) is None
    for wrong in (np.nan, 0.5, 2.0**31):
        values[3] = wrong
        assert cpu.list_entries(places, values, shape, distinct) is None
        assert reference.list_entries(places, values, shape, distinct) is None


@pytest.mark.parametrize("counted", [True, False])
def test_rows_are_merged_and_taken_as_by_the_reference(counted):
    rng = np.random.default_rng(2)
    begin = np.array([0, 0, 30, 31, 70, 70, 100])
    index = rng.integers(0, 12, 100).astype(np.int32)
    count = rng.integers(-2, 3, 100).astype(np.int32) if counted else None
    fast, expected = (module.merge_rows(begin, index, count, 12) for module in (cpu, reference))
    assert [None if a is None else a.tolist() for a in fast] == [None if a is None else a.tolist() for a in expected]
    arguments = (np.array([31, 0, 90]), np.array([70, 0, 100]), index, count)
    assert ordered(cpu.take_rows(*arguments)) == ordered(reference.take_rows(*arguments))


@pytest.mark.parametrize("value", [0.5, float("nan"), float("inf"), -float("inf"), 2.0**31, -(2.0**31), 1e-40])
def test_a_value_that_is_no_count_makes_no_lists(value):
    x = random_counts((2, 60, 40), 0.05)
    x[1, 59, 39] = value
    assert events_of(x) is None
    assert events_of(x.double()) is None
    assert events_of(x.to_sparse()) is None


def test_the_largest_counts_are_kept_and_larger_ones_make_no_lists():
    x = torch.zeros(1, 2, 2, dtype=torch.int64)
    x[0, 0] = torch.tensor([2**31 - 1, -(2**31) + 1])
    assert same(events_of(x), x)
    for beyond in (2**31, -(2**31), 2**32 + 1, 2**63 - 1):
        x[0, 0, 0] = beyond
        assert events_of(x) is None


def test_negative_zero_is_no_spike():
    x = random_counts((2, 60, 40), 0.05)
    x[x == 0] = -0.0
    assert same(events_of(x), x)
    assert same(events_of(x.transpose(1, 2).contiguous().transpose(1, 2).double()), x)


def test_more_events_than_the_largest_density_make_no_lists():
    x = random_counts((4, 50, 40), 0.1)
    n = int(x.count_nonzero())
    for tensor in (x, x.to_sparse()):
        assert events_of(tensor, n / x.numel()) is not None
        assert events_of(tensor, (n - 1) / x.numel()) is None
        assert events_of(tensor, 0) is None
        assert events_of(torch.zeros_like(tensor), 0) is not None


@pytest.mark.parametrize("shape", [(1, 700, 1500), (40, 300, 100)])
def test_a_large_tensor_is_listed_up_to_its_density_and_not_beyond(shape):
    x = random_counts(shape, 0.02)
    n = int(x.count_nonzero())
    assert same(events_of(x, n / x.numel()), x)
    assert events_of(x, (n - 1) / x.numel()) is None
    assert events_of(x, 0.001) is None
    x[:] = 1
    assert events_of(x, 0.9) is None


def test_a_sample_of_clustered_spikes_does_not_mistake_them_for_dense_ones():
    x = torch.zeros(32, 400, 200)
    x[:, ::10] = 1  # every tenth neuron fires all the time: 12 or 13 groups of 16 in a row are full
    assert same(events_of(x, 0.1), x)
    x = torch.zeros(32, 400, 200)
    x[:3] = 1
    assert same(events_of(x, 0.094), x)


@pytest.mark.parametrize("batch", [2, 9])  # divided into parts of samples, and into samples
def test_the_number_of_threads_changes_nothing(monkeypatch, batch):
    x = random_counts((batch, 300, 100), 0.05, graded=True)
    sparse = x.to_sparse()
    monkeypatch.setattr(cpu, "ENOUGH", 0)
    monkeypatch.setattr(cpu, "LARGE", 0)

    def lists_on(threads):
        monkeypatch.setattr(config, "NUMBA_NUM_THREADS", threads)
        events = events_of(x)
        assert same(events, x)
        return [*map(lists_of, (events, events_of(sparse), events.rebin(7), events.at_grid(7)))]

    expected = lists_on(1)
    for threads in (2, 3):
        for one, other in zip(expected, lists_on(threads), strict=True):
            assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("dt", [1, 2, 3, 7, 16, 99, 100, 101, 1000])
@pytest.mark.parametrize("graded", [False, True])
def test_bins_and_grid_steps_are_those_of_the_dense_tensor(dt, graded):
    x = random_counts((4, 5, 8, 100), 0.1, graded)
    events = events_of(x)
    assert same(events.rebin(dt), time_axis.rebin(x, dt))
    assert same(events.at_grid(dt), time_axis.at_grid(x, dt))


def test_sums_of_zero_vanish_from_a_bin():
    x = torch.tensor([[[1.0, -1, 0, 2], [0, 1, 1, -1]]])
    binned = events_of(x).rebin(2)
    assert (binned.index.tolist(), binned.count.tolist()) == ([1, 0], [1, 2])
    assert events_of(x).rebin(4).to_dense().tolist() == [[[2], [1]]]


def test_uncoalesced_entries_are_added_up_and_cancelled_ones_vanish():
    places = torch.tensor([[0, 0, 0, 0, 1], [1, 1, 2, 2, 0], [3, 3, 0, 0, 1]])
    x = torch.sparse_coo_tensor(places, torch.tensor([1.0, 2, 1, -1, 1]), (2, 4, 5))
    events = events_of(x)
    assert (events.index.tolist(), events.count.tolist()) == ([1, 0], [3, 1])
    assert same(events, x.to_dense())
    halves = torch.sparse_coo_tensor(places, torch.tensor([1.0, 2, 0.5, 0.5, 1]), (2, 4, 5))
    assert events_of(halves) is None


@pytest.mark.parametrize("shape", [(3, 40, 20), (2, 2, 5, 6, 20)])
def test_sparse_tensors_are_listed_as_dense_ones(shape):
    x = random_counts(shape, 0.1, graded=True)
    sparse = x.to_sparse()
    order = torch.randperm(sparse._nnz())
    shuffled = torch.sparse_coo_tensor(sparse.indices()[:, order], sparse.values()[order], shape)
    doubled = sparse + torch.zeros(shape).to_sparse()
    explicit_zeros = torch.sparse_coo_tensor(
        torch.ones(shape).to_sparse().indices(), x.flatten(), shape, is_coalesced=True
    )
    for tensor in (sparse, shuffled, doubled, explicit_zeros):
        assert same(events_of(tensor), x)
    twice = torch.sparse_coo_tensor(
        torch.cat([sparse.indices(), sparse.indices()[:, order]], 1),
        torch.cat([sparse.values(), sparse.values()[order]]),
        shape,
    )
    assert same(events_of(twice), 2 * x)


def test_events_go_to_a_sparse_tensor_and_back():
    x = random_counts((3, 4, 5, 20), 0.1, graded=True)
    sparse = to_sparse(events_of(x))
    assert sparse.is_coalesced() and sparse.dtype == torch.float32
    assert torch.equal(sparse.to_dense(), x)
    assert same(events_of(sparse), x)
    assert to_sparse(events_of(torch.zeros(2, 3, 0))).shape == (2, 3, 0)


def test_a_tensor_that_wants_a_gradient_is_listed():
    x = random_counts((2, 5, 6), 0.3)
    assert same(events_of(x.clone().requires_grad_()), x)
    assert same(events_of(x.to_sparse().requires_grad_()), x)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.int8, torch.int64])
def test_dense_tensors_of_other_types_hold_the_same_counts(dtype):
    x = random_counts((2, 20, 30), 0.2, graded=True)
    dense = events_of(x).to_dense(dtype)
    assert dense.dtype == dtype and torch.equal(dense.float(), x)


@pytest.mark.parametrize(
    ("x", "error", "says"),
    [
        ([[[1.0]]], TypeError, "spikes are a list: pass a torch tensor"),
        (torch.ones(2, 3), ValueError, "spikes have shape (2, 3): pass (batch, neuron..., time)"),
        (torch.ones(2, 3, 4, dtype=torch.complex64), TypeError, "spikes are torch.complex64: pass real numbers"),
        (torch.ones(2, 3, 4).to(torch.complex64).to_sparse(), TypeError, "spikes are torch.complex64"),
        (torch.ones(3, 4).to_sparse_csr(), TypeError, "spikes have layout torch.sparse_csr: pass a dense tensor"),
        (torch.ones(2, 3, 4, device="meta"), RuntimeError, "spikes are on meta: lists of events are made on the CPU"),
        (torch.ones(2, 3, 4).to_sparse(2), ValueError, "spikes (2, 3, 4) have 1 dense axes"),
        (torch.zeros(1).expand(1, 2**16, 2**15), ValueError, "has 2147483648 places, more than 2147483647"),
        (torch.ones(1, 1, 1).to_sparse().sparse_resize_((1, 2**31, 1), 3, 0), ValueError, "2147483648 neurons"),
    ],
)
def test_what_cannot_be_listed_is_refused(x, error, says):
    with pytest.raises(error, match=re.escape(says)):
        events_of(x)


@pytest.mark.parametrize("density", [-0.1, 1.1, float("nan")])
def test_a_density_that_is_no_part_is_refused(density):
    with pytest.raises(ValueError, match="largest_density is"):
        events_of(torch.zeros(1, 1, 1), density)


@pytest.mark.parametrize("place", [(-1, 0, 0), (2, 0, 0), (0, 3, 0), (0, 0, 4), (0, -1, 0), (0, 0, -5)])
def test_an_entry_outside_the_shape_is_refused(place):
    x = torch.ones(2, 3, 4).to_sparse()
    x._indices()[:, 1] = torch.tensor(place)  # as where PyTorch's own checks are off
    with pytest.raises(ValueError, match=re.escape(f"entry 1 of the sparse spikes is at {place}, outside")):
        events_of(x)


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"shape": (2, 3)}, ValueError, "shape is (2, 3): it must be (batch, neuron..., steps)"),
        ({"shape": (2, 3, 5)}, ValueError, "start has shape (9,) but there are 2 samples of 5 steps"),
        ({"start": np.zeros(9, np.int32)}, TypeError, "start has dtype int32: it must be int64"),
        ({"index": np.zeros(1, np.int64)}, TypeError, "index has dtype int64: it must be int32"),
        ({"index": np.zeros(2, np.int32)}, ValueError, "index has shape (2,) but start ends with 1"),
        ({"count": np.ones(1, np.int64)}, TypeError, "count has dtype int64: it must be int32"),
        ({"count": np.ones(2, np.int32)}, ValueError, "count has shape (2,) but index (1,)"),
    ],
)
def test_lists_that_do_not_fit_each_other_are_refused(changes, error, says):
    fields = {"start": np.repeat([0, 1], [3, 6]), "index": np.zeros(1, np.int32), "count": None, "shape": (2, 3, 4)}
    Events(**fields)
    with pytest.raises(error, match=re.escape(says)):
        Events(**{**fields, **changes})


def test_steps_that_are_no_whole_number_and_counts_that_do_not_fit_are_refused():
    events = events_of(torch.full((1, 1, 3), 2.0**30))
    for change in (events.rebin, events.at_grid):
        with pytest.raises(TypeError, match=r"dt is 1.5: it must be a whole number of steps"):
            change(1.5)
        with pytest.raises(ValueError, match="dt is 0: it must be 1 or more"):
            change(0)
    with pytest.raises(ValueError, match=r"a bin of 2 steps holds 2\*\*31 spikes of a neuron or more"):
        events.rebin(2)
    with pytest.raises(ValueError, match=r"do not fit torch\.int8: pass a wider type"):
        events.to_dense(torch.int8)


@pytest.mark.parametrize("counted", [False, True])
def test_rows_are_put_in_the_order_of_their_neurons(counted):
    x = (torch.rand(3, 40, 20) < 0.3).float()
    if counted:
        x = x * torch.randint(-2, 4, x.shape)
    events = events_of(x).rebin(7)
    given = events.by_neuron()
    order = reference.sort_rows(events.start, events.index, 40)
    assert np.array_equal(cpu.sort_rows(events.start, events.index, 40), order)
    assert np.array_equal(given.index, events.index[order]) and torch.equal(given.to_dense(), events.to_dense())
    for first, end in zip(given.start[:-1], given.start[1:], strict=True):
        assert (np.diff(given.index[first:end]) > 0).all()
