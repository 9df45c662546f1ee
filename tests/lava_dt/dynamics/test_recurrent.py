"""The recurrent layer: kernels against plain loops, gradients against float64 autograd and finite differences."""

import numba
import numpy as np
import pytest
import torch

from lava_dt.dynamics import recurrent
from lava_dt.dynamics.recurrent import Cells, cpu, reference
from lava_dt.dynamics.recurrent.arrivals import arrivals
from lava_dt.events import events_of

HAND = Cells(
    torch.tensor([4096.0]), torch.tensor([2048.0]), torch.tensor([4096]), 4096, False, torch.tensor([1.0]), 1.0
)


def layer(n, per_neuron=False, soft=False, scale=4096, threshold=1.25):
    """Neurons with decays that may differ, and recurrent weights in 8 bits that keep about a third of them firing."""
    draw = torch.Generator().manual_seed(n)
    size = n if per_neuron else 1
    cells = Cells(
        torch.randint(300, 4097, (size,), generator=draw).float(),
        torch.randint(0, 800, (size,), generator=draw).float(),
        torch.full((1,), int(threshold * 64)) * (scale // 64),
        scale,
        soft,
        torch.rand(size, generator=draw, dtype=torch.float64) + 1,
        0.3,
    )
    weights = torch.randint(-40, 40, (n, n), generator=draw) / 32 / n**0.5
    return cells, torch.round(weights * 32) / 32


def random(*shape, seed=1):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def drive_for(batch, steps, n):
    return torch.round(random(batch, steps, n, seed=2) * 32) / 32 + 0.125


def states(batch, n):
    """Whole numbers over the scale, as every state is."""
    return [torch.round(random(batch, n, seed=seed) * 4096) / 4096 for seed in (3, 4)]


def test_a_spike_comes_back_one_step_later_through_the_weights_worked_by_hand():
    """Neuron 0 is driven to 2 at step 1 and fires, gives neuron 1 the 1.5 that makes it fire at step 2, and loses 3 to
    it at step 3; what is left of that halves."""
    drive = torch.zeros(1, 5, 2)
    drive[0, 0, 0] = 2
    weights = torch.tensor([[0.0, -3], [1.5, 0]])
    spikes, current, voltage, tail = recurrent.respond(drive, weights, HAND, torch.zeros(1, 2), torch.zeros(1, 2))
    assert spikes[0].tolist() == [[1, 0], [0, 1], [0, 0], [0, 0], [0, 0]]
    assert current.tolist() == [[0, 0]] and voltage.tolist() == [[-0.75, 0]] and tail.shape == (1, 0, 2)
    late = recurrent.respond(drive, weights, HAND, *states(1, 2), tail=torch.tensor([[[0.0, 1]]]))
    assert late[0][0, 0].tolist() == [0, 1]


def test_the_spikes_of_the_last_step_leave_as_the_next_tail():
    drive = torch.tensor([[[0.0], [2.0]]])
    none = torch.zeros(1, 1)
    spikes, *_, tail = recurrent.respond(drive, none, HAND, none, none, tail=torch.ones(1, 1, 1))
    assert spikes.tolist() == [[[1], [0]]] and tail.tolist() == [[[1]]]


@pytest.mark.parametrize("n", [1, 31, 33])
@pytest.mark.parametrize(
    "settings, size",
    [({}, 1), ({"soft": True}, 1), ({"per_neuron": True}, 1), ({"scale": 6400, "soft": True}, 1), ({}, 30000)],
    ids=["plain", "soft", "per neuron", "scale 100", "beyond 24 bits"],
)
def test_the_kernel_gives_the_bits_of_the_plain_loops(n, settings, size):
    cells, weights = layer(n, **settings)
    decays = [decay.long().numpy() for decay in (cells.current_decay, cells.voltage_decay)]
    outcomes = []
    for forward in (reference.forward, cpu.forward):
        before = [*(state.numpy() for state in states(3, n)), np.ones((3, 1, n), np.float32)]
        drive = (drive_for(3, 20, n) * size).numpy()
        level = cells.level.numpy()
        results = forward(drive, weights.numpy(), 0.03125, *decays, level, cells.scale, cells.soft_reset, *before)
        outcomes.append([*results[:3], *before])
    for expected, given in zip(*outcomes, strict=True):
        assert np.array_equal(expected, given)
    assert n == 1 or 0.05 < outcomes[0][0].mean() < 0.95


def test_results_do_not_depend_on_the_number_of_threads(monkeypatch):
    cells, weights = layer(130)
    outcomes = []
    for threads in (1, 3):
        monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", threads)
        tensors = drive_for(5, 15, 130).requires_grad_(), weights.clone().requires_grad_()
        spikes = recurrent.respond(*tensors, cells, *states(5, 130))[0]
        spikes.backward(random(5, 15, 130))
        outcomes.append([spikes, *(tensor.grad for tensor in tensors)])
    assert all(torch.equal(*pair) for pair in zip(*outcomes, strict=True))


def plain_loop(drive, weights, current_decay, voltage_decay, cells, current, voltage, bias, tail):
    """The same network in float64 autograd: integers straight through, surrogate at the spike, reset ignored."""
    scale, level = cells.scale, cells.level.double()
    width = cells.surrogate_width

    def leak(x, y, decay):
        real = y * (1 - decay / 4096) + x
        whole = torch.trunc(torch.round(y * scale) * (4096 - decay) / 4096) + torch.trunc(x * scale)
        return real + (whole / scale - real).detach()

    current, voltage, tail = current.double(), voltage.double(), tail.double()
    seen, fired = [*tail.unbind(1)], torch.zeros_like(current)
    for x in drive.unbind(1):
        current = leak(x + fired @ weights.T + bias, current, current_decay)
        voltage = leak(current, voltage, voltage_decay)
        rho = cells.surrogate_scale / 2 / width * torch.exp(-(voltage - (level + 0.01) / scale).abs() / width)
        now = (torch.round(voltage * scale) > level).double()
        fired = now + rho.detach() * (voltage - voltage.detach())
        voltage = voltage - (now * (level / scale if cells.soft_reset else voltage)).detach()
        seen.append(fired)
    return torch.stack(seen[: drive.shape[1]], 1)


@pytest.mark.parametrize("hop", [0, 1])
@pytest.mark.parametrize("settings", [{}, {"soft": True}, {"per_neuron": True}], ids=["hard", "soft", "per neuron"])
def test_gradients_are_those_of_a_float64_loop_through_feedback_and_leaks(settings, hop):
    cells, weights = layer(33, **settings)
    drive, grad = drive_for(4, 40, 33), random(4, 40, 33)
    before, tail = states(4, 33), torch.zeros(4, hop, 33)
    inputs = [v.clone().requires_grad_() for v in (drive, weights, cells.current_decay, cells.voltage_decay)]
    with_gradient = Cells(*inputs[2:], *(getattr(cells, name) for name in list(Cells.__dataclass_fields__)[2:]))
    spikes = recurrent.respond(*inputs[:2], with_gradient, *before, 0.03125, tail)[0]
    spikes.backward(grad)
    doubles = [v.double().requires_grad_() for v in (drive, weights, cells.current_decay, cells.voltage_decay)]
    expected = plain_loop(*doubles, cells, *before, 0.03125, tail)
    expected.backward(grad.double())
    assert torch.equal(spikes, expected.float()) and 0.05 < spikes.mean() < 0.95
    for given, wanted in zip(inputs, doubles, strict=True):
        # float32 sums over 40 steps that feed on each other, against the largest entry
        assert (given.grad - wanted.grad).abs().max() < 1e-5 * wanted.grad.abs().max()


def test_the_adjoint_is_that_of_a_linear_network_by_finite_differences():
    """Without a threshold and with s = slope v everything is linear, and central differences are exact to rounding."""
    draw = np.random.default_rng(5)
    batch, steps, n = 2, 12, 5
    drive, slope, cost = (draw.normal(size=(batch, steps, n)) for _ in range(3))
    weights, keep_u, keep_v = draw.normal(size=(n, n)) / 3, draw.uniform(0.3, 1, n), draw.uniform(0.3, 1, n)

    def run(drive, weights):
        u = v = s = np.zeros((batch, n))
        seen = np.zeros_like(drive)
        for t in range(steps):
            u = keep_u * u + drive[:, t] + s @ weights.T
            v = keep_v * v + u
            s = seen[:, t] = slope[:, t] * v
        return seen

    def slopes(f, x):
        found = np.zeros_like(x)
        for i in np.ndindex(*x.shape):
            ahead, behind = x.copy(), x.copy()
            ahead[i] += 1e-5
            behind[i] -= 1e-5
            found[i] = (f(ahead) - f(behind)) / 2e-5
        return found

    given = reference.backward(cost, slope, run(drive, weights), weights, keep_u, keep_v)
    wanted = (
        slopes(lambda x: (cost * run(x, weights)).sum(), drive),
        slopes(lambda r: (cost * run(drive, r)).sum(), weights),
    )
    for a, b in zip(given, wanted, strict=True):  # 1e-11 of rounding over a step of 1e-5, times sums of many terms
        assert np.abs(a - b).max() < 1e-6 * np.abs(b).max()


@pytest.mark.parametrize("hop", [0, 1])
@pytest.mark.parametrize("share", [0.0, 1.0], ids=["dense product", "spike by spike"])
def test_the_fast_adjoint_is_the_reference_whatever_way_the_weights_gradient_is_summed(share, hop, monkeypatch):
    monkeypatch.setattr(recurrent, "SPARSE", share)
    cells, weights = layer(70)
    tensors = drive_for(3, 37, 70).requires_grad_(), weights.clone().requires_grad_()
    spikes = recurrent.respond(*tensors, cells, *states(3, 70), tail=torch.zeros(3, hop, 70))[0]
    grad = random(3, 37, 70)
    spikes.backward(grad)
    decays = [cells.current_decay.long().numpy(), cells.voltage_decay.long().numpy()]
    emitted, voltages, _ = reference.forward(
        tensors[0].detach().numpy(), weights.numpy(), 0.0, *decays, cells.level.numpy(), cells.scale, False,
        *(state.numpy() for state in states(3, 70)), np.zeros((3, 0, 70), np.float32),
    )  # fmt: skip
    width = cells.surrogate_width.item()
    slope = 0.3 / 2 / width * np.exp(-np.abs(voltages.astype(np.float64) - (cells.level.item() + 0.01) / 4096) / width)
    shifted = np.concatenate([grad[:, hop:].numpy(), np.zeros((3, hop, 70))], 1)
    wanted = reference.backward(shifted, slope, emitted, weights.numpy(), *(1 - decay / 4096 for decay in decays))
    for tensor, expected in zip(tensors, wanted, strict=True):  # float32 against float64
        assert np.abs(tensor.grad.numpy() - expected).max() < 1e-5 * np.abs(expected).max()


def test_a_voltage_far_from_the_threshold_gives_no_gradient_instead_of_a_denormal_one():
    drive = torch.full((1, 3, 1), -100.0, requires_grad=True)
    none = torch.zeros(1, 1)
    recurrent.respond(drive, none, HAND, none, none)[0].sum().backward()
    assert (drive.grad == 0).all()


@pytest.mark.parametrize("largest", [1, 3], ids=["spikes", "counts"])
def test_arrivals_are_the_product_with_the_spikes_and_its_gradients(largest):
    x = (torch.rand(3, 20, 15, generator=torch.Generator().manual_seed(1)) * 8 - 7 + largest - 1).clamp(min=0).ceil()
    x[1] = 0
    weights = torch.round(random(33, 20) * 32) / 32
    outcomes = []
    for follow in (True, False):
        a, b = x.clone().requires_grad_(), weights.clone().requires_grad_()
        drive = arrivals(events_of(a), b, a) if follow else (b @ a).transpose(1, 2)
        drive.backward(random(3, 15, 33, seed=2))
        outcomes.append([drive, a.grad, b.grad])
    assert x.max() == largest and torch.equal(outcomes[0][0], outcomes[1][0])
    for given, expected in zip(*outcomes, strict=True):  # float32 sums in another order
        assert torch.allclose(given, expected, rtol=1e-5, atol=1e-6)
    assert arrivals(events_of(torch.zeros(2, 20, 5)), weights).abs().sum() == 0


def test_shapes_that_do_not_fit_are_refused_in_words():
    none, drive = torch.zeros(1, 2), torch.zeros(1, 5, 2)
    with pytest.raises(ValueError, match=r"recurrent weights \(2, 3\): they must be \(batch, steps, n\) and \(n, n\)"):
        recurrent.respond(drive, torch.zeros(2, 3), HAND, none, none)
    with pytest.raises(ValueError, match=r"voltage has shape \(1, 3\): it must be \(1, 2\)"):
        recurrent.respond(drive, torch.zeros(2, 2), HAND, none, torch.zeros(1, 3))
    with pytest.raises(ValueError, match=r"tail has shape \(1, 6, 2\).*a hop that is no longer than the drive"):
        recurrent.respond(drive, torch.zeros(2, 2), HAND, none, none, tail=torch.zeros(1, 6, 2))
    decays = torch.zeros(3)
    cells = Cells(decays, decays, HAND.level, 4096, False, HAND.surrogate_width, 1.0)
    with pytest.raises(ValueError, match=r"current_decay has 3 values: give one, or one for each of the 2 neurons"):
        recurrent.respond(drive, torch.zeros(2, 2), cells, none, none)
