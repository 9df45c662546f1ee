"""Configuration: TOML, overrides, bins and dt, and the sentences for what cannot be run."""

import dataclasses
from pathlib import Path

import pytest

from runs.commands import train_one
from runs.config import BatsConfig, ConfigError, SlayerConfig, load_config, make_config, saved_config
from runs.config.steps import pair_seconds, pair_steps


def test_the_defaults_are_the_undiscretised_networks_of_the_experiment():
    bats, slayer = make_config("bats", {}), make_config("slayer", {})
    assert isinstance(bats, BatsConfig) and isinstance(slayer, SlayerConfig)
    assert bats.is_baseline() and bats.dt is None and bats.bins is None
    assert (bats.hidden, bats.batch, bats.tau_syn, bats.max_spikes) == ((512,), 32, 0.13, (30,))
    assert (bats.hidden_threshold, bats.output_threshold) == ((0.2,), 1.25)
    assert slayer.is_baseline() and (slayer.dt, slayer.bins, slayer.steps) == (1, 300, 300)
    assert (slayer.threshold, slayer.current_decay, slayer.voltage_decay) == (1.25, 0.25, 0.03)


def test_neuron_and_timestep_are_what_the_blocks_take_of_it():
    config = make_config("slayer", {"dt": 4, "threshold": 2.0, "tau_grad": 0.5, "reset": "soft", "clock": "held"})
    assert config.neuron() == {
        "threshold": 2.0, "current_decay": 0.25, "voltage_decay": 0.03, "tau_grad": 0.5, "scale_grad": 3.0,
    }  # fmt: skip
    lava_dt = pytest.importorskip("lava_dt", reason="a Timestep needs torch, lava-nc and lava-dl")
    made = lava_dt.Timestep(**config.timestep())
    assert (made.dt, made.reset, made.clock, made.scheme) == (4, "soft", "held", "exponential")
    assert set(config.timestep()) == {field.name for field in dataclasses.fields(made)}


@pytest.mark.parametrize(
    ("dt", "bins", "expected"),
    [
        (None, None, (None, None)),
        (0.01, None, (0.01, 30)),
        (None, 75, (0.3 / 75, 75)),
        (0.004, 75, (0.004, 75)),
        (0.007, None, (0.007, 43)),  # the last bin is shorter
        (0.3, None, (0.3, 1)),
    ],
)
def test_seconds_and_bins_give_each_other(dt, bins, expected):
    assert pair_seconds(dt, bins, 0.3) == expected


@pytest.mark.parametrize("bins", [150, 75, 50, 37, 30, 7, 299])
def test_every_number_of_bins_survives_the_way_through_its_dt(bins):
    dt, _ = pair_seconds(None, bins, 0.3)
    assert pair_seconds(dt, None, 0.3) == (dt, bins)


@pytest.mark.parametrize(
    ("dt", "bins", "expected"),
    [
        (None, None, (1, 300)),
        (10, None, (10, 30)),
        (None, 75, (4, 75)),
        (None, 37, (8, 38)),  # 300 / 37 is no whole step; the nearest makes 38 bins
        (8, 37, (8, 38)),
        (8, 38, (8, 38)),
        (7, None, (7, 43)),
        (300, 1, (300, 1)),
    ],
)
def test_fine_steps_and_bins_give_each_other(dt, bins, expected):
    assert pair_steps(dt, bins, 300) == expected


def test_bins_that_are_not_those_asked_for_are_told(tmp_path):
    told = []
    load_config("slayer", None, {"bins": 37}, told.append)
    assert told == ["bins = 37 come to 38: the nearest whole step is dt = 8, and 300 steps in bins of 8 are 38"]
    (tmp_path / "run.toml").write_text('bins = 37\nprotocol = "published"')
    load_config("slayer", tmp_path / "run.toml", {}, told.append)
    assert told[1:] == [told[0] + ", the last of which lava-dl drops, as it is shorter"]
    for model, values in (("slayer", {"bins": 75}), ("slayer", {"dt": 8}), ("slayer", {}), ("bats", {"bins": 37})):
        load_config(model, None, values, told.append)
    assert len(told) == 2


def test_training_begins_with_what_is_not_as_asked_for(tmp_path, stand_in, capsys):
    train_one("slayer", None, {"bins": 37, "epochs": 1}, tmp_path / "run", download=False)
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith("slayer, dt 8 (38 bins)") and second.startswith("bins = 37 come to 38: ")


