"""`from_bats`: blocks that spike as the network does on the grid, in integers that Loihi's registers hold."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bats_dt import Network
from bats_dt.layers import InputLayer, LIFLayer
from lava_dt.export import read_hdf5, write_hdf5
from lava_dt.export.bats import from_bats
from lava_dt.export.bats.quantisation import LARGEST_STATE
from lava_dt.export.blocks import describe

DT, DURATION = 0.01, 0.3
MOST_DIFFERING = 0.01  # of the spikes: states are rounded toward zero at every step


def sent(found, times):
    with torch.no_grad():
        return found.net(found.encode(times, duration=DURATION)).numpy()


def close(one, other):
    """Whether two trains (batch, n, steps) hold the same numbers of spikes, but for a few; moved ones count once."""
    assert other.sum() > 100
    return np.abs(one.sum(-1) - other.sum(-1)).sum() <= MOST_DIFFERING * other.sum()


def test_dense_layers_of_registers_own_numbers_spike_as_bats_does(dense, samples, spikes_of):
    found = from_bats(dense, DT, samples=samples(40, seed=1), duration=DURATION)
    for layer in found.report.layers:
        assert (layer.registers.current_decay, layer.registers.voltage_decay) == (302, 155)
        assert layer.quantised.weight_error < 1e-6
        assert layer.quantised.largest == 254
    assert [layer.quantised.threshold for layer in found.report.layers] == [1500, 3000]
    times = samples(40)
    assert close(sent(found, times), spikes_of(dense, times))


def test_convolutions_and_pooling_of_odd_maps_spike_as_bats_does(convolutional, samples, spikes_of):
    found = from_bats(convolutional, DT, samples=samples(264, seed=1), duration=DURATION)
    assert found.input_shape == (2, 12, 11)
    assert [type(block).__name__ for block in found.net] == ["Conv", "Conv", "Flatten", "Dense"]
    times = samples(264)
    assert close(sent(found, times), spikes_of(convolutional, times))


@pytest.mark.parametrize("reset", ["hard", "soft"])
@pytest.mark.parametrize("scheme", ["backward_euler", "forward_euler", "bilinear"])
def test_clocked_layers_spike_as_they_do(clocked_network, samples, spikes_of, scheme, reset):
    network = clocked_network(scheme=scheme, reset=reset, tau_s=0.01 * 4096 / 302, tau_mem=0.01 * 4096 / 155)
    found = from_bats(network, DT, samples=samples(40, seed=1), duration=DURATION)
    times = samples(40) + np.float32(0.004)  # within a step
    one, other = sent(found, times), spikes_of(network, times)
    assert other.sum() > 300
    # moved ones count twice; the decays of forward Euler are registers' own
    most = 0.02 if scheme == "forward_euler" else 0.04
    assert np.abs(one - other).sum() <= most * other.sum()


def test_the_network_is_left_as_it_was(dense, samples):
    before = [layer.weights.copy() for layer in dense.layers[1:]]
    from_bats(dense, DT, samples=samples(40), duration=DURATION)
    for layer, weights in zip(dense.layers[1:], before, strict=True):
        np.testing.assert_array_equal(layer.weights, weights)
        with pytest.raises(RuntimeError, match="has not been simulated yet"):
            _ = layer.events


def test_torchs_random_numbers_are_left_alone(dense):
    torch.manual_seed(1)
    wanted = torch.rand(3)
    torch.manual_seed(1)
    from_bats(dense, DT)
    torch.testing.assert_close(torch.rand(3), wanted, rtol=0, atol=0)


def test_the_blocks_are_written_read_and_trained(dense, samples, tmp_path):
    found = from_bats(dense, DT)
    write_hdf5(found.net, tmp_path / "bats.net")
    back = read_hdf5(tmp_path / "bats.net")
    assert back.fine_step == found.net.fine_step == DT
    spikes = found.encode(samples(40), duration=DURATION)
    torch.testing.assert_close(back(spikes), found.net(spikes), rtol=0, atol=0)
    found.net(spikes).sum().backward()
    assert found.net[0].synapse.weight.grad.abs().sum() > 0


def test_without_samples_states_have_room_for_32_thresholds(dense):
    found = from_bats(dense, DT)
    assert [layer.quantised.threshold for layer in found.report.layers] == [1500, 3000]  # they have more
    dense.layers[-1].weights = dense.layers[-1].weights / 10
    found = from_bats(dense, DT)
    assert found.report.layers[-1].quantised.threshold == 4095  # of 4095.99 at 23 bits
    assert "nothing was measured: states have room for 32 thresholds" in str(found.report)


def test_with_samples_states_are_measured_and_weights_made_smaller_until_they_fit(samples):
    inputs, times = InputLayer(400), samples(400)
    layer = LIFLayer(inputs, 0.13, 3.0, 3.0, lambda *shape: np.linspace(-1, 0.1, 2000).reshape(shape), n_neurons=5)
    network = Network()
    network.add_layer(inputs, input=True)
    network.add_layer(layer)
    found = from_bats(network, DT, samples=times, duration=DURATION)
    (told,) = found.report.layers
    assert 50 < told.quantised.largest < 200
    assert 0.78 * LARGEST_STATE < told.measured.states.voltage < 0.82 * LARGEST_STATE  # a margin of a quarter
    block = found.net[0]
    _, voltage = block.neuron.dynamics(block.drive(found.encode(times, duration=DURATION)))
    assert round(float(voltage.detach().abs().max()) * 4096) == told.measured.states.voltage


def test_fewer_bits_of_weights_are_taken(dense, samples, spikes_of):
    found = from_bats(dense, DT, weight_bits=4)
    for layer in describe(found.net).layers:
        assert (layer.weight % 32 == 0).all()
    assert found.report.layers[0].quantised.weight_error > 0.05
    assert "weights of 4 bits" in str(found.report)


def test_the_report_is_a_table_with_a_line_a_layer(dense, samples):
    lines = str(from_bats(dense, DT, samples=samples(40), duration=DURATION).report).splitlines()
    assert lines[0].startswith("dt = 0.01 s, weights of 8 bits, decays in 1/4096")
    assert lines[2].split()[:4] == ["hidden", "254", "0.00%", "1500"]
    assert "302 for 302.0" in lines[2]
    assert lines[3].startswith("output")
    assert "on 8 samples" in lines[4]


def test_of_output_neurons_those_spikes_count_that_bats_keeps(dense, samples):
    dense.layers[-1]._max_n_spike = 2
    found = from_bats(dense, DT, samples=samples(40), duration=DURATION)
    assert found.limit == 2
    assert found.report.layers[-1].measured.beyond > 0
    times, counts = found.decode(sent(found, samples(40)))
    assert times.shape[2] == counts.max() == 2


def test_the_surrogates_of_the_blocks_are_three_thresholds_wide(dense):
    for block in from_bats(dense, DT).net:
        neuron = block.neuron
        width = neuron.surrogate_width / (neuron.level / neuron.s_scale)
        assert float(width) == pytest.approx(3, rel=1e-6)  # float64 quotients of whole numbers


def test_hidden_neurons_that_reach_max_n_spike_are_warned_of_and_output_neurons_are_not(dense, samples):
    dense.layers[-1]._max_n_spike = 2
    told = from_bats(dense, DT, samples=samples(40), duration=DURATION).report
    assert told.layers[-1].measured.beyond > 0 and told.warnings == ()
    dense.layers[1]._max_n_spike = 3
    told = from_bats(dense, DT, samples=samples(40), duration=DURATION).report
    (warning,) = told.warnings
    assert warning.startswith(f"warning: hidden sends {told.layers[0].measured.beyond:.1f} of its ")
    assert "beyond max_n_spike = 3; bats_dt cut them while it was trained, and Loihi's neurons do not" in warning
    assert str(told).splitlines()[-1] == warning
    assert from_bats(dense, DT).report.warnings == ()  # nothing was measured
