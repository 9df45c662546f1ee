import math

import numba
import numpy as np
import pytest

from bats_dt.kernels.event_lists import event_lists
from bats_dt.kernels.spike_times import cpu, reference
from bats_dt.kernels.spike_times.crossings import NONE, Constants, next_crossing
from bats_dt.neuron import Neuron

IMPLEMENTATIONS = [cpu, reference]
DTYPES = [np.float32, np.float64]
UNIT = Neuron(tau_syn=1.0, threshold=2.0, reset=2.0)  # tau = 2, c = 1
MNIST = Neuron(tau_syn=0.13, threshold=0.2, reset=0.2)


def name_of(module):
    return module.__name__.rpartition(".")[2]


@pytest.fixture(params=IMPLEMENTATIONS, ids=name_of)
def simulate(request):
    def run(trains, weights, neuron=UNIT, max_simulation=math.inf, max_spikes=20, grid=None):
        weights = np.ascontiguousarray(weights)
        return request.param.spike_times(event_lists(*trains), weights, neuron, max_simulation, max_spikes, grid)

    return run


def response(inputs, weights, resets, neuron, time):
    """V(t) in the SRM form of EQUATIONS A.1, at times (...,): independent of the kernels' algebra."""
    tau, tau_s = neuron.tau_mem, neuron.tau_syn
    time = np.asarray(time, np.float64)[..., None]
    since = np.maximum(time - inputs, 0)
    gain = tau * tau_s / (tau - tau_s)
    v = (weights * gain * (np.exp(-since / tau) - np.exp(-since / tau_s))).sum(-1)
    after = time - np.asarray(resets, np.float64)
    return v - neuron.reset * (np.exp(-np.maximum(after, 0) / tau) * (after >= 0)).sum(-1)


@pytest.mark.parametrize("dtype", DTYPES)
def test_one_input_crosses_where_the_quadratic_says_and_is_reset_once(simulate, one_spike_inputs, dtype):
    # 4.5 (y - y^2) = 1 at y = 2/3, so t = 2 ln 1.5 with slope 4.5 (2/3)^2 - 1 = 1; after the reset b^2 < 4 a c.
    emitted = simulate(one_spike_inputs([0.0], dtype), np.array([[4.5]], dtype))
    np.testing.assert_allclose(emitted.events.times, [2 * math.log(1.5)], rtol=1e-6)
    np.testing.assert_allclose(emitted.since_input, [2 * math.log(1.5)], rtol=1e-6)
    np.testing.assert_allclose(emitted.inverse_slope, [1.0], rtol=1e-5)
    assert emitted.last_input.tolist() == [0]
    assert emitted.events.times.dtype == dtype


def test_no_input_and_inhibition_leave_a_neuron_silent(simulate, one_spike_inputs):
    for times, weight in ([math.inf], 9.0), ([0.5], -9.0), ([0.5], 0.0):
        emitted = simulate(one_spike_inputs(times), np.array([[weight]]))
        assert emitted.events.times.size == 0
        assert emitted.events.offsets.tolist() == [0, 0]


def test_an_empty_batch_is_simulated_to_nothing(simulate):
    emitted = simulate((np.empty((0, 3, 1)), np.empty((0, 3), np.int32)), np.ones((3, 2)))
    assert emitted.events.offsets.tolist() == [0]


def test_simultaneous_inputs_act_as_one(simulate, one_spike_inputs):
    together = simulate(one_spike_inputs([0.3, 0.3, 0.3]), np.array([[4.5], [-2.0], [3.0]]))
    single = simulate(one_spike_inputs([0.3]), np.array([[5.5]]))
    np.testing.assert_allclose(together.events.times, single.events.times, rtol=1e-12)
    assert together.last_input.tolist() == [2]


def test_a_grazing_peak_is_a_spike_with_a_bounded_slope(simulate, one_spike_inputs):
    emitted = simulate(one_spike_inputs([0.0]), np.array([[4.0]]))  # b^2 = 4 a c exactly: y = 1/2
    np.testing.assert_allclose(emitted.events.times, [2 * math.log(2)])
    assert emitted.bounded.tolist() == [1]
    np.testing.assert_allclose(emitted.inverse_slope, [1e3])


