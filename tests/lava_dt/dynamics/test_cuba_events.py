"""CuBa neurons over all steps at once, from the spikes they receive."""

import numba
import numpy as np
import pytest
import torch
from lava.lib.dl import slayer

from lava_dt.dynamics.cuba import (
    Neurons,
    State,
    from_events,
    lists,
    reference,
    respond,
    respond_to_events,
    singles,
    weights,
)
from lava_dt.dynamics.cuba.singles import singly
from lava_dt.dynamics.cuba.weights import int8_rows
from lava_dt.events import Events, events_of
from lava_dt.synapse import plan_of
from lava_dt.synapse.connections import Window, convolution, dense

SCALE = 1 << 12
UNIT = 1 / 32
# Of the largest gradient: float32 sums of a few roundings (6e-8 each) a step, and the exponential's 3e-7
ROUNDING = 2e-6


def neurons(n, soft=False, shared=False):
    generator = np.random.default_rng(n)
    count = 1 if shared else n
    decays = (torch.from_numpy(generator.integers(50, 4097, count)) for _ in range(2))
    threshold = torch.from_numpy(generator.integers(2000, 9000, count))
    width = torch.from_numpy(generator.uniform(0.05, 2, count))
    return Neurons(*decays, threshold, SCALE, soft, width, 3.0)


def random_events(batch, n, steps, density=0.3, counted=False, seed=0):
    generator = np.random.default_rng(seed)
    x = generator.random((batch, n, steps)) < density
    if counted:
        x = x * generator.integers(-3, 4, x.shape)
    return events_of(torch.from_numpy(x.astype(np.float32)))


def random_rows(connections, low=-60, high=80):
    generator = np.random.default_rng(connections.n_rows)
    return torch.from_numpy(generator.integers(low, high, (connections.n_rows, connections.width))).float() * UNIT


def random_state(batch, n, hop=0):
    generator = np.random.default_rng(n + hop)
    current, voltage = (torch.from_numpy(generator.integers(-(1 << 14), 1 << 12, (batch, n))) for _ in range(2))
    return State(current, voltage, torch.from_numpy(generator.integers(0, 2, (batch, hop, n))).float())


def assert_same(fast, slow):
    assert torch.equal(fast[0], slow[0])
    assert all(torch.equal(*pair) for pair in zip(vars(fast[1]).values(), vars(slow[1]).values(), strict=True))
    assert torch.equal(fast[2], slow[2])
    assert fast[3:] == slow[3:]


def distance(ours, theirs):
    """Largest difference over the largest value."""
    return ((ours - theirs).abs().max() / theirs.abs().max().clamp(min=1e-30)).item()


def compare(events, rows, connections, parameters, state):
    """Both directions, by the kernels and by the reference, in every way the kernels divide the work."""
    arguments = (events, rows, connections, UNIT, parameters, state, True)
    fast, slow = from_events.forward(*arguments), reference.forward_events(*arguments)
    assert_same(fast, slow)
    hop = state.tail.shape[1]
    cotangent = torch.randn(fast[0].shape, generator=torch.Generator().manual_seed(0))
    backward = (cotangent, fast[2], events, connections, parameters, hop)
    expected = reference.backward_events(*backward, keep=True)
    gradients = from_events.backward(*backward, keep=True)
    assert distance(gradients[0], expected[0]) < ROUNDING
    assert distance(gradients[1], expected[1]) < ROUNDING
    alone, none = from_events.backward(*backward, keep=False)
    assert none is None
    assert torch.equal(alone, gradients[0])
    return fast[:3], gradients


