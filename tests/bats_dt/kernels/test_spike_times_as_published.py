import math

import numpy as np
import pytest

from bats_dt.grid import TimeGrid
from bats_dt.kernels.event_lists import event_lists
from bats_dt.kernels.spike_times import cpu, reference
from bats_dt.neuron import Neuron

UNIT = Neuron(tau_syn=1.0, threshold=2.0, reset=2.0)  # tau = 2, c = 1
MNIST = Neuron(tau_syn=0.13, threshold=0.2, reset=0.2)
CROSSING = 2 * math.log(1.5)  # of a weight of 4.5: 4.5 (y - y^2) = 1 at y = 2/3; above from here to 2 ln 3 = 2.197
DTYPES = [np.float32, np.float64]


@pytest.fixture(params=[cpu, reference], ids=["cpu", "reference"])
def simulate(request):
    def run(trains, weights, dt, neuron=UNIT, max_simulation=math.inf, max_spikes=20):
        weights = np.ascontiguousarray(weights)
        grid = TimeGrid(dt, "published")
        return request.param.spike_times(event_lists(*trains), weights, neuron, max_simulation, max_spikes, grid)

    return run


def published(inputs, weights, neuron, dt, end, dtype):
    """Grid times, continuous crossings and slopes of one neuron: absolute a, b, x and z, as in the published code.

    a = sum w e^{t/tau_s}, b = sum w e^{t/tau} - resets; z = e^{t_c/tau} = 2a / (b + x), x = sqrt(b^2 - 4ac).
    """
    tau, c = neuron.tau_mem, neuron.threshold / neuron.tau_mem
    a = b = 0.0
    spikes = []
    for k, (arrival, weight) in enumerate(zip(inputs, weights, strict=True)):
        a += weight * math.exp(arrival / neuron.tau_syn)
        b += weight * math.exp(arrival / tau)
        last = arrival
        following = inputs[k + 1] if k + 1 < len(inputs) else math.inf
        while b * b - 4 * a * c >= 0:
            x = math.sqrt(b * b - 4 * a * c)
            if b + x == 0 or 2 * a / (b + x) <= 0:
                break
            z = 2 * a / (b + x)
            t_c = float(dtype(tau * math.log(z)))
            time = t_c + (dt - math.fmod(t_c, dt))
            time = float(dtype(round(time / dt) * dt))  # the sum is a grid point up to rounding
            y = math.exp(-time / tau)
            if tau * (b * y - a * y * y) + 1e-4 < neuron.threshold:
                break
            if time <= last or time > end or time > following:
                break
            spikes.append((time, tau * math.log(z), x / z / z * z))
            last = time
            b -= neuron.reset / tau * z
    return spikes


def test_a_crossing_moves_to_the_next_grid_point_and_resets_as_if_it_had_not(simulate, one_spike_inputs):
    # after the reset b = 4.5 - e^{0.811/2} = 3 and b^2 < 4 a c = 18: no further crossing
    emitted = simulate(one_spike_inputs([0.0]), np.array([[4.5]]), 0.5)
    assert emitted.events.times.tolist() == [1.0]
    np.testing.assert_allclose(emitted.since_input, [CROSSING])
    np.testing.assert_allclose(emitted.inverse_slope, [1.0])
    assert not emitted.reset_on_grid


def test_a_threshold_below_the_slack_makes_no_neurons_out_of_the_padding(simulate, one_spike_inputs):
    # 1e-4 above 0 is above the threshold: the lanes beyond the three neurons, which are at 0, are flagged
    neuron = Neuron(tau_syn=1.0, threshold=5e-5, reset=1.0)
    emitted = simulate(one_spike_inputs([0.0]), np.array([[0.01, -0.01, 0.01]]), 0.5, neuron)
    assert sorted(set(emitted.events.neurons.tolist())) == [0, 2]


