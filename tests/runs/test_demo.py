"""The demo on a few samples, the way to Lava, and the doctor."""

import io
import json
import subprocess
import sys

import pytest
from rich.console import Console as RichConsole

from runs import doctor, ten_steps
from runs.config import ConfigError, make_config
from runs.demo import Plan, default_plan, run_demo
from runs.parity import export_network, read_parity
from runs.training.console import TrainingConsole

TINY = {"epochs": 2, "train_samples": 24, "test_samples": 8, "hidden": (16,)}


@pytest.fixture
def lava():
    lava_dt = pytest.importorskip("lava_dt", reason="Lava needs torch, lava-nc and lava-dl")
    return lava_dt


def tiny_plan():
    slayer = {f"slayer-{dt}": make_config("slayer", {**TINY, "steps": 60, "dt": dt}) for dt in (1, 4)}
    bats = {f"bats-{bins}": make_config("bats", {**TINY, "bins": bins}) for bins in (None, 30)}
    return Plan(runs={**slayer, **bats}, exported=("slayer-1", "slayer-4"), recordings=2)


def printed(function, *arguments):
    out = io.StringIO()
    rich = RichConsole(file=out, width=120, highlight=False)
    return function(*arguments, TrainingConsole(out=rich, err=rich)), out.getvalue()


def test_the_demo_trains_compares_exports_and_reports_and_is_not_computed_twice(lava, tmp_path):
    code, text = printed(run_demo, tmp_path, tiny_plan())
    assert code == 0
    assert text.count("spikes differ on 2 test recordings") == 2
    assert text.count(": 0 of ") == 2
    assert "change in convergence rate" in text and "baseline" in text
    for name in ("slayer-1", "slayer-4"):
        assert (tmp_path / name / "export" / "network.net").exists()
        assert read_parity(tmp_path / name)["differing_spikes"] == 0
    assert "In Lava" in (tmp_path / "report.html").read_text()
    code, text = printed(run_demo, tmp_path, tiny_plan())
    assert code == 0 and "epoch" not in text.split("change in")[0]


def test_the_demo_fails_where_anything_differs(lava, tmp_path):
    plan = tiny_plan()
    assert printed(run_demo, tmp_path, plan)[0] == 0
    file = tmp_path / "slayer-4" / "export" / "parity.json"
    parity = {**json.loads(file.read_text()), "differing_currents": 3, "first": "first difference: made up"}
    file.write_text(json.dumps(parity))
    code, text = printed(run_demo, tmp_path, plan)
    assert code == 1
    assert "and 3 inputs, currents, voltages and outputs; first difference: made up" in text
    assert "warning: Lava does not do what slayer-4 was trained to do: the export is not faithful" in text
    assert "made up" in (tmp_path / "report.html").read_text()


def test_the_demo_asks_both_models_at_three_steps_or_more_on_shipped_data():
    plan = default_plan()
    for model in ("bats", "slayer"):
        configs = [config for config in plan.runs.values() if config.model == model]
        assert sum(config.is_baseline() for config in configs) == 1
        assert len({config.bins for config in configs}) >= 4
        assert all(config.data is None and config.epochs >= 2 for config in configs)
    exported = [plan.runs[name] for name in plan.exported]
    assert {config.dt for config in exported} >= {1} and max(config.dt for config in exported) > 1


def test_only_a_run_with_a_checkpoint_and_a_step_can_be_exported(tmp_path, stand_in, watcher):
    from runs.training import train

    with pytest.raises(ConfigError, match="holds no run: pass the directory of one"):
        export_network(tmp_path)
    train(make_config("bats", TINY), tmp_path / "bats", watcher())
    with pytest.raises(ConfigError, match="was trained in exact time, and Lava runs in steps: give --dt SECONDS"):
        export_network(tmp_path / "bats")
    with pytest.raises(KeyboardInterrupt):
        train(make_config("slayer", TINY), tmp_path / "slayer", watcher(stop=1))
    with pytest.raises(ConfigError, match="has no checkpoint yet: train at least one epoch"):
        export_network(tmp_path / "slayer")


def test_the_doctor_runs_ten_steps_through_lava(lava):
    out = io.StringIO()
    assert doctor.run_doctor(120.0, RichConsole(file=out, width=200, highlight=False)) == 0
    text = out.getvalue()
    assert "a ten-step network through Lava ran, and its neuron fired 4 spikes, each at the right step" in text
    assert "lava-dl  0.6.0" in text and "kernels run on the CPU" in text and "all is well" in text


def test_the_doctor_says_how_to_install_what_is_missing(monkeypatch):
    versions = {**doctor.installed_versions(), "torch": None, "lava-nc": None, "lava-dl": None}
    monkeypatch.setattr(doctor, "installed_versions", lambda: versions)
    out = io.StringIO()
    assert doctor.run_doctor(1.0, RichConsole(file=out, width=200, highlight=False)) == 0
    assert "not installed: torch, lava-nc, lava-dl; BATS needs none of them" in out.getvalue()
    assert "pip install" in out.getvalue()


def test_above_python_3_10_pip_is_told_to_ignore_what_lava_declares():
    assert doctor.how_to_install((3, 10)) == ['install them with: pip install "lava-dt[lava]"']
    text = "\n".join(doctor.how_to_install((3, 12)))
    assert "--no-deps --ignore-requires-python lava-nc==0.10.0 lava-dl==0.6.0" in text


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("import time; time.sleep(60)", "did not finish within 1 s"),
        ("raise ImportError('no lava here')", "failed: ImportError: no lava here"),
        ("print('spikes', 1, 0)", r"ran, but its neuron fired [1, 0] where"),
    ],
)
def test_a_lava_that_hangs_or_fails_is_told_in_words(monkeypatch, code, sentence):
    popen = subprocess.Popen
    monkeypatch.setattr(ten_steps.subprocess, "Popen", lambda words, **kw: popen([sys.executable, "-c", code], **kw))
    fine, text = ten_steps.check_ten_steps(1.0 if "sleep" in code else 60.0)
    assert not fine and sentence in text