def test_a_layer_worked_by_hand():
    # Two inputs, one neuron; weights 3/32 and -1/32, so x = 384 and -128; u keeps nothing, v three quarters.
    x = torch.tensor([[[1.0, 0, 1, 0], [0, 1, 1, 0]]])
    weight = torch.tensor([3.0, -1.0]).reshape(1, 2, 1, 1, 1) / 32
    plan = plan_of(slayer.synapse.Dense(2, 1), (2,))
    whole = (torch.tensor([value]) for value in (4096, 1024, 383))
    parameters = Neurons(*whole, SCALE, False, torch.ones(1, dtype=torch.float64), 1.0)
    weight.requires_grad_()
    spikes, state = respond_to_events(events_of(x), weight, None, plan.connections, plan, parameters, UNIT)
    # v: 384 -> 0, -128, -96 + 256 = 160, 120
    assert spikes.flatten().tolist() == [1, 0, 0, 0]
    assert (state.current.item(), state.voltage.item()) == (0, 120)
    spikes.backward(torch.tensor([0.0, 0, 0, 1]).reshape(1, 4, 1))
    # g_u[t] = g_v[t] = 0.75**(3 - t) rho(120)
    rho = 0.5 * np.exp(-(383.01 - 120) / SCALE)
    expected = [rho * (0.75**3 + 0.75), rho * (0.75**2 + 0.75)]
    assert weight.grad.flatten().tolist() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("n", [1, 31, 32, 33, 257, 1025])
@pytest.mark.parametrize("counted", [False, True])
def test_dense_layers_give_the_reference(n, counted, monkeypatch):
    connections, hop = dense(11, n), n % 3
    events = random_events(2, 11, 5, counted=counted)
    assert (events.count is not None) == counted
    arguments = (connections, neurons(n, soft=counted, shared=n == 33), random_state(2, n, hop))
    (spikes, _, _), gradients = compare(events, random_rows(connections), *arguments)
    assert n == 1 or 0 < spikes[:, hop:].mean() < 1
    monkeypatch.setattr(from_events, "GRADIENT_AT_A_TIME", 1)  # as for large layers: one sample after the other
    monkeypatch.setattr(from_events, "SECOND_LEVEL_CACHE", 1)
    _, blocks = compare(events, random_rows(connections), *arguments)
    assert torch.equal(blocks[0], gradients[0])


@pytest.mark.parametrize("counted", [False, True])
@pytest.mark.parametrize(("batch", "groups"), [(1, 1), (3, 2), (11, 1)])
def test_convolutions_give_the_reference(batch, groups, counted):
    connections, _ = convolution((2, 5, 4), 6, groups, Window((3, 3), (2, 1), (1, 0), (1, 1)))
    events = random_events(batch, 40, 4, counted=counted)
    n = connections.n_out
    compare(events, random_rows(connections), connections, neurons(n, counted), random_state(batch, n, 1))


def test_convolutions_of_more_neurons_than_a_block_give_the_reference():
    connections, _ = convolution((1, 9, 9), 8, 1, Window((3, 3), (1, 1), (1, 1), (1, 1)))
    assert connections.n_out > from_events.SLOT
    n = connections.n_out
    compare(random_events(2, 81, 3), random_rows(connections), connections, neurons(n), random_state(2, n))


@pytest.mark.parametrize(("steps", "hop"), [(1, 0), (1, 1), (4, 4), (4, 7), (9, 3)])
@pytest.mark.parametrize("kind", ["dense", "convolution"])
def test_a_hop_may_be_as_long_as_a_call_or_longer(kind, steps, hop):
    connections = dense(9, 5)
    if kind == "convolution":
        connections, _ = convolution((1, 3, 3), 2, 1, Window((2, 2), (1, 1), (0, 0), (1, 1)))
    n = connections.n_out
    events = random_events(2, 9, steps)
    compare(events, random_rows(connections), connections, neurons(n), random_state(2, n, hop))


@pytest.mark.parametrize("value", [-128, 127])
def test_more_spikes_at_a_time_than_16_bits_hold_are_summed_exactly(value):
    connections = dense(1200, 3)
    x = torch.zeros(1, 1200, 6)
    for t, count in enumerate((1, 252, 253, 505, 1200)):
        x[:, :count, t] = 1
    rows = torch.full((1200, 3), float(value)) * UNIT
    compare(events_of(x), rows, connections, neurons(3), random_state(1, 3))


