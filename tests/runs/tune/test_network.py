"""Networks to tune, from whatever they were saved as."""

import json
from itertools import pairwise

import numpy as np
import pytest

pytest.importorskip("lava_dt", reason="Lava needs torch, lava-nc and lava-dl")

import torch

import lava_dt
from lava_dt.export.blocks import describe
from runs.config import ConfigError
from runs.deploy.encoding import Encoding, write_encoding
from runs.deploy.own_step import take_own_step
from runs.deploy.stored import store
from runs.tune.network import open_tunable

NEURON = {"threshold": 1.25, "current_decay": 0.25, "voltage_decay": 0.03}


def dense(sizes=(2312, 6, 10), delay=False, weight_norm=False, **timestep):
    """Fully connected blocks that spike."""
    torch.manual_seed(3)
    neuron = {**NEURON, "timestep": lava_dt.Timestep(**timestep)}
    pairs = list(pairwise(sizes))
    net = torch.nn.Sequential(
        *(
            lava_dt.cuba.Dense(neuron, a, b, weight_norm=weight_norm, delay=delay and i < len(pairs) - 1)
            for i, (a, b) in enumerate(pairs)
        )
    )
    with torch.no_grad():
        for block in net:
            synapse = block.synapse
            (synapse.weight_v if weight_norm else synapse.weight).copy_(
                torch.randn(synapse.out_channels, synapse.in_channels, 1, 1, 1) * 0.3 + 0.2
            )
            if weight_norm:
                synapse.weight_g.fill_(4.0)
        net.eval()(torch.zeros(1, sizes[0], 2))
        for block in net:
            if block.delay is not None:
                block.delay.delay.data = torch.tensor([0.0, 1.5, 3.0, 7.2, 0.9, 12.0])[: block.delay.delay.numel()]
    return net


def spikes(n=2, neurons=2312, steps=40, share=0.02):
    torch.manual_seed(1)
    return (torch.rand(n, neurons, steps) < share).float()


def write_settings(folder, **values):
    """A run's configuration, beside a file of tensors."""
    (folder / "config.json").write_text(json.dumps({"format": 1, "model": "slayer", "steps": 40, **values}))


def test_a_network_file_is_opened_at_its_step_and_made_afresh_each_time(tmp_path):
    net = dense()
    lava_dt.export.write_hdf5(net, tmp_path / "a.net", fine_step=2e-3)
    write_encoding(tmp_path / "a.net", Encoding(input="events", steps=40))
    tunable = open_tunable(tmp_path / "a.net")
    assert (tunable.name, tunable.fine_step, tunable.shape, tunable.per_step) == ("a.net", 2e-3, (2312,), 1)
    assert tunable.encoding == Encoding(input="events", steps=40) and tunable.exact is None
    one, other = tunable.make(), tunable.make()
    assert one is not other and not one.training
    with torch.no_grad():
        wanted = net(spikes())
        assert wanted.any() and torch.equal(one(spikes()), wanted)
        one[0].synapse.weight.zero_()
        assert torch.equal(other(spikes()), wanted) and torch.equal(tunable.make()(spikes()), wanted)


@pytest.mark.parametrize("weight_norm", [False, True])
def test_a_state_dict_of_lava_dl_is_opened_with_the_configuration_beside_it(tmp_path, weight_norm):
    net = dense(delay=True, weight_norm=weight_norm)
    torch.save({f"blocks.{name}": tensor for name, tensor in net.state_dict().items()}, tmp_path / "network.pt")
    write_settings(tmp_path, hidden=[6], delay=True, weight_norm=weight_norm)
    tunable = open_tunable(tmp_path / "network.pt")
    with torch.no_grad():
        assert torch.equal(tunable.make()(spikes()), net(spikes()))
    assert tunable.encoding.steps == 40 and tunable.fine_step == 1e-3
    from safetensors.torch import save_file

    save_file(net.state_dict(), tmp_path / "network.safetensors")
    assert open_tunable(tmp_path / "network.safetensors").identity == tunable.identity
    (tmp_path / "sub").mkdir()
    (tmp_path / "network.pt").rename(tmp_path / "sub" / "network.pt")
    assert open_tunable(tmp_path / "sub" / "network.pt", tmp_path / "config.json").identity == tunable.identity


