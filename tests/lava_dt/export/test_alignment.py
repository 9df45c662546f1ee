"""Steps of Lava's clock and of training's, and which are the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lava_dt.export.alignment import binned, compared, folded, held, lead_of_biases, placed, shifted
from lava_dt.export.description import Description, Layer, NeuronDescription
from lava_dt.time_axis import hold, place, rebin
from lava_dt.timestep import Timestep

NEURON = NeuronDescription(np.asarray(1024), np.asarray(123), np.asarray(80), "hard")


@pytest.mark.parametrize("steps", [1, 2, 3, 12, 13, 14])
@pytest.mark.parametrize("dt", [1, 3, 5])
def test_grid_steps_are_put_on_fine_steps_as_training_does(dt, steps) -> None:
    bins = np.random.default_rng(0).integers(0, 9, (2, 4, -(-steps // dt)))
    state = hold(torch.from_numpy(bins), torch.zeros(2, 4), dt, steps)
    np.testing.assert_array_equal(held(bins, dt, steps), state)
    np.testing.assert_array_equal(placed(bins, dt, steps), place(torch.from_numpy(bins), dt - 1, dt, steps))
    fine = np.random.default_rng(1).integers(0, 9, (2, 4, steps))
    np.testing.assert_array_equal(binned(fine, dt), rebin(torch.from_numpy(fine), dt))


def test_what_lava_does_at_the_end_of_a_bin_is_what_training_does_at_a_samples_end() -> None:
    np.testing.assert_array_equal(folded(np.arange(15), 13), [*range(12), 14])
    np.testing.assert_array_equal(folded(np.arange(13), 13), np.arange(13))


def test_channels_move_by_their_own_steps_either_way() -> None:
    rows = np.array([[[1, 2, 3, 4], [5, 6, 7, 8]]])
    np.testing.assert_array_equal(shifted(rows, np.array([1, -2])), [[[0, 1, 2, 3], [7, 8, 0, 0]]])
    np.testing.assert_array_equal(shifted(rows, np.asarray(9)), np.zeros_like(rows))


def test_a_lava_layer_runs_as_far_behind_as_it_has_more_synapses_before_it_than_training_has_hops() -> None:
    layers = (
        Layer(0, "input", (4,), hop=1),
        Layer(1, "dense", (4,), hop=1, neuron=NEURON, delay=np.array([0, 3, 0, 0])),
        Layer(2, "dense", (4,), hop=0, neuron=NEURON),
        Layer(3, "dense", (4,), hop=1, neuron=NEURON),
        Layer(4, "average", (2,)),
    )
    description = Description(layers, Timestep())
    assert [(entry.layer.kind, int(entry.latency)) for entry in compared(description)] == [
        ("dense", 0),
        ("dense", 0),
        ("dense", 1),
        ("average", 0),
    ]
    assert compared(description, delays_before=True)[0].latency.tolist() == [0, 3, 0, 0]


def test_biases_that_begin_at_different_times_are_refused_by_the_layers_name() -> None:
    bias = np.array([2, 0, 0, 0])
    layers = [
        Layer(0, "dense", (4,), hop=0, neuron=NEURON, bias=bias),
        Layer(1, "dense", (4,), hop=1, neuron=NEURON, bias=bias),
    ]
    assert lead_of_biases(compared(Description(tuple(layers[:1]), Timestep()))) == 1
    with pytest.raises(ValueError, match=r"layer 1 \(dense\) has biases, and Lava runs it 2 to 2 steps behind"):
        lead_of_biases(compared(Description(tuple(layers), Timestep())))
