"""The forward pass on a GPU, or by the same source on the CPU, against the Numba kernel and the reference."""

import math

import numpy as np
import pytest

from bats_dt import set_backend
from bats_dt.backend import as_array
from bats_dt.grid import RULES, TimeGrid
from bats_dt.kernels.event_lists import event_lists
from bats_dt.kernels.spike_times import cpu, cuda, reference, spike_times
from bats_dt.neuron import Neuron

UNIT = Neuron(tau_syn=1.0, threshold=2.0, reset=2.0)
MNIST = Neuron(tau_syn=0.13, threshold=0.2, reset=0.2)
TAUS = {"2 tau_syn": None, "tau_syn": 0.13, "shorter": 0.05, "longer": 1.0, "nearly tau_syn": 0.13 * (1 + 1e-9)}
GRIDS = {"exact": None} | {f"{rule} {dt} s": TimeGrid(dt, rule) for rule in RULES for dt in (0.01, 0.037)}
CASES = [
    pytest.param(tau_mem, grid, id=f"{name}, {kind}")
    for name, tau_mem in TAUS.items()
    for kind, grid in GRIDS.items()
    if tau_mem is None or not kind.startswith("published")  # which is for tau_mem = 2 tau_syn only
]


def assert_same_spikes(found, expected, times_within):
    """The same neurons, slots and inputs; times, and what is known of the crossings, to rounding."""
    for name in ("offsets", "neurons", "slots"):
        np.testing.assert_array_equal(getattr(found.events, name), getattr(expected.events, name), name)
        assert getattr(found.events, name).dtype == getattr(expected.events, name).dtype
    np.testing.assert_allclose(found.events.times, expected.events.times, rtol=0, atol=times_within)
    for name in ("last_input", "lost", "bounded", "diverged"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), name)
        assert getattr(found, name).dtype == getattr(expected, name).dtype
    np.testing.assert_allclose(found.since_input, expected.since_input, rtol=0, atol=times_within)
    assert found.reset_on_grid == expected.reset_on_grid
    for name in ("times", "since_input", "inverse_slope"):
        of = found.events if name == "times" else found
        assert getattr(of, name).dtype == expected.events.times.dtype


@pytest.mark.parametrize(("tau_mem", "grid"), CASES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_spikes_are_those_of_the_cpu(on_cuda, random_trains, tau_mem, grid, dtype):
    rng, neuron = np.random.default_rng(3), Neuron(0.13, 0.2, 0.2, tau_mem)
    inputs = event_lists(*random_trains(rng, 3, 20, 2, dtype, grid=grid if dtype == np.float32 else None))
    weights = rng.uniform(-1, 2, (20, 30)).astype(dtype)
    arguments = inputs, weights, neuron, 0.3, 8, grid
    found, expected = on_cuda(cuda.spike_times, *arguments), cpu.spike_times(*arguments)
    assert len(expected.events.times) > 80
    # one rounding of a time near 0.3 s: exp and log differ in their last bits
    assert_same_spikes(found, expected, np.finfo(dtype).eps)
    np.testing.assert_allclose(found.inverse_slope, expected.inverse_slope, rtol=1e-5 if dtype == np.float32 else 1e-9)


@pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)
def test_spikes_are_those_of_the_reference(on_cuda, random_trains, grid):
    rng = np.random.default_rng(4)
    inputs = event_lists(*random_trains(rng, 2, 10, 2))
    weights = rng.uniform(-1, 3, (10, 12))
    arguments = inputs, weights, MNIST, 0.3, 8, grid
    assert_same_spikes(on_cuda(cuda.spike_times, *arguments), reference.spike_times(*arguments), 1e-12)


@pytest.mark.parametrize(("batch", "n_post"), [(1, 1), (33, 31), (1, 32), (33, 33), (1, 1025), (33, 1025), (1025, 2)])
def test_any_size_gives_the_spikes_of_the_cpu(on_cuda, random_trains, batch, n_post):
    rng = np.random.default_rng(n_post)
    inputs = event_lists(*random_trains(rng, batch, 5, 2, np.float32))
    arguments = inputs, rng.uniform(-1, 3, (5, n_post)).astype(np.float32), MNIST, 0.3, 3, None
    assert_same_spikes(on_cuda(cuda.spike_times, *arguments), cpu.spike_times(*arguments), 1e-7)


def test_an_empty_batch_and_silent_inputs_give_no_spikes(on_cuda):
    for batch in (0, 2):
        inputs = event_lists(np.full((batch, 3, 1), np.inf), np.zeros((batch, 3), np.int32))
        emitted = on_cuda(cuda.spike_times, inputs, np.ones((3, 2)), UNIT, 1.0, 5, None)
        assert emitted.events.offsets.tolist() == [0] * (batch + 1)
        assert emitted.diverged.tolist() == [-1] * batch


