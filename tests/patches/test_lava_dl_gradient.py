"""The gradient of learnable decays in plain lava-dl: wrong without the patch, right with it."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import pytest

import patches

torch = pytest.importorskip("torch")
patches.apply("modern-python")
leaky_integrator = pytest.importorskip("lava.lib.dl.slayer.neuron.dynamics.leaky_integrator")
cuba = importlib.import_module("lava.lib.dl.slayer.neuron.cuba")

PATCH = "lava-dl-decay-gradient"
# integers per real unit: so many that their rounding is lost beside the differences taken below
FINE = 1 << 18
LOIHI = 1 << 12


@pytest.fixture(autouse=True)
def unpatched(as_it_was: None) -> Iterator[None]:
    patches.revert("lava-dl-fixes")
    yield
    patches.revert("lava-dl-fixes")


def case(shape: tuple[int, ...], seed: int = 5) -> tuple[Any, Any, Any]:
    """An input, a cotangent of the output and an initial state, in float64."""
    generator = torch.Generator().manual_seed(seed)
    x, cotangent = (torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(2))
    return x, cotangent, torch.randn(shape[:-1], generator=generator, dtype=torch.float64)


def recurrence(x: Any, decay: Any, state: Any, resets: Any = None) -> Any:
    """y[t] = (1 - d/4096) r[t-1] + x[t] in real numbers; r is zero where ``resets`` says so."""
    keep = 1 - decay.reshape(-1, *(1,) * (x.dim() - 3)) / 4096
    y, rest = [], state
    for t in range(x.shape[-1]):
        y.append(keep * rest + x[..., t])
        rest = y[-1] if resets is None else y[-1] * ~resets[..., t]
    return torch.stack(y, -1)


def by_differences(x: Any, cotangent: Any, decay: Any, state: Any) -> Any:
    """d sum(cotangent y) / d decay of the recurrence by central differences, in float64."""
    gradient = torch.zeros_like(decay)
    for i in range(decay.numel()):
        step = torch.zeros_like(decay)
        step[i] = 0.01
        ahead, behind = (recurrence(x, decay + sign * step, state) for sign in (1, -1))
        gradient[i] = ((ahead - behind) * cotangent).sum() / 0.02
    return gradient


def gradients(
    x: Any, cotangent: Any, decay: Any, state: Any, threshold: float | None = None, scale: int = FINE
) -> tuple[Any, Any, Any]:
    """lava-dl's output, and the gradients of input and decay."""
    x, decay = x.float().clone().requires_grad_(), decay.float().clone().requires_grad_()
    y = leaky_integrator.dynamics(x, decay, state.float(), scale, threshold)
    y.backward(cotangent.float())
    return y.detach(), x.grad, decay.grad


# float32 sums of some hundred terms, and integers of 1/scale in place of real numbers
CLOSE = {"rtol": 2e-4, "atol": 1e-6}


@pytest.mark.parametrize("decays", [[0.0], [700.0], [4096.0], [300.0, 1000.0, 2500.0]])
@pytest.mark.parametrize("initial", [0.0, 1.0])
def test_the_gradient_is_that_of_finite_differences(decays: list[float], initial: float) -> None:
    x, cotangent, state = case((4, 3, 30))
    state, decay = state * initial, torch.tensor(decays, dtype=torch.float64)
    wanted = by_differences(x, cotangent, decay, state)
    y, grad_x, wrong = gradients(x, cotangent, decay, state)
    if not initial:
        torch.testing.assert_close(-wrong.double() / 4096, wanted, **CLOSE)
    with patches.applied(PATCH):
        patched = gradients(x, cotangent, decay, state)
    torch.testing.assert_close(patched[2].double(), wanted, **CLOSE)
    assert torch.equal(patched[0], y)
    assert torch.equal(patched[1], grad_x)
    assert torch.equal(gradients(x, cotangent, decay, state)[2], wrong)


def test_the_initial_state_counts() -> None:
    x, cotangent = torch.zeros(1, 1, 1), torch.ones(1, 1, 1)
    state, decay = torch.full((1, 1), 3.0), torch.tensor([1024.0])
    assert gradients(x, cotangent, decay, state)[2].item() == 0
    with patches.applied(PATCH):  # y = (1 - d/4096) 3
        assert gradients(x, cotangent, decay, state)[2].item() == pytest.approx(-3 / 4096)


