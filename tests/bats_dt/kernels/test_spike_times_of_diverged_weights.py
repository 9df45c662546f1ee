import math

import numpy as np
import pytest

from bats_dt import TimeGrid, set_backend
from bats_dt.kernels.event_lists import event_lists
from bats_dt.kernels.spike_times import cpu, reference, spike_times
from bats_dt.neuron import Neuron

UNIT = Neuron(tau_syn=1.0, threshold=2.0, reset=2.0)
RULES = [None, TimeGrid(0.01), TimeGrid(0.01, "detect")]


@pytest.mark.parametrize("grid", RULES, ids=["exact", "snap", "detect"])
@pytest.mark.parametrize("backend", ["cpu", "reference"])
@pytest.mark.parametrize("end", [150.0, math.inf])
def test_a_neuron_whose_weights_have_diverged_is_refused_in_words(backend, grid, end):
    set_backend(backend)
    inputs = event_lists(np.array([[[math.inf]], [[0.0]]], np.float32), np.array([[0], [1]]))
    message = r"neuron 1 of sample 1 would fire more than 10,000 times between two inputs.* weights from 0 to 1e\+38"
    with pytest.raises(ValueError, match=message):
        spike_times(inputs, np.array([[4.5, 1e38, 0.0]], np.float32), UNIT, end, 5, grid)


def sum_above_the_largest_number(one_spike_inputs):
    return event_lists(*one_spike_inputs([0.0, 0.0], np.float32)), np.full((2, 1), 3e38, np.float32)


@pytest.mark.parametrize("grid", RULES, ids=["exact", "snap", "detect"])
@pytest.mark.parametrize("neuron", [UNIT, Neuron(1.0, 2.0, 2.0, tau_mem=1.0)], ids=["closed form", "any membrane"])
@pytest.mark.parametrize("end", [1.0, math.inf])
def test_weights_whose_sum_is_above_the_largest_number_are_refused_in_words(one_spike_inputs, end, neuron, grid):
    with pytest.raises(ValueError, match=r"neuron 0 of sample 0 would fire more than 10,000 times"):
        spike_times(*sum_above_the_largest_number(one_spike_inputs), neuron, end, 5, grid)


@pytest.mark.parametrize("end", [1.0, math.inf])
def test_so_they_are_on_a_gpu(on_cuda, one_spike_inputs, end):
    with pytest.raises(ValueError, match=r"neuron 0 of sample 0 would fire more than 10,000 times"):
        on_cuda(spike_times, *sum_above_the_largest_number(one_spike_inputs), UNIT, end, 5, None)


@pytest.mark.parametrize("grid", [TimeGrid(0.01), TimeGrid(0.01, "detect")], ids=["snap", "detect"])
@pytest.mark.parametrize("module", [cpu, reference], ids=["cpu", "reference"])
@pytest.mark.parametrize("steps", [10_000, 10_001])
def test_a_neuron_may_fire_ten_thousand_times_between_two_inputs_and_no_more(one_spike_inputs, module, grid, steps):
    # far above the threshold by the first grid point, it fires at each of the points 1 .. steps
    neuron = Neuron(tau_syn=50.0, threshold=1e-3, reset=1e-3)
    inputs, weights = event_lists(*one_spike_inputs([0.0])), np.array([[50.0]])
    emitted = module.spike_times(inputs, weights, neuron, steps * 0.01 + 0.005, 20, grid)
    assert emitted.diverged.tolist() == ([-1] if steps == 10_000 else [0])
    if steps == 10_000:
        assert emitted.lost[0] + 20 == steps
