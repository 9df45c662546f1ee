"""Sweep files: what they may hold, and what is refused in one sentence."""

import sys

import pytest

from runs.config import ConfigError
from runs.sweep import load_sweep
from runs.sweep.file import parse_sweep
from runs.sweep.toml_text import toml_text

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

HEAD = 'name = "a"\n[[experiment]]\nname = "one"\nmodel = "bats"\n'


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("name = ", "the sweep is not valid TOML"),
        ('name = "a"', "the sweep lacks 'experiment': add an \\[\\[experiment\\]\\]"),
        ('name = "a"\nexperiment = []', "there is no experiment"),
        (HEAD.replace("[[experiment]]", "[experiment]"), "may be several: write \\[\\[experiment\\]\\]"),
        ('[[experiment]]\nname = "b"\nmodel = "bats"', "the sweep lacks 'name'"),
        ('name = "a b"\n[[experiment]]\nname = "b"\nmodel = "bats"', "name = 'a b': it names a directory, too"),
        (HEAD + 'colour = "red"', "experiment 'one' has an unknown key 'colour'"),
        (HEAD + "settings = 3", "experiment 'one': settings = 3 will not do"),
        (HEAD + "settings = {epoch = 3}", "'one': 'epoch' is no key of the model bats: did you mean 'epochs'?"),
        (HEAD + "settings = {zzz = 3}", "'zzz' is no key of the model bats: known keys are data, epochs"),
        (HEAD + 'settings = {model = "slayer"}', "'model' is no key of the model bats"),
        (HEAD + "grid = {bins = 30}", "grid.bins = 30 is not a list: write \\[30\\], or put it into settings"),
        (HEAD + "grid = {bins = []}", "grid.bins is an empty list, which makes no run at all"),
        (HEAD + "grid = {bins = [30, 30]}", "grid.bins = \\[30, 30\\] holds a value twice"),
        (HEAD + "grid = {epochs = [1, 2]}", "grid.epochs: a longer run goes on from a shorter one"),
        (HEAD + "settings = {train-samples = 3, train_samples = 4}", "gives train_samples twice"),
        (HEAD + "grid = {seed = [0]}\nsettings = {seed = 0}", "seed is in the settings and in the grid"),
        (HEAD.replace("bats", "cats"), "experiment 'one': model = 'cats', but there are only: bats, slayer"),
        (HEAD.replace("one", "o ne"), "is made of letters, digits and hyphens"),
        (HEAD + HEAD.partition("\n")[2], "2 experiments are named 'one'"),
        (HEAD + "[quick]\nsettings = {seed = 1}\nepochs = 2", "unknown key 'quick.epochs'"),
        (HEAD.replace('name = "one"\n', ""), "experiment 'number 1' lacks 'name'"),
    ],
)
def test_what_a_sweep_file_may_not_hold_is_told_in_one_sentence(text, sentence):
    with pytest.raises(ConfigError, match=sentence) as error:
        parse_sweep(text)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.toml cannot be read: No such file"):
        parse_sweep(tmp_path / "none.toml")


def test_a_quick_size_is_not_made_up():
    with pytest.raises(
        ConfigError, match=r"the sweep has no quick size: say what it changes, as in \[quick.settings\]"
    ):
        load_sweep(HEAD, quick=True)


def test_the_quick_size_overrides_settings_and_grids():
    file = parse_sweep(
        """
        name = "a"
        quick.settings = {epochs = 2, learning-rate = 0.1}
        quick.grid = {bins = [30], seed = [0]}
        [[experiment]]
        name = "one"
        model = "bats"
        settings = {epochs = 15, seed = 3}
        grid = {dt = [0.01, 0.02], learning_rate = [1.0, 2.0]}
        quick.settings = {epochs = 1}
        """
    ).small()
    assert file.experiment[0].settings == {"epochs": 1, "learning_rate": 0.1}
    assert file.experiment[0].grid == {"bins": [30], "seed": [0]}
    assert file.small() == file


def test_toml_that_is_written_says_the_same_when_read():
    values = {
        "name": 'a "quoted"\nname with ä, \\, \x7f and \U0001f600',
        "numbers": [1, 2.5, 1e-12, -3],
        "flag": True,
        "table": {"nested": {"lists": [[1, 2], [3]]}, "empty": {}},
        "several": [{"a": 1, "b": {"c": "d"}}, {"a": 2}],
    }
    assert tomllib.loads(toml_text(values)) == values
    assert toml_text({"left out": None, "a": 1}) == "a = 1\n"
    with pytest.raises(TypeError, match="is a object, which TOML has no form for"):
        toml_text({"a": object()})
