"""Weight normalisation is torch's, bit for bit forward and to rounding backward, whatever the order of the gradient."""

import numba
import pytest
import torch

from lava_dt.dynamics.weight_norm import normalise

# float32 sums of up to some thousand products, relative to the largest entry; ours are in float64
ROUNDING = 1e-6


def drawn(n_out, n_in):
    torch.manual_seed(n_out + n_in)
    v, g = torch.randn(n_out, n_in, 1, 1, 1), 3 * torch.rand(n_out, 1, 1, 1, 1)
    return v.requires_grad_(), g.requires_grad_(), torch.randn(n_in, n_out)


def gradients(weight, v, g, rows):
    return torch.autograd.grad(weight, (v, g), rows.t().reshape(v.shape), retain_graph=True)


def distance(ours, theirs):
    return ((ours - theirs).abs().max() / theirs.abs().max()).item()


@pytest.mark.parametrize(("n_out", "n_in"), [(1, 1), (3, 1), (1, 40), (31, 15), (64, 16), (65, 33), (130, 1025)])
def test_weights_and_gradients_are_those_of_torch(n_out, n_in):
    v, g, rows = drawn(n_out, n_in)
    weight = normalise(v, g)
    assert torch.equal(weight, torch._weight_norm(v, g, 0))
    exact = [tensor.detach().double().requires_grad_() for tensor in (v, g)]
    expected = gradients(torch._weight_norm(*exact, 0), *exact, rows.double())
    by_inputs, by_outputs = gradients(weight, v, g, rows), gradients(weight, v, g, rows.t().contiguous().t())
    for ours in (by_inputs, by_outputs):
        assert [tensor.shape for tensor in ours] == [v.shape, g.shape]
        # one weight alone keeps its direction: the exact gradient of v is 0
        assert n_in == 1 or all(distance(*pair) < ROUNDING for pair in zip(ours, expected, strict=True))
        assert distance(ours[1], expected[1]) < ROUNDING


def test_the_number_of_threads_changes_no_bit(monkeypatch):
    v, g, rows = drawn(300, 3400)
    weight, found = normalise(v, g), []
    for threads in (1, 2, 3):
        monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", threads)
        found.append(gradients(weight, v, g, rows))
    assert all(torch.equal(*pair) for other in found[1:] for pair in zip(found[0], other, strict=True))


def test_only_what_learns_gets_a_gradient():
    v, g, rows = drawn(5, 20)
    normalise(v, g.detach()).backward(rows.t().reshape(v.shape))
    assert v.grad.is_contiguous()
    assert g.grad is None
    assert not normalise(v.detach(), g.detach()).requires_grad


def test_the_gradient_has_gradients():
    found = []
    for kind in (torch.float32, torch.float64):
        v, g, rows = (tensor.detach().to(kind).requires_grad_() for tensor in drawn(5, 20))
        weight = normalise(v, g) if kind == torch.float32 else g * v / v.flatten(1).norm(dim=1).view_as(g)
        first = torch.autograd.grad(weight, (v, g), rows.t().reshape(v.shape), create_graph=True)
        found.append(torch.autograd.grad(sum((tensor**3).sum() for tensor in first), (v, g, rows)))
    assert all(distance(*pair) < ROUNDING for pair in zip(*found, strict=True))