@pytest.mark.parametrize(
    ("model", "values", "sentence"),
    [
        ("bats", {"dataset": "nmnist", "encoding": "rate"}, "encoding = rate, but nmnist holds events already: leave"),
        ("bats", {"dataset": "nmnist", "window": 0.2}, "window = 0.2 says nothing of nmnist, encoding None: drop it"),
        ("slayer", {"dataset": "mnist", "peak_rate": 50}, "peak_rate = 50 says nothing of mnist, encoding latency"),
        ("bats", {"dataset": "nmnist", "network": "conv"}, "network = conv with dataset nmnist, encoding None"),
        ("bats", {"encoding": "rate", "published_pixels": True}, "the published loader encodes by latency"),
        ("slayer", {"mask": False}, "mask = False, but protocol described has no use for it: leave it out"),
        ("slayer", {"protocol": "published", "gain": "integral"}, "gain = integral, but protocol published has no use"),
        (
            "slayer",
            {"protocol": "published", "dt": 4, "rescale": True, "prebinned": False},
            "rescale without prebinned: time is in fine steps then",
        ),
        ("bats", {"dt": 0.0}, "dt = 0 s, but a step must be above 0 and at most the simulated 0.3 s"),
        ("bats", {"dt": -0.01}, "dt = -0.01 s, but a step must be above 0"),
        ("bats", {"dt": 0.31}, "dt = 0.31 s, but a step must be above 0 and at most the simulated 0.3 s"),
        ("bats", {"dt": float("nan")}, "dt = nan will not do .*: input should be a finite number"),
        ("bats", {"bins": 0}, "bins = 0, but at least one bin is needed"),
        ("bats", {"dt": 0.01, "bins": 31}, "0.3 s in steps of 0.01 s are 30 bins, and 31 bins are steps of 0.00967"),
        ("bats", {"epoch": 3}, "unknown key 'epoch' for bats: did you mean 'epochs'"),
        ("bats", {"clock": "held"}, "unknown key 'clock' for bats: known keys are data, epochs"),
        ("bats", {"rule": "round"}, r"rule = 'round' will not do .*input should be 'snap', 'detect' or 'published'"),
        ("bats", {"epochs": 0}, r"epochs = 0 will not do \(passes over the training set"),
        ("bats", {"hidden": ()}, "every network has a hidden layer of at least one neuron"),
        ("bats", {"window": 0.5}, "window = 0.5 s is longer than the simulated 0.3 s"),
        ("bats", {"loss": "rate"}, "loss = 'rate' will not do .*: input should be 'count' or 'ttfs'"),
        ("bats", {"filters": (3,)}, r"filters = \[3\], but they need --network conv"),
        ("bats", {"network": "conv", "filters": ()}, r"filters = \[\], but a network of convolutions needs some"),
        ("bats", {"max_spikes": 0}, "max_spikes = 0 will not do .*: input should be greater than or equal to 1"),
        ("bats", {"max_spikes": (3, 4, 5)}, "max_spikes = 3 4 5, but there are 2 layers: give one value or 2"),
        ("bats", {"hidden_threshold": (0.2, 0.3)}, "hidden_threshold = 0.2 0.3, but there is 1 layer: give one value"),
        ("bats", {"weight_range": (1, 0)}, "weight_range = 1.0 0.0, but initial weights need a low end and a higher"),
        ("bats", {"weight_range": 0}, "weight_range = 0.0, but initial weights need a low end and a higher one"),
        ("bats", {"weight_range": (0, 1, 2)}, "weight_range = 0.0 1.0 2.0, but initial weights need a low end"),
        ("bats", {"hidden": (8, 8, 8), "hidden_threshold": (1, 2)}, "but there are 3 layers: give one value or 3"),
        (
            "bats",
            {"loss": "ttfs", "target_true": 9},
            "target_true = 9.0, but training on first spikes \\(loss ttfs\\) has",
        ),
        (
            "bats",
            {"loss_tau": 0.1},
            "loss_tau = 0.1, but training on numbers of spikes \\(loss count\\) has no use for it",
        ),
        (
            "bats",
            {"least_learning_rate": 1e-3},
            "least_learning_rate = 0.001, but without halve_every nothing is halved",
        ),
        (
            "bats",
            {"dt": 0.01, "rule": "published", "tau_mem": 0.2},
            r"tau_mem = 0\.2 s with rule published, which is defined for twice tau_syn \(0\.26 s\)",
        ),
        ("bats", {"published_pixels": True}, "published_pixels without dt, by which the published loader distorts"),
        ("slayer", {"dt": 0}, "dt = 0, but a step must be at least 1 fine step"),
        ("slayer", {"dt": 301}, "at most the 300 steps of a recording"),
        ("slayer", {"dt": 2.5}, "dt = 2.5 will not do"),
        ("slayer", {"bins": 301}, "bins = 301, but 300 steps make between 1 and 300 bins"),
        ("slayer", {"dt": 10, "bins": 40}, "300 steps in bins of 10 are 30 bins, and 40 bins are steps of 8"),
        ("snn", {}, "model = 'snn', but there are only: bats, slayer"),
    ],
)
def test_what_cannot_be_run_is_refused_in_a_sentence(model, values, sentence):
    with pytest.raises(ConfigError, match=sentence):
        make_config(model, values)


