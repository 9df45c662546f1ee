"""Products on tensor cores: what they are fed is the spikes, or nothing; on the CPU and, if there is one, on a GPU."""

import pytest
import torch

from lava_dt.synapse import tensor_cores
from lava_dt.synapse.plan import snapped, whole


@pytest.fixture(autouse=True)
def a_wide_result_on_the_cpu(request, monkeypatch):
    if "on a GPU" not in request.node.name:  # torch has it for GPUs only
        monkeypatch.setattr(tensor_cores, "_wide", lambda spikes, weight: spikes.float() @ weight.float())
    elif not tensor_cores.AVAILABLE:
        pytest.skip("this torch has no product of narrow numbers with a wide result")


def counts(*shape):
    return torch.randint(0, 257, shape).float()


@pytest.mark.parametrize("steps", [1, 7, 8, 12, 20, 33])
@pytest.mark.parametrize("n", [1, 33, 70])
def test_spikes_keep_their_values_and_get_time_before_neurons(where, n, steps):
    x = counts(3, n, steps).to(where)
    for given in (x, x.movedim(1, 2).contiguous().movedim(2, 1)):
        spikes = tensor_cores.narrowed(given)
        assert spikes.dtype == torch.bfloat16 and spikes.is_contiguous()
        assert torch.equal(spikes.float(), x.transpose(1, 2))


def test_a_piece_of_a_tensor_need_not_begin_at_16_bytes(where):
    x = counts(2 * 5 * 8 + 1).to(where)[1:].reshape(2, 5, 8)
    assert x.is_contiguous() and x.data_ptr() % 16
    assert torch.equal(tensor_cores.narrowed(x).float(), x.transpose(1, 2))


@pytest.mark.parametrize("value", [0.5, -1.25, 257.0, 1e-30, float("nan")])
def test_what_bfloat16_would_change_is_refused_wherever_it_stands(where, value):
    for at in ((0, 0, 0), (1, 39, 18), (1, 0, 19)):
        x = counts(2, 40, 20)
        x[at] = value
        assert tensor_cores.narrowed(x.to(where)) is None
        assert tensor_cores.narrowed(x.movedim(1, 2).contiguous().movedim(2, 1).to(where)) is None


def test_whole_numbers_of_eight_bits_and_any_sign_are_not_refused(where):
    x = torch.tensor([0.0, -0.0, 1, -3, 255, 256, -256, 258, 1024]).reshape(1, 3, 3)
    assert torch.equal(tensor_cores.narrowed(x.to(where)).cpu().float(), x.transpose(1, 2))


def test_the_product_and_its_gradients_are_those_of_float32(where):
    x, weight = counts(3, 70, 21), torch.randint(-128, 128, (13, 70)) / 32
    cotangent = torch.randn(3, 21, 13)

    def outcome(multiply, place):
        given, weights = x.to(place).requires_grad_(), weight.to(place).requires_grad_()
        drive = multiply(given, weights)
        drive.backward(cotangent.to(place))
        return drive.detach().cpu(), given.grad.cpu(), weights.grad.cpu()

    found = outcome(lambda x, w: tensor_cores.product(x, w, tensor_cores.narrowed(x.detach())), where)
    expected = outcome(lambda x, w: torch.matmul(x.transpose(1, 2), w.t()), "cpu")
    assert torch.equal(found[0], expected[0])
    for grad, wanted in zip(found[1:], expected[1:], strict=True):
        torch.testing.assert_close(grad, wanted, rtol=0, atol=1e-5 * wanted.abs().max().item())


def test_whole_numbers_are_told_from_others():
    x = counts(3, 5, 4)
    assert whole(x) and not whole(x + 0.5) and not whole(x * float("nan"))


def test_the_rounding_of_a_fast_convolution_is_taken_back():
    exact = torch.tensor([0.0, 1 / 32, -3.0, 100 / 32])
    drive = (exact + torch.tensor([1e-6, -2e-6, 3e-6, 1e-4])).requires_grad_()
    assert torch.equal(snapped(drive, 1 / 32), exact)
    snapped(drive, 1 / 32).sum().backward()
    assert torch.equal(drive.grad, torch.ones(4))
