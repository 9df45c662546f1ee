"""CuBa neurons over all steps at once, from a dense drive."""

import numba
import numpy as np
import pytest
import torch
from lava.lib.dl import slayer

from lava_dt.dynamics import cuba
from lava_dt.dynamics.cuba import Neurons, State, bounds, cpu, reference, respond
from lava_dt.dynamics.cuba.adjoint import power_of_two

SCALE = 1 << 12
# Of the largest gradient: float32 sums of a few roundings (6e-8 each) a step, and the exponential's 3e-7
ROUNDING = 2e-6


def neurons(n, soft=False, shared=False, seed=0):
    generator = np.random.default_rng(seed + n)
    count = 1 if shared else n
    decays = (torch.from_numpy(generator.integers(50, 4097, count)) for _ in range(2))
    threshold = torch.from_numpy(generator.integers(2000, 9000, count))
    width = torch.from_numpy(generator.uniform(0.05, 2, count))
    return Neurons(*decays, threshold, SCALE, soft, width, 3.0)


def one_neuron(current_decay, voltage_decay, threshold, soft=False, width=1.0):
    whole = (torch.tensor([value]) for value in (current_decay, voltage_decay, threshold))
    return Neurons(*whole, SCALE, soft, torch.tensor([width], dtype=torch.float64), 2.0)


def random_case(n, steps=17, hop=0, batch=2):
    generator = np.random.default_rng(n + steps + hop)
    drive = torch.from_numpy(generator.normal(0.2, 1, (batch, steps, n)).astype(np.float32))
    current, voltage = (torch.from_numpy(generator.integers(-(1 << 14), 1 << 12, (batch, n))) for _ in range(2))
    tail = torch.from_numpy(generator.integers(0, 2, (batch, hop, n)).astype(np.float32))
    return drive, State(current, voltage, tail)


def assert_same(fast, slow):
    for ours, theirs in zip((fast[0], *vars(fast[1]).values()), (slow[0], *vars(slow[1]).values()), strict=True):
        assert torch.equal(ours, theirs)


def distance(ours, theirs):
    """Largest difference over the largest value."""
    return ((ours - theirs).abs().max() / theirs.abs().max()).item()


def test_a_neuron_worked_by_hand():
    # Half of both is kept. u: 4, 2, 1, 0, 0; v: 4, then 2 + 2 = 4, 2 + 1 = 3, 1, 0. Threshold 3: it fires twice.
    drive = torch.tensor([4.0, 0, 0, 0, 0]).reshape(1, 5, 1) / SCALE
    spikes, state = respond(drive, one_neuron(2048, 2048, 3, soft=True))
    # soft: 4 - 3 = 1, then 0 + 2, 1 + 1, 1 + 0, 0
    assert spikes.flatten().tolist() == [1, 0, 0, 0, 0]
    spikes, state = respond(drive * 2, one_neuron(2048, 2048, 3))
    # u: 8, 4, 2, 1, 0; hard: v 8 -> 0, 4 -> 0, 2, 1 + 1, 1
    assert spikes.flatten().tolist() == [1, 1, 0, 0, 0]
    assert (state.current.item(), state.voltage.item()) == (0, 1)
    spikes, _ = respond(drive * 2, one_neuron(2048, 2048, 3), hop=2)
    assert spikes.flatten().tolist() == [0, 0, 1, 1, 0]


def test_a_gradient_worked_by_hand():
    drive = torch.zeros(1, 3, 1, requires_grad=True)
    spikes, _ = respond(drive, one_neuron(1024, 2048, SCALE), hop=1)
    spikes.backward(torch.tensor([5.0, 1.0, 2.0]).reshape(1, 3, 1))
    rho = np.exp(-(1 + 0.01 / SCALE))  # 2 / (2 * 1) exp(-|0 - theta|)
    g_v = [rho * 1 + 0.5 * rho * 2, rho * 2]
    g_u = [g_v[0] + 0.75 * g_v[1], g_v[1]]
    assert drive.grad.flatten().tolist() == pytest.approx([*g_u, 0], rel=1e-6)


