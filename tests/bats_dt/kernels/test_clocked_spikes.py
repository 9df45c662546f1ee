import itertools
import math

import numpy as np
import pytest

from bats_dt.clocked_neuron import RESETS, ClockedNeuron
from bats_dt.discretization import SCHEMES
from bats_dt.grid import TimeGrid
from bats_dt.kernels.clocked_spikes import clocked_spikes, cpu, reference
from bats_dt.kernels.event_lists import event_lists
from bats_dt.kernels.spike_times import spike_times
from bats_dt.kernels.threads import use_threads
from bats_dt.neuron import Neuron

DT, STEPS = 0.02, 25
EVENT_FIELDS = ("offsets", "times", "neurons", "slots")
FIELDS = ("offsets", "steps", "neurons", "kept", "input_steps", "lost", "bounded", "diverged")
# Slopes are differences of potentials over dt: float64 has some ten roundings of 1e-16, over 0.02 s
ROUNDING = 1e-12


def neuron_with(**given):
    return ClockedNeuron(
        **{"dt": DT, "tau_syn": 0.1, "tau_mem": 0.2, "threshold": 0.3, "resistance": 0.2, "v_reset": 0.1, **given}
    )


def traced(module, inputs, weights, neuron, n_steps):
    traces = np.empty((2, inputs.batch, n_steps, weights.shape[1]), weights.dtype)
    module.record(inputs, weights, neuron, *traces)
    return traces


def assert_same(found, expected):
    for name in EVENT_FIELDS:
        np.testing.assert_array_equal(getattr(found.events, name), getattr(expected.events, name))
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    np.testing.assert_allclose(found.slopes, expected.slopes, rtol=0, atol=ROUNDING / DT)
    np.testing.assert_allclose(found.drops, expected.drops, rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("module", [cpu, reference], ids=["cpu", "reference"])
@pytest.mark.parametrize("reset", RESETS)
def test_the_case_worked_by_hand_spikes_where_it_should(module, reset):
    """Backward Euler with dt = tau_s = tau_mem = R = 1: i' = (i + x)/2, u' = (u + i')/2, weight 16 at t = 0.

    i = 8, 4, 2, 1; u without a reset 4, 4, 3, 2; threshold 3, reset to 1 or by 2.
    """
    neuron = ClockedNeuron(1.0, 1.0, 1.0, 3.0, v_reset=1.0, reset=reset)
    inputs = event_lists(np.array([[[0.0]]]), np.array([[1]]))
    spikes = module.clocked_spikes(inputs, np.array([[16.0]]), neuron, 4, 9)
    currents, potentials = traced(module, inputs, np.array([[16.0]]), neuron, 4)
    np.testing.assert_array_equal(currents[0, :, 0], [8, 4, 2, 1])
    if reset == "hard":  # (1 + 4)/2, then (2.5 + 2)/2, (2.25 + 1)/2
        np.testing.assert_array_equal(potentials[0, :, 0], [4, 2.5, 2.25, 1.625])
        np.testing.assert_array_equal(spikes.events.times, [1.0])
        np.testing.assert_array_equal(spikes.drops, [3.0])
    else:  # 4 - 2 = 2, (2 + 4)/2 = 3 spikes, 3 - 2 = 1, (1 + 2)/2, (1.5 + 1)/2
        np.testing.assert_array_equal(potentials[0, :, 0], [4, 3, 1.5, 1.25])
        np.testing.assert_array_equal(spikes.events.times, [1.0, 2.0])
        np.testing.assert_array_equal(spikes.drops, [2.0, 2.0])
    np.testing.assert_array_equal(spikes.slopes, [4.0, 1.0][: len(spikes.slopes)])


@pytest.mark.parametrize(("scheme", "reset"), [*itertools.product(SCHEMES, RESETS)])
@pytest.mark.parametrize("weight", [0.5, 1.5], ids=["lively", "firing in every step"])
@pytest.mark.parametrize("max_spikes", [3, STEPS])
def test_the_spikes_are_those_of_the_reference(random_trains, scheme, reset, weight, max_spikes):
    rng, neuron = np.random.default_rng(1), neuron_with(scheme=scheme, reset=reset, clamp=1.0)
    times, counts = random_trains(rng, 4, 10, 3)
    inputs = event_lists(6 * times, counts)  # the last come after the last step
    assert (neuron.steps_of(inputs.times, STEPS) == STEPS).any()
    weights = rng.uniform(-0.4, weight, (10, 7))
    found = cpu.clocked_spikes(inputs, weights, neuron, STEPS, max_spikes)
    assert_same(found, reference.clocked_spikes(inputs, weights, neuron, STEPS, max_spikes))
    assert len(found.steps) > 20
    if weight > 1:  # only a soft reset leaves a neuron above theta, and so some spikes without a crossing of their own
        assert (found.slopes == 0).any() == (reset == "soft")
    assert found.lost.any() == (not found.kept.all())
    np.testing.assert_allclose(
        traced(cpu, inputs, weights, neuron, STEPS), traced(reference, inputs, weights, neuron, STEPS), atol=ROUNDING
    )


def test_in_float32_the_potentials_are_those_of_the_reference_to_rounding(random_trains):
    rng, neuron = np.random.default_rng(2), neuron_with(threshold=100.0)
    inputs = event_lists(*random_trains(rng, 4, 10, 3, np.float32))
    weights = rng.uniform(-1, 2, (10, 7)).astype(np.float32)
    found, expected = (traced(module, inputs, weights, neuron, STEPS) for module in (cpu, reference))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=3e-6 * np.abs(expected).max())