def test_settings_in_toml_and_those_of_bench_conversion_are_read_too(tmp_path):
    torch.save(dense().state_dict(), tmp_path / "network.pt")
    (tmp_path / "config.toml").write_text("threshold = 2.0\nsteps = 40\n")
    assert float(open_tunable(tmp_path / "network.pt").make()[0].neuron.threshold) == 2.0
    write_settings(tmp_path, threshold=1.5, network=None, data="800 + 200 recordings", finetune_learning_rate=1e-4)
    tunable = open_tunable(tmp_path / "network.pt")
    assert float(tunable.make()[0].neuron.threshold) == 1.5 and tunable.data is None


def test_a_network_of_a_coarser_step_keeps_its_spikes_with_that_step_as_its_own(tmp_path):
    for options in ({"clock": "coarse"}, {"clock": "coarse", "gain": "integral", "reset": "soft"}):
        net = dense(delay=True, dt=4, scheme="exponential", **options)
        with torch.no_grad():
            wanted = net(spikes())
            assert take_own_step(net) == 4 and take_own_step(net) == 1
            assert wanted.any() and torch.equal(net(spikes()), wanted)
        assert describe(net).timestep.dt == 1
    lava_dt.export.write_hdf5(dense(dt=4, clock="coarse", scheme="exponential"), tmp_path / "a.net", fine_step=1e-3)
    write_encoding(tmp_path / "a.net", Encoding(input="events", steps=42))
    tunable = open_tunable(tmp_path / "a.net")
    assert (tunable.fine_step, tunable.per_step, tunable.encoding.steps) == (4e-3, 4, 42)
    assert tunable.notes == ("trained at dt = 4: a step of 4 ms is the finest there is",)


def test_a_stored_network_comes_back_with_the_weights_it_was_trained_with(tmp_path):
    net = dense(delay=True, weight_norm=True)
    encoding = Encoding(input="events", steps=40)
    lava_dt.export.write_hdf5(net, tmp_path / "network.net", fine_step=1e-3)
    store(net, tmp_path / "network.safetensors", tmp_path / "network.net", 1e-3, encoding)
    tunable = open_tunable(tmp_path / "network.safetensors")
    assert tunable.encoding == encoding
    made = tunable.make()
    with torch.no_grad():
        assert torch.equal(made(spikes()), net(spikes()))
        assert torch.equal(made[0].synapse.weight, net[0].weights())


def test_the_identity_follows_from_what_the_network_computes(tmp_path):
    identities = set()
    for change in ("none", "weight", "threshold", "step"):
        net = dense()
        if change == "weight":
            with torch.no_grad():
                net[1].synapse.weight[0, 0] += 1
        if change == "threshold":
            net[0].neuron._threshold = 2.0
        path = tmp_path / f"{change}.net"
        lava_dt.export.write_hdf5(net, path, fine_step=2e-3 if change == "step" else 1e-3)
        identities.add(open_tunable(path).identity)
        assert open_tunable(path).identity in identities
    assert len(identities) == 4


def test_classes_are_those_with_most_spikes_or_the_first_one_and_the_lowest_of_several(tmp_path):
    output = torch.zeros(3, 10, 8)
    output[0, 3, :4], output[0, 5, 2:7] = 1, 1
    output[1, 4, :2], output[1, 2, 6:] = 1, 1
    decided = {}
    for name, options in {"count": {}, "first": {"decision": "first"}, "limit": {"limit": 3}}.items():
        lava_dt.export.write_hdf5(dense(), tmp_path / "a.net", fine_step=1e-3)
        write_encoding(tmp_path / "a.net", Encoding(input="events", steps=40, **options))
        decided[name] = open_tunable(tmp_path / "a.net").decide(output).tolist()
    assert decided == {"count": [5, 2, 0], "first": [3, 4, 0], "limit": [3, 2, 0]}


