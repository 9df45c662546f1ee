"""The Lava network: its files, inputs and synapses, and what happens when Lava fails."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import numpy as np
import pytest
import torch
from lava.lib.dl.netx import hdf5

import lava_dt
from lava_dt.block import cuba
from lava_dt.export import NetworkFileError, to_lava, write_hdf5
from lava_dt.export.processes.weights import encode_weights
from lava_dt.export.simulation import simulate


@pytest.fixture
def net(parameters, spikes):
    net = torch.nn.Sequential(
        cuba.Dense(parameters, 40, 10, weight_scale=4, delay=True), cuba.Dense(parameters, 10, 5, weight_scale=4)
    )
    net(spikes)
    net[0].delay.delay.data = 6 * torch.rand(10)
    return net


def test_delays_are_lava_ncs_delays_by_synapse_behind_the_neurons_instead_of_before_them(net, spikes, tmp_path) -> None:
    write_hdf5(net, tmp_path / "trained.net")
    ours, theirs = to_lava(tmp_path / "trained.net"), hdf5.Network(str(tmp_path / "trained.net"))
    delays = np.asarray(ours.layers[0].delay.delays.init)
    assert delays.max() > 2
    values = ours.encode(spikes[:1].numpy())
    (first, last), (late, other) = simulate(ours, values, 110, 60), simulate(theirs, values, 110, 60)
    for name in ("spikes", "current", "voltage"):
        for neuron, delay in enumerate(delays):
            one = getattr(first, name)[0, neuron, : 110 - delay]
            assert np.array_equal(one, getattr(late, name)[0, neuron, delay:])
        assert np.array_equal(getattr(last, name), getattr(other, name))
    assert last.spikes.any()


def test_samples_in_one_go_are_samples_run_alone(net, spikes) -> None:
    together = to_lava(net)
    traces = simulate(together, together.encode(spikes[:2].numpy()), spikes.shape[-1], 60)
    alone = to_lava(net)
    second = simulate(alone, alone.encode(spikes[1:2].numpy()), spikes.shape[-1], 60)
    for both, one in zip(traces, second, strict=True):
        assert np.array_equal(both.voltage[1], one.voltage[0])
        assert np.array_equal(both.current[1], one.current[0])
    with pytest.raises(ValueError, match="has run already: build a fresh one"):
        simulate(alone, alone.encode(spikes[:1].numpy()), spikes.shape[-1], 60)


def test_options_and_attributes_are_netxs(net) -> None:
    lava = to_lava(net, num_layers=1, input_message_bits=8)
    assert len(lava) == 1
    assert lava.layers[0].input_message_bits == 8
    assert (lava.dt, lava.clock, lava.tag) == (1, "coarse", "fixed_pt")
    assert (lava.in_layer, lava.out_layer) == (lava.layers[0], lava.layers[0])


def test_binned_inputs_travel_as_graded_spikes_unless_told_otherwise(parameters, spikes) -> None:
    net = [cuba.Dense(parameters, 40, 5, timestep=lava_dt.Timestep(4, clock="coarse"))]
    net[0](lava_dt.rebin(spikes, 4))
    assert to_lava(net).input_message_bits == 8
    assert to_lava(net).dt == 4
    assert to_lava(net, input_message_bits=0).input_message_bits == 0


def test_sparse_synapses_are_made_when_asked_for(parameters, spikes) -> None:
    net = [cuba.Dense(parameters, 40, 5, weight_scale=4)]
    net[0](spikes)
    dense, sparse = to_lava(net), to_lava(net, sparse_fc_layer=True)
    values = dense.encode(spikes[:1].numpy())
    one, other = simulate(dense, values, 100, 60)[0], simulate(sparse, values, 100, 60)[0]
    assert np.array_equal(one.voltage, other.voltage)
    assert one.spikes.any()


@pytest.mark.parametrize(
    "weight",
    [[-256, -2], [32, 32], [-32, -32], [0, 0], [254, -256], [255, 1], [-255, -1], [127, -128], [3, 0]],
)
def test_synapses_compute_with_the_weights_of_the_file(weight) -> None:
    """As lava-nc's models do it: clip, truncate, multiply, shift."""
    from lava.utils.weightutils import clip_weights, truncate_weights

    shifted, encoding = encode_weights(np.array([weight]), "layer 0")
    clipped = clip_weights(shifted, encoding["sign_mode"], num_bits=8)
    on_chip = truncate_weights(clipped, encoding["sign_mode"], encoding["num_weight_bits"])
    effective = [int(np.right_shift(w, -encoding["weight_exp"])) for w in on_chip[0]]
    assert effective == weight


def test_weights_without_an_encoding_are_refused() -> None:
    with pytest.raises(ValueError, match="layer 0 has weights from -200 to 201, some odd"):
        encode_weights(np.array([[-200, 201]]), "layer 0")