@pytest.mark.parametrize("n", [1, 31, 32, 33, 257, 1025])
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("hop", [0, 3])
def test_the_fast_kernels_give_the_reference(n, soft, hop):
    drive, state = random_case(n, 6, hop)
    parameters = neurons(n, soft, shared=hop == 0)
    fast, slow = cpu.forward(drive, parameters, state, True), reference.forward(drive, parameters, state, True)
    assert_same(fast, slow)
    assert torch.equal(fast[2], slow[2])
    assert n == 1 or 0 < fast[0][:, hop:].mean() < 1
    cotangent = torch.randn(drive.shape)
    expected = reference.backward(cotangent, slow[2], parameters, hop)
    assert distance(cpu.backward(cotangent, fast[2], parameters, hop), expected) < ROUNDING


@pytest.mark.parametrize(("steps", "hop"), [(1, 0), (1, 1), (4, 4), (4, 7), (9, 1)])
def test_a_hop_may_be_as_long_as_a_call_or_longer(steps, hop):
    drive, state = random_case(5, steps, hop)
    parameters = neurons(5)
    fast, slow = cpu.forward(drive, parameters, state, True), reference.forward(drive, parameters, state, True)
    assert_same(fast, slow)
    gradient = cpu.backward(torch.ones_like(drive), fast[2], parameters, hop)
    assert torch.allclose(gradient, reference.backward(torch.ones_like(drive), slow[2], parameters, hop))
    assert (gradient[:, max(steps - hop, 0) :] == 0).all()


@pytest.mark.parametrize("hop", [0, 1, 3, 12])
@pytest.mark.parametrize("cut", [1, 10])
def test_two_calls_with_the_state_are_one_call(hop, cut):
    drive, _ = random_case(9, 20)
    parameters = neurons(9, soft=True)
    whole, end = respond(drive, parameters, hop=hop)
    first, state = respond(drive[:, :cut], parameters, hop=hop)
    second, last = respond(drive[:, cut:], parameters, state, hop)
    assert torch.equal(torch.cat([first, second], 1), whole)
    assert all(torch.equal(a, b) for a, b in zip(vars(last).values(), vars(end).values(), strict=True))


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("sign", [-1, 1])
def test_voltages_beyond_32_bits_are_exact(soft, sign):
    drive, state = random_case(40, 60)
    drive = sign * drive.abs() * 30000
    parameters = Neurons(
        *(torch.randint(3, 30, (40,)) for _ in range(2)), torch.full((40,), 5120), SCALE, soft,
        torch.ones(1, dtype=torch.float64), 3.0,
    )  # fmt: skip
    fast, slow = cpu.forward(drive, parameters, state, True), reference.forward(drive, parameters, state, True)
    assert_same(fast, slow)
    assert torch.equal(fast[2], slow[2])
    assert fast[2].abs().max() > 1 << 32
    assert bounds.integer_type_of(drive, parameters, state) is np.int64


@pytest.mark.parametrize("kernel", [cpu, reference], ids=["cpu", "reference"])
def test_a_call_without_steps_keeps_a_state_beyond_32_bits(kernel):
    state = State(torch.full((1, 3), 1 << 40), torch.full((1, 3), -(1 << 41)), torch.ones(1, 1, 3))
    _, after, _ = kernel.forward(torch.empty(1, 0, 3), one_neuron(100, 100, 5120), state, False)
    assert all(torch.equal(getattr(after, name), getattr(state, name)) for name in ("current", "voltage", "tail"))