def test_keys_of_a_file_may_be_spelt_as_the_flags_are(tmp_path):
    file = tmp_path / "run.toml"
    file.write_text("learning-rate = 0.002\ntrain_samples = 8\n")
    config = load_config("bats", file, {})
    assert (config.learning_rate, config.train_samples) == (0.002, 8)


def test_a_file_is_read_and_overridden_by_name(tmp_path: Path):
    file = tmp_path / "run.toml"
    file.write_text('model = "bats"\ndt = 0.01\nepochs = 4\nhidden = [64, 32]\ndata = "digits"\n')
    config = load_config("bats", file, {"epochs": 2})
    assert (config.dt, config.bins, config.epochs, config.hidden) == (0.01, 30, 2, (64, 32))
    assert config.data == tmp_path / "digits"  # relative to the file, not to where the command runs


def test_a_step_on_the_command_line_replaces_both_dt_and_bins_of_the_file(tmp_path: Path):
    file = tmp_path / "run.toml"
    file.write_text("dt = 0.01\nbins = 30\n")
    config = load_config("bats", file, {"bins": 75})
    assert (config.dt, config.bins) == (0.3 / 75, 75)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("epochs = ", "is not valid TOML"),
        ('model = "slayer"\n', "is a configuration for model = 'slayer', not for 'bats'"),
        ("learning_rat = 0.1\n", "run.toml has an unknown key 'learning_rat' for bats: did you mean 'learning_rate'"),
    ],
)
def test_a_bad_file_is_named_in_the_sentence(tmp_path: Path, text: str, sentence: str):
    file = tmp_path / "run.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=sentence):
        load_config("bats", file, {})


def test_a_missing_file_is_named_in_the_sentence(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"none.toml cannot be read: No such file"):
        load_config("bats", tmp_path / "none.toml", {})


def test_the_command_of_a_configuration_repeats_it():
    config = make_config("bats", {"bins": 30, "epochs": 3, "hidden": (64, 32), "grid_inputs": False})
    assert config.command() == "lava-dt train bats --epochs 3 --hidden 64 32 --dt 0.01 --no-grid-inputs"
    assert make_config("slayer", {"delay": True}).command() == "lava-dt train slayer --delay"


def test_runs_of_different_length_are_the_same_run():
    assert make_config("bats", {"epochs": 3}).identity() == make_config("bats", {"epochs": 9}).identity()
    assert make_config("bats", {"seed": 1}).identity() != make_config("bats", {"seed": 2}).identity()


def test_loss_and_network_decide_what_is_usual_for_the_rest():
    ttfs, conv = make_config("bats", {"loss": "ttfs"}), make_config("bats", {"network": "conv"})
    assert (ttfs.hidden, ttfs.thresholds(), ttfs.buffers()) == ((800,), (0.7, 2.0), (1, 1))
    assert (ttfs.duration, ttfs.weight_range, ttfs.learning_rate, ttfs.batch) == (1.0, (0.0, 1.0), 2e-3, 50)
    assert (conv.filters, conv.hidden, conv.buffers()) == ((15, 40), (300,), (1, 3, 10, 30))
    assert (conv.thresholds(), conv.duration, conv.target_true) == ((0.04, 0.8, 0.6, 0.3), 0.2, 30.0)
    assert make_config("bats", {"loss": "ttfs", "hidden": (64,), "batch": 8}).command() == (
        "lava-dt train bats --batch 8 --hidden 64 --loss ttfs"
    )
    assert [config.kind() for config in (make_config("bats", {}), ttfs, conv)] == ["bats", "bats ttfs", "bats conv"]


def test_one_value_stands_for_all_layers():
    config = make_config("bats", {"hidden": (8, 9), "hidden_threshold": 0.4, "max_spikes": 7, "weight_range": 0.5})
    assert config.thresholds() == (0.4, 0.4, 1.25)
    assert config.buffers() == (7, 7, 7)
    assert config.weight_range == (-0.5, 0.5)
    each = make_config("bats", {"hidden": (8, 9), "hidden_threshold": (0.4, 0.5), "max_spikes": (7, 8, 9)})
    assert each.thresholds() == (0.4, 0.5, 1.25) and each.buffers() == (7, 8, 9)