def test_inputs_that_cannot_travel_are_refused(net) -> None:
    lava = to_lava(net)
    with pytest.raises(ValueError, match=r"the input has shape \(1, 39, 5\) but the network takes \(batch, 40, time\)"):
        lava.encode(np.zeros((1, 39, 5)))
    for bad in (0.5, -1, np.nan):
        with pytest.raises(ValueError, match="negative or not whole"):
            lava.encode(np.full((1, 40, 5), bad))
    with pytest.raises(ValueError, match="a count of 256: a graded spike carries 8 bits"):
        lava.encode(np.full((1, 40, 5), 256))
    with pytest.raises(ValueError, match=r"counts up to 2.*input_message_bits=8"):
        lava.encode(np.full((1, 40, 5), 2))
    few = to_lava(net, input_message_bits=2)
    assert few.encode(np.full((1, 40, 5), 3)).max() == 3
    with pytest.raises(ValueError, match=r"counts up to 4, .* takes counts up to 3: build it with"):
        few.encode(np.full((1, 40, 5), 4))


def test_an_input_block_takes_what_the_trained_one_makes_of_the_values(parameters) -> None:
    block = cuba.Input(parameters, weight=0.5, bias=-0.25)
    values = torch.tensor([-5.0, -1, 0, 0.25, 3, 9]).reshape(1, 1, 6)
    block(values)
    drive = to_lava([block]).encode(values.numpy())
    assert drive.reshape(-1).tolist() == (64 * block.drive(values)).flatten().tolist()
    block.weight.data[:] = 1 / 32
    with pytest.raises(ValueError, match=r"shape \(1, 1, 1, 2, 3\) but the network takes \(batch, 1, 2, 1, time\)"):
        images = [cuba.Input(parameters)]
        images[0](torch.zeros(1, 1, 2, 1, 3))
        to_lava(images).encode(np.zeros((1, 1, 1, 2, 3)))
    with pytest.raises(ValueError, match="is not a whole number of 1/64"):
        to_lava([block]).encode(np.full((1, 1, 1), 1 / 32))


def test_files_that_are_no_networks_are_refused(tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no file .*: write it with lava_dt\.export\.write_hdf5"):
        to_lava(tmp_path / "missing.net")
    text = tmp_path / "text.net"
    text.write_text("layers")
    with pytest.raises(NetworkFileError, match="is not an HDF5 file"):
        to_lava(text)


def test_a_failing_process_is_an_error_and_leaves_no_process_behind(net, spikes) -> None:
    lava = to_lava(net)
    lava.layers[0].synapse.proc_params.overwrite("num_weight_bits", "eight")
    before = set(multiprocessing.active_children())
    with pytest.raises(RuntimeError, match="a process of the Lava network failed: TypeError"):
        simulate(lava, lava.encode(spikes[:1].numpy()), 100, 60)
    assert set(multiprocessing.active_children()) <= before


def test_a_run_that_takes_too_long_is_an_error_and_leaves_no_process_behind(net, spikes) -> None:
    lava = to_lava(net)
    before = set(multiprocessing.active_children())
    with pytest.raises(TimeoutError, match="was not done after 0 s"):
        simulate(lava, lava.encode(spikes[:1].numpy()), 100, 0.0)
    assert set(multiprocessing.active_children()) <= before


def test_an_interrupt_ends_lavas_processes(net, spikes, monkeypatch) -> None:
    lava = to_lava(net)
    before = set(multiprocessing.active_children())

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("lava_dt.export.simulation.time.sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        simulate(lava, lava.encode(spikes[:1].numpy()), 100, 60)
    assert set(multiprocessing.active_children()) <= before


def test_the_packages_names_are_found_when_used() -> None:
    assert sorted(lava_dt.export.__all__) == [
        "Divergence",
        "Feasibility",
        "FromBATS",
        "LayerFeasibility",
        "LayerParity",
        "NetworkFileError",
        "ParityReport",
        "Stages",
        "feasible",
        "from_bats",
        "read_hdf5",
        "stages",
        "to_lava",
        "verify",
        "write_hdf5",
    ]
    assert all(getattr(lava_dt.export, name).__name__ == name for name in lava_dt.export.__all__)
    assert set(lava_dt.export.__all__) <= set(dir(lava_dt.export))
    with pytest.raises(AttributeError, match="has no attribute 'read'"):
        lava_dt.export.read  # noqa: B018


def test_folders_that_lavas_compiler_searches_hold_processes_and_models_only() -> None:
    folder = Path(lava_dt.export.__file__).parent
    processes = [path.parent for path in (folder / "processes").glob("*/process.py")]
    assert {path.name for path in processes} == {"binning", "delay", "lif", "network"}
    for searched in (*processes, folder / "recording"):
        assert {path.name for path in searched.glob("*.py")} == {"__init__.py", "models.py", "process.py"}
