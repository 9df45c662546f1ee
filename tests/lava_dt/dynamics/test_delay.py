"""Spikes on their way: the kernels against the plain loops, against torch's operations, and by hand."""

import numpy as np
import pytest
import torch

from bats_dt.kernels.threads import use_threads
from lava_dt import Timestep
from lava_dt.dynamics.delay import cpu, delayed, reference
from lava_dt.transport import transport


def signals(rng, *shape):
    """Spikes of 0 and 1, and a gradient."""
    spikes = (rng.random(shape) < 0.3).astype(np.float32)
    return spikes, rng.normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("n", [1, 31, 64, 65, 130])
@pytest.mark.parametrize("every, bins, missing", [(1, 20, 0), (4, 5, 0), (4, 5, 3), (30, 1, 29), (1, 0, 0)])
def test_the_kernels_are_the_plain_loops(n, every, bins, missing):
    rng = np.random.default_rng(n)
    steps = bins * every - missing
    later = rng.integers(0, 3 * every + 12, n)
    later[: n // 8] = rng.choice([0, -1, np.iinfo(np.int64).min, np.iinfo(np.int64).max - 1, 10**6], n // 8)
    spikes = signals(rng, 3, bins, n)[0]
    grad = signals(rng, 3, steps, n)[1]
    moved = cpu.forward(spikes, later, every, steps)
    back = cpu.backward(grad, later, every, bins)
    assert moved.shape == grad.shape and back.shape == spikes.shape
    assert np.array_equal(moved, reference.forward(spikes, later, every, steps))
    assert np.array_equal(back, reference.backward(grad, later, every, bins))
    assert np.allclose(cpu.slope(spikes, back), reference.slope(spikes, back), rtol=1e-12, atol=1e-12)
    assert np.vdot(moved, grad) == pytest.approx(np.vdot(spikes, back), rel=1e-5, abs=1e-5)  # adjoint of one another


@pytest.mark.parametrize("value", [0.5, 128.0, -129.0, np.nan, np.inf, 2.0**40])
def test_spikes_are_kept_in_bytes_where_those_hold_them(value):
    spikes = signals(np.random.default_rng(1), 2, 70, 150)[0]
    spikes[0, 1, 2], spikes[1, 2, 3] = -128, 127
    for form in (cpu, reference):
        assert form.kept(spikes).dtype == np.int8 and np.array_equal(form.kept(spikes), spikes)
    spikes[1, 69, 149] = value
    assert cpu.kept(spikes) is spikes
    if np.isfinite(value):
        assert reference.kept(spikes) is spikes


def test_a_spike_and_its_gradient_worked_by_hand():
    """Bins of 3 steps, 8 in all; 4 steps after its bin's first one, so one bin later at its second step."""
    spikes = torch.tensor([[[1.0, 2, 4]]], requires_grad=True)
    delay = torch.tensor([1.5], requires_grad=True)
    moved = delayed(spikes, delay, torch.tensor([4]), 3, 8, 3)
    assert moved.tolist() == [[[0, 0, 0, 0, 1, 0, 0, 2]]]
    (moved * torch.arange(8.0)).sum().backward()
    assert spikes.grad.tolist() == [[[4, 7, 0]]]
    assert delay.grad.tolist() == [pytest.approx((1 * (7 - 4) + 2 * (0 - 7)) / 3)]
    # the second step after the end of the last, shorter bin comes at its end
    assert delayed(spikes, None, torch.tensor([2]), 3, 8, 3).tolist() == [[[0, 0, 1, 0, 0, 2, 0, 4]]]


SHAPES = {"neurons": (4, 9), "an image": (3, 4, 5, 9), "time last": (4, 9), "channels last": (3, 4, 5, 9)}


@pytest.mark.parametrize("layout", SHAPES)
@pytest.mark.parametrize("clock, steps", [("held", 25), ("coarse", 9)])
@pytest.mark.parametrize("shared", [False, True])
def test_the_kernels_are_torchs_operations(layout, clock, steps, shared):
    shape, timestep = (2, *SHAPES[layout]), Timestep(3, clock=clock)
    spikes = (torch.rand(shape) < 0.4).float()
    if layout == "channels last":
        spikes = spikes.permute(0, 4, 2, 3, 1).contiguous().permute(0, 4, 2, 3, 1)
    elif layout != "time last":
        spikes = spikes.movedim(-1, 1).contiguous().movedim(1, -1)
    drawn = torch.rand(1 if shared else shape[1]) * 12
    weights = torch.randn(*shape[:-1], steps)
    results = []
    for kind in (torch.float32, torch.float64):
        x, delay = spikes.detach().to(kind).requires_grad_(), drawn.clone().to(kind).requires_grad_()
        moved = transport(x, timestep, steps, 1, delay)
        (moved * weights).sum().backward()
        results.append((moved.double(), x.grad.double(), delay.grad.double()))
    assert all(torch.equal(a, b) for a, b in zip(results[0][:2], results[1][:2], strict=True))
    assert torch.allclose(results[0][2], results[1][2], rtol=1e-6, atol=1e-6)
    assert results[0][0].sum() > 0 and results[0][2].abs().min() > 0


@pytest.mark.parametrize("shape", [(2, 4, 9), (2, 3, 4, 5, 9)])
def test_the_order_of_memory_changes_nothing(shape):
    spikes, delay = (torch.rand(shape) < 0.4).float(), (torch.rand(shape[1]) * 5).requires_grad_()
    weights = torch.randn(shape)
    gradients = []
    for axes in ((0, *range(1, len(shape))), (0, len(shape) - 1, *range(1, len(shape) - 1))):
        lying = spikes.permute(axes).contiguous().permute([axes.index(axis) for axis in range(len(shape))])
        assert torch.equal(lying, spikes)
        moved = transport(lying, Timestep(2, clock="coarse"), shape[-1], 1, delay)
        gradients.append(torch.autograd.grad((moved * weights).sum(), delay)[0])
    assert torch.equal(*gradients)


def test_the_number_of_threads_changes_no_bit():
    rng = np.random.default_rng(3)
    spikes, grad = signals(rng, 32, 300, 513)
    later = rng.integers(0, 40, 513)
    results = []
    for threads in (1, 2, 3):
        with use_threads(threads):
            back = cpu.backward(grad, later, 1, 300)
            kept = cpu.kept(spikes)
            results.append((cpu.forward(spikes, later, 1, 300), back, kept, cpu.slope(kept, back)))
    assert all(np.array_equal(a, b) for other in results[1:] for a, b in zip(results[0], other, strict=True))


def test_spikes_are_kept_only_for_a_delay_that_learns():
    spikes = torch.ones(1, 2, 5, requires_grad=True)
    for delay, count in ((None, 0), (torch.ones(2), 0), (torch.ones(2, requires_grad=True), 2)):
        assert len(delayed(spikes, delay, torch.tensor([1, 2]), 1, 5, 1).grad_fn.saved_tensors) == count


@pytest.mark.parametrize("delay", [float("inf"), 1e30, 5.0])
def test_spikes_with_delays_beyond_the_recording_are_lost(delay):
    for clock, steps in (("held", 10), ("coarse", 5)):
        spikes = torch.ones(1, 2, 5, requires_grad=True)
        later = torch.tensor([0.0, 2 * delay], requires_grad=True)
        moved = transport(spikes, Timestep(2, clock=clock), steps, 0, later)
        moved.sum().backward()
        assert moved[0, 0].sum() == 5 and (moved[0, 1] == 0).all()
        assert spikes.grad[0].tolist() == [[1] * 5, [0] * 5] and later.grad.tolist() == [-0.5, 0]


def test_what_does_not_fit_is_refused_in_words():
    spikes = torch.ones(1, 3, 5)
    with pytest.raises(TypeError, match=r"the spikes are torch.float64 on cpu: the kernels take float32 on the CPU"):
        delayed(spikes.double(), None, torch.tensor([1]), 1, 5, 1)
    with pytest.raises(ValueError, match=r"later has 2 values but the spikes \(1, 3, 5\) have 3 channels: give one"):
        delayed(spikes, None, torch.tensor([1, 2]), 1, 5, 1)
    with pytest.raises(ValueError, match=r"5 bins of 3 steps do not make up 16 steps"):
        delayed(spikes, None, torch.tensor([1]), 3, 16, 3)


def test_spikes_that_change_before_the_delays_learn_from_them_are_refused():
    fired = torch.rand(2, 20, 3, generator=torch.Generator().manual_seed(0)) < 0.3
    spikes = 0.5 * fired.float().transpose(1, 2)  # as blocks return them: their memory is read where it lies
    delay = torch.tensor([1.0, 2, 3], requires_grad=True)
    moved = transport(spikes, Timestep(), 20, 0, delay)
    spikes.zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        moved.sum().backward()