@pytest.mark.parametrize("n_post", [1, 31, 32, 33, 1025])
def test_any_number_of_neurons_is_simulated(random_trains, n_post):
    rng, neuron = np.random.default_rng(n_post), neuron_with()
    inputs, weights = event_lists(*random_trains(rng, 2, 6, 2)), rng.uniform(0, 1.5, (6, n_post))
    found = cpu.clocked_spikes(inputs, weights, neuron, 8, 8)
    one_by_one = [cpu.clocked_spikes(inputs, weights[:, [j]].copy(), neuron, 8, 8) for j in range(n_post)]
    assert len(found.steps) == sum(len(spikes.steps) for spikes in one_by_one) > 0
    for j in (0, n_post - 1):
        of_j = found.neurons == j
        np.testing.assert_array_equal(found.steps[of_j], one_by_one[j].steps)
        np.testing.assert_array_equal(found.slopes[of_j], one_by_one[j].slopes)


def test_the_number_of_threads_changes_no_bit(random_trains, monkeypatch):
    rng, neuron = np.random.default_rng(3), neuron_with()
    monkeypatch.setattr("bats_dt.kernels.threads.LEAST_UPDATES", 0)
    inputs, weights = event_lists(*random_trains(rng, 9, 10, 3)), rng.uniform(-0.3, 1, (10, 300))
    results = []
    for threads in (1, 3):
        with use_threads(threads):
            results.append(cpu.clocked_spikes(inputs, weights, neuron, STEPS, 4))
    assert len(results[0].steps) > 100
    assert_same(*results)
    np.testing.assert_array_equal(results[0].slopes, results[1].slopes)


@pytest.mark.parametrize("module", [cpu, reference], ids=["cpu", "reference"])
def test_an_empty_batch_and_a_silent_one_emit_nothing(module, random_trains):
    for batch in (0, 2):
        inputs = event_lists(*random_trains(np.random.default_rng(0), batch, 5, 1))
        spikes = module.clocked_spikes(inputs, np.full((5, 3), -1.0), neuron_with(), 4, 4)
        assert len(spikes.events.times) == len(spikes.steps) == 0
        assert spikes.events.batch == batch


