"""The GPU's kernels of the leaky integrator, run on the CPU; `test_on_a_gpu` runs them on a device."""

import numpy as np
import pytest
import torch

from lava_dt.dynamics import integrator, leaky_integrator
from lava_dt.dynamics.integrator import cpu, cuda, reference

SCALE = 1 << 12


def random_case(n, steps=21, batch=2, dtype=np.float32, rest=1, largest=400, one_parameter=False):
    generator = np.random.default_rng(n)
    channels = n // rest
    parameters = 1 if one_parameter else channels
    x = (generator.integers(-largest, largest, (batch, channels, rest, steps)) / 64).astype(dtype)
    decay = generator.integers(0, 4097, parameters)
    state = generator.integers(-(1 << 14), 1 << 14, (batch, channels, rest))
    threshold = generator.integers(0, 1 << 14, parameters)
    return x, decay, state, threshold


def on_cuda(x, decay, state, scale, threshold, soft):
    tensors = (torch.from_numpy(array) for array in (x, decay, state, threshold))
    x, decay, state, threshold = tensors
    return cuda.forward(x, decay, state, scale, threshold, soft).numpy()


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("n", "rest"), [(1, 1), (31, 1), (32, 4), (33, 3), (1025, 5)])
def test_they_give_the_bits_of_the_cpu(cuda_on_cpu, soft, dtype, n, rest):
    x, decay, state, threshold = random_case(n, dtype=dtype, rest=rest)
    expected = cpu.forward(x, decay, state, SCALE, threshold, soft)
    assert np.array_equal(on_cuda(x, decay, state, SCALE, threshold, soft), expected)
    assert (expected * SCALE > threshold[:, None, None]).any()
    keep = (1 - decay / 4096).astype(dtype)
    grad = np.random.default_rng(0).standard_normal(x.shape).astype(dtype)
    adjoint = cuda.backward(torch.from_numpy(grad), torch.from_numpy(keep)).numpy()
    assert np.array_equal(adjoint, cpu.backward(grad, keep))


@pytest.mark.parametrize("steps", [1, 7, 8, 9])
def test_they_give_the_bits_of_the_reference_for_any_number_of_steps(cuda_on_cpu, steps):
    x, decay, state, threshold = random_case(5, steps, one_parameter=True)
    y = on_cuda(x, decay, state, SCALE, threshold, True)
    assert np.array_equal(y, reference.forward(x, decay, state, SCALE, threshold, True))
    keep = np.array([0.75], np.float32)
    adjoint = cuda.backward(torch.from_numpy(x), torch.from_numpy(keep)).numpy()
    assert np.array_equal(adjoint, reference.backward(x, keep))


def test_states_far_beyond_32_bits_are_exact(cuda_on_cpu):
    x, decay, state, threshold = random_case(6, largest=1 << 28, steps=300)
    decay[:] = 3
    threshold[:] = 1 << 37
    y = on_cuda(x, decay, state, SCALE, threshold, True)
    assert np.array_equal(y, reference.forward(x, decay, state, SCALE, threshold, True))
    assert np.abs(y).max() * SCALE > 1 << 37


@pytest.mark.parametrize("blocks", [1, 3, 40])
def test_the_grid_may_be_smaller_or_larger_than_the_rows(compiled, blocks):
    x, decay, state, threshold = random_case(33, rest=1)
    by_time = np.ascontiguousarray(x[:, :, 0].transpose(0, 2, 1))
    y = np.empty_like(by_time)
    sizes = map(np.int64, (2, 33, 1, x.shape[-1], 33, 33))
    arguments = (by_time, decay, state, np.float32(SCALE), threshold, np.int32(0), y, *sizes)
    compiled(cuda.SOURCE)["forward_float32"](blocks, 16, arguments)
    expected = cpu.forward(x, decay, state, SCALE, threshold, False)
    assert np.array_equal(y.transpose(0, 2, 1), expected[:, :, 0])


def test_nothing_to_do_starts_nothing(cuda_on_cpu):
    for shape in ((0, 3, 1, 5), (2, 3, 1, 0)):
        y = on_cuda(np.zeros(shape, np.float32), *(np.zeros(n, np.int64) for n in (1,)), np.zeros(shape[:3], int), 1,
                    np.zeros(1, np.int64), False)  # fmt: skip
        assert y.shape == shape


def test_the_operator_on_a_device_is_the_operator_on_the_cpu(cuda_on_cpu, monkeypatch):
    """With the device's kernels in place of the CPU's: layouts, states and the gradients of input and decay."""
    x = torch.randint(-300, 300, (2, 3, 4, 5, 30)) / 64
    state = torch.randint(-4096, 4096, (2, 3, 4, 5)) / SCALE
    cotangent = torch.randn(x.shape)
    results = []
    for name in ("cpu", "cuda"):
        if name == "cuda":
            monkeypatch.setattr(integrator, "_forward", cuda.forward)
            monkeypatch.setattr(integrator, "_backward", cuda.backward)
        for soft in (False, True):
            given = x.clone().requires_grad_()
            decay = torch.tensor([100.0, 2000.0, 700.0], requires_grad=True)
            y = leaky_integrator(given, decay, state, SCALE, torch.tensor([5000, 3000, 9000]), soft)
            y.backward(cotangent)
            results.append((y.detach(), given.grad, decay.grad))
    for on_the_cpu, on_the_device in zip(results[:2], results[2:], strict=True):
        assert torch.equal(on_the_cpu[0], on_the_device[0]) and torch.equal(on_the_cpu[1], on_the_device[1])
        # the products are summed in another order
        torch.testing.assert_close(on_the_cpu[2], on_the_device[2], rtol=1e-5, atol=0)


def test_memory_with_time_before_the_neurons_is_not_copied(cuda_on_cpu):
    memory = torch.randn(2, 7, 6)
    x = memory.movedim(1, -1).unsqueeze(2)
    arguments = (torch.tensor([100]), torch.zeros(2, 6, 1, dtype=torch.int64), SCALE, torch.tensor([0]), False)
    y = cuda.forward(x, *arguments)
    assert y.stride() == x.stride()
    assert x.permute(0, 3, 1, 2).is_contiguous()
    assert torch.equal(y, cuda.forward(x.contiguous(), *arguments))