def test_the_reset_is_as_if_at_the_crossing(simulate, one_spike_inputs):
    # After the spike V = tau (3 y - 4.5 y^2), with a reset at the crossing. A second input of weight w at 1.5 crosses
    # where that, continued, and w's response make 2.
    emitted = simulate(one_spike_inputs([0.0, 1.5]), np.array([[4.5], [4.0]]), 1e-6)
    time = emitted.events.times[1]
    y, since = math.exp(-time / 2), time - 1.5
    v = 2 * (3 * y - 4.5 * y * y) + 8 * (math.exp(-since / 2) - math.exp(-since))
    assert v == pytest.approx(2, abs=1e-4)
    late = simulate(one_spike_inputs([0.0, 1.5]), np.array([[4.5], [4.0]]), 0.5)
    assert late.events.times[0] == 1.0
    crossing = 1.5 + late.since_input[1]  # the same state though the first spike was emitted 0.19 later
    assert crossing == pytest.approx(time, abs=2e-6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_crossing_exactly_on_the_grid_moves_a_whole_step(simulate, one_spike_inputs, dtype):
    on_grid = float(dtype(CROSSING))
    emitted = simulate(one_spike_inputs([0.0], dtype), np.array([[4.5]], dtype), on_grid)
    np.testing.assert_allclose(emitted.events.times, [2 * on_grid], rtol=1e-6)


def test_a_peak_that_is_over_before_the_grid_point_produces_nothing(simulate, one_spike_inputs):
    for dt, expected in ((2.1, [2.1]), (2.3, [])):
        assert simulate(one_spike_inputs([0.0]), np.array([[4.5]]), dt).events.times.tolist() == expected


def test_a_potential_within_the_margin_below_threshold_is_late_enough(simulate, one_spike_inputs):
    # V' = (2 a y - b) y = (3 - 4.5) / 3 = -1/2 at 2 ln 3, where V falls through theta: 1e-4 of it last 2e-4 s
    for delay, n in ((1e-4, 1), (4e-4, 0)):
        assert len(simulate(one_spike_inputs([0.0]), np.array([[4.5]]), 2 * math.log(3) + delay).events.times) == n


def test_a_decision_is_postponed_when_the_grid_point_lies_behind_the_next_input(simulate, one_spike_inputs):
    # crossing at 0.811, input at 0.9, grid point 1.0. The input is weak: the crossing computed anew is an extrapolation
    # to before that input, and still counts. With strong inhibition there is none at all.
    emitted = simulate(one_spike_inputs([0.0, 0.9]), np.array([[4.5], [0.1]]), 1.0)
    assert emitted.events.times.tolist() == [1.0]
    assert emitted.last_input.tolist() == [1]
    a, b = 4.5 + 0.1 * math.exp(0.9), 4.5 + 0.1 * math.exp(0.45)
    crossing = 2 * math.log(2 * a / (b + math.sqrt(b * b - 4 * a)))
    assert crossing < 0.9
    np.testing.assert_allclose(emitted.since_input, [crossing - 0.9])
    assert simulate(one_spike_inputs([0.0, 0.9]), np.array([[4.5], [-9.0]]), 1.0).events.times.size == 0


def test_an_input_exactly_on_the_grid_point_is_not_seen_and_the_spike_is_kept(simulate, one_spike_inputs):
    emitted = simulate(one_spike_inputs([0.0, 1.0]), np.array([[4.5], [-40.0]]), 1.0)
    assert emitted.events.times.tolist() == [1.0]
    assert emitted.last_input.tolist() == [0]


def test_a_spike_at_the_end_is_kept_and_one_due_after_it_is_not(simulate, one_spike_inputs):
    for end, expected in ((1.0, [1.0]), (0.999, [])):
        emitted = simulate(one_spike_inputs([0.0]), np.array([[4.5]]), 0.5, max_simulation=end)
        assert emitted.events.times.tolist() == expected


def test_a_second_crossing_in_one_step_is_dropped_and_mutes_the_neuron(simulate, one_spike_inputs):
    # far above the threshold: several continuous crossings in the first step, of which one becomes a spike; the next
    # root lies in a step that is over, so the neuron is silent above its threshold until an input moves it
    alone = simulate(one_spike_inputs([0.0]), np.array([[40.0]]), 0.25, max_simulation=3.0)
    assert alone.events.times.tolist() == [0.25]
    continuous = cpu.spike_times(event_lists(*one_spike_inputs([0.0])), np.array([[40.0]]), UNIT, 3.0, 50, None)
    assert len(continuous.events.times) > 9


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_constant_strong_drive_is_followed_in_every_step_by_snap_and_detect_only(one_spike_inputs, dtype):
    # the current hardly decays within the simulation, V gains two thresholds in each step and loses one
    neuron = Neuron(tau_syn=50.0, threshold=1.0, reset=1.0)
    inputs, weights = event_lists(*one_spike_inputs([0.0], dtype)), np.array([[200.0]], dtype)
    for module in (cpu, reference):
        for rule in ("snap", "detect"):
            times = module.spike_times(inputs, weights, neuron, 1.0, 200, TimeGrid(0.01, rule)).events.times
            np.testing.assert_allclose(times, np.arange(1, 101) * 0.01, rtol=1e-6)
        times = module.spike_times(inputs, weights, neuron, 1.0, 200, TimeGrid(0.01, "published")).events.times
        assert 1 <= len(times) <= 3
        assert times.max() < 0.05  # silent ever after, while V passes 100


def test_being_above_threshold_at_an_input_is_no_spike(simulate, one_spike_inputs):
    # V is above theta when the second, inhibitory input comes: a < 0, so there is no upward crossing anywhere
    emitted = simulate(one_spike_inputs([0.0, 1.2]), np.array([[6.0], [-9.0]]), 1.5)
    assert emitted.events.times.size == 0


@pytest.mark.parametrize("inputs_on_grid", [False, True], ids=["free inputs", "inputs on the grid"])
@pytest.mark.parametrize("dt", [0.002, 0.01, 0.037])
@pytest.mark.parametrize("dtype", DTYPES)
def test_spikes_are_those_of_the_published_rule_in_absolute_letters(random_trains, dtype, dt, inputs_on_grid):
    rng = np.random.default_rng(3)
    grid = TimeGrid(dt, "published")
    inputs = event_lists(*random_trains(rng, 1, 12, 2, dtype, grid if inputs_on_grid else None))
    weights = rng.uniform(-2, 4, (12, 25)).astype(dtype)
    tolerance = 1e-9 if dtype == np.float64 else 1e-4  # relative, of crossings near to tangential in float32
    before_input = 0
    for module in (cpu, reference):
        emitted = module.spike_times(inputs, weights, MNIST, 0.3, 30, grid)
        assert len(emitted.events.times) > 40
        for neuron in range(25):
            own = np.flatnonzero(emitted.events.neurons == neuron)
            expected = published(
                inputs.times.astype(float),
                weights[inputs.neurons, neuron].astype(float),
                MNIST,
                dt,
                float(dtype(0.3)),
                dtype,
            )
            assert emitted.events.times[own].tolist() == [spike[0] for spike in expected]
            crossings = inputs.times[emitted.last_input[own]].astype(float) + emitted.since_input[own]
            np.testing.assert_allclose(crossings, [spike[1] for spike in expected], rtol=tolerance)
            before_input += int((emitted.since_input[own] < 0).sum())
    assert inputs_on_grid or before_input > 0


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("dt", [0.002, 0.01, 0.037])
def test_the_fast_kernel_is_the_reference(random_trains, dtype, dt):
    rng = np.random.default_rng(4)
    grid = TimeGrid(dt, "published")
    inputs = event_lists(*random_trains(rng, 2, 10, 2, dtype))
    weights = rng.uniform(-2, 4, (10, 33)).astype(dtype)
    fast, slow = (module.spike_times(inputs, weights, MNIST, 0.3, 3, grid) for module in (cpu, reference))
    assert slow.lost.sum() > 0
    for name in ("times", "neurons", "slots", "offsets"):
        np.testing.assert_array_equal(getattr(fast.events, name), getattr(slow.events, name))
    for name in ("last_input", "lost", "bounded"):
        np.testing.assert_array_equal(getattr(fast, name), getattr(slow, name))
    np.testing.assert_allclose(fast.inverse_slope, slow.inverse_slope, rtol=0.02 if dtype == np.float32 else 1e-8)


def test_there_is_at_most_one_spike_a_step(random_trains):
    rng = np.random.default_rng(5)
    inputs = event_lists(*random_trains(rng, 3, 10, 2))
    emitted = cpu.spike_times(inputs, rng.uniform(0, 4, (10, 9)), MNIST, 0.3, 50, TimeGrid(0.01, "published"))
    times, _ = emitted.events.to_trains()
    steps = np.where(np.isfinite(times), np.rint(times / 0.01), np.inf)
    assert np.isfinite(steps).sum() > 50
    with np.errstate(invalid="ignore"):
        assert (np.diff(steps, axis=2)[np.isfinite(steps[..., 1:])] >= 1).all()