def test_a_peak_just_below_the_threshold_is_none(simulate, one_spike_inputs):
    assert simulate(one_spike_inputs([0.0]), np.array([[np.nextafter(4.0, 0)]])).events.times.size == 0


def test_a_spike_exactly_at_the_end_is_kept_and_one_after_it_is_not(simulate, one_spike_inputs):
    end = simulate(one_spike_inputs([0.0]), np.array([[4.5]])).events.times[0]
    for max_simulation, n in ((end, 1), (np.nextafter(end, 0), 0)):
        emitted = simulate(one_spike_inputs([0.0]), np.array([[4.5]]), max_simulation=max_simulation)
        assert emitted.events.times.size == n


def test_a_crossing_exactly_at_the_next_input_is_kept(simulate, one_spike_inputs):
    crossing = simulate(one_spike_inputs([0.0]), np.array([[4.5]])).events.times[0]
    emitted = simulate(one_spike_inputs([0.0, crossing]), np.array([[4.5], [-9.0]]))
    np.testing.assert_allclose(emitted.events.times, [crossing])


def test_inputs_after_the_end_are_ignored(simulate, one_spike_inputs):
    emitted = simulate(one_spike_inputs([1.0]), np.array([[9.0]]), max_simulation=0.5)
    assert emitted.events.times.size == 0


@pytest.mark.parametrize("dtype", DTYPES)
def test_no_crossing_is_lost_where_rounding_puts_it_beside_an_input(one_spike_inputs, dtype):
    # The constructed case of the original kernels' lost spikes: an input within a few roundings of the crossing,
    # after which the crossing computed anew may lie before it.
    rng = np.random.default_rng(0)
    first_weights = rng.uniform(4.2, 9.0, 60).astype(dtype)
    for weight in first_weights:
        alone = cpu.spike_times(
            event_lists(*one_spike_inputs([0.0], dtype)), np.array([[weight]]), UNIT, math.inf, 20, None
        )
        near = alone.events.times[0]
        for _ in range(4):
            near = np.nextafter(near, dtype(0))
        for _ in range(9):
            near = np.nextafter(near, dtype(9))
            for second in (3.0, 0.5):
                weights = np.array([[weight], [second]], dtype)
                inputs = event_lists(*one_spike_inputs([0.0, near], dtype))
                fast = cpu.spike_times(inputs, weights, UNIT, math.inf, 20, None)
                slow = reference.spike_times(inputs, weights, UNIT, math.inf, 20, None)
                assert len(fast.events.times) == len(slow.events.times) >= 1
                assert abs(fast.events.times[0] - near) < 1e-5


def test_a_potential_at_the_threshold_at_the_beginning_of_an_interval_is_a_crossing_there():
    constants = Constants.of(UNIT, 0.0, np.dtype(np.float64))
    for v in (3.0, 2.0):  # after an inhibitory input: it only falls from 3, or from exactly theta
        assert next_crossing(v, -1.0, 5.0, constants) == (0.0, v, -1.0)


def test_a_crossing_is_never_placed_before_the_beginning_of_its_interval():
    # V is a rounding or two below theta and rises: computed from a root above or below 1, as rounding has it
    rng = np.random.default_rng(0)
    for tau_mem in (2.0, 1.3):
        constants = Constants.of(Neuron(1.0, 2.0, 2.0, tau_mem=tau_mem), 0.0, np.dtype(np.float64))
        for _ in range(1000):
            v = 2.0 * (1 - rng.integers(1, 4) * 2.0**-53)
            rise, v_there, i_there = next_crossing(v, rng.uniform(1.6, 9), 5.0, constants)
            assert 0 <= rise < 1e-13  # three roundings over a slope of at least 0.06
            assert v_there == 2.0
            assert i_there > 0
        assert next_crossing(1.9, 0.9, 5.0, constants) == (NONE, 1.9, 0.9)  # it only falls