@pytest.mark.parametrize("kind", ["dense", "convolution"])
@pytest.mark.parametrize("sign", [-1, 1])
def test_voltages_beyond_32_bits_are_exact(kind, sign):
    connections = dense(9, 40)
    if kind == "convolution":
        connections, _ = convolution((1, 3, 3), 4, 1, Window((2, 2), (1, 1), (0, 0), (1, 1)))
    n = connections.n_out
    x = torch.ones(2, 9, 40)
    x[:, 0] = sign * 70001
    whole = (torch.full((1,), value) for value in (11, 3, 5120))
    parameters = Neurons(*whole, SCALE, True, torch.ones(1, dtype=torch.float64), 3.0)
    rows = random_rows(connections, 90, 128)
    (_, _, voltage), _ = compare(events_of(x), rows, connections, parameters, random_state(2, n))
    assert voltage.abs().max() > 1 << 33


@pytest.mark.parametrize("kind", ["dense", "convolution"])
def test_no_events_at_all_leave_the_state_to_its_leaks(kind):
    connections = dense(9, 5)
    if kind == "convolution":
        connections, _ = convolution((1, 3, 3), 2, 1, Window((2, 2), (1, 1), (0, 0), (1, 1)))
    n = connections.n_out
    silent = events_of(torch.zeros(2, 9, 4))
    _, (grad_rows, _) = compare(silent, random_rows(connections), connections, neurons(n), random_state(2, n))
    assert (grad_rows == 0).all()


@pytest.mark.parametrize("shape", [(0, 9, 4), (2, 9, 0)])
@pytest.mark.parametrize("kind", ["dense", "convolution"])
def test_empty_batches_and_calls_give_empty_spikes(shape, kind):
    synapse = slayer.synapse.Dense(9, 5) if kind == "dense" else slayer.synapse.Conv(1, 2, 2)
    plan = plan_of(synapse, (9,) if kind == "dense" else (1, 3, 3))
    n = plan.connections.n_out
    events = Events(np.zeros(shape[0] * shape[2] + 1, np.int64), np.zeros(0, np.int32), None, shape)
    weight = torch.zeros(synapse.weight.shape, requires_grad=True)
    spikes, state = respond_to_events(events, weight, None, plan.connections, plan, neurons(n), UNIT, hop=1)
    assert spikes.shape == (shape[0], shape[2], n) and state.tail.shape == (shape[0], 1, n)
    spikes.sum().backward()
    assert (weight.grad == 0).all()


@pytest.mark.parametrize("kind", ["dense", "convolution"])
def test_spikes_and_gradients_are_those_of_a_dense_product(kind):
    """The gradients of weight and input too, against torch's own through the product and `respond`."""
    if kind == "dense":
        synapse, inputs = slayer.synapse.Dense(40, 33), (40,)
    else:
        synapse, inputs = slayer.synapse.Conv(2, 8, 3, padding=1, stride=2), (2, 7, 6)
    plan = plan_of(synapse, inputs)
    weight = torch.randint(-60, 80, synapse.weight.shape) * UNIT
    x = (torch.rand(3, *inputs, 15) < 0.2).float()
    parameters = neurons(plan.connections.n_out)
    ours, theirs = ([weight.clone().requires_grad_(), x.clone().requires_grad_()] for _ in range(2))
    events = events_of(x)
    spikes, _ = respond_to_events(events, *ours, plan.connections, plan, parameters, UNIT, hop=1)
    expected, _ = respond(plan.drive(theirs[1], theirs[0]), parameters, hop=1)
    assert torch.equal(spikes, expected)
    cotangent = torch.randn(spikes.shape)
    spikes.backward(cotangent)
    expected.backward(cotangent)
    for mine, reference_tensor in zip(ours, theirs, strict=True):
        assert distance(mine.grad, reference_tensor.grad) < ROUNDING


def test_two_calls_with_the_state_are_one_call():
    plan = plan_of(slayer.synapse.Dense(20, 9), (20,))
    x = (torch.rand(2, 20, 17) < 0.3).float()
    weight = torch.randint(-60, 80, (9, 20, 1, 1, 1)) * UNIT
    arguments = (weight, None, plan.connections, plan, neurons(9, soft=True), UNIT)
    whole, end = respond_to_events(events_of(x), *arguments, hop=3)
    first, state = respond_to_events(events_of(x[..., :10]), *arguments, hop=3)
    second, last = respond_to_events(events_of(x[..., 10:]), *arguments, state, hop=3)
    assert torch.equal(torch.cat([first, second], 1), whole)
    assert all(torch.equal(*pair) for pair in zip(vars(last).values(), vars(end).values(), strict=True))