def test_voltages_that_just_fit_32_bits_are_exact():
    """A constant drive whose bound on the voltage is just below 2**31 is computed in int32, and twice that is not."""
    parameters = one_neuron(0, 0, 5120)
    state = State.rest(1, 3, 0, torch.device("cpu"))
    drive = -torch.ones(1, 30, 3) * ((1 << 31) - (1 << 11)) / (SCALE * 30 * 30)
    for factor, integer in ((1, np.int32), (2, np.int64)):
        assert bounds.integer_type_of(factor * drive, parameters, state) is integer
        assert_same(*(f(factor * drive, parameters, state, True) for f in (cpu.forward, reference.forward)))


@pytest.mark.parametrize("inhibited", [False, True])
def test_spikes_are_lava_dls_bit_for_bit_and_gradients_within_rounding(parameters, inhibited):
    module = slayer.neuron.cuba
    upstream = module.Neuron(**parameters)
    whole = (torch.tensor([int(value)]) for value in (upstream.cx_current_decay, upstream.cx_voltage_decay, 5120))
    width = torch.tensor([upstream.tau_rho * module.TAU_RHO_MULT], dtype=torch.float64)
    ours = Neurons(*whole, upstream.s_scale, False, width, upstream.scale_rho * module.SCALE_RHO_MULT)
    drive = torch.randint(-100, 110, (3, 12, 90)) / 64  # (batch, neuron, time)
    if inhibited:
        drive[:, :6] = -4000 * drive[:, :6].abs()
    theirs, mine = (drive.clone().requires_grad_() for _ in range(2))
    expected = upstream(theirs)
    spikes = respond(mine.transpose(1, 2), ours)[0].transpose(1, 2)
    assert torch.equal(spikes, expected)
    assert 0 < spikes.mean() < 1
    cotangent = torch.randn(drive.shape)
    spikes.backward(cotangent)
    expected.backward(cotangent)
    assert distance(mine.grad, theirs.grad) < ROUNDING


def test_the_gradient_is_the_adjoint_of_the_linear_recurrences():
    """<grad_spikes, rho dv> = <grad_drive, dx>, dv the float64 response of the leaks to dx; no central differences see
    a surrogate."""
    n, steps, hop = 20, 50, 2
    drive, state = random_case(n, steps, hop)
    parameters = neurons(n)
    _, _, voltage = cpu.forward(drive, parameters, state, True)
    cotangent, direction = torch.randn(drive.shape), torch.randn(drive.shape, dtype=torch.float64)
    gradient = cpu.backward(cotangent, voltage, parameters, hop)
    rho = 3 / (2 * parameters.surrogate_width)
    theta = (parameters.threshold + 0.01) / SCALE
    rho = rho * torch.exp(-(voltage.double() / SCALE - theta).abs() / parameters.surrogate_width)
    keep_u, keep_v = (1 - decay / 4096 for decay in (parameters.current_decay, parameters.voltage_decay))
    u = v = torch.zeros(2, n, dtype=torch.float64)
    response = 0.0
    for t in range(steps - hop):
        u = keep_u * u + direction[:, t]
        v = keep_v * v + u
        response += (cotangent[:, t + hop] * rho[:, t] * v).sum()
    scale = (gradient * direction).abs().sum()  # the sums cancel to a small part of this
    assert abs((gradient * direction).sum() - response) < 1e-6 * scale


def test_the_exponential_is_accurate_to_3e_7_and_ends_in_zero():
    x = -np.linspace(0, 126, 20001, dtype=np.float32)
    values = np.array([power_of_two(value) for value in x])
    assert np.abs(values / np.exp2(x.astype(np.float64)) - 1).max() < 3e-7
    assert power_of_two(np.float32(-128)) == 0 and power_of_two(np.float32(-np.inf)) == 0


def test_a_voltage_far_from_the_threshold_has_gradient_zero():
    drive = torch.full((1, 4, 3), -1e6, requires_grad=True)
    respond(drive, one_neuron(1024, 1024, 5120, width=0.01))[0].sum().backward()
    assert (drive.grad == 0).all()


