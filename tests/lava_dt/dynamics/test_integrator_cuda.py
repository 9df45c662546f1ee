"""The CUDA kernels of the leaky integrator, on the CPU and, where there is one, on a GPU."""

import numpy as np
import pytest
import torch

from lava_dt.dynamics import integrator, leaky_integrator
from lava_dt.dynamics.integrator import cpu, cuda, reference

SCALE = 1 << 12


def random_case(n, steps=21, dtype=np.float32, rest=1, largest=400, one_parameter=False):
    generator = np.random.default_rng(n)
    channels = n // rest
    parameters = 1 if one_parameter else channels
    x = (generator.integers(-largest, largest, (2, channels, rest, steps)) / 64).astype(dtype)
    decay = generator.integers(0, 4097, parameters)
    state = generator.integers(-(1 << 14), 1 << 14, (2, channels, rest))
    threshold = generator.integers(0, 1 << 14, parameters)
    return x, decay, state, threshold


@pytest.fixture
def forward(where):
    """`cuda.forward` on arrays."""

    def on_arrays(x, decay, state, scale, threshold, soft):
        x, decay, state, threshold = (torch.from_numpy(array).to(where) for array in (x, decay, state, threshold))
        return cuda.forward(x, decay, state, scale, threshold, soft).cpu().numpy()

    return on_arrays


@pytest.fixture
def backward(where):
    """`cuda.backward` on arrays."""
    return lambda *arrays: cuda.backward(*(torch.from_numpy(array).to(where) for array in arrays)).cpu().numpy()


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("n", "rest"), [(1, 1), (31, 1), (32, 4), (33, 3), (1025, 5)])
def test_they_give_the_bits_of_the_cpu(forward, backward, soft, dtype, n, rest):
    x, decay, state, threshold = random_case(n, dtype=dtype, rest=rest)
    expected = cpu.forward(x, decay, state, SCALE, threshold, soft)
    assert np.array_equal(forward(x, decay, state, SCALE, threshold, soft), expected)
    assert (expected * SCALE > threshold[:, None, None]).any()
    keep = (1 - decay / 4096).astype(dtype)
    grad = np.random.default_rng(0).standard_normal(x.shape).astype(dtype)
    assert np.array_equal(backward(grad, keep), cpu.backward(grad, keep))


@pytest.mark.parametrize("steps", [1, 7, 8, 9])
def test_they_give_the_bits_of_the_reference_for_any_number_of_steps(forward, backward, steps):
    x, decay, state, threshold = random_case(5, steps, one_parameter=True)
    expected = reference.forward(x, decay, state, SCALE, threshold, True)
    assert np.array_equal(forward(x, decay, state, SCALE, threshold, True), expected)
    keep = np.array([0.75], np.float32)
    assert np.array_equal(backward(x, keep), reference.backward(x, keep))


def test_states_far_beyond_32_bits_are_exact(forward):
    x, decay, state, threshold = random_case(6, largest=1 << 28, steps=300)
    decay[:] = 3
    threshold[:] = 1 << 37
    y = forward(x, decay, state, SCALE, threshold, True)
    assert np.array_equal(y, reference.forward(x, decay, state, SCALE, threshold, True))
    assert np.abs(y).max() * SCALE > 1 << 37


def test_without_samples_or_steps_nothing_is_started(forward):
    one = np.zeros(1, np.int64)
    for shape in ((0, 3, 1, 5), (2, 3, 1, 0)):
        assert forward(np.zeros(shape, np.float32), one, np.zeros(shape[:3], np.int64), 1, one, False).shape == shape


@pytest.mark.parametrize("blocks", [1, 3, 40])
def test_the_grid_may_be_smaller_or_larger_than_the_rows(compiled, blocks):
    x, decay, state, threshold = random_case(33)
    by_time = np.ascontiguousarray(x[:, :, 0].transpose(0, 2, 1))
    y = np.empty_like(by_time)
    sizes = map(np.int64, (2, 33, 1, x.shape[-1], 33, 33))
    arguments = (by_time, decay, state, np.float32(SCALE), threshold, np.int32(0), y, *sizes)
    compiled(cuda.SOURCE)["forward_float32"](blocks, 16, arguments)
    expected = cpu.forward(x, decay, state, SCALE, threshold, False)
    assert np.array_equal(y.transpose(0, 2, 1), expected[:, :, 0])


def test_the_operator_on_a_device_is_the_operator_on_the_cpu(where, monkeypatch):
    """Layouts, states, and the gradients of input and decay."""
    x = torch.randint(-300, 300, (2, 3, 4, 5, 30)) / 64
    state = torch.randint(-4096, 4096, (2, 3, 4, 5)) / SCALE
    cotangent = torch.randn(x.shape)

    def results(place, soft):
        given = x.to(place).requires_grad_()
        decay = torch.tensor([100.0, 2000.0, 700.0], device=place, requires_grad=True)
        threshold = torch.tensor([5000, 3000, 9000], device=place)
        y = leaky_integrator(given, decay, state.to(place), SCALE, threshold, soft)
        y.backward(cotangent.to(place))
        return y.detach().cpu(), given.grad.cpu(), decay.grad.cpu()

    expected = [results("cpu", soft) for soft in (False, True)]
    monkeypatch.setattr(integrator, "_forward", cuda.forward)
    monkeypatch.setattr(integrator, "_backward", cuda.backward)
    for soft in (False, True):
        y, grad_x, grad_decay = results(where, soft)
        assert torch.equal(y, expected[soft][0]) and torch.equal(grad_x, expected[soft][1])
        # the products are summed in another order
        torch.testing.assert_close(grad_decay, expected[soft][2], rtol=1e-5, atol=0)


def test_memory_with_time_before_the_neurons_is_not_copied(where):
    memory = torch.randn(2, 7, 6, device=where)
    x = memory.movedim(1, -1).unsqueeze(2)
    one = torch.tensor([100], device=where)
    y = cuda.forward(x, one, torch.zeros(2, 6, 1, dtype=torch.int64, device=where), SCALE, one * 0, False)
    assert x.permute(0, 3, 1, 2).is_contiguous() and y.stride() == x.stride()


@pytest.mark.gpu
def test_the_operator_finds_its_device_and_its_stream(torch_gpu):
    x = torch.randn(4, 7, 100)
    arguments = (torch.tensor([300]), torch.zeros(1), SCALE, torch.tensor([2000]))
    expected = leaky_integrator(x, *arguments)
    moved = [given.to(torch_gpu) if isinstance(given, torch.Tensor) else given for given in (x, *arguments)]
    with torch.cuda.stream(torch.cuda.Stream()):
        doubled = moved[0] * 2 / 2  # on the same stream: not awaited by the host
        y = leaky_integrator(doubled, *moved[1:])
        assert torch.equal(y.cpu(), expected)


@pytest.mark.gpu
def test_tensors_on_several_devices_are_refused_in_words(torch_gpu):
    with pytest.raises(ValueError, match=r"the tensors are on cpu and cuda:0: .* must be on one device; move"):
        leaky_integrator(
            torch.randn(1, 2, 3, device=torch_gpu), torch.tensor([300]), torch.zeros(1, device=torch_gpu), SCALE
        )
