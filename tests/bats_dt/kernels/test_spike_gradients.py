import math

import numba
import numpy as np
import pytest

from bats_dt.grid import TimeGrid
from bats_dt.kernels import threads
from bats_dt.kernels.event_lists import event_lists
from bats_dt.kernels.spike_gradients import cpu, reference
from bats_dt.kernels.spike_times import cpu as forward
from bats_dt.neuron import Neuron

UNIT = Neuron(tau_syn=1.0, threshold=2.0, reset=2.0)
MNIST = Neuron(tau_syn=0.13, threshold=0.2, reset=0.2)
GRIDS = [None, TimeGrid(0.01, "snap"), TimeGrid(0.037, "snap"), TimeGrid(0.01, "detect"), TimeGrid(0.037, "detect")]
GRID_NAMES = ["exact", "snap 10 ms", "snap 37 ms", "detect 10 ms", "detect 37 ms"]


def emit(trains, weights, neuron=MNIST, grid=None, end=0.3, max_spikes=20):
    inputs = event_lists(*trains)
    return inputs, forward.spike_times(inputs, weights, neuron, end, max_spikes, grid)


@pytest.mark.parametrize("module", [cpu, reference])
def test_no_samples_and_no_inputs_give_zero_gradients(module):
    for batch in (0, 2):
        weights = np.ones((5, 3))
        inputs, spikes = emit((np.full((batch, 5, 1), np.inf), np.zeros((batch, 5), int)), weights)
        gradient, input_errors = module.spike_gradients(np.empty(0), spikes, inputs, weights, MNIST, 1, True)
        assert gradient.shape == (1, 5, 3)
        assert not gradient.any()
        assert input_errors.shape == (0,)


@pytest.mark.parametrize("module", [cpu, reference])
def test_one_input_and_one_spike_have_the_gradient_worked_by_hand(one_spike_inputs, module):
    # y = 2/3, slope 1: dt/dw = 2 (4/9 - 2/3) = -4/9; the spike moves with its only input, dt/dt_in = 1
    weights = np.array([[4.5]])
    inputs, spikes = emit(one_spike_inputs([0.0]), weights, UNIT, end=math.inf)
    gradient, input_errors = module.spike_gradients(np.array([3.0]), spikes, inputs, weights, UNIT, 1, True)
    np.testing.assert_allclose(gradient, [[[-3 * 4 / 9]]])
    np.testing.assert_allclose(input_errors, [3.0])


