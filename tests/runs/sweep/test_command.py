"""`lava-dt sweep` as it is typed."""

from pathlib import Path

import pytest

from runs import cli
from runs.config import ConfigError
from runs.sweep.command import presets, read_data, read_preset


@pytest.fixture
def lava_dt(monkeypatch, capsys, tmp_path):
    """lava_dt(*words) -> exit code, what it said; in an empty directory."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        with pytest.raises(SystemExit) as stop:
            cli.main(["sweep", *map(str, words)])
        said = capsys.readouterr()
        return stop.value.code, " ".join((said.out + said.err).split())

    return run


@pytest.fixture
def file(tmp_path, tiny_text):
    (tmp_path / "tiny.toml").write_text(tiny_text(1))
    return tmp_path / "tiny.toml"


def test_a_plan_is_told_and_nothing_is_done(lava_dt, file, tmp_path):
    code, said = lava_dt(file, "--plan", "--workers", 3)
    assert code == 0
    assert "4 runs, 0 done; about " in said and "with 3 workers, in results/tiny" in said
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.toml"]


def test_quick_has_a_directory_of_its_own(lava_dt, file):
    file.write_text("quick.settings.epochs = 1\n" + file.read_text())
    assert "in results/tiny-quick" in lava_dt(file, "--plan", "--quick")[1]
    assert "in elsewhere" in lava_dt(file, "--plan", "--quick", "--out", "elsewhere")[1]


def test_a_sweep_runs_in_this_process_and_is_not_run_again(lava_dt, file):
    for _ in range(2):
        code, said = lava_dt(file, "--executor", "inline")
        assert code == 0 and "4 of 4 runs are done, in results/tiny" in said


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "error: lava-dt sweep needs one of a sweep file and --preset NAME (common"),
        (("none.toml",), "error: the sweep file none.toml cannot be read: No such file or directory"),
        (("tiny.toml", "--preset", "common"), "error: lava-dt sweep needs one of"),
        (("--preset", "none"), "error: there is no preset 'none', only: "),
        (("tiny.toml", "--workers", "0"), "error: --workers is 0: give 1 or more"),
        (("tiny.toml", "--threads", "0"), "error: --threads is 0: give 1 or more"),
        (("tiny.toml", "--data", "nowhere"), "tiny.toml, experiment 'digits': there is no data folder"),
        (("tiny.toml", "--data", "a", "--data", "b"), "error: --data a: give one folder for all, or each by its name"),
        (("tiny.toml", "--data", "mnist="), "error: --data mnist=: give one folder for all"),
    ],
)
def test_what_cannot_be_run_is_one_sentence_and_exit_code_2(lava_dt, file, words, sentence):
    code, said = lava_dt(*words)
    assert code == 2
    assert sentence.replace("(common", "(") in said and "Traceback" not in said


def test_data_is_one_folder_or_one_by_name():
    assert read_data(()) is None
    assert read_data(("somewhere",)) == Path("somewhere")
    assert read_data(("odd=name",)) == Path("odd=name")
    assert read_data(("mnist=a", "nmnist=b=c")) == {"mnist": Path("a"), "nmnist": Path("b=c")}


def test_presets_that_come_along_can_be_read():
    for name in presets():
        assert f'name = "{name}"' in read_preset(name)
    with pytest.raises(ConfigError, match="there is no preset 'none'"):
        read_preset("none")