def test_the_learning_rate_is_halved_down_to_its_least_value():
    config = make_config("bats", {"learning_rate": 4e-4, "halve_every": 2})
    assert [config.rate(epoch) for epoch in (1, 2, 3, 4, 5, 6, 7)] == [4e-4, 4e-4, 2e-4, 2e-4, 1e-4, 1e-4, 1e-4]
    assert make_config("bats", {"learning_rate": 1e-5, "halve_every": 1}).rate(9) == 1e-5  # never raised
    assert make_config("bats", {}).rate(1000) == 3e-3


def test_a_run_saved_before_the_remedy_existed_is_read_as_trained_without_it():
    values = {"seed": 3, "max_spikes": 30, "hidden_threshold": 0.2, "weight_range": 1.0}  # as they were saved then
    config = saved_config("bats", values, "config.json")
    assert config == make_config("bats", {"seed": 3, "silent_labels": 0.0})
    assert make_config("bats", {}).silent_labels > 0


def test_what_a_run_has_no_use_for_is_known():
    assert make_config("bats", {}).idle() == {"loss_tau", "least_learning_rate", "peak_rate"}
    conv = make_config("bats", {"network": "conv", "loss": "ttfs", "encoding": "rate"})
    assert conv.idle() == {"target_true", "target_false", "window"}
    slayer = make_config("slayer", {"dataset": "mnist"}).idle()
    assert "backward" in slayer and not slayer & {"clock", "scheme", "window"}
    assert "scheme" in make_config("slayer", {"protocol": "published"}).idle()


def test_the_data_set_decides_the_encoding():
    assert [make_config("bats", {"dataset": name}).encoding for name in ("mnist", "nmnist")] == ["latency", None]
    assert make_config("slayer", {}) == make_config("slayer", {"dataset": "nmnist", "encoding": None})
    assert make_config("slayer", {"dataset": "mnist"}) == make_config(
        "slayer", {"dataset": "mnist", "encoding": "latency"}
    )
    assert make_config("bats", {"dataset": "nmnist"}).command() == "lava-dt train bats --dataset nmnist"
    assert make_config("slayer", {"dataset": "mnist"}).kind() == "slayer mnist"
    assert make_config("bats", {"dataset": "nmnist", "duration": 0.05}).window == 0.1  # it counts for nothing there


def test_the_published_protocol_brings_its_network_and_says_so():
    config = make_config("slayer", {"protocol": "published", "bins": 37})
    assert (config.hidden, config.delay, config.binning, config.backward) == ((512, 512), True, "fill", "cpu")
    assert config.step_text() == "dt 8 (38 bins), published protocol" and config.kind() == "slayer published"
    assert config.command() == "lava-dt train slayer --dt 8 --protocol published"
    assert make_config("slayer", {"protocol": "published", "hidden": (64,)}).hidden == (64,)


def test_published_runs_that_are_the_same_at_one_step_have_the_same_settings():
    def at(**values):
        return make_config("slayer", {"protocol": "published", **values})

    plain = at()
    for values in ({"rescale": True}, {"prebinned": False}, {"test_fine": False}, {"binning": "any"}):
        assert at(**values).identity() == plain.identity()
        assert at(**values, dt=2).identity() != at(dt=2).identity()
    own = at(backward="exact")
    assert at(mask=False).identity() == own.identity() != plain.identity()
    assert at(mask=False, dt=4).backward == "exact"  # without the mask there is lava-dl's gradient alone
    assert at(binning="count").identity() != plain.identity()


def test_a_run_of_slayer_saved_before_there_were_protocols_is_one_of_the_described():
    saved = {"dt": 4, "bins": 75, "hidden": [512], "scheme": "exponential"}
    assert saved_config("slayer", saved, "config.json") == make_config("slayer", {"dt": 4})


def test_the_data_sets_of_images_are_those_with_an_encoding():
    from typing import get_args

    from runs.config import datasets
    from runs.data import load

    for name in get_args(datasets.DatasetName):
        assert (datasets.usual_encoding(name) is None) == (name not in load.IMAGE_SETS)


def test_a_key_in_both_spellings_is_refused(tmp_path):
    file = tmp_path / "run.toml"
    file.write_text("train-samples = 3\ntrain_samples = 4\n")
    with pytest.raises(ConfigError, match=r"run\.toml gives train_samples twice, once spelt train-samples"):
        load_config("bats", file, {})
