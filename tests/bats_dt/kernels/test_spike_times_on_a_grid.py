import math

import numpy as np
import pytest

from bats_dt.grid import TimeGrid
from bats_dt.kernels.event_lists import event_lists
from bats_dt.kernels.spike_times import cpu, reference
from bats_dt.neuron import Neuron

MNIST = Neuron(tau_syn=0.13, threshold=0.2, reset=0.2)
UNIT = Neuron(tau_syn=1.0, threshold=2.0, reset=2.0)  # tau = 2, c = 1; a weight of 4.5 crosses at 2 ln 1.5 = 0.811
RULES = ["snap", "detect"]
STEPS = [0.002, 0.01, 0.037]


@pytest.fixture(params=[cpu, reference], ids=["cpu", "reference"])
def simulate(request):
    def run(trains, weights, grid, neuron=UNIT, max_simulation=math.inf, max_spikes=20):
        return request.param.spike_times(
            event_lists(*trains), np.ascontiguousarray(weights), neuron, max_simulation, max_spikes, grid
        )

    return run


def potential(inputs, weights, resets, neuron, times):
    """V at each of the times as a sum of responses [A3-A5], inputs and resets at a time itself included."""
    since, after = (np.asarray(times)[..., None] - np.array(events) for events in (inputs, resets))
    started, since, after = since >= 0, np.maximum(since, 0), np.where(after >= 0, after, np.inf)
    kernel = started * (np.exp(-since / neuron.tau_mem) - np.exp(-since / neuron.tau_syn))
    drive = neuron.tau_mem * (weights * kernel).sum(axis=-1)
    return drive - neuron.reset * np.exp(-after / neuron.tau_mem).sum(axis=-1)


def detected_by_looking_at_every_grid_point(inputs, weights, neuron, grid, end):
    spikes = []
    for n in range(1, math.floor(end / grid.dt + 1e-9) + 1):
        if potential(inputs, weights, spikes, neuron, n * grid.dt) >= neuron.threshold:
            spikes.append(n * grid.dt)
    return spikes


def snapped_by_looking_at_fine_steps(inputs, weights, neuron, grid, end, fine=400):
    spikes = []
    n_steps = math.floor(end / grid.dt + 1e-9)
    due = None
    for n in range(n_steps):
        steps = (n + np.arange(1, fine + 1) / fine) * grid.dt
        if due is None and (potential(inputs, weights, spikes, neuron, steps) >= neuron.threshold).any():
            due = n + 1
        if due == n + 1:
            spikes.append(due * grid.dt)
            above = potential(inputs, weights, spikes, neuron, due * grid.dt) >= neuron.threshold
            due = n + 2 if above else None
    return spikes


@pytest.mark.parametrize("inputs_on_grid", [False, True], ids=["free inputs", "inputs on the grid"])
@pytest.mark.parametrize("dt", [0.01, 0.037])
@pytest.mark.parametrize("rule", RULES)
def test_spikes_are_those_of_a_brute_force_simulation(random_trains, rule, dt, inputs_on_grid):
    rng = np.random.default_rng(3)
    grid = TimeGrid(dt, rule)
    inputs = event_lists(*random_trains(rng, 1, 10, 2, grid=grid if inputs_on_grid else None))
    weights = rng.uniform(-2, 4, (10, 12))
    times, counts = cpu.spike_times(inputs, weights, MNIST, 0.3, 50, grid).events.to_trains()
    brute_force = detected_by_looking_at_every_grid_point if rule == "detect" else snapped_by_looking_at_fine_steps
    for neuron in range(12):
        expected = brute_force(inputs.times, weights[inputs.neurons, neuron], MNIST, grid, 0.3)
        np.testing.assert_allclose(times[0, neuron, : counts[0, neuron]], expected, rtol=1e-12)
    assert counts.sum() > 15


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("dt", STEPS)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("inputs_on_grid", [False, True], ids=["free inputs", "inputs on the grid"])
def test_the_fast_kernel_is_the_reference(random_trains, dtype, dt, rule, inputs_on_grid):
    rng = np.random.default_rng(4)
    grid = TimeGrid(dt, rule)
    inputs = event_lists(*random_trains(rng, 2, 10, 2, dtype, grid if inputs_on_grid else None))
    weights = rng.uniform(-2, 4, (10, 20)).astype(dtype)
    fast, slow = (module.spike_times(inputs, weights, MNIST, 0.3, 12, grid) for module in (cpu, reference))
    assert len(slow.events.times) > 30
    np.testing.assert_array_equal(fast.events.times, slow.events.times)
    np.testing.assert_array_equal(fast.events.neurons, slow.events.neurons)
    np.testing.assert_array_equal(fast.last_input, slow.last_input)
    np.testing.assert_array_equal(fast.inverse_slope == 0, slow.inverse_slope == 0)
    np.testing.assert_array_equal(fast.lost, slow.lost)


@pytest.mark.parametrize("dt", STEPS)
@pytest.mark.parametrize("rule", RULES)
def test_every_spike_is_a_grid_time_rounded_once_and_there_is_one_a_step(random_trains, rule, dt):
    rng = np.random.default_rng(5)
    inputs = event_lists(*random_trains(rng, 3, 10, 2, np.float32))
    emitted = cpu.spike_times(inputs, rng.uniform(0, 4, (10, 9)).astype(np.float32), MNIST, 0.3, 50, TimeGrid(dt, rule))
    times, _ = emitted.events.to_trains()
    steps = np.rint(times / dt)
    np.testing.assert_array_equal(times, (steps.astype(np.float64) * dt).astype(np.float32))
    finite = np.isfinite(times)
    assert finite.sum() > 50
    assert (np.diff(np.where(finite, steps, 1e9), axis=2)[finite[..., 1:]] >= 1).all()