def test_the_end_of_the_simulation_and_simultaneous_inputs_are_those_of_the_cpu(on_cuda, one_spike_inputs):
    crossing = 2 * math.log(1.5)
    for times, end in (([0.0, crossing, 3.0, 3.0], 2.0), ([0.0, 0.0, 0.0, 5.0], math.inf), ([0, 0, 0, 1], crossing)):
        arguments = event_lists(*one_spike_inputs(times)), np.full((4, 2), 4.5), UNIT, end, 5, None
        assert_same_spikes(on_cuda(cuda.spike_times, *arguments), cpu.spike_times(*arguments), 1e-14)


def test_a_grazing_peak_is_counted_and_its_slope_bounded(on_cuda, one_spike_inputs):
    emitted = on_cuda(
        cuda.spike_times, event_lists(*one_spike_inputs([0.0])), np.array([[4.0]]), UNIT, math.inf, 5, None
    )
    assert emitted.bounded.tolist() == [1]
    np.testing.assert_allclose(emitted.inverse_slope, [1e3])


def test_float32_does_not_overflow_however_long_the_simulation(on_cuda, one_spike_inputs):
    inputs = event_lists(*one_spike_inputs([0.0, 1e5], np.float32))
    weights = np.array([[12.0], [12.0]], np.float32)
    for tau_mem in TAUS.values():
        neuron = Neuron(0.13, 0.2, 0.2, tau_mem)
        emitted = on_cuda(cuda.spike_times, inputs, weights, neuron, math.inf, 60, None)
        counts = np.bincount(emitted.last_input, minlength=2)
        assert counts[0] == counts[1] > 0  # the second response is the first one again


@pytest.mark.parametrize("grid", [None, TimeGrid(0.01), TimeGrid(0.01, "detect")], ids=["exact", "snap", "detect"])
def test_diverged_weights_are_refused_in_words(cuda, grid):
    inputs = event_lists(np.array([[[math.inf]], [[0.0]]], np.float32), np.array([[0], [1]]))
    weights = as_array("weights", np.array([[4.5, 1e38, 0.0]], np.float32))
    with pytest.raises(ValueError, match=r"neuron 1 of sample 1 would fire more than 10,000 times between two inputs"):
        spike_times(inputs, weights, UNIT, 150.0, 5, grid)


def test_weights_made_under_another_backend_are_refused(cuda):
    inputs = event_lists(np.zeros((1, 1, 1)), np.ones((1, 1), int))
    with pytest.raises(TypeError, match="weights are on the host but the backend is 'cuda'"):
        spike_times(inputs, np.ones((1, 1)), UNIT, 1.0, 5, None)
    set_backend("cpu")


@pytest.mark.parametrize("kernel", [cpu, cuda], ids=["Numba", "CUDA"])
@pytest.mark.parametrize("grid", [None, TimeGrid(0.01), TimeGrid(0.01, "detect")], ids=["exact", "snap", "detect"])
def test_no_crossing_is_lost_or_taken_for_another_where_rounding_puts_it_beside_an_input(
    on_cuda, one_spike_inputs, grid, kernel
):
    # one neuron a weight, and a second input within six roundings of the crossing of one of them
    weights = np.random.default_rng(0).uniform(3.5, 6, 60).astype(np.float32)
    rows = np.stack([weights, np.full(60, 0.5, np.float32)])
    alone = cpu.spike_times(event_lists(*one_spike_inputs([0.0], np.float32)), rows[:1], MNIST, 0.3, 20, None).events
    trains = []
    for crossing in alone.to_trains()[0][0, :, 0]:
        for steps in range(-6, 7):
            trains.append([0.0, crossing + steps * np.spacing(crossing)])
    inputs = event_lists(np.array(trains, np.float32)[..., None], np.ones((len(trains), 2), np.int32))
    simulate = on_cuda if kernel is cuda else lambda function, *arguments: function(*arguments)
    found = simulate(kernel.spike_times, inputs, rows, MNIST, 0.3, 20, grid)
    times, counts = found.events.to_trains()
    own = np.arange(len(trains)), np.arange(len(trains)) // 13
    step = grid.dt * (1 + 1e-5) if grid else 1e-5
    delay = times[own][:, 0] - np.array(trains)[:, 1]
    assert counts[own].min() >= 1
    assert delay.min() > -1e-5
    assert delay.max() < step
    first = found.events.slots == 0
    assert (found.inverse_slope[first] > 0).all()  # the first spike of a neuron follows no other
    assert (inputs.samples[found.last_input] == found.events.samples).all()
