import math

import numpy as np
import pytest

from bats_dt.grid import TimeGrid
from bats_dt.kernels.event_lists import event_lists
from bats_dt.kernels.spike_times import cpu, reference
from bats_dt.kernels.spike_times.crossings import NONE, Constants, moved, next_crossing, time_to_peak
from bats_dt.neuron import Neuron

TAU_S = 0.13
# shorter than the synapse's, equal, nearly equal on both sides, nearly and exactly that of the closed form, longer
MEMBRANES = [0.02, 0.1, TAU_S, TAU_S * (1 - 1e-12), TAU_S * (1 + 1e-9), 0.26 * (1 + 1e-9), 0.26, 1.0]
DTYPES = [np.float32, np.float64]
DOUBLE = np.dtype(np.float64)


@pytest.fixture(params=[cpu, reference], ids=["cpu", "reference"])
def simulate(request):
    def run(trains, weights, neuron, max_simulation=math.inf, grid=None):
        return request.param.spike_times(
            event_lists(*trains), np.ascontiguousarray(weights), neuron, max_simulation, 30, grid
        )

    return run


def lif(tau_mem, tau_syn=TAU_S, threshold=0.1):
    return Neuron(tau_syn, threshold, threshold, tau_mem=tau_mem)


def unit_response(since, neuron):
    """The potential after one input of weight 1, in the symmetric form (e^{-s/slow} - e^{-s/fast}) / |delta|."""
    slow, fast = max(neuron.tau_mem, neuron.tau_syn), min(neuron.tau_mem, neuron.tau_syn)
    delta = 1 / fast - 1 / slow
    rise = -np.expm1(-delta * since) / delta if delta > 0 else since
    return np.where(since >= 0, np.exp(-np.maximum(since, 0) / slow) * rise, 0.0)


def potential(inputs, weights, resets, neuron, time):
    """V(t) as a sum of responses to all inputs and own spikes, times (...,): independent of the kernels' state."""
    time = np.asarray(time, np.float64)[..., None]
    after = time - np.asarray(resets, np.float64)
    return (weights * unit_response(time - inputs, neuron)).sum(-1) - neuron.reset * (
        np.exp(-np.maximum(after, 0) / neuron.tau_mem) * (after >= 0)
    ).sum(-1)