@pytest.mark.parametrize("kind", ["dense", "blocks", "convolution"])
def test_the_number_of_threads_changes_no_bit(kind, monkeypatch):
    connections = dense(81, 600)
    if kind == "convolution":
        connections, _ = convolution((1, 9, 9), 8, 1, Window((3, 3), (1, 1), (1, 1), (1, 1)))
    if kind == "blocks":
        monkeypatch.setattr(from_events, "GRADIENT_AT_A_TIME", 1)
    n = connections.n_out
    events, parameters, rows = random_events(10, 81, 30, 0.05), neurons(n), random_rows(connections)
    results = []
    for threads in (1, 2):
        monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", threads)
        spikes, _, voltage, _ = from_events.forward(
            events, rows, connections, UNIT, parameters, random_state(10, n, 1), True
        )
        torch.manual_seed(0)
        gradient, _ = from_events.backward(
            torch.randn(spikes.shape), voltage, events, connections, parameters, 1, False
        )
        results.append((spikes, voltage, gradient))
    assert all(torch.equal(*pair) for pair in zip(*results, strict=True))


def test_the_order_of_the_events_of_a_step_does_not_matter():
    connections = dense(30, 40)
    events = random_events(2, 30, 8, counted=True)
    turned = events.index.copy(), events.count.copy()
    for low, high in zip(events.start[:-1], events.start[1:], strict=True):
        for array in turned:
            array[low:high] = array[low:high][::-1]
    other = Events(events.start, *turned, events.shape)
    arguments = (random_rows(connections), connections, neurons(40), random_state(2, 40))
    _, gradients = compare(events, *arguments)
    _, same = compare(other, *arguments)
    assert torch.equal(gradients[0], same[0])


@pytest.mark.parametrize(("counts", "listed"), [([1, 2, 1], 4), ([3, 3, 1], None), ([1, -1, 1], None)])
def test_spikes_of_a_bin_are_followed_one_by_one_where_that_pays(counts, listed):
    events = Events(np.array([0, 2, 2, 3]), np.array([1, 0, 1], np.int32), np.array(counts, np.int32), (1, 2, 3))
    single = singly(events)
    if listed is None:
        assert single is events
        return
    assert single.count is None
    assert single.index.tolist() == [1, 0, 0, 1]
    assert single.start.tolist() == [0, 3, 3, 4]


def test_spikes_followed_one_by_one_give_what_their_counts_give(monkeypatch):
    plan = plan_of(slayer.synapse.Dense(20, 70), (20,))
    generator = np.random.default_rng(0)
    x = (generator.random((3, 20, 9)) < 0.3) * generator.choice([1, 1, 1, 2], (3, 20, 9))
    events = events_of(torch.from_numpy(x).float())
    results = []
    for most in (1.5, 0.0):
        monkeypatch.setattr(singles, "MOST", most)
        assert (singly(events).count is None) == (most > 1)
        weight = plan.weight_gradient(random_rows(plan.connections)).clone().requires_grad_()
        spikes, _ = respond_to_events(events, weight, None, plan.connections, plan, neurons(70), UNIT)
        spikes.backward(torch.randn(spikes.shape, generator=torch.Generator().manual_seed(0)))
        results.append((spikes.detach(), weight.grad))
    assert torch.equal(results[0][0], results[1][0])
    assert distance(results[0][1], results[1][1]) < ROUNDING