@pytest.mark.parametrize("module", [cpu, reference], ids=["cpu", "reference"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_input_on_the_grid_is_felt_one_step_later_and_one_between_at_the_end_of_its_step(module, dtype):
    neuron = neuron_with(dt=0.1)
    on_grid = (np.arange(40) * 0.1).astype(dtype)
    between = on_grid + dtype(0.05)
    for times in (on_grid, between):
        inputs = event_lists(times[None, :, None], np.ones((1, 40), np.int32))
        spikes = module.clocked_spikes(inputs, np.zeros((40, 1), dtype), neuron, 30, 1)
        np.testing.assert_array_equal(spikes.input_steps, np.minimum(np.arange(40), 30))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_later_input_changes_nothing_before_it(random_trains, scheme):
    rng, neuron = np.random.default_rng(4), neuron_with(scheme=scheme)
    times, counts = random_trains(rng, 1, 10, 2)
    times[np.isfinite(times)] *= 4
    weights = rng.uniform(-0.3, 1, (10, 5))
    late = np.where(times > 0.2, times + 0.05, times)
    first, second = (traced(cpu, event_lists(t, counts), weights, neuron, STEPS) for t in (times, late))
    before = int(0.2 / DT)
    np.testing.assert_array_equal(first[:, :, :before], second[:, :, :before])
    assert (first != second).any()


def test_a_step_takes_the_sum_of_its_inputs_however_they_come():
    neuron = neuron_with()
    four = event_lists(np.array([[[0.021], [0.022], [0.03], [0.039]]]), np.ones((1, 4), np.int32))
    one = event_lists(np.array([[[0.02], [np.inf], [np.inf], [np.inf]]]), np.array([[1, 0, 0, 0]]))
    spread = traced(cpu, four, np.full((4, 1), 0.5), neuron, STEPS)
    at_once = traced(cpu, one, np.full((4, 1), 2.0), neuron, STEPS)
    np.testing.assert_array_equal(spread, at_once)


@pytest.mark.parametrize("tau_mem", [0.26, 0.13, 0.05])
@pytest.mark.parametrize("dt", [0.01, 0.002])
def test_exponential_steps_with_a_soft_reset_are_the_event_driven_layer_observed_on_the_grid(
    random_trains, tau_mem, dt
):
    """Rule "detect" of EQUATIONS A.6, for inputs on the grid: the same spikes, found by another way."""
    rng, grid, neuron = np.random.default_rng(6), TimeGrid(dt, "detect"), Neuron(0.13, 0.2, 0.2, tau_mem)
    trains = random_trains(rng, 5, 10, 3, grid=grid)
    inputs, weights = event_lists(*trains), rng.uniform(-1, 4, (10, 12))
    expected = spike_times(inputs, weights, neuron, 0.3, 1000, grid).events
    clocked = ClockedNeuron(dt, 0.13, tau_mem, 0.2, resistance=0.13 * tau_mem, reset="soft", scheme="exponential")
    found = cpu.clocked_spikes(inputs, weights, clocked, clocked.n_steps(0.3), 1000).events
    assert len(found.times) > 200
    for name in EVENT_FIELDS:
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_inputs_later_by_some_steps_give_spikes_later_by_as_many(random_trains, scheme):
    rng, neuron = np.random.default_rng(7), neuron_with(scheme=scheme)
    times, counts = random_trains(rng, 2, 10, 3)
    weights = rng.uniform(-0.3, 1, (10, 5))
    first = cpu.clocked_spikes(event_lists(times, counts), weights, neuron, STEPS, STEPS)
    second = cpu.clocked_spikes(event_lists(times + 4 * DT, counts), weights, neuron, STEPS + 4, STEPS)
    assert len(first.steps) > 20
    np.testing.assert_array_equal(second.steps, first.steps + 4)
    np.testing.assert_array_equal(second.neurons, first.neurons)


def test_the_order_of_inputs_and_of_samples_does_not_matter(random_trains):
    rng, neuron = np.random.default_rng(8), neuron_with()
    (times, counts), weights = random_trains(rng, 4, 10, 3), rng.uniform(-0.3, 1, (10, 5))
    inputs, samples = rng.permutation(10), rng.permutation(4)
    first = cpu.clocked_spikes(event_lists(times, counts), weights, neuron, STEPS, STEPS).events.to_trains()
    turned = event_lists(times[samples][:, inputs], counts[samples][:, inputs])
    second = cpu.clocked_spikes(turned, weights[inputs].copy(), neuron, STEPS, STEPS).events.to_trains()
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one[samples], other)
    there = np.isfinite(first[0][..., 1:])
    assert (first[0][..., 1:][there] > first[0][..., :-1][there]).all()  # sorted, one spike a step at most


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sign", [1, -1])
def test_weights_that_have_diverged_are_refused(dtype, sign):
    inputs = event_lists(np.zeros((1, 4, 1), dtype), np.ones((1, 4), np.int32))
    weights = np.array([[1.0, sign * np.finfo(dtype).max]] * 4, dtype)
    neuron = neuron_with(tau_syn=0.01)
    with (
        np.errstate(all="ignore"),
        pytest.raises(ValueError, match="have diverged: the potential of neuron 1 of sample"),
    ):
        clocked_spikes(inputs, weights, neuron, STEPS, 4)


def exact_potential(neuron, weights, times, at):
    """B.1's solution without a threshold, from rest."""
    since = np.maximum(np.asarray(at)[:, None] - times, 0)
    slow, fast = np.exp(-since / neuron.tau_mem), np.exp(-since / neuron.tau_syn)
    return neuron.resistance / (neuron.tau_mem - neuron.tau_syn) * ((slow - fast) * weights).sum(axis=1)


@pytest.mark.parametrize(
    ("scheme", "order"), [("forward_euler", 1), ("backward_euler", 1), ("bilinear", 2), ("exponential", math.inf)]
)
def test_potentials_converge_with_the_order_of_the_scheme(scheme, order):
    """For input on the grid. The error at fixed times falls by 2^order when dt is halved; exponential has none."""
    times, weights = np.array([0.0, 0.1, 0.2, 0.35]), np.array([1.0, -0.4, 2.0, 0.5])
    inputs, at, errors = event_lists(times[None, :, None], np.ones((1, 4), np.int32)), np.array([0.25, 0.4, 0.5]), []
    for dt in (0.005, 0.0025, 0.00125):
        neuron = neuron_with(dt=dt, scheme=scheme, threshold=1e9, resistance=1.0)
        potentials = traced(cpu, inputs, weights[:, None].copy(), neuron, round(0.5 / dt))[1, 0, :, 0]
        expected = exact_potential(neuron, weights, times, at)
        errors.append(np.abs(potentials[np.rint(at / dt).astype(int) - 1] - expected).max() / np.abs(expected).max())
    if order == math.inf:
        assert max(errors) < 1e-12
    else:
        np.testing.assert_allclose(np.log2(np.divide(errors[:-1], errors[1:])), order, atol=0.1)


def test_equal_time_constants_have_their_limit():
    inputs = event_lists(np.zeros((1, 1, 1)), np.ones((1, 1), np.int32))
    equal, near = (
        traced(cpu, inputs, np.ones((1, 1)), neuron_with(scheme="exponential", tau_mem=tau, threshold=9.0), STEPS)
        for tau in (0.1, 0.1 * (1 + 1e-7))
    )
    assert np.isfinite(equal).all()
    np.testing.assert_allclose(equal, near, rtol=1e-5)


def test_a_pulse_carries_dt_where_an_impulse_carries_one():
    inputs = event_lists(np.zeros((1, 1, 1)), np.ones((1, 1), np.int32))
    pulse = traced(cpu, inputs, np.ones((1, 1)), neuron_with(drive="pulse", threshold=9.0), STEPS)
    impulse = traced(cpu, inputs, np.ones((1, 1)), neuron_with(threshold=9.0), STEPS)
    np.testing.assert_allclose(pulse, DT * impulse, rtol=1e-12)


def test_a_crossing_lost_in_rounding_is_still_one_and_clamped():
    """A constant drive settles at theta, which the last step reaches by less than a rounding of U: nothing of a slope
    is left in float32, and the spike does not become one that follows another."""
    dt, steps = 0.01, 1500
    inputs = event_lists((np.arange(steps) * dt)[None, None].astype(np.float32), np.array([[steps]]))
    neuron = ClockedNeuron(dt, 0.03898915032264132, 0.14127754206120713, 1.9999998807907104, v_reset=-5.0)
    spikes = cpu.clocked_spikes(inputs, np.array([[0.02]], np.float32), neuron, steps, steps)
    assert (spikes.slopes > 0).all()
    assert spikes.bounded.sum() == len(spikes.slopes) > 0
