"""Sweeps under a real Slurm: two workers without a race, time limits, queueing again, failures, refusals."""

import collections
import json
import os
import re
import signal
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from runs.config import ConfigError
from runs.directory import read_rows
from runs.holding import read_holder
from runs.sweep import load_sweep, run_sweep
from runs.sweep.slurm import SlurmOptions
from runs.sweep.slurm.queue import ask
from runs.sweep.slurm.submission import read_job

pytestmark = pytest.mark.slurm
QUICK = SlurmOptions(poll=0.5)
EARLY = SlurmOptions(minutes=10, warning=300, detach=True)
BROKEN = """
[[experiment]]
name = "broken"
model = "bats"
settings.data = "{data}"
"""
LONG = """
name = "long"
[[experiment]]
name = "digits"
model = "bats"
settings.epochs = 150
settings.train_samples = 32
settings.test_samples = 8
settings.hidden = [8]
"""


@pytest.fixture(scope="module")
def limited(cluster, tmp_path_factory, wait_for):
    """A long run whose job meets its time limit while other tests go on; then the job is held in the queue.

    Slurm looks at time limits twice a minute. The worker is stopped meanwhile, so that it is in the midst of an epoch
    then, and costs nothing until then; Slurm wakes it before it warns. The limit is lowered to where that is due only
    once the worker is ready for it.
    """
    out = tmp_path_factory.mktemp("limited") / "sweep"
    with cluster.in_reach():
        assert run_sweep(load_sweep(LONG), out, executor="slurm", slurm=EARLY) == 0
    (run,) = json.loads((out / "sweep.json").read_text())["runs"]
    path, job = out / "runs" / run["directory"], read_job(out).job
    wait_for(lambda: len(read_rows(path)) >= 5, "the first epochs")
    os.kill(read_holder(path)[1], signal.SIGSTOP)
    cluster.command("scontrol", "update", f"JobId={job}", "TimeLimit=5")

    def meet_the_limit():
        cluster.wait_for_restart(job, 1)
        cluster.command("scontrol", "hold", job)
        cluster.command("scontrol", "update", f"JobId={job}", "TimeLimit=10")

    with ThreadPoolExecutor() as pool:
        yield SimpleNamespace(path=path, out=out, job=job, limit_met=pool.submit(meet_the_limit))


def said(out):
    """What the workers wrote."""
    return "".join(log.read_text() for log in sorted((out / "slurm").glob("*_log.out")))


def test_two_workers_share_a_sweep_without_a_race_and_a_failed_run_is_listed(
    limited, slurm, tiny_text, tmp_path, console, outcome
):
    data = tmp_path / "empty"
    data.mkdir()
    text = tiny_text(2) + BROKEN.format(data=data)
    out, inline = tmp_path / "slurm", tmp_path / "inline"
    code = run_sweep(load_sweep(text), out, executor="slurm", workers=2, slurm=QUICK, console=console)
    assert run_sweep(load_sweep(text), inline, executor="inline", console=console) == 1
    assert code == 1, console.text()

    runs = json.loads((out / "sweep.json").read_text())["runs"]
    (failed,) = [run["directory"] for run in runs if run["experiments"] == ["broken"]]
    good = sorted(run["directory"] for run in runs if run["directory"] != failed)
    assert {name: outcome(out / "runs" / name) for name in good} == {
        name: outcome(inline / "runs" / name) for name in good
    }
    ended = collections.Counter(re.findall(r"^(\S+): finished$", said(out), re.MULTILINE))
    assert ended == dict.fromkeys(good, 1)
    assert (out / "runs" / failed / "failed.json").exists()
    assert "2 workers submitted" in console.text()
    assert f"failed: {failed}: " in console.text()
    job = read_job(out)
    assert len(list((out / "slurm").glob("*_log.out"))) == 2
    assert ask(job.job, "another name") is not None and not ask(job.job, "another name")


def test_an_unknown_partition_is_told_in_one_sentence(slurm, tiny, tmp_path, console, capfd):
    with pytest.raises(
        ConfigError, match=r"Slurm has no partition 'nope' .*give --slurm-partition one of brief, main$"
    ):
        run_sweep(tiny(1), tmp_path / "sweep", executor="slurm", slurm=SlurmOptions(partition="nope"), console=console)
    assert capfd.readouterr() == ("", "")


def test_a_run_that_is_cut_off_by_time_limit_and_operator_ends_as_if_it_had_not_been(
    limited, slurm, tmp_path, console, wait_for, outcome
):
    limited.limit_met.result()
    before = len(read_rows(limited.path))
    assert 5 <= before < 150
    slurm.command("scontrol", "release", limited.job)

    wait_for(lambda: len(read_rows(limited.path)) >= before + 5, "the continued run")
    slurm.command("scontrol", "requeue", limited.job)
    os.kill(read_holder(limited.path)[1], signal.SIGKILL)  # as Slurm does, but that it waits a while
    slurm.wait_for_restart(limited.job, 2)
    assert before + 5 <= len(read_rows(limited.path)) < 150

    code = run_sweep(load_sweep(LONG), limited.out, executor="slurm", slurm=QUICK, console=console)
    assert code == 0, console.text()
    assert f"Slurm job {limited.job} is already at work on this sweep" in console.text()
    assert "timed-out" in said(limited.out)
    inline = tmp_path / "inline"
    run_sweep(load_sweep(LONG), inline, executor="inline", console=console)
    assert outcome(limited.path) == outcome(inline / "runs" / limited.path.name)