def test_what_a_reset_has_cleared_counts_no_more() -> None:
    # d = 0, threshold 1: y = 2 (spike), 0.5, 1 (no spike: not above), 2 (spike)
    x, cotangent = torch.tensor([[[2.0, 0.5, 0.5, 1.0]]]), torch.tensor([[[1.0, 10.0, 100.0, 1000.0]]])
    state, decay, threshold = torch.zeros(1, 1), torch.tensor([0.0]), 1 + 0.01 / LOIHI
    y, grad_x, wrong = gradients(x, cotangent, decay, state, threshold, LOIHI)
    assert y.tolist() == [[[2, 0.5, 1, 2]]]
    assert grad_x.tolist() == [[[1111, 1110, 1100, 1000]]]  # upstream's adjoint ignores the reset, and that stays so
    assert wrong.item() == 1110 * 2 + 1100 * 0.5 + 1000 * 1
    with patches.applied(PATCH):
        right = gradients(x, cotangent, decay, state, threshold, LOIHI)[2]
    assert right.item() == pytest.approx(-(1110 * 0 + 1100 * 0.5 + 1000 * 1) / 4096)


def test_with_resets_each_step_counts_from_where_the_reset_left_it() -> None:
    x, cotangent, state = case((4, 3, 30), seed=6)
    decay = torch.tensor([300.0, 1000.0, 2500.0], dtype=torch.float64)
    with patches.applied(PATCH):
        y, adjoint, right = gradients(x, cotangent, decay, state, 0.7 + 0.01 / LOIHI, LOIHI)
    rest, product = state, torch.zeros(4, 3, dtype=torch.float64)
    for t in range(30):
        product -= adjoint[..., t] * rest / 4096
        rest = torch.where(y[..., t] > 0.7, 0, y[..., t])
    assert (y > 0.7).float().mean() > 0.1
    torch.testing.assert_close(right.double(), product.sum(0), **CLOSE)


@pytest.mark.parametrize("decays", [[700.0], [300.0, 1000.0, 2500.0]])
def test_a_shared_decay_or_one_a_channel_learns_over_images(decays: list[float]) -> None:
    # width = channels: with one decay a channel lava-dl's CPU code broadcasts along the width
    x, cotangent, state = case((2, 3, 1, 3, 12))
    decay = torch.tensor(decays, dtype=torch.float64)
    with patches.applied(PATCH):
        shape = gradients(x, cotangent, decay, state)[2].shape
        assert shape == decay.shape
        if len(decays) == 1:
            right = gradients(x, cotangent, decay, state)[2]
            torch.testing.assert_close(right.double(), by_differences(x, cotangent, decay, state), **CLOSE)


def test_a_neuron_learns_its_decays_downhill() -> None:
    def after_training() -> float:
        torch.manual_seed(1)
        spikes = (torch.rand(4, 1, 40) < 0.2).float()
        wanted = cuba.Neuron(1000, 0.25, 0.1).dynamics(spikes)[1]
        learner = cuba.Neuron(1000, 0.25, 0.2, requires_grad=True)
        optimizer = torch.optim.Adam(learner.parameters(), lr=20)  # in 1/4096
        for _ in range(40):
            optimizer.zero_grad()
            loss = (learner.dynamics(spikes)[1] - wanted).square().mean()
            loss.backward()
            optimizer.step()
        return loss.item()

    astray = after_training()
    with patches.applied(PATCH):
        learnt = after_training()
    assert learnt < 0.05 * astray


def test_decays_that_do_not_learn_are_integrated_by_upstream_alone() -> None:
    upstream = leaky_integrator.dynamics
    x, _, state = case((1, 2, 5))
    with patches.applied(PATCH):
        assert leaky_integrator.dynamics is not upstream
        output = leaky_integrator.dynamics(x.float().requires_grad_(), torch.tensor([9.0]), state.float(), FINE)
        assert type(output.grad_fn).__name__ == "_LIDynamicsBackward"
        with torch.no_grad():
            decay = torch.tensor([9.0], requires_grad=True)
            assert leaky_integrator.dynamics(x.float(), decay, state.float(), FINE).grad_fn is None
    assert leaky_integrator.dynamics is upstream


def test_adaptive_neurons_learn_their_current_and_voltage_decays_too() -> None:
    alif = importlib.import_module("lava.lib.dl.slayer.neuron.alif")
    x, cotangent, _ = case((2, 3, 20))

    def learnt() -> list[Any]:
        neuron = alif.Neuron(1.0, 0.1, 0.25, 0.125, 0.1, 0.1, requires_grad=True)
        voltage = neuron.dynamics(x.float().requires_grad_())[1]
        voltage.backward(cotangent.float())
        return [voltage, neuron.current_decay.grad, neuron.voltage_decay.grad]

    voltage, *wrong = learnt()
    with patches.applied(PATCH):
        same, *right = learnt()
    assert torch.equal(same, voltage)
    for one, other in zip(wrong, right, strict=True):  # from rest and without resets the factor is all there is to it
        torch.testing.assert_close(other, -one / 4096, rtol=1e-4, atol=1e-7)