def test_snap_moves_a_crossing_to_the_next_grid_point_whatever_the_potential_is_then(simulate, one_spike_inputs):
    # crossing at 0.811; strong inhibition at 0.9 makes V negative at the grid point 1.0
    inputs, weights = one_spike_inputs([0.0, 0.9]), np.array([[4.5], [-40.0]])
    snapped = simulate(inputs, weights, TimeGrid(1.0, "snap"))
    assert snapped.events.times.tolist() == [1.0]
    np.testing.assert_allclose(snapped.since_input, [2 * math.log(1.5)])
    assert snapped.last_input.tolist() == [0]
    assert simulate(inputs, weights, TimeGrid(1.0, "detect")).events.times.size == 0


def test_detect_misses_a_crossing_that_has_decayed_by_the_grid_point(simulate, one_spike_inputs):
    # 4.5 (y - y^2) is above 1 from 2 ln 1.5 = 0.81 to 2 ln 3 = 2.20
    for dt, expected in ((0.7, [1.4]), (1.0, [1.0]), (2.1, [2.1]), (2.3, []), (0.5, [1.0])):
        found = simulate(one_spike_inputs([0.0]), np.array([[4.5]]), TimeGrid(dt, "detect")).events.times
        np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize(("rule", "steps"), [("snap", 2), ("detect", 1)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_crossing_exactly_on_the_grid_moves_a_whole_step_only_if_snapped(
    simulate, one_spike_inputs, rule, steps, dtype
):
    # the crossing itself, as this implementation and dtype has it, is made the first grid point
    crossing = float(simulate(one_spike_inputs([0.0], dtype), np.array([[4.5]], dtype), None).events.times[0])
    found = simulate(one_spike_inputs([0.0], dtype), np.array([[4.5]], dtype), TimeGrid(crossing, rule)).events.times
    np.testing.assert_allclose(found, [steps * crossing], rtol=1e-6)


def test_a_grid_point_on_an_input_belongs_to_the_interval_that_ends_there(simulate, one_spike_inputs):
    for rule in RULES:
        emitted = simulate(one_spike_inputs([0.0, 1.0]), np.array([[4.5], [-40.0]]), TimeGrid(1.0, rule))
        assert emitted.events.times.tolist() == [1.0]
        assert emitted.last_input.tolist() == [0]


@pytest.mark.parametrize("rule", RULES)
def test_a_spike_at_the_end_is_kept_and_one_due_after_it_is_not(simulate, one_spike_inputs, rule):
    for end, expected in ((1.0, [1.0]), (0.999, [])):
        emitted = simulate(one_spike_inputs([0.0]), np.array([[4.5]]), TimeGrid(0.5, rule), max_simulation=end)
        assert emitted.events.times.tolist() == expected


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("dt", [0.002, 0.01])
def test_a_neuron_above_threshold_is_never_muted(random_trains, dtype, rule, dt):
    rng = np.random.default_rng(6)
    grid = TimeGrid(dt, rule)
    inputs = event_lists(*random_trains(rng, 1, 20, 2, dtype))
    weights = rng.uniform(0, 0.08 / dt, (20, 10)).astype(dtype)
    times, counts = cpu.spike_times(inputs, weights, MNIST, 0.3, 200, grid).events.to_trains()
    above = 0
    for neuron in range(10):
        own = times[0, neuron, : counts[0, neuron]].astype(np.float64)
        drive = inputs.times.astype(np.float64), weights[inputs.neurons, neuron]
        for n in range(1, round(0.3 / dt) - 1):
            left = [spike for spike in own if spike < (n + 0.5) * dt]  # after the reset at n dt
            now, then = (potential(*drive, left, MNIST, m * dt) for m in (n, n + 1))
            if min(now, then) > MNIST.threshold * 1.001:
                above += 1
                assert np.abs(own - (n + 1) * dt).min() < 1e-6
    assert above > 20


def test_spikes_without_a_crossing_of_their_own_are_locked_to_the_one_before(simulate, one_spike_inputs):
    emitted = simulate(one_spike_inputs([0.0]), np.array([[40.0]]), TimeGrid(0.25, "snap"), max_simulation=1.0)
    assert emitted.events.times.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert (emitted.inverse_slope == 0).tolist() == [False, True, True, True]


def test_a_finer_grid_converges_to_continuous_time(random_trains):
    rng = np.random.default_rng(7)
    inputs = event_lists(*random_trains(rng, 2, 10, 1))
    weights = rng.uniform(-1, 3, (10, 10))
    exact = cpu.spike_times(inputs, weights, MNIST, 0.3, 30, None).events.to_trains()[0]
    for rule in RULES:
        distances = []
        for dt in (1e-3, 1e-4, 1e-5, 1e-6):
            times = cpu.spike_times(inputs, weights, MNIST, 0.3, 30, TimeGrid(dt, rule)).events.to_trains()[0]
            both = np.isfinite(times) & np.isfinite(exact)
            assert both.sum() > 10
            distances.append(np.abs(times[both] - exact[both]).mean() / dt)
        assert max(distances) < 30  # first order: the distance is a few dt at every dt
