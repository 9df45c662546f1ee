import pytest
import torch

from lava_dt import rebin
from lava_dt.time_axis import at_grid, hold, place


@pytest.mark.parametrize("dt", [1, 2, 3, 7, 16, 99, 100, 101, 1000])
def test_rebin_loses_nothing_at_any_dt(spikes, dt):
    binned = rebin(spikes, dt)
    assert binned.shape == (4, 40, -(-100 // dt))
    assert torch.equal(binned.sum(-1), spikes.sum(-1))


def test_rebin_worked_by_hand():
    x = torch.tensor([[1.0, 0, 1, 1, 0, 0, 1]])
    assert rebin(x, 3).tolist() == [[2, 1, 1]]
    assert rebin(x, 3, saturate=True).tolist() == [[1, 1, 1]]
    assert rebin(x, 2).tolist() == [[1, 2, 0, 1]]


def test_rebin_carries_the_gradient_of_a_bin_to_its_steps():
    x = torch.zeros(1, 5, requires_grad=True)
    rebin(x, 2).backward(torch.tensor([[1.0, 2, 3]]))
    assert x.grad.tolist() == [[1, 1, 2, 2, 3]]


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int16, torch.int64])
def test_counts_of_whole_numbers_are_not_cut_to_their_type(dtype):
    assert rebin(torch.ones(1, 600, dtype=dtype), 300).tolist() == [[300, 300]]
    assert rebin(torch.ones(1, 3, dtype=dtype), 1).dtype == torch.int64


@pytest.mark.parametrize(
    ("x", "dt", "error", "says"),
    [
        ([[1.0]], 2, TypeError, "spikes is a list: pass a torch tensor"),
        (torch.ones(1, 3), 0, ValueError, "dt is 0: it must be 1 or more"),
        (torch.ones(1, 3), 1.5, TypeError, "dt is 1.5"),
        (torch.tensor(1.0), 2, ValueError, "no axes"),
    ],
)
def test_rebin_refuses_what_has_no_bins(x, dt, error, says):
    with pytest.raises(error, match=says):
        rebin(x, dt)


@pytest.mark.parametrize("dt", [1, 3, 7, 100, 1000])
@pytest.mark.parametrize("saturate", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int16, torch.bool])
def test_sparse_spikes_stay_sparse_and_fall_into_the_same_bins(spikes, dt, saturate, dtype):
    x = (spikes * 2 if dtype != torch.bool else spikes).to(dtype)
    coalesced = x.to_sparse()
    entries = coalesced.indices(), coalesced.values()
    doubled = torch.cat([entries[0]] * 2, 1), torch.cat([entries[1]] * 2)
    twice = torch.sparse_coo_tensor(*doubled, x.shape, check_invariants=True)
    cases = [(coalesced, x)] if dtype == torch.bool else [(coalesced, x), (twice, 2 * x)]
    for sparse, dense in cases:
        expected, given = rebin(dense, dt, saturate), rebin(sparse, dt, saturate)
        assert given.is_sparse and given.shape == expected.shape and given.dtype == expected.dtype
        assert torch.equal(given.to_dense(), expected)
    assert torch.equal(coalesced.to_dense(), x)  # untouched


def test_sparse_spikes_that_cancel_or_are_negative_do_not_saturate():
    x = torch.sparse_coo_tensor(
        torch.tensor([[0, 0, 0], [0, 1, 2]]), torch.tensor([1.0, -1, -3]), (1, 4), check_invariants=True
    )
    assert rebin(x, 2).to_dense().tolist() == [[0, -3]]
    assert rebin(x, 2, saturate=True).to_dense().tolist() == [[0, 0]]


def test_a_gradient_reaches_the_values_of_sparse_spikes():
    values = torch.tensor([1.0, 2, 3], requires_grad=True)
    x = torch.sparse_coo_tensor(torch.tensor([[0, 0, 0], [0, 1, 4]]), values, (1, 5), check_invariants=True)
    rebin(x, 2).to_dense().backward(torch.tensor([[1.0, 2, 3]]))
    assert values.grad.tolist() == [1, 1, 3]


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support is in beta")
def test_other_sparse_layouts_are_refused():
    with pytest.raises(TypeError, match=r"layout torch.sparse_csr: pass a dense tensor, or a sparse one as COO"):
        rebin(torch.ones(2, 3).to_sparse_csr(), 2)
    with pytest.raises(ValueError, match="sparse in 1 of its 2 axes and dense in time"):
        rebin(torch.ones(2, 3).to_sparse(1), 2)


def test_states_are_held_between_grid_steps_and_spikes_placed_at_them():
    states = torch.tensor([[10.0, 20, 30]])
    held = hold(states, torch.tensor([5.0]), 3, 7)
    assert held.tolist() == [[5, 5, 10, 10, 10, 20, 30]]  # grid steps 3, 6 and the last, 7
    assert torch.equal(at_grid(held, 3), states)
    assert place(torch.tensor([[1.0, 0, 1]]), 2, 3, 7).tolist() == [[0, 0, 1, 0, 0, 0, 1]]
    assert place(torch.tensor([[1.0, 0, 1]]), 0, 3, 7).tolist() == [[1, 0, 0, 0, 0, 0, 1]]