def test_the_number_of_threads_changes_no_bit(monkeypatch):
    drive, state = random_case(600, 30, 1, batch=5)
    parameters = neurons(600)
    cotangent = torch.randn(drive.shape)
    results = []
    for threads in (1, 2):
        monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", threads)
        spikes, _, voltage = cpu.forward(drive, parameters, state, True)
        results.append((spikes, voltage, cpu.backward(cotangent, voltage, parameters, 1)))
    assert all(torch.equal(*pair) for pair in zip(*results, strict=True))


def test_a_graph_can_be_used_twice_but_not_differentiated_twice():
    drive = random_case(7)[0].requires_grad_()
    spikes, _ = respond(drive, neurons(7))
    first, second = (torch.autograd.grad(spikes.sum(), drive, retain_graph=True)[0] for _ in range(2))
    assert torch.equal(first, second)
    (gradient,) = torch.autograd.grad((spikes * drive).sum(), drive, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


def test_nothing_is_saved_without_a_gradient(monkeypatch):
    drive, _ = random_case(7)
    asked = []
    forward = cpu.forward

    def record(drive, neurons, state, save):
        asked.append(save)
        return forward(drive, neurons, state, save)

    monkeypatch.setattr(cuba.cpu, "forward", record)
    assert not respond(drive, neurons(7))[0].requires_grad
    assert respond(drive.requires_grad_(), neurons(7))[0].requires_grad
    with torch.no_grad():
        assert not respond(drive, neurons(7))[0].requires_grad
    assert asked == [False, True, False]


def test_strides_do_not_matter_and_the_drive_stays_as_it_is():
    drive = torch.randn(2, 9, 13).transpose(1, 2)
    before = drive.clone()
    assert torch.equal(respond(drive, neurons(9))[0], respond(drive.contiguous(), neurons(9))[0])
    assert torch.equal(drive, before)


@pytest.mark.parametrize("shape", [(0, 5, 3), (2, 0, 3), (2, 5, 0)])
def test_empty_drives_give_empty_spikes_and_keep_the_state(shape):
    drive = torch.zeros(shape, requires_grad=True)
    batch, _, n = shape
    state = State(torch.ones(batch, n).long(), torch.ones(batch, n).long(), torch.ones(batch, 2, n))
    spikes, after = respond(drive, neurons(3, shared=True), state, hop=2)
    spikes.sum().backward()
    assert spikes.shape == drive.grad.shape == shape
    if shape[1] == 0:
        assert all(torch.equal(a, b) for a, b in zip(vars(after).values(), vars(state).values(), strict=True))


@pytest.mark.parametrize("hop", [0, 2])
def test_calls_at_rest_share_nothing_that_one_of_them_changes(hop):
    """Also where the first call is one of inference, and the state it returned has been written to."""
    drive, cells = torch.rand(2, 9, 6), neurons(6)
    with torch.inference_mode():
        first, state = respond(drive, cells, hop=hop)
        expected = first.clone()
        for values in vars(state).values():
            values.fill_(7)
    learnt = drive.clone().requires_grad_()
    second, after = respond(learnt, cells, hop=hop)
    second.sum().backward()
    assert torch.equal(second, expected)
    assert learnt.grad.any() and not any(values.requires_grad for values in vars(after).values())
    assert_same((respond(drive, cells, hop=hop)), (second, after))


def test_neurons_of_two_numbers_share_parameters():
    cells = neurons(5, shared=True)
    for n in (3, 5, 3):
        drive = torch.rand(2, 9, n, requires_grad=True)
        spikes, state = respond(drive, cells)
        slow = reference.forward(drive.detach(), cells, State.rest(2, n, 0, torch.device("cpu")), True)
        assert_same((spikes, state), slow)
        cotangent = torch.rand(2, 9, n)
        spikes.backward(cotangent)
        assert distance(drive.grad, reference.backward(cotangent, slow[2], cells, 0)) < ROUNDING