def test_a_graph_can_be_used_twice_and_nothing_is_saved_without_a_gradient(monkeypatch):
    plan = plan_of(slayer.synapse.Dense(20, 9), (20,))
    events, weight = random_events(2, 20, 7), torch.randint(-60, 80, (9, 20, 1, 1, 1)) * UNIT
    arguments = (None, plan.connections, plan, neurons(9), UNIT)
    asked = []
    forward = from_events.forward

    def record(*given):
        asked.append(given[6])
        return forward(*given)

    monkeypatch.setattr(from_events, "forward", record)
    assert not respond_to_events(events, weight, *arguments)[0].requires_grad
    spikes, _ = respond_to_events(events, weight.requires_grad_(), *arguments)
    first, second = (torch.autograd.grad(spikes.sum(), weight, retain_graph=True)[0] for _ in range(2))
    assert torch.equal(first, second)
    with torch.no_grad():
        assert not respond_to_events(events, weight, *arguments)[0].requires_grad
    assert asked == [False, True, False]


@pytest.mark.parametrize(
    ("n_rows", "width", "block"), [(1, 1, 16), (2, 3, 3), (9, 7, 5), (127, 65, 32), (128, 64, 64), (300, 100, 112)]
)
def test_weights_are_laid_out_in_blocks(n_rows, width, block):
    whole = torch.randint(-128, 128, (width, n_rows))
    laid, largest = int8_rows((whole * UNIT).t(), UNIT, block)
    assert largest == whole.abs().max()
    for k, columns in enumerate(whole.t().split(block, 1)):
        assert np.array_equal(laid[k, :, : columns.shape[1]], columns.numpy())


@pytest.mark.parametrize("group", [1, 4, 7, 100])
@pytest.mark.parametrize("counted", [False, True])
def test_events_are_listed_by_input_in_the_order_of_the_steps(group, counted):
    events = random_events(3, 13, 5, counted=counted)
    start, row, count = lists.by_input(events, group)
    for g, i in np.ndindex(start.shape[0], 13):
        expected = [
            (r - g * group, 1 if events.count is None else events.count[e])
            for r in range(g * group, min(15, (g + 1) * group))
            for e in range(events.start[r], events.start[r + 1])
            if events.index[e] == i
        ]
        found = slice(start[g, i], start[g, i + 1])
        times = count[found] if counted else np.ones(len(row[found]), int)
        assert list(zip(row[found], times, strict=True)) == expected


@pytest.mark.parametrize(
    ("largest", "size"), [(126.5, 126), (127.4, 127), (127.6, 128), (1e30, 128), (float("inf"), 128)]
)
def test_the_largest_weight_tells_whether_one_is_cut(largest, size):
    weight = torch.tensor([[-3.0, largest], [2.0, 0.2]]) * UNIT
    laid, found = int8_rows(weight.t(), UNIT, 16)
    assert found == size
    assert laid[0, 1, 0] == min(size, 127)


@pytest.mark.parametrize("shape", [(4, 6, 1, 1, 1), (70, 130, 1, 1, 1)])
def test_weights_are_quantised_as_lava_dl_does_with_its_gradient(shape):
    neuron = slayer.neuron.cuba.Neuron(1.25, 0.25, 0.03)
    weight = (torch.randn(shape) * 3).requires_grad_()
    weight.data.flatten()[:4] = torch.tensor([1e30, -float("inf"), 0.5 * UNIT, 1.5 * UNIT])
    rows = weight.detach().reshape(shape[:2]).t()
    expected = neuron.quantize_8bit(weight)
    assert torch.equal(weights.quantised(weight, UNIT), expected)
    laid, _ = int8_rows(rows, UNIT, 16)
    columns = np.concatenate(list(laid), 1)[: shape[1], : shape[0]]
    assert np.array_equal(columns * np.float32(UNIT), expected.detach().reshape(shape[:2]).t().numpy())
    cotangent = torch.randn(rows.shape)
    given = weights.rows_gradient(cotangent, rows, UNIT)
    expected.backward(cotangent.t().reshape(shape))
    inside = (weight.detach() - expected.detach()).abs() <= UNIT / 2
    straight = torch.where(inside, cotangent.t().reshape(shape), 0.0)
    assert torch.equal(given, straight.reshape(shape[:2]).t()) and given.t().is_contiguous() and (given == 0).any()
    between = (expected > -128 * UNIT) & (expected < 127 * UNIT)  # torch differs on the gradient at a bound
    assert torch.equal(straight[between], weight.grad[between])
