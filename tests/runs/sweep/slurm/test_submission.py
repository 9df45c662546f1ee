"""Submitting and watching with commands that only look like Slurm's."""

import importlib
import json
import os
import signal
import sys
import time
from types import SimpleNamespace

import pytest

from runs.cli import main
from runs.config import ConfigError
from runs.sweep import run_sweep
from runs.sweep.folder import prepare, run_path
from runs.sweep.slurm import SlurmOptions, submit
from runs.sweep.slurm.queue import Queued, ask
from runs.sweep.slurm.submission import only_one, read_job
from runs.sweep.slurm.worker import SlurmWorker
from runs.sweep.status import note_failure

pytest.importorskip("submitit", reason="submitit is not installed")
QUICK = SlurmOptions(poll=0.01)
watching = importlib.import_module("runs.sweep.slurm.watching")


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """fake(name, shell): a command of Slurm; all are there, and answer as those of an empty cluster until told."""
    folder = tmp_path / "bin"
    folder.mkdir()

    def make(name, shell):
        (folder / name).write_text(f"#!/bin/sh\n{shell}\n")
        (folder / name).chmod(0o755)

    make("sbatch", "echo Submitted batch job 7")
    make("squeue", "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1")
    make("srun", "exit 0")
    make("sinfo", "echo long; echo short; echo long")
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")
    monkeypatch.setattr(watching, "_LOOK", 0.01)
    return make