@pytest.mark.parametrize("tau_mem", MEMBRANES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rule", [None, "snap", "detect"])
def test_the_fast_kernel_is_the_reference(random_trains, time_tolerance, tau_mem, dtype, rule):
    rng = np.random.default_rng(1)
    inputs = event_lists(*random_trains(rng, 2, 10, 2, dtype))
    weights = rng.uniform(-2, 5, (10, 17)).astype(dtype)
    grid = TimeGrid(0.01, rule) if rule else None
    fast, slow = (module.spike_times(inputs, weights, lif(tau_mem), 0.3, 20, grid) for module in (cpu, reference))
    assert len(slow.events.times) > 25
    np.testing.assert_array_equal(fast.events.counts(), slow.events.counts())
    np.testing.assert_array_equal(fast.lost, slow.lost)
    times = [emitted.events.to_trains()[0] for emitted in (fast, slow)]
    finite = np.isfinite(times[1])
    assert np.abs(times[0][finite] - times[1][finite]).max() < time_tolerance[dtype]
    slopes = [emitted.events.scatter(emitted.inverse_slope, 0) for emitted in (fast, slow)]
    np.testing.assert_allclose(*slopes, rtol=0.02 if dtype == np.float32 else 1e-6)


@pytest.mark.parametrize("tau_mem", MEMBRANES)
def test_potentials_reach_the_threshold_at_every_spike_and_nowhere_else(random_trains, tau_mem):
    rng = np.random.default_rng(5)
    neuron = lif(tau_mem)
    inputs = event_lists(*random_trains(rng, 1, 10, 2))
    weights = rng.uniform(-1, 5, (10, 12))
    times, counts = cpu.spike_times(inputs, weights, neuron, 0.3, 60, None).events.to_trains()
    assert counts.sum() > 15
    fine = np.linspace(0, 0.3, 10001)
    for j in range(12):
        own = times[0, j, : counts[0, j]]
        w = weights[inputs.neurons, j]
        for k, spike in enumerate(own):
            assert abs(potential(inputs.times, w, own[:k], neuron, spike) - neuron.threshold) < 1e-12
        v = potential(inputs.times, w, own, neuron, fine)
        away = np.abs(fine[:, None] - own).min(axis=1, initial=1) > 5e-5
        assert v[away].max() < neuron.threshold


def test_equal_time_constants_cross_where_the_alpha_function_does(simulate, one_spike_inputs):
    # w s e^{-s} = theta at s = 1/2; slope w e^{-1/2} / 2 = theta there
    neuron = Neuron(1.0, 2.0, 10.0, tau_mem=1.0)
    weight = 4 * math.exp(0.5)
    emitted = simulate(one_spike_inputs([3.0]), np.array([[weight]]), neuron)
    np.testing.assert_allclose(emitted.events.times, [3.5], rtol=1e-15)
    np.testing.assert_allclose(emitted.since_input, [0.5], rtol=1e-14)
    np.testing.assert_allclose(emitted.inverse_slope, [0.5], rtol=1e-13)


@pytest.mark.parametrize("tau_mem", [0.4, 1.0, 5.0])
def test_a_spike_at_the_next_input_or_at_the_end_is_kept_and_none_after(simulate, one_spike_inputs, tau_mem):
    neuron = Neuron(1.0, 0.3, 0.3, tau_mem=tau_mem)
    crossing = simulate(one_spike_inputs([0.0]), np.array([[2.0]]), neuron).events.times[0]
    for end, n in ((crossing, 1), (crossing * (1 - 1e-14), 0)):
        assert simulate(one_spike_inputs([0.0]), np.array([[2.0]]), neuron, end).events.times.size == n
    met = simulate(one_spike_inputs([0.0, crossing]), np.array([[2.0], [-9.0]]), neuron)
    np.testing.assert_allclose(met.events.times, [crossing], rtol=1e-14)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("tau_mem", [0.4, 1.0, 5.0])
def test_no_crossing_is_lost_where_rounding_puts_it_beside_an_input(simulate, one_spike_inputs, tau_mem, dtype):
    neuron = Neuron(1.0, 0.3, 0.3, tau_mem=tau_mem)
    for weight in np.linspace(1.5, 4, 5, dtype=dtype):
        near = simulate(one_spike_inputs([0.0], dtype), np.array([[weight]]), neuron).events.times[0]
        for _ in range(4):
            near = np.nextafter(near, dtype(0))
        for _ in range(9):
            near = np.nextafter(near, dtype(9))
            weights = np.array([[weight], [0.2]], dtype)
            times = simulate(one_spike_inputs([0.0, near], dtype), weights, neuron).events.times
            assert abs(times[0] - near) < 1e-5


@pytest.mark.parametrize("tau_mem", [0.4, 1.0, 5.0])
def test_a_grazing_peak_has_a_bounded_slope_that_is_counted(simulate, one_spike_inputs, tau_mem):
    neuron = Neuron(1.0, 0.3, 0.3, tau_mem=tau_mem)
    peak = time_to_peak(0.0, 1.0, Constants.of(neuron, 0.0, DOUBLE))
    height = float(unit_response(np.array(peak), neuron))
    emitted = simulate(one_spike_inputs([0.0]), np.array([[0.3 / height * (1 + 1e-14)]]), neuron)
    np.testing.assert_allclose(emitted.events.times, [peak], atol=1e-6)  # the square root of a rounding
    assert emitted.bounded.tolist() == [1]
    np.testing.assert_allclose(emitted.inverse_slope, [1e3 * tau_mem / 0.3])
    below = simulate(one_spike_inputs([0.0]), np.array([[0.3 / height * (1 - 1e-14)]]), neuron)
    assert below.events.times.size == 0


def test_the_peak_is_where_the_slope_vanishes():
    rng = np.random.default_rng(2)
    for tau_mem in [*MEMBRANES, 1e-4, 50.0]:
        constants = Constants.of(lif(tau_mem), 0.0, DOUBLE)
        for _ in range(50):
            i = rng.uniform(0.1, 2)
            v = i * tau_mem * rng.uniform(-2, 1)  # below i tau_mem it rises
            peak = time_to_peak(v, i, constants)
            if peak == np.inf:
                ends = [moved(v, i, s, constants)[0] for s in np.linspace(0, 2, 30)]
                assert (np.diff(ends) > 0).all()
                assert ends[-1] < 0
                continue
            at_peak, current = moved(v, i, peak, constants)
            # what rounding leaves of the difference of two nearly equal numbers, of the largest of its terms
            assert abs(current - at_peak / tau_mem) < 1e-12 * (i + abs(v) / tau_mem)


def test_a_search_ends_at_the_first_crossing_whatever_the_constants():
    rng = np.random.default_rng(3)
    found = 0
    for _ in range(1500):
        tau_syn, tau_mem = 10.0 ** rng.uniform(-3, 1, 2)
        neuron = Neuron(tau_syn, 1.0, 1.0, tau_mem=tau_mem)
        constants = Constants.of(neuron, 0.0, DOUBLE)
        left = np.inf if rng.random() < 0.3 else 10.0 ** rng.uniform(-3, 1)
        v = 1 - 10.0 ** rng.uniform(-9, 1)
        i = 10.0 ** rng.uniform(0, 4) / tau_mem
        rise, v_there, i_there = next_crossing(v, i, left, constants)
        span = min(left, time_to_peak(v, i, constants)) if i * tau_mem > v else 0.0
        before = np.linspace(0, rise if rise != NONE else min(span, 1e3), 40)
        assert max(moved(v, i, s, constants)[0] for s in before) < 1 + 1e-9
        if rise != NONE:
            found += 1
            assert v_there == 1.0
            assert abs(i_there - moved(v, i, rise, constants)[1]) <= 1e-12 * i
            assert abs(moved(v, i, rise, constants)[0] - 1) < 1e-12 * (1 + abs(v))
            assert rise <= left
    assert found > 500


@pytest.mark.parametrize("tau_mem", [1e-4, 1e4])
@pytest.mark.parametrize("dtype", DTYPES)
def test_time_constants_far_apart_neither_overflow_nor_lose_the_way(one_spike_inputs, tau_mem, dtype):
    # one is 10,000 times the other: V is nearly tau_mem I, or nearly the integral of I
    neuron = Neuron(1.0, 0.5, 0.5, tau_mem=tau_mem)
    weight = 1.0 / tau_mem if tau_mem < 1 else 1.0
    emitted = cpu.spike_times(
        event_lists(*one_spike_inputs([0.0, 5e3], dtype)),
        np.array([[weight], [weight]], dtype),
        neuron,
        1e4,
        20_000,
        None,
    )
    times = emitted.events.times
    assert np.isfinite(times).all()
    assert np.isfinite(emitted.inverse_slope).all()
    first = tau_mem * math.log(2) if tau_mem < 1 else math.log(2)  # 1 - e^{-s/tau} = 1/2
    np.testing.assert_allclose(times[0], first, rtol=1e-3)
    assert len(times[times >= 5e3]) in (len(times[times < 5e3]), len(times[times < 5e3]) + 1)


def test_nearly_the_closed_form_is_nearly_the_closed_form(random_trains):
    rng = np.random.default_rng(7)
    inputs = event_lists(*random_trains(rng, 2, 10, 2))
    weights = rng.uniform(-1, 4, (10, 12))
    exact, nearly = (
        cpu.spike_times(inputs, weights, lif(tau_mem), 0.3, 30, None) for tau_mem in (0.26, 0.26 * (1 + 1e-13))
    )
    assert Neuron(TAU_S, 1, 1).closed_form
    assert not lif(0.26 * (1 + 1e-13)).closed_form
    assert len(exact.events.times) > 20
    np.testing.assert_allclose(nearly.events.times, exact.events.times, rtol=1e-9)
    np.testing.assert_allclose(nearly.inverse_slope, exact.inverse_slope, rtol=1e-6)
