import numpy as np
import pytest
import torch
from lava.lib.dl.slayer.neuron.dynamics import leaky_integrator as upstream

from lava_dt.dynamics import leaky_integrator
from lava_dt.dynamics.integrator import cpu, reference

SCALE = 1 << 12


def random_case(seed, channels=3, steps=50, dtype=np.float32):
    generator = np.random.default_rng(seed)
    x = (generator.integers(-400, 400, (2, channels, 2, steps)) / 64).astype(dtype)
    decay = generator.integers(0, 4097, channels)
    state = generator.integers(-(1 << 14), 1 << 14, (2, channels, 2))
    threshold = generator.integers(1, 1 << 14, channels)
    return x, decay, state, threshold


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("channels", [1, 31, 32, 33])
def test_the_fast_kernels_give_the_bits_of_the_reference(soft, dtype, channels):
    x, decay, state, threshold = random_case(channels, channels, dtype=dtype)
    fast = cpu.forward(x, decay, state, SCALE, threshold, soft)
    assert np.array_equal(fast, reference.forward(x, decay, state, SCALE, threshold, soft))
    assert (fast * SCALE > threshold[:, None, None]).any()
    keep = (1 - decay / 4096).astype(dtype)
    grad = np.random.default_rng(0).standard_normal(x.shape).astype(dtype)
    assert np.array_equal(cpu.backward(grad, keep), reference.backward(grad, keep))


def test_the_integers_worked_by_hand():
    # decay 1024: three quarters are kept, rounded toward zero: 7 -> 5.25 -> 5, -7 -> -5; 5 + 3 = 8 > 7 resets
    x = torch.tensor([[[7.0, 3.0, 0.0], [-7.0, 0.0, 0.0]]]) / SCALE
    arguments = (torch.tensor([1024.0]), torch.zeros(1), SCALE, torch.tensor([7]))
    assert (leaky_integrator(x, *arguments) * SCALE).tolist() == [[[7, 8, 0], [-7, -5, -3]]]
    assert (leaky_integrator(x, *arguments, soft_reset=True) * SCALE).tolist() == [[[7, 8, 0], [-7, -5, -3]]]
    twice = torch.tensor([[[16.0, 0.0, 0.0]]]) / SCALE
    assert (leaky_integrator(twice, *arguments, soft_reset=True) * SCALE).tolist() == [[[16, 6, 4]]]


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("threshold", [None, 1.25])
def test_values_and_input_gradients_are_lava_dls_bit_for_bit(per_channel, threshold):
    x = torch.randint(-300, 300, (3, 5, 80)) / 64
    decay = torch.randint(0, 4097, (5 if per_channel else 1,)).float()
    state = torch.randint(-4096, 4096, (3, 5)) / SCALE
    upstream_decay = decay.reshape(-1, 1)[:, 0] if per_channel else decay
    ours, theirs = (x.clone().requires_grad_() for _ in range(2))
    level = None if threshold is None else torch.tensor([int(threshold * 64) << 6])
    y = leaky_integrator(ours, decay, state, SCALE, level)
    if per_channel:
        rows = [
            upstream.dynamics(
                theirs[:, c : c + 1],
                upstream_decay[c : c + 1],
                state[:, c : c + 1],
                SCALE,
                None if threshold is None else threshold + 0.01 / SCALE,
            )
            for c in range(5)
        ]
        expected = torch.cat(rows, 1)
    else:
        expected = upstream.dynamics(
            theirs, decay, state, SCALE, None if threshold is None else threshold + 0.01 / SCALE
        )
    assert torch.equal(y, expected)
    cotangent = torch.randn(y.shape)
    y.backward(cotangent)
    expected.backward(cotangent)
    assert torch.equal(ours.grad, theirs.grad)


@pytest.mark.parametrize("per_channel", [False, True])
def test_the_gradient_of_the_decay_is_that_of_the_smooth_recurrence(per_channel):
    """Integers so fine (scale 2^40) that central differences see the smooth recurrence."""
    scale = 1 << 40
    x = torch.rand(2, 3, 30, dtype=torch.float64)
    state = torch.rand(2, 3, dtype=torch.float64)
    decay = torch.full((3 if per_channel else 1,), 700.0, dtype=torch.float64, requires_grad=True)
    cotangent = torch.randn(2, 3, 30, dtype=torch.float64)

    def value(d):
        return (leaky_integrator(x, d, state, scale) * cotangent).sum()

    value(decay).backward()
    for i in range(decay.numel()):
        h = torch.zeros_like(decay)
        h[i] = 1
        # float32 division in the kernel limits the quotient to about 1e-5
        difference = (value((decay + h).detach()) - value((decay - h).detach())) / 2
        assert decay.grad[i].item() == pytest.approx(difference.item(), rel=2e-3)


def test_the_gradient_of_the_decay_sees_the_state_after_the_reset():
    x = torch.tensor([[[2.0, 0.5, 0.5]]])
    for soft, after in ((False, 0.0), (True, 1.5)):
        decay = torch.tensor([2048.0], requires_grad=True)
        level = torch.tensor([int(1.0 * SCALE)])
        y = leaky_integrator(x, decay, torch.ones(1, 1), SCALE, level, soft)
        y[..., 1].sum().backward()
        # y0 = 0.5 + 2 = 2.5 > 1: after the reset 0 or 1.5; y1 depends on the decay through it and (reset ignored) on y0
        expected = -(after + 0.5 * 1.0) / 4096
        assert decay.grad.item() == pytest.approx(expected)


def test_lava_dls_gradient_of_the_decay_is_minus_4096_times_the_true_one():
    x = torch.rand(2, 3, 30)
    grads = []
    for integrator in (leaky_integrator, upstream.dynamics):
        decay = torch.tensor([700.0], requires_grad=True)
        integrator(x, decay, torch.zeros(1), SCALE).sum().backward()
        grads.append(decay.grad.item())
    assert grads[1] / grads[0] == pytest.approx(-4096, rel=1e-4)


def test_no_steps_and_no_overflow():
    empty = leaky_integrator(torch.zeros(1, 2, 0), torch.tensor([1024.0]), torch.zeros(1), SCALE)
    assert empty.shape == (1, 2, 0)
    strong = torch.full((1, 1, 400), -4000.0)  # far beyond 2**19 / 4096, where 32-bit products overflow
    y = leaky_integrator(strong, torch.tensor([16.0]), torch.zeros(1), SCALE)
    assert (y < 0).all() and torch.isfinite(y).all()


@pytest.mark.parametrize(
    ("x", "decay", "state", "error", "says"),
    [
        (torch.zeros(1, 2, 3, dtype=torch.float16), 1, 1, TypeError, "float16: the integrator takes float32"),
        (torch.zeros(2, 3), 1, 1, ValueError, r"needs \(batch, channel, ..., time\)"),
        (torch.zeros(1, 2, 3), 3, 1, ValueError, "decay has 3 values but the input .* has 2 channels"),
        (torch.zeros(1, 2, 3), 1, 5, ValueError, r"state has shape \(5,\): it must be \(1, 2\)"),
        (
            torch.zeros(1, 2, 3, device="meta"),
            1,
            1,
            RuntimeError,
            r"on meta, .* move network and input with .cpu\(\) or",
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_words(x, decay, state, error, says):
    with pytest.raises(error, match=says):
        leaky_integrator(x, torch.zeros(decay), torch.zeros(state), SCALE)