@pytest.mark.parametrize("dtype", DTYPES)
def test_spikes_are_sorted_causal_and_numbered(random_trains, dtype):
    rng = np.random.default_rng(1)
    inputs = event_lists(*random_trains(rng, 4, 30, 2, dtype))
    emitted = cpu.spike_times(inputs, rng.uniform(-1, 2, (30, 25)).astype(dtype), MNIST, 0.3, 30, None)
    events = emitted.events
    assert len(events.times) > 100
    for sample in range(4):
        part = slice(events.offsets[sample], events.offsets[sample + 1])
        keys = list(zip(events.times[part], events.neurons[part], events.slots[part], strict=True))
        assert keys == sorted(keys)
        assert np.all(inputs.samples[emitted.last_input[part]] == sample)
        for neuron in range(25):
            own = events.slots[part][events.neurons[part] == neuron]
            assert own.tolist() == list(range(len(own)))
    assert np.all(events.times >= inputs.times[emitted.last_input])
    assert np.all(emitted.since_input >= 0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_post", [1, 31, 32, 33, 1025])
def test_the_fast_kernel_is_the_reference_at_any_size(random_trains, time_tolerance, dtype, n_post):
    rng = np.random.default_rng(n_post)
    inputs = event_lists(*random_trains(rng, 2, 8, 2, dtype))
    weights = rng.uniform(-1, 3, (8, n_post)).astype(dtype)
    fast, slow = (module.spike_times(inputs, weights, MNIST, 0.3, 12, None) for module in IMPLEMENTATIONS)
    np.testing.assert_array_equal(fast.events.counts(), slow.events.counts())
    fast_times, slow_times = fast.events.to_trains()[0], slow.events.to_trains()[0]
    finite = np.isfinite(slow_times)
    assert finite.any()
    assert np.abs(fast_times[finite] - slow_times[finite]).max() < time_tolerance[dtype]
    np.testing.assert_array_equal(fast.lost, slow.lost)


def test_potentials_reach_the_threshold_at_every_spike_and_nowhere_else(random_trains):
    rng = np.random.default_rng(5)
    inputs = event_lists(*random_trains(rng, 1, 10, 2))
    weights = rng.uniform(-1, 3, (10, 12))
    times, counts = cpu.spike_times(inputs, weights, MNIST, 0.3, 30, None).events.to_trains()
    fine = np.linspace(0, 0.3, 30001)
    for neuron in range(12):
        own = times[0, neuron, : counts[0, neuron]]
        w = weights[inputs.neurons, neuron]
        for k, spike in enumerate(own):
            assert abs(response(inputs.times, w, own[:k], MNIST, spike) - MNIST.threshold) < 1e-12
        v = response(inputs.times, w, own, MNIST, fine)
        away = np.abs(fine[:, None] - own).min(axis=1, initial=1) > 2e-5
        assert v[away].max() < MNIST.threshold


def test_an_euler_simulation_of_the_differential_equations_agrees(random_trains):
    rng = np.random.default_rng(6)
    inputs = event_lists(*random_trains(rng, 1, 10, 1))
    weights = rng.uniform(-1, 4, (10, 15))
    step, current, potential = 5e-6, np.zeros(15), np.zeros(15)
    spikes = []
    arrivals = {round(float(t) / step): weights[n] for t, n in zip(inputs.times, inputs.neurons, strict=True)}
    for n in range(round(0.3 / step)):
        current += arrivals.get(n, 0)
        potential += step * (current - potential / MNIST.tau_mem)
        current -= step * current / MNIST.tau_syn
        fired = potential >= MNIST.threshold
        spikes += [(neuron, n * step) for neuron in np.flatnonzero(fired)]
        potential[fired] -= MNIST.reset
    times, counts = cpu.spike_times(inputs, weights, MNIST, 0.3, 30, None).events.to_trains()
    stepped = [[t for j, t in spikes if j == neuron] for neuron in range(15)]
    assert [len(own) for own in stepped] == counts[0].tolist()
    assert counts.sum() > 10
    for neuron in range(15):
        np.testing.assert_allclose(times[0, neuron, : counts[0, neuron]], stepped[neuron], atol=1e-4)


@pytest.mark.parametrize(("shift", "dtype", "tolerance"), [(1e3, np.float64, 1e-10), (64.0, np.float32, 4e-5)])
def test_a_shift_of_the_inputs_shifts_the_spikes(random_trains, shift, dtype, tolerance):
    rng = np.random.default_rng(7)
    times, counts = random_trains(rng, 3, 20, 1, dtype)
    shifted = (times + dtype(shift)).astype(dtype)
    times = (shifted - dtype(shift)).astype(dtype)  # what the dtype resolves at the later time
    weights = rng.uniform(-1, 2, (20, 10)).astype(dtype)
    here, there = (
        cpu.spike_times(event_lists(t, counts), weights, MNIST, math.inf, 30, None).events.to_trains()
        for t in (times, shifted)
    )
    np.testing.assert_array_equal(here[1], there[1])
    finite = np.isfinite(here[0])
    assert finite.sum() > 20
    assert np.abs(there[0][finite] - shift - here[0][finite]).max() < tolerance


def test_float32_does_not_overflow_however_long_the_simulation(one_spike_inputs):
    neuron = Neuron(0.13, 0.2, 0.2)
    weights = np.array([[6.0, -6.0], [6.0, 6.0]], np.float32)
    emitted = cpu.spike_times(
        event_lists(*one_spike_inputs([0.0, 1e5], np.float32)), weights, neuron, math.inf, 30, None
    )
    times, counts = emitted.events.to_trains()
    assert np.isfinite(emitted.events.times).all()
    assert counts[0, 0] == 2 * counts[0, 1] > 0  # the second response is the first one again
    assert (times[0, 0, : counts[0, 1]] < 1).all()
    assert (emitted.since_input < 1).all()


def test_the_order_of_the_input_neurons_does_not_matter(random_trains):
    rng = np.random.default_rng(8)
    times, counts = random_trains(rng, 2, 20, 2, np.float32)
    weights = rng.uniform(-1, 2, (20, 10)).astype(np.float32)
    order = rng.permutation(20)
    straight = cpu.spike_times(event_lists(times, counts), weights, MNIST, 0.3, 30, None)
    permuted = cpu.spike_times(
        event_lists(times[:, order], counts[:, order]), weights[order].copy(), MNIST, 0.3, 30, None
    )
    np.testing.assert_array_equal(straight.events.times, permuted.events.times)


@pytest.mark.parametrize("max_spikes", [1, 3])
def test_spikes_beyond_the_buffer_are_counted_and_the_kept_ones_unchanged(simulate, random_trains, max_spikes):
    rng = np.random.default_rng(9)
    trains, weights = random_trains(rng, 3, 10, 2), rng.uniform(0, 3, (10, 6))
    everything = simulate(trains, weights, MNIST, 0.3, 50)
    kept = simulate(trains, weights, MNIST, 0.3, max_spikes)
    assert everything.lost.sum() == 0
    lost = np.maximum(everything.events.counts() - max_spikes, 0).sum(axis=1)
    assert lost.sum() > 10
    np.testing.assert_array_equal(kept.lost, lost)
    np.testing.assert_array_equal(kept.events.to_trains()[0], everything.events.to_trains()[0][..., :max_spikes])


def test_thousands_of_spikes_in_continuous_time_are_neither_refused_nor_delayed(simulate, one_spike_inputs):
    weights, neuron = np.array([[16.0]]), Neuron(tau_syn=1.0, threshold=2e-3, reset=2e-3)
    emitted = simulate(one_spike_inputs([0.0]), weights, neuron, 20.0, 10_000)
    times = emitted.events.times
    assert 5_000 < len(times) < 10_000
    assert emitted.diverged.tolist() == [-1]
    each = np.linspace(1, len(times) - 1, 50).astype(int)
    before = [response(np.array([0.0]), weights[0], times[:k], neuron, times[k]) for k in each]
    np.testing.assert_allclose(np.array(before), neuron.threshold, rtol=1e-6)


def test_the_number_of_threads_does_not_change_a_bit(random_trains, monkeypatch):
    rng = np.random.default_rng(10)
    inputs = event_lists(*random_trains(rng, 9, 30, 2, np.float32))
    weights = rng.uniform(-1, 2, (30, 40)).astype(np.float32)
    results = []
    for threads in (1, 2, 5):
        monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", threads)
        results.append(cpu.spike_times(inputs, weights, MNIST, 0.3, 30, None))
    for other in results[1:]:
        np.testing.assert_array_equal(results[0].events.times, other.events.times)
        np.testing.assert_array_equal(results[0].inverse_slope, other.inverse_slope)
