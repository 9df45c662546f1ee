"""The command line, as a user types it: exit codes, one sentence an error, no traceback."""

import os
import signal
import subprocess
import sys
import time

import pytest

from runs import arguments, cli


def lava_dt(*words, **options):
    return subprocess.run(
        [sys.executable, "-m", "runs", *map(str, words)], capture_output=True, text=True, timeout=300, **options
    )


TINY = ("--epochs", 2, "--train-samples", 40, "--test-samples", 20, "--hidden", 16)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("train", "bats", "--dt", "0"), "error: dt = 0 s, but a step must be above 0"),
        (
            ("train", "bats", "--dt", "0.4"),
            "error: dt = 0.4 s, but a step must be above 0 and at most the simulated 0.3 s",
        ),
        (("train", "bats", "--dt", "0.01", "--bins", "31"), "contradict each other"),
        (("train", "slayer", "--dt", "0"), "error: dt = 0, but a step must be at least 1 fine step"),
        (("train", "bats", "--config", "none.toml"), "error: the configuration none.toml cannot be read"),
        (("train", "bats", "--data", "/nowhere"), "/nowhere"),
        (("train", "bats", "--download"), "error: --download needs --data DIR"),
        (("report",), "error: lava-dt report needs a directory with runs"),
        (("report", "/nowhere"), "error: there is no directory /nowhere"),
        (("export", "/nowhere", "--out", "a.net"), "error: there is no /nowhere: pass the directory of a run, a .net "),
        (("export", "none.net"), "error: there is no none.net: pass the directory of a run, a .net "),
        (("export", __file__), f"error: nothing is to be done with {__file__}: give --out FILE, --verify DATA or both"),
        (("export", __file__, "--recordings", "3"), "error: nothing is to be done"),
        (
            ("tune", "none.pt"),
            "error: there is no none.pt: pass the directory of a run, or a file that ends in one of ",
        ),
        (("export", ".", "--recordings", "-1"), "error: --recordings is -1: give 0 for none"),
        (("export", ".", "--out", "/nowhere/a.net"), "error: the folder /nowhere does not exist"),
        (("run", "none.net"), "error: there is no none.net: pass the directory of a run"),
        (("run", "."), "holds no run: pass the directory of one"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(words, sentence, tmp_path):
    done = lava_dt(*words, cwd=tmp_path, env={**os.environ, "PYTHONPATH": os.getcwd()})
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_unknown_flag_and_an_unknown_key_have_exit_code_2(tmp_path):
    done = lava_dt("train", "bats", "--epoch", "3")
    assert done.returncode == 2 and "--epoch" in done.stderr and "Traceback" not in done.stderr
    (tmp_path / "run.toml").write_text("epoch = 3\n")
    done = lava_dt("train", "bats", "--config", tmp_path / "run.toml")
    assert done.returncode == 2
    assert "unknown key 'epoch' for bats: did you mean 'epochs'?" in done.stderr


def test_a_run_is_trained_told_in_few_lines_and_not_computed_again(tmp_path):
    words = ("train", "bats", "--dt", "0.01", *TINY, "--out", tmp_path / "run")
    done = lava_dt(*words)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("bats, dt 0.01 s (30 bins), snap, seed 0, in ")
    assert "epoch 1/2  train " in lines[1] and "epoch 2/2  train " in lines[2]
    assert len(lines) == 4 and done.stderr == ""
    again = lava_dt(*words)
    assert again.returncode == 0 and len(again.stdout.splitlines()) == 2
    other = lava_dt(*words[:-2], "--seed", 5, "--out", tmp_path / "run")
    assert other.returncode == 2 and "holds a run with another configuration, seed = 0 (asked for: 5)" in other.stderr
    report = lava_dt("report", tmp_path)
    assert report.returncode == 0 and "on its way" in (tmp_path / "report.html").read_text(encoding="utf-8")
    short = lava_dt("report", tmp_path, "--traces", "no", "--out", tmp_path / "short")
    page = (tmp_path / "short" / "report.html").read_text(encoding="utf-8")
    assert short.returncode == 0 and "on its way" not in page


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT between processes")
def test_ctrl_c_says_how_to_continue_and_has_exit_code_130(tmp_path):
    words = ["train", "bats", "--epochs", "100000", "--train-samples", "40", "--test-samples", "20", "--hidden", "16"]
    command = [sys.executable, "-m", "runs", *words, "--out", str(tmp_path / "run")]
    # a shell that started the tests in the background would have them and their children ignore SIGINT
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    metrics = tmp_path / "run" / "metrics.jsonl"
    while process.poll() is None and not metrics.exists():
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors == "stopped; run the same command again to continue\n"


def test_a_failure_has_exit_code_1_and_names_what_is_unexpected(capsys):
    class Broken(arguments.Command):
        def run(self):
            raise KeyError("w")

    class Busy(arguments.Command):
        def run(self):
            raise RuntimeError("another process is running in results: wait for it")

    assert cli.guarded(Broken) == 1
    assert "KeyError; --debug shows where it came from" in capsys.readouterr().err
    assert cli.guarded(Busy) == 1
    assert capsys.readouterr().err == "error: another process is running in results: wait for it\n"
    assert cli.guarded(lambda: Broken(debug=True)) == 1
    assert "Traceback" in capsys.readouterr().err
