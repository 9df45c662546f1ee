"""The CUDA kernels of the fused CuBa neurons, on the CPU and, where there is one, on a GPU."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from lava_dt.dynamics import cuba, leaky_integrator
from lava_dt.dynamics.cuba import Neurons, State, cpu, cuda, reference
from lava_dt.surrogate import spike

SCALE = 1 << 12
# Of the largest gradient: some roundings of 6e-8 each, for the surrogate multiplies in another order and its exp is
# another one.
ROUNDING = 2e-6


def neurons(n, soft=False, shared=False, level=1 << 13):
    generator = np.random.default_rng(n)
    count = 1 if shared else n
    decays = (torch.from_numpy(generator.integers(100, 4097, count)) for _ in range(2))
    threshold = torch.from_numpy(generator.integers(level // 2, level, count))
    width = torch.from_numpy(generator.uniform(0.02, 2, count))
    return Neurons(*decays, threshold, SCALE, soft, width, 3.0)


def random_case(n, steps=21, hop=1, batch=2, size=4):
    generator = np.random.default_rng(n + steps)
    drive = torch.from_numpy((generator.integers(-size * 32, size * 48, (batch, steps, n)) / 32).astype(np.float32))
    current, voltage = (torch.from_numpy(generator.integers(-(1 << 14), 1 << 14, (batch, n))) for _ in range(2))
    tail = torch.from_numpy(generator.integers(0, 2, (batch, hop, n)).astype(np.float32))
    return drive, State(current, voltage, tail)


def moved(where, what):
    """A dataclass of tensors on another device."""
    values = {name: value.to(where) for name, value in vars(what).items() if isinstance(value, torch.Tensor)}
    return replace(what, **values)


@pytest.fixture
def forward(where):
    """`cuda.forward` on tensors of the CPU."""

    def on_the_cpu(drive, neurons, state, save=True):
        spikes, after, voltage = cuda.forward(drive.to(where), moved(where, neurons), moved(where, state), save)
        return spikes.cpu(), moved("cpu", after), None if voltage is None else voltage.cpu()

    return on_the_cpu


@pytest.fixture
def backward(where):
    """`cuda.backward` on tensors of the CPU."""
    return lambda grad, voltage, neurons, hop: cuda.backward(
        grad.to(where), voltage.to(where), moved(where, neurons), hop
    ).cpu()


def composed(drive, neurons, state):
    """Current, voltage and spikes by the operators that take one state each, (batch, neuron, time); no hop."""
    x = drive.movedim(1, -1)
    before = [(value / SCALE).float() for value in (state.current, state.voltage)]
    current = leaky_integrator(x, neurons.current_decay, before[0], SCALE)
    voltage = leaky_integrator(current, neurons.voltage_decay, before[1], SCALE, neurons.threshold, neurons.soft_reset)
    level = neurons.threshold.reshape(-1, 1)
    return voltage, spike(voltage, level, SCALE, neurons.surrogate_width.reshape(-1, 1), neurons.surrogate_scale)


def assert_close(grad, expected):
    torch.testing.assert_close(grad, expected, rtol=0, atol=ROUNDING * expected.abs().max().item())


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("n", [1, 31, 32, 33, 1025])
def test_they_do_what_two_integrators_and_the_spike_function_do(forward, backward, soft, n):
    drive, state = random_case(n, hop=0)
    cells = neurons(n, soft)
    drive.requires_grad_()
    voltage, fired = composed(drive, cells, state)
    spikes, _, saved = forward(drive.detach(), cells, state)
    assert torch.equal(saved, voltage.detach().movedim(-1, 1) * SCALE)
    assert torch.equal(spikes, fired.detach().movedim(-1, 1))
    assert n == 1 or 0.01 < spikes.mean() < 0.99
    cotangent = torch.randn(drive.shape)
    fired.backward(cotangent.movedim(1, -1))
    grad = backward(cotangent, saved, cells, 0)
    assert_close(grad, drive.grad)


@pytest.mark.parametrize("other", [cpu, reference], ids=["cpu", "reference"])
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("shared", [False, True])
def test_they_give_the_bits_of_the_cpu_and_the_reference(forward, backward, other, soft, shared):
    drive, state = random_case(33, hop=3)
    cells = neurons(33, soft, shared)
    spikes, after, voltage = forward(drive, cells, state)
    expected, expected_after, expected_voltage = other.forward(drive, cells, state, True)
    assert torch.equal(spikes, expected) and torch.equal(voltage, expected_voltage)
    assert all(torch.equal(getattr(after, name), getattr(expected_after, name)) for name in vars(after))
    grad = torch.randn(drive.shape)
    assert_close(backward(grad, voltage, cells, 3), other.backward(grad, voltage, cells, 3))


@pytest.mark.parametrize("hop", [0, 1, 3, 30])
@pytest.mark.parametrize("steps", [1, 7, 8, 9, 21])
def test_spikes_arrive_a_hop_later_and_what_is_left_in_the_next_call(forward, backward, hop, steps):
    drive, state = random_case(5, steps, hop)
    cells = neurons(5, shared=True)
    fired, _, saved = forward(drive, cells, State(state.current, state.voltage, state.tail[:, :0]))
    spikes, after, _ = forward(drive, cells, state)
    everything = torch.cat([state.tail, fired], 1)
    assert torch.equal(spikes, everything[:, :steps]) and torch.equal(after.tail, everything[:, steps:])
    grad = torch.randn(2, steps, 5)
    of_fired = torch.cat([grad[:, hop:], torch.zeros(2, min(hop, steps), 5)], 1)
    assert torch.equal(backward(grad, saved, cells, hop), backward(of_fired, saved, cells, 0))


@pytest.mark.parametrize("soft", [False, True])
def test_two_calls_are_one(forward, soft):
    drive, state = random_case(33, 40, hop=2)
    cells = neurons(33, soft)
    at_once = forward(drive, cells, state)
    first = forward(drive[:, :17].contiguous(), cells, state)
    second = forward(drive[:, 17:].contiguous(), cells, first[1])
    assert torch.equal(torch.cat([first[0], second[0]], 1), at_once[0])
    assert torch.equal(torch.cat([first[2], second[2]], 1), at_once[2])
    for name in ("current", "voltage", "tail"):
        assert torch.equal(getattr(second[1], name), getattr(at_once[1], name))


def test_the_neuron_worked_by_hand(forward):
    # u loses a quarter, v half, toward zero: u = 9, 6, 4, 3; v = 9 > 8 -> 0, 6, 3 + 4 = 7, 3 + 3 = 6
    one = torch.tensor([1024]), torch.tensor([2048]), torch.tensor([8])
    drive = torch.tensor([9.0, 0.0, 0.0, 0.0]).reshape(1, 4, 1) / SCALE
    cells = Neurons(*one, SCALE, False, torch.ones(1, dtype=torch.float64), 1.0)
    spikes, after, voltage = forward(drive, cells, State.rest(1, 1, 1, torch.device("cpu")))
    assert voltage.flatten().tolist() == [9, 6, 7, 6]
    assert spikes.flatten().tolist() == [0, 1, 0, 0]
    assert (after.current.item(), after.voltage.item(), after.tail.item()) == (3, 6, 0)


def test_states_far_beyond_32_bits_are_exact_but_for_lava_dls_rounding_of_the_current(forward):
    drive, state = random_case(6, 300, size=1 << 24)
    cells = neurons(6, soft=True, level=1 << 42)
    spikes, after, saved = forward(drive, cells, state)
    keep = [4096 - decay.numpy() for decay in (cells.current_decay, cells.voltage_decay)]
    u, v = state.current.numpy(), state.voltage.numpy()
    for t in range(300):
        u = np.sign(u) * (np.abs(u).astype(object) * keep[0] >> 12).astype(np.int64)
        u += (drive[:, t].numpy() * np.float32(SCALE)).astype(np.int64)
        v = np.sign(v) * (np.abs(v).astype(object) * keep[1] >> 12).astype(np.int64)
        v += u.astype(np.float32).astype(np.int64)
        assert np.array_equal(saved[:, t].numpy(), v.astype(np.float32))
        v -= np.where(v > cells.threshold.numpy(), cells.threshold.numpy(), 0)
    assert np.array_equal(after.current, u) and np.array_equal(after.voltage, v)
    assert spikes.any() and saved.abs().max() > 1 << 40


def test_voltages_are_saved_only_when_asked_for(forward):
    drive, state = random_case(33)
    saved, unsaved = (forward(drive, neurons(33), state, save) for save in (True, False))
    assert torch.equal(saved[0], unsaved[0]) and unsaved[2] is None


def test_repeated_runs_have_equal_bits(forward, backward):
    drive, state = random_case(1025)
    cells = neurons(1025)
    runs = [forward(drive, cells, state) for _ in range(2)]
    grad = torch.randn(drive.shape)
    gradients = [backward(grad, run[2], cells, 1) for run in runs]
    assert torch.equal(runs[0][0], runs[1][0]) and torch.equal(*gradients)


def test_the_operator_on_a_device_is_the_operator_on_the_cpu(where, monkeypatch):
    drive, state = random_case(33, 30, hop=2)
    cotangent = torch.randn(drive.shape)

    def results(place):
        given = drive.to(place).requires_grad_()
        spikes, after = cuba.respond(given.movedim(1, 2).contiguous().movedim(2, 1), moved(place, neurons(33)),
                                     moved(place, state), hop=2)  # fmt: skip
        spikes.backward(cotangent.to(place))
        return spikes.detach().cpu(), moved("cpu", after), given.grad.cpu()

    expected = results("cpu")
    monkeypatch.setattr(cuba, "cpu", cuda)
    spikes, after, grad = results(where)
    assert torch.equal(spikes, expected[0]) and torch.equal(after.tail, expected[1].tail)
    assert torch.equal(after.current, expected[1].current) and torch.equal(after.voltage, expected[1].voltage)
    assert_close(grad, expected[2])
