"""A script written for BATS learns with bats_dt once its imports are changed."""

import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).with_name("a_script_for_bats.py")


def run(tmp_path, monkeypatch, *changes):
    """The script's variables after it ran without a GPU; ``changes`` are pairs of texts, from and to."""
    code = SCRIPT.read_text(encoding="utf-8")
    for old, new in (("from bats", "from bats_dt"), ("import cupy as cp", "import numpy as cp"), *changes):
        assert old in code
        code = code.replace(old, new)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)  # plots take their time; test_monitors.py draws one
    variables = {"__name__": "a script for bats"}
    with pytest.warns(RuntimeWarning, match="matplotlib is not installed"):
        exec(compile(code, SCRIPT, "exec"), variables)
    return variables


def test_a_script_for_bats_learns_with_changed_imports_only(tmp_path, monkeypatch, capsys):
    ran = run(tmp_path, monkeypatch)
    accuracy, loss = ran["accuracy_monitor"].values, ran["loss_monitor"].values
    assert accuracy[-1] > 90
    assert loss[-1] < 0.6 * loss[0]
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[-1].startswith(f"Train | Epoch 3.0 | Loss: {loss[-1]:.2f} | Accuracy (%): {accuracy[-1]:.2f} | ")
    assert lines[-1].endswith("Learning rate: 0.00250")
    with np.load(tmp_path / "output_metrics" / "accuracy_train.npz") as stored:
        np.testing.assert_array_equal(stored["values"], accuracy)
    assert (tmp_path / "best_model" / "weights.safetensors").is_file()


def test_it_learns_on_a_grid_with_one_more_argument_a_layer(tmp_path, monkeypatch):
    ran = run(
        tmp_path,
        monkeypatch,
        ("from bats_dt import AbstractMonitor", "from bats_dt import AbstractMonitor, TimeGrid"),
        ("max_n_spike=30, name", "max_n_spike=30, grid=TimeGrid(dt=0.005), name"),
        ("30, n_neurons=N_OUTPUTS,", "30, n_neurons=N_OUTPUTS, grid=TimeGrid(dt=0.005),"),
    )
    steps = ran["output_layer"].spike_trains[0] / 0.005
    np.testing.assert_allclose(steps[np.isfinite(steps)], np.rint(steps[np.isfinite(steps)]), atol=1e-3)
    assert ran["accuracy_monitor"].values[-1] > 90


@pytest.mark.parametrize("remedy", [False, True])
def test_an_output_layer_that_is_silent_at_first_learns_with_one_more_line(tmp_path, monkeypatch, remedy):
    line = "        gradient = network.backward(errors)\n"
    more = "        gradient = SilentLabelRemedy().apply(gradient, network, labels)\n"
    ran = run(
        tmp_path,
        monkeypatch,
        ("BATCH, BATCHES, EPOCHS = 20, 20, 3", "BATCH, BATCHES, EPOCHS = 20, 60, 3"),
        ("weight_initializer, 30,", "lambda *shape: -0.1 * abs(weight_initializer(*shape)), 30,"),
        ("from bats_dt import AbstractMonitor", "from bats_dt import AbstractMonitor, SilentLabelRemedy"),
        *([(line, line + more)] if remedy else []),
    )
    assert ran["silent_labels_monitor"].values[-1] == (0 if remedy else 100)
    assert (ran["accuracy_monitor"].values[-1] > 90) == remedy