@pytest.fixture
def interrupted(monkeypatch):
    """Ctrl-C at the first moment of waiting."""

    def stop(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(watching, "time", SimpleNamespace(sleep=stop, monotonic=time.monotonic))


@pytest.fixture
def script(tmp_path):
    """What was given to sbatch."""
    return lambda: (tmp_path / "sweep" / "slurm" / "7_submission.sh").read_text()


def run(tiny, tmp_path, console, options=QUICK, **more):
    return run_sweep(tiny(1), tmp_path / "sweep", executor="slurm", slurm=options, console=console, **more)


def test_the_array_asks_slurm_for_what_the_options_say(fake, tiny, tmp_path, console, script):
    options = SlurmOptions(
        partition="long", minutes=30, memory=3, at_once=1, options=("account=abc",), setup=("true",), detach=True
    )
    assert run(tiny, tmp_path, console, options, workers=2, threads=2) == 0
    lines = [line for line in script().splitlines() if line.startswith("#SBATCH")]
    for wanted in (
        "--array=0-1%1",
        "--partition=long",
        "--time=30",
        "--mem=3072M",
        "--cpus-per-task=2",
        "--signal=USR2@90",
        "--account=abc",
        "--job-name=lava-dt-sweep",
        "--requeue",
    ):
        assert f"#SBATCH {wanted}" in lines
    *before, command = script().splitlines()
    assert command.startswith("srun ") and sys.executable in command and "--cpus-per-task=2" in command
    assert "export OMP_NUM_THREADS=2" in before and before.index("true") > before.index("export NUMBA_NUM_THREADS=2")


def test_the_command_line_passes_its_options_on(fake, tiny_text, tmp_path, script):
    (tmp_path / "tiny.toml").write_text(tiny_text(1))
    words = ["sweep", str(tmp_path / "tiny.toml"), "--out", str(tmp_path / "sweep"), "--executor", "slurm"]
    words += ["--slurm-partition", "long", "--slurm-minutes", "30", "--slurm-memory", "2", "--slurm-cpus", "4"]
    words += ["--slurm-options", "account=abc", "exclusive", "--slurm-setup", "module load python", "--slurm-detach"]
    with pytest.raises(SystemExit) as ended:
        main([*words, "--slurm-at-once", "2", "--slurm-requeues", "7"])
    assert ended.value.code == 0
    for wanted in ("partition=long", "time=30", "mem=2048M", "cpus-per-task=4", "account=abc", "exclusive"):
        assert f"#SBATCH --{wanted}\n" in script()
    assert "#SBATCH --array=0-3%2\n" in script() and "\nmodule load python\n" in script()


def test_the_pickled_worker_is_the_sweeps_and_may_be_requeued_as_often_as_said(fake, tiny, tmp_path, console):
    from submitit.core.utils import DelayedSubmission

    run(tiny, tmp_path, console, SlurmOptions(requeues=5, minutes=30, detach=True), workers=2, threads=3)
    for index in (0, 1):
        delayed = DelayedSubmission.load(tmp_path / "sweep" / "slurm" / f"7_{index}_submitted.pkl")
        assert delayed.function == SlurmWorker(out=(tmp_path / "sweep").resolve(), threads=3)
        assert (delayed._timeout_min, delayed._timeout_countdown) == (30, 5)
        assert delayed.function.checkpoint().function == delayed.function


def test_there_are_never_more_workers_than_runs_are_left(fake, tiny, tmp_path, console, script):
    run(tiny, tmp_path, console, SlurmOptions(detach=True), workers=100)
    assert "#SBATCH --array=0-3%4" in script()  # two seeds, each with a step and without
    assert "Slurm job 7: 4 workers submitted (scancel 7 ends it" in console.text()


def test_without_a_number_there_is_a_worker_a_run_up_to_a_limit(fake, tiny, tmp_path, console, script, monkeypatch):
    monkeypatch.setattr(watching, "MOST_WORKERS", 3)
    run(tiny, tmp_path, console, SlurmOptions(detach=True))
    assert "#SBATCH --array=0-2%3" in script()


def test_an_epoch_longer_than_the_time_limit_is_told_before(fake, tiny, tmp_path, console, monkeypatch):
    monkeypatch.setattr("runs.sweep.expected.seconds_per_thousand", lambda config: (100_000.0, 1.0))
    run(tiny, tmp_path, console, SlurmOptions(minutes=60, detach=True))
    assert "may take 1.8 h, but a worker is stopped after 58 min and then begins the epoch again" in console.text()
    assert "give more --slurm-minutes" in console.text()


def test_what_is_at_work_already_is_watched_and_nothing_added(fake, tiny, tmp_path, console):
    detach = SlurmOptions(detach=True)
    run(tiny, tmp_path, console, detach)
    fake("sbatch", "echo Submitted batch job 8")
    fake("squeue", "echo 'RUNNING|None|lava-dt-sweep'; echo 'PENDING|Resources|lava-dt-sweep'")
    assert run(tiny, tmp_path, console, detach) == 0
    assert read_job(tmp_path / "sweep").job == "7"
    assert "Slurm job 7 is already at work on this sweep, 1 running, 1 pending (Resources); none are" in console.text()


def test_another_job_of_the_same_number_is_not_taken_for_ours(fake, tiny, tmp_path, console):
    detach = SlurmOptions(detach=True)
    run(tiny, tmp_path, console, detach)
    fake("sbatch", "echo Submitted batch job 8")
    fake("squeue", "echo 'RUNNING|None|somebody else'")
    run(tiny, tmp_path, console, detach)
    assert read_job(tmp_path / "sweep").job == "8"


def test_workers_that_are_gone_before_the_runs_are_done_are_told_with_their_last_words(fake, tiny, tmp_path, console):
    log = tmp_path / "sweep" / "slurm" / "7_1_0_log.out"
    fake("sbatch", f"echo 'Killed by the system' > {log}; echo Submitted batch job 7")
    assert run(tiny, tmp_path, console) == 1
    assert "no worker of Slurm job 7 is left, but runs are" in console.text()
    assert "7_1_0_log.out ends with 'Killed by the system'; the same command starts new workers" in console.text()


def test_workers_without_a_log_hint_at_a_directory_that_nodes_do_not_see(fake, tiny, tmp_path, console):
    assert run(tiny, tmp_path, console) == 1
    assert f"they left no log: do the nodes see {tmp_path / 'sweep'}?" in console.text()


def test_ctrl_c_leaves_the_workers_to_the_queue(fake, interrupted, tiny, tmp_path, console):
    fake("squeue", "echo 'PENDING|Priority|lava-dt-sweep'")
    assert run(tiny, tmp_path, console) == 130
    assert "Slurm job 7: 1 pending (Priority)" in console.text()
    assert "stopped watching Slurm job 7, which goes on (scancel 7 ends it, the same command watches it again)" in (
        console.text()
    )


def test_workers_that_will_never_start_are_told_with_what_to_do(fake, interrupted, tiny, tmp_path, console):
    fake("squeue", "echo 'PENDING|PartitionTimeLimit|lava-dt-sweep'")
    run(tiny, tmp_path, console)
    assert "Slurm will not start these workers by itself: scancel 7, and give the same command with" in console.text()


@pytest.mark.parametrize(
    ("said", "kind", "sentence"),
    [
        (
            "sbatch: error: invalid partition specified: nope",
            ConfigError,
            r"no partition 'nope' for these workers \(invalid.*\): give --slurm-partition one of long, short$",
        ),
        (
            "sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)",
            RuntimeError,
            "Slurm cannot be reached .*see whether sinfo answers",
        ),
        (
            "sbatch: error: Batch job submission failed: Invalid qos specification",
            ConfigError,
            "Slurm does not take these workers .*Invalid qos specification.*change the --slurm options",
        ),
    ],
)
def test_what_sbatch_refuses_is_told_in_a_sentence(fake, tiny, tmp_path, console, capfd, said, kind, sentence):
    fake("sbatch", f"echo '{said}' >&2; exit 1")
    with pytest.raises(kind, match=sentence):
        run(tiny, tmp_path, console, SlurmOptions(partition="nope"))
    assert capfd.readouterr() == ("", "")
    assert read_job(tmp_path / "sweep") is None


def test_a_machine_without_slurm_is_told_so(tiny, tmp_path, console, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeError, match=r"there is no sbatch here: .*or take --executor local"):
        run(tiny, tmp_path, console)


def test_without_submitit_its_extra_is_named(tiny, tmp_path, console, monkeypatch):
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(ImportError, match=r"through submitit, which is not installed: pip install 'lava-dt\[slurm\]'"):
        run(tiny, tmp_path, console)


def test_two_commands_do_not_submit_the_same_sweep_at_once(tmp_path):
    with (
        only_one(tmp_path),
        pytest.raises(ConfigError, match="another command is submitting the sweep"),
        only_one(tmp_path),
    ):
        pass


def test_a_file_system_without_locks_is_refused(tmp_path, monkeypatch):
    def flock(*arguments):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("fcntl.flock", flock)
    sentence = r"cannot be locked \(Function not implemented\), and workers keep apart"
    with pytest.raises(ConfigError, match=sentence), only_one(tmp_path):
        pass


def test_within_a_job_sbatch_does_not_inherit_the_jobs_own_size(fake, tiny, tmp_path, console, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "3")
    monkeypatch.setenv("SLURM_NTASKS", "64")
    monkeypatch.setenv("SLURM_CONF", "/etc/some.conf")
    fake("sbatch", f"/usr/bin/env > {tmp_path}/seen; echo Submitted batch job 7")
    run(tiny, tmp_path, console, SlurmOptions(detach=True))
    seen = (tmp_path / "seen").read_text()
    assert "SLURM_CONF=/etc/some.conf" in seen and "SLURM_NTASKS" not in seen
    assert os.environ["SLURM_NTASKS"] == "64"


def test_an_unanswered_question_is_no_empty_queue(fake):
    fake("squeue", "echo 'squeue: error: Unable to contact slurm controller' >&2; exit 1")
    assert ask("7", "x") is None
    fake("squeue", "exit 0")
    assert ask("7", "x") == Queued(states={})


def test_ended_tasks_are_not_in_the_queue(fake):
    fake("squeue", "printf 'COMPLETED|None|x\\nRUNNING|None|x\\nREQUEUE_HOLD|launch failed|x\\nCANCELLED|None|x\\n'")
    assert ask("7", "x") == Queued(states={"RUNNING": 1, "REQUEUE_HOLD": 1})
    assert ask("7", "x").text() == "1 running, 1 requeue hold"


def test_a_damaged_note_of_the_job_counts_as_none(tmp_path):
    (tmp_path / "slurm").mkdir()
    (tmp_path / "slurm" / "job.json").write_text(json.dumps({"job": "7"}))
    assert read_job(tmp_path) is None


def test_a_job_that_may_not_be_queued_again_does_not_fail_its_run(tmp_path, monkeypatch):
    tried = []

    def refuse(signum, frame):
        raise RuntimeError("Job not requeued because: timed-out too many times.")

    def train_forever(out, threads):
        try:
            os.kill(os.getpid(), signal.SIGUSR2)
        except Exception:  # as of a run that fails
            tried.append("failed")

    monkeypatch.setattr("runs.sweep.run_worker", train_forever)
    before = signal.signal(signal.SIGUSR2, refuse)
    try:
        with pytest.raises(RuntimeError, match="timed-out too many times"):
            SlurmWorker(out=tmp_path, threads=1)()
        assert tried == [] and signal.getsignal(signal.SIGUSR2) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGUSR2, before)


def test_a_worker_outside_any_job_just_works(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr("runs.sweep.run_worker", lambda out, threads: seen.append((out, threads)))
    SlurmWorker(out=tmp_path, threads=2)()
    assert seen == [(tmp_path, 2)]


def test_a_sweep_without_open_runs_submits_nothing(fake, tiny, tmp_path, console):
    out = tmp_path / "sweep"
    for planned in prepare(tiny(1), out):
        note_failure(run_path(out, planned), "it was broken")
    assert submit(out, 2, 1, QUICK, console) == 1
    assert read_job(out) is None
    assert "0 of 4 runs are done" in console.text() and console.text().count("it was broken") == 4
