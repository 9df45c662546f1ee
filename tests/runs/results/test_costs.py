"""Costs of an inference by hand, of today's rows and of older ones."""

import math

import numpy as np
import pytest

from runs.comparison import compare, read_runs
from runs.config import make_config
from runs.results.costs import _steps
from runs.results.energy import CMOS_45NM, LOIHI

COUNTED = {
    "test_spikes": 20.0,
    "test_activity": 2.0,
    "test_input_spikes": 5.0,
    "test_synaptic_operations": 140.0,
    "test_neuron_updates": 300.0,
    "test_simulated_seconds": 0.5,
}


def costs(path):
    (entry,) = compare(read_runs(path))
    return entry.costs


def test_counts_are_those_of_the_last_epoch_and_rates_those_of_simulated_time(tmp_path, put_run):
    put_run(tmp_path, "bats", {"bins": 30}, [0.5, 0.6], **COUNTED)
    found = costs(tmp_path)
    assert (found.spikes, found.input_spikes, found.operations, found.neuron_updates) == (20.0, 5.0, 140.0, 300.0)
    assert (found.spikes_per_second, found.operations_per_second, found.updates_per_second) == (40.0, 280.0, 600.0)
    assert found.activation_sparsity == pytest.approx(1 - 2 / 30)  # 2 spikes of a neuron in 30 steps


def test_seeds_are_averaged(tmp_path, put_run):
    for seed, operations in enumerate((100.0, 200.0)):
        put_run(
            tmp_path / str(seed), "bats", {"seed": seed}, [0.5], **{**COUNTED, "test_synaptic_operations": operations}
        )
    assert costs(tmp_path).operations == 150.0


def test_there_are_no_steps_to_count_in_exact_time(tmp_path, put_run):
    put_run(tmp_path, "bats", {}, [0.5], **COUNTED)
    found = costs(tmp_path)
    assert math.isnan(found.activation_sparsity) and math.isnan(found.synaptic_operations["Dense"])


@pytest.mark.parametrize(
    ("values", "macs"),
    [
        ({"dt": 10}, 5.0 * 8),  # bins hold counts, and 5 of them reach 8 neurons each
        ({"dt": 1}, 0.0),
        ({"dt": 10, "clock": "held"}, 0.0),
        ({"dt": 10, "protocol": "published"}, 0.0),
    ],
)
def test_counts_of_spikes_are_multiplied_and_spikes_added(tmp_path, put_run, values, macs):
    put_run(tmp_path, "slayer", {"hidden": (8,), **values}, [0.5], **COUNTED)
    kinds = costs(tmp_path).synaptic_operations
    assert kinds["Effective_MACs"] == macs and kinds["Effective_ACs"] == 140.0 - macs


def test_energies_are_sums_of_prices(tmp_path, put_run):
    put_run(tmp_path, "slayer", {"hidden": (8,), "dt": 10}, [0.5], **COUNTED)
    found = costs(tmp_path)
    assert found.energy(LOIHI) == pytest.approx(140 * 23.6e-12 + 300 * 81e-12)
    assert found.energy(CMOS_45NM) == pytest.approx(100 * 0.9e-12 + 40 * 4.6e-12 + 300 * 9.2e-12)
    assert "2014" in CMOS_45NM.source and "2018" in LOIHI.source


def test_weights_are_counted_in_the_checkpoint_and_optimizers_are_not(tmp_path, put_run):
    hidden, output = np.ones((8, 20), np.float32), np.ones((10, 8), np.float32)
    hidden[:, 0] = 0.0
    arrays = {"weights.hidden1": hidden, "weights.output": output, "optimizer.m": np.ones((8, 20))}
    put_run(tmp_path, "bats", {"bins": 30, "hidden": (8,)}, [0.5], arrays=arrays, **COUNTED)
    found = costs(tmp_path)
    assert found.parameter_count == 240 and found.footprint == 960
    assert found.connection_sparsity == 8 / 240
    assert found.synaptic_operations["Dense"] == 240 * 30


def test_what_normalises_weights_and_decays_are_parameters_but_no_connections(tmp_path, put_run):
    arrays = {
        "weights.0.synapse.weight_g": np.ones((8, 1, 1, 1, 1), np.float32),
        "weights.0.synapse.weight_v": np.ones((8, 20, 1, 1, 1), np.float32),
        "weights.0.neuron.current_decay": np.ones(1, np.float32),
    }
    put_run(tmp_path, "slayer", {"dt": 1, "hidden": (8,)}, [0.5], arrays=arrays)
    found = costs(tmp_path)
    assert found.parameter_count == 169 and found.weights.connections == 160
    assert found.synaptic_operations["Dense"] == 160 * 300


def test_convolutions_share_weights_and_have_no_dense_count(tmp_path, put_run):
    arrays = {"weights.conv1": np.ones((3, 5, 5, 1), np.float32)}
    put_run(tmp_path, "bats", {"bins": 30, "network": "conv"}, [0.5], arrays=arrays, **COUNTED)
    assert math.isnan(costs(tmp_path).synaptic_operations["Dense"])


def test_a_damaged_checkpoint_leaves_weights_unknown(tmp_path, put_run):
    put_run(tmp_path, "bats", {}, [0.5], **COUNTED)
    for file in tmp_path.glob("checkpoint-*"):
        file.write_bytes(b"cut off")
    assert math.isnan(costs(tmp_path).parameter_count) and math.isnan(costs(tmp_path).connection_sparsity)


def test_older_rows_tell_spikes_a_layer_and_no_operations(tmp_path, put_run):
    rates = {"test_spikes_hidden1": 1.5, "test_spikes_output": 2.0}
    put_run(tmp_path, "bats", {"bins": 30, "hidden": (100,)}, [0.5], **rates)
    found = costs(tmp_path)
    assert found.spikes == 1.5 * 100 + 2.0 * 10
    assert found.activation_sparsity == pytest.approx(1 - 170 / 110 / 30)
    assert math.isnan(found.operations) and math.isnan(found.energy(LOIHI)) and found.simulated_seconds == 0.3


def test_the_published_protocol_has_as_many_steps_as_lava_dl_makes_bins():
    for settings, steps in ({}, 300), ({"test_fine": False}, 37), ({"test_fine": False, "prebinned": False}, 300):
        config = make_config("slayer", {"protocol": "published", "dt": 8, **settings})
        assert _steps(config) == steps
    assert _steps(make_config("slayer", {"dt": 8})) == 38  # the described protocol keeps the shorter one
