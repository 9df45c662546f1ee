"""The sweep of the thesis on the step size: its parameters, and both sizes planned."""

from importlib.resources import files

import pytest

from runs.sweep import load_sweep

DTS = {0.001, 0.01, 0.1, 0.5}


@pytest.mark.parametrize("quick", [False, True])
def test_every_experiment_has_the_thesis_s_steps_and_parameters(quick):
    sweep = load_sweep((files("runs.sweep") / "presets" / "step-size.toml").read_text("utf-8"), quick=quick)
    assert sweep.name == "step-size" and len(sweep.question) > 300
    for experiment in sweep.experiments:
        mine = [run.config for run in sweep.runs if experiment.name in run.experiments]
        assert {config.dt for config in mine} == DTS and {config.model for config in mine} == {"clocked"}
        assert {(config.steps, config.batch, config.scheme) for config in mine} == {(50, 50, "backward_euler")}
        assert {(config.tau_mem, config.tau_syn, config.resistance) for config in mine} == {(0.8, 0.6, 1.2)}
        assert {(config.threshold, config.v_reset) for config in mine} == {(1.5, 1.0)}
    steps = [run.config for run in sweep.runs if run.experiment == "steps"]
    assert {config.epochs for config in steps} == {4}
    assert {config.seed for config in steps} == ({0} if quick else {0, 1, 2})
    fitted = [run.config for run in sweep.runs if run.experiment == "lbfgs"]
    assert {(config.optimizer, config.train_samples, config.redraw) for config in fitted} == {("lbfgs", 50, False)}