def test_a_bats_run_is_brought_to_blocks_at_a_millisecond_and_tells_what_it_says_in_continuous_time(tmp_path, watcher):
    from runs.config import make_config
    from runs.training import train
    from runs.tune.data import open_data

    settings = {"epochs": 1, "train_samples": 32, "test_samples": 8, "hidden": (12,), "duration": 0.15}
    train(make_config("bats", settings), tmp_path / "run", watcher())
    tunable = open_tunable(tmp_path / "run")
    assert (tunable.fine_step, tunable.encoding.steps, tunable.shape) == (1e-3, 151, (784,))
    assert describe(tunable.make()).timestep.reset == "soft" and tunable.notes
    assert open_tunable(tmp_path / "run", dt=5e-3).fine_step == 5e-3
    _, test = open_data(None, tunable, calibration=8, test=8)
    said = tunable.exact(test)
    row = json.loads((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()[-1])
    assert (said == test.labels).mean() == row["test_accuracy"]  # the run's own, in exact time
    file = next((tmp_path / "run").glob("checkpoint-*.safetensors"))
    assert open_tunable(file).identity == tunable.identity


def test_wrong_files_are_refused_in_words(tmp_path):
    def refused(path, match, *args):
        with pytest.raises(ConfigError, match=match):
            open_tunable(path, *args)

    refused(tmp_path / "no.net", "there is no .*no.net")
    torch.save(dense().state_dict(), tmp_path / "a.pt")
    refused(tmp_path / "a.pt", "nothing beside it says how its neurons work .* give --config FILE")
    write_settings(tmp_path)
    torch.save(dense(), tmp_path / "whole.pt")
    refused(tmp_path / "whole.pt", r"holds more than tensors, .* save it again as torch\.save\(network\.state_dict")
    (tmp_path / "junk.pt").write_bytes(b"no zip")
    refused(tmp_path / "junk.pt", "more than tensors|no file of torch.save")
    (tmp_path / "junk.safetensors").write_bytes(b"\x00" * 9)
    refused(tmp_path / "junk.safetensors", "is no safetensors file, or a damaged one")
    torch.save([1], tmp_path / "list.pt")
    refused(tmp_path / "list.pt", "holds a list and no state_dict of tensors")
    torch.save({"fc.weight": torch.zeros(2, 2)}, tmp_path / "other.pt")
    refused(tmp_path / "other.pt", "has the entry 'fc.weight', which is of no CuBa block")
    torch.save({"0.synapse.weight": torch.zeros(8, 2, 3, 3, 1)}, tmp_path / "conv.pt")
    refused(tmp_path / "conv.pt", r"weights of shape \(8, 2, 3, 3, 1\), but a state_dict is read as fully connected")
    torch.save({"0.synapse.weight": torch.zeros(8, 2, 1, 1, 1)}, tmp_path / "part.pt")
    refused(tmp_path / "part.pt", "does not fit a Dense block of 2 to 8 neurons")
    lava_dt.export.write_hdf5(dense(), tmp_path / "a.net")
    refused(tmp_path / "a.net", "which says itself how its neurons work: leave it out", tmp_path / "config.json")
    refused(tmp_path / "a.net", "a step of 0.001 s was given with .*: leave it out", None, 1e-3)
    refused(tmp_path / "a.net", "the step is 0 s: give seconds above 0", None, 0.0)
    assert open_tunable(tmp_path / "a.net").notes == ("the network does not say how long a step is: 1 ms was taken",)


def test_a_pickle_is_never_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return (np.savetxt, (str(tmp_path / "ran.txt"), [1.0]))

    torch.save({"0.synapse.weight": Trap()}, tmp_path / "trap.pt")
    write_settings(tmp_path)
    with pytest.raises(ConfigError, match="what else is in a pickle is never run here"):
        open_tunable(tmp_path / "trap.pt")
    assert not (tmp_path / "ran.txt").exists()


@pytest.mark.filterwarnings("ignore:layer .* lost")
def test_a_bats_network_that_leans_on_full_buffers_is_told_to_be_another_one_as_blocks(tmp_path, watcher):
    from runs.config import make_config
    from runs.training import train

    settings = {"epochs": 1, "train_samples": 32, "test_samples": 8, "hidden": (12,), "weight_range": (0.0, 1.0)}
    train(make_config("bats", {**settings, "max_spikes": (2, 30)}), tmp_path / "few", watcher())
    notes = [note for note in open_tunable(tmp_path / "few").notes if "max_n_spike):" in note]
    assert notes[0].startswith("hidden1 sends ") and "exceed the 2 it keeps of a neuron" in notes[0]
    assert "at 1 ms this is not the network that was trained" in notes[0]
    train(make_config("bats", {**settings, "max_spikes": (300, 300)}), tmp_path / "many", watcher())
    assert not any("max_n_spike):" in note for note in open_tunable(tmp_path / "many").notes)