@pytest.mark.parametrize("grid", GRIDS, ids=GRID_NAMES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("parts", [1, 3])
def test_the_fast_kernel_is_the_reference(random_trains, gradient_tolerance, grid, dtype, parts):
    rng = np.random.default_rng(1)
    weights = rng.uniform(-1, 3, (10, 14)).astype(dtype)
    inputs, spikes = emit(random_trains(rng, 3, 10, 2, dtype), weights, grid=grid)
    errors = rng.normal(size=len(spikes.events.times)).astype(dtype)
    given = errors.copy()
    results = [m.spike_gradients(errors, spikes, inputs, weights, MNIST, parts, True) for m in (cpu, reference)]
    assert results[0][0].shape == (parts, 10, 14)
    for fast, slow in zip(*results, strict=True):
        assert np.abs(fast - slow).max() < gradient_tolerance[dtype] * np.abs(slow).max()
    np.testing.assert_array_equal(errors, given)


@pytest.mark.parametrize(
    ("batch", "n_post"), [(2, 1), (2, 31), (2, 32), (2, 33), (2, 127), (2, 128), (2, 129), (1, 1025), (1025, 1)]
)
@pytest.mark.parametrize("grid", [None, TimeGrid(0.037)], ids=["exact", "snap 37 ms"])
def test_any_number_of_neurons_and_samples_gives_the_reference(random_trains, gradient_tolerance, batch, n_post, grid):
    rng = np.random.default_rng(n_post)
    weights = rng.uniform(-1, 3, (4, n_post))
    inputs, spikes = emit(random_trains(rng, batch, 4, 1), weights, grid=grid)
    errors = rng.normal(size=len(spikes.events.times))
    results = [m.spike_gradients(errors, spikes, inputs, weights, MNIST, 1, True) for m in (cpu, reference)]
    for fast, slow in zip(*results, strict=True):
        assert np.abs(fast - slow).max() <= gradient_tolerance[np.float64] * np.abs(slow).max()


def replay(inputs_times, weights, inputs, spikes, grid):
    """Spike times when inputs and weights move a little, every spike keeping its distance from its crossing.

    The straight-through gradient is by definition the exact gradient of this. Independent of the kernels: crossings
    are found by Newton's method on the response form of the potential [A3-A5].
    """
    tau, tau_s = MNIST.tau_mem, MNIST.tau_syn
    emitted = np.empty(len(spikes.events.times))
    sample_of = spikes.events.samples
    own: dict[tuple[int, int], list[int]] = {}
    for k in range(len(emitted)):
        previous = own.setdefault((sample_of[k], spikes.events.neurons[k]), [])
        j = spikes.events.neurons[k]
        if spikes.inverse_slope[k] == 0:
            emitted[k] = emitted[previous[-1]] + (spikes.events.times[k] - spikes.events.times[previous[-1]])
            previous.append(k)
            continue
        causal = slice(inputs.offsets[sample_of[k]], spikes.last_input[k] + 1)
        w, t_in = weights[inputs.neurons[causal], j], inputs_times[causal]
        nominal = inputs.times[spikes.last_input[k]] + spikes.since_input[k]
        resets = emitted[previous]
        t = nominal
        for _ in range(8):
            slow, fast = np.exp((t_in - t) / tau), np.exp((t_in - t) / tau_s)
            decayed = MNIST.reset * np.exp((resets - t) / tau)
            v = tau * (w * (slow - fast)).sum() - decayed.sum()
            slope = (w * (2 * fast - slow)).sum() + decayed.sum() / tau
            t -= (v - MNIST.threshold) / slope
        emitted[k] = t + (spikes.events.times[k] - nominal)
        previous.append(k)
    return emitted


@pytest.mark.parametrize("inputs_on_grid", [False, True], ids=["free inputs", "inputs on the grid"])
@pytest.mark.parametrize("grid", GRIDS, ids=GRID_NAMES)
def test_central_differences_agree_straight_through_on_a_grid(random_trains, grid, inputs_on_grid):
    rng = np.random.default_rng(2)
    weights = rng.uniform(-1, 4, (8, 6))
    trains = random_trains(rng, 2, 8, 2, grid=grid if inputs_on_grid else None)
    inputs, spikes = emit(trains, weights, grid=grid)
    cotangent = rng.normal(size=len(spikes.events.times))
    assert len(cotangent) > 15
    np.testing.assert_allclose(replay(inputs.times, weights, inputs, spikes, grid), spikes.events.times, atol=1e-12)
    gradient, input_errors = cpu.spike_gradients(cotangent, spikes, inputs, weights, MNIST, 1, True)
    step = 1e-6

    def difference(times_by, weights_by):
        up, down = (
            replay(inputs.times + sign * times_by, weights + sign * weights_by, inputs, spikes, grid)
            for sign in (step, -step)
        )
        return cotangent @ (up - down) / (2 * step)

    for _ in range(5):
        along_times, along_weights = rng.normal(size=inputs.times.shape), rng.normal(size=weights.shape)
        expected = difference(0.0, along_weights)
        assert abs((gradient[0] * along_weights).sum() - expected) < 1e-6 * np.abs(gradient * along_weights).sum()
        expected = difference(along_times, 0.0)
        assert abs(input_errors @ along_times - expected) < 1e-6 * np.abs(input_errors * along_times).sum()


@pytest.mark.parametrize("tau_mem", [0.26, 0.13, 0.065, 0.13013, 0.65])
def test_the_exact_gradient_is_that_of_the_simulation_itself(random_trains, tau_mem):
    rng, neuron = np.random.default_rng(3), Neuron(0.13, 0.05, 0.05, tau_mem)
    weights = rng.uniform(-1, 3, (8, 6))
    inputs, spikes = emit(random_trains(rng, 2, 8, 2), weights, neuron)
    cotangent = rng.normal(size=len(spikes.events.times))
    assert len(cotangent) > 15
    gradient, _ = cpu.spike_gradients(cotangent, spikes, inputs, weights, neuron, 1, False)
    along, step = rng.normal(size=weights.shape), 1e-7
    values = []
    for sign in (step, -step):
        moved = forward.spike_times(inputs, weights + sign * along, neuron, 0.3, 20, None).events
        np.testing.assert_array_equal(moved.counts(), spikes.events.counts())
        values.append((spikes.events.scatter(cotangent, 0) * moved.scatter(moved.times, 0)).sum())
    np.testing.assert_allclose((gradient[0] * along).sum(), (values[0] - values[1]) / (2 * step), rtol=1e-5)


def test_a_grazing_spike_has_a_finite_gradient(one_spike_inputs):
    weights = np.array([[4.0]])
    inputs, spikes = emit(one_spike_inputs([0.0]), weights, UNIT, end=math.inf)
    results = [m.spike_gradients(np.ones(1), spikes, inputs, weights, UNIT, 1, True) for m in (cpu, reference)]
    for gradient, errors in results:  # dt/dw = (tau / slope) (y^2 - y) with y = 1/2 and the bounded slope 1e-3
        np.testing.assert_allclose(gradient, [[[-500.0]]], rtol=1e-6)
        assert np.isfinite(errors).all()


def test_silent_inputs_and_silent_neurons_have_no_gradient(one_spike_inputs):
    weights = np.array([[4.5, -1.0], [3.0, -1.0]])
    inputs, spikes = emit(one_spike_inputs([0.0, math.inf]), weights, UNIT, end=math.inf)
    gradient, input_errors = cpu.spike_gradients(np.ones(1), spikes, inputs, weights, UNIT, 1, True)
    assert gradient[0, 0, 0] != 0
    assert np.count_nonzero(gradient) == 1
    assert input_errors.shape == (1,)


@pytest.mark.parametrize("grid", GRIDS, ids=GRID_NAMES)
def test_no_spikes_at_all_give_zero_gradients(random_trains, grid):
    weights = np.full((5, 3), -1.0)
    inputs, spikes = emit(random_trains(np.random.default_rng(0), 2, 5, 1), weights, grid=grid)
    for module in (cpu, reference):
        gradient, input_errors = module.spike_gradients(np.empty(0), spikes, inputs, weights, MNIST, 1, True)
        assert not gradient.any()
        assert not input_errors.any()


def test_the_error_of_a_locked_spike_passes_to_the_one_before(one_spike_inputs):
    weights = np.array([[40.0]])
    inputs, spikes = emit(one_spike_inputs([0.0]), weights, UNIT, TimeGrid(0.25, "snap"), end=1.0)
    assert len(spikes.events.times) == 4  # the first crossed, three are locked to it
    spread, _ = cpu.spike_gradients(np.array([1.0, 2.0, 3.0, 4.0]), spikes, inputs, weights, UNIT, 1, False)
    first, _ = cpu.spike_gradients(np.array([10.0, 0.0, 0.0, 0.0]), spikes, inputs, weights, UNIT, 1, False)
    np.testing.assert_allclose(spread, first)
    assert first[0, 0, 0] < 0  # more weight, an earlier spike


def test_parts_sum_to_the_whole_and_input_errors_do_not_depend_on_them(random_trains):
    rng = np.random.default_rng(4)
    weights = rng.uniform(-1, 3, (10, 7))
    inputs, spikes = emit(random_trains(rng, 5, 10, 2), weights)
    errors = rng.normal(size=len(spikes.events.times))
    whole, input_errors = cpu.spike_gradients(errors, spikes, inputs, weights, MNIST, 1, True)
    samples, same = cpu.spike_gradients(errors, spikes, inputs, weights, MNIST, 5, True)
    assert samples.shape == (5, 10, 7)
    np.testing.assert_allclose(samples.sum(axis=0), whole[0], rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(input_errors, same)


def test_the_number_of_threads_does_not_change_a_bit(random_trains, monkeypatch):
    monkeypatch.setattr(threads, "LEAST_UPDATES", 0)  # this is too little work to wake others for
    rng = np.random.default_rng(5)
    weights = rng.uniform(-1, 2, (30, 300)).astype(np.float32)
    inputs, spikes = emit(random_trains(rng, 40, 30, 2, np.float32), weights)
    errors = rng.normal(size=len(spikes.events.times)).astype(np.float32)
    results = []
    for n_threads in (1, 2, 5):
        monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", n_threads)
        results.append(cpu.spike_gradients(errors, spikes, inputs, weights, MNIST, 1, True))
    for other in results[1:]:
        for one, two in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(one, two)


def test_long_simulations_neither_overflow_nor_lose_the_gradient(one_spike_inputs):
    weights = np.array([[6.0], [6.0]], np.float32)
    inputs, spikes = emit(one_spike_inputs([0.0, 1e5], np.float32), weights, end=math.inf)
    errors = np.ones(len(spikes.events.times), np.float32)
    gradient, _ = cpu.spike_gradients(errors, spikes, inputs, weights, MNIST, 1, True)
    np.testing.assert_allclose(gradient[0, 0], gradient[0, 1], rtol=1e-5)
    assert gradient[0, 0, 0] < 0


@pytest.mark.parametrize("rule", ["snap", "detect"])
def test_late_in_float32_a_reset_on_the_grid_is_still_apart_from_its_crossing(one_spike_inputs, rule):
    # float32 resolves 0.125 s at 2^20 s: grid times are exact there, the crossing 0.18 s before one is not
    grid, weights, results = TimeGrid(0.5, rule), np.array([[8.0]], np.float32), []
    for start in (0.0, 2.0**20):
        inputs, spikes = emit(one_spike_inputs([start], np.float32), weights, UNIT, grid, math.inf)
        assert (spikes.inverse_slope > 0).tolist() == [True, True]
        errors = np.arange(1, 1 + len(spikes.events.times), dtype=np.float32)
        results.append(cpu.spike_gradients(errors, spikes, inputs, weights, UNIT, 1, True))
    for early, late in zip(*results, strict=True):
        np.testing.assert_allclose(late, early, rtol=1e-5)
