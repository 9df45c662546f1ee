"""A worker trains what is free, and what fails is told and left alone until it is asked for again."""

import errno
import json
import os

import pytest

from runs.directory import RunDirectory, read_rows
from runs.holding import read_holder
from runs.sweep import run_sweep, run_worker
from runs.sweep.folder import prepare, run_path
from runs.sweep.status import note_failure, read_failure, read_status, request_retry
from runs.sweep.worker import DiskFull, thread_limits
from runs.training import loop


@pytest.fixture
def moody(stand_in, monkeypatch):
    """A stand-in for a network that fails where `moody.fails(config, epoch)` says so; `moody.trained` counts epochs."""

    class Moody(stand_in):
        trained, fails = [], staticmethod(lambda config, epoch: None)

        def __init__(self, config):
            super().__init__(config)
            self._config = config

        def train_epoch(self, epoch, watcher):
            error = self.fails(self._config, epoch)
            if error is not None:
                raise error
            self.trained.append((self._config.seed, self._config.dt, epoch))
            return super().train_epoch(epoch, watcher)

        def test(self):
            return {**super().test(), "test_accuracy": 0.5}

    monkeypatch.setattr(loop, "make_learner", Moody)
    return Moody


def only(seed, dt, error):
    """Fails in the second epoch of the run with this seed and step."""
    return staticmethod(lambda config, epoch: error if (config.seed, config.dt, epoch) == (seed, dt, 2) else None)


def test_all_runs_are_trained_once(tmp_path, tiny, moody, console, results):
    assert run_sweep(tiny(), tmp_path, executor="inline", console=console) == 0
    assert len(moody.trained) == len(set(moody.trained)) == 4 * 3
    assert len(results(tmp_path)) == 4
    assert run_sweep(tiny(), tmp_path, executor="inline", console=console) == 0
    run_worker(tmp_path)
    assert len(moody.trained) == 4 * 3
    assert console.text().count("4 of 4 runs are done") == 2
    assert console.text().count("epoch 3/3  train") == 4


def test_a_longer_sweep_continues_a_shorter_one(tmp_path, tiny, moody, console, results):
    run_sweep(tiny(), tmp_path / "a", executor="inline", console=console)
    assert run_sweep(tiny(epochs=5), tmp_path / "a", executor="inline", console=console) == 0
    assert len(moody.trained) == len(set(moody.trained)) == 4 * 5
    run_sweep(tiny(epochs=5), tmp_path / "b", executor="inline", console=console)
    assert results(tmp_path / "a") == results(tmp_path / "b")


def test_a_failed_run_is_told_and_tried_again_on_request_only(tmp_path, tiny, moody, console, results):
    run_sweep(tiny(), tmp_path / "undisturbed", executor="inline", console=console)
    out = tmp_path / "out"
    moody.fails = only(1, 0.01, ZeroDivisionError("the moon is in the wrong quarter"))
    for _ in range(2):
        assert run_sweep(tiny(), out, executor="inline", console=console) == 1
    failed = next(run for run in tiny().runs if (run.config.seed, run.config.dt) == (1, 0.01))
    told = read_failure(run_path(out, failed))
    assert (told["attempts"], told["type"], told["retry"]) == (1, "ZeroDivisionError", False)
    assert "in train_epoch" in told["traceback"]
    assert f"failed: {failed.directory}: the moon is in the wrong quarter" in console.text()
    assert "3 of 4 runs are done" in console.text() and "with --retry tries these again" in console.text()
    assert len(read_rows(run_path(out, failed))) == 1

    assert run_sweep(tiny(), out, executor="inline", retry=True, console=console) == 1
    assert read_failure(run_path(out, failed))["attempts"] == 2
    assert f"failed (2 times): {failed.directory}" in console.text()

    moody.fails = staticmethod(lambda config, epoch: None)
    moody.trained.clear()
    assert run_sweep(tiny(), out, executor="inline", retry=True, console=console) == 0
    assert [epoch for *_, epoch in moody.trained] == [2, 3]
    assert results(out) == results(tmp_path / "undisturbed")


def test_a_run_that_another_worker_holds_is_passed_over(tmp_path, tiny, moody):
    runs = prepare(tiny(), tmp_path)
    with RunDirectory(run_path(tmp_path, runs[1])).open(runs[1].config):
        run_worker(tmp_path, tell=lambda line: None)
        assert read_holder(run_path(tmp_path, runs[1])) == read_holder(run_path(tmp_path, runs[0]))
        states = [read_status(run_path(tmp_path, run), run.config).state for run in runs]
    assert states == ["finished", "running", "finished", "finished"]


def test_a_run_that_ends_while_its_lock_is_waited_for_is_not_trained_again(tmp_path, tiny, moody, monkeypatch):
    """Another worker's run that fails between the look at it and the lock on it."""
    (run,) = prepare(tiny(), tmp_path)[:1]
    real = RunDirectory.open

    def late(self, config):
        if self.path == run_path(tmp_path, run):
            note_failure(self.path, "it failed elsewhere")
        return real(self, config)

    monkeypatch.setattr(RunDirectory, "open", late)
    run_worker(tmp_path, tell=lambda line: None)
    assert len(moody.trained) == 3 * 3
    assert read_failure(run_path(tmp_path, run))["attempts"] == 1


@pytest.mark.parametrize("full", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_loses_no_epoch(tmp_path, tiny, moody, console, results, monkeypatch, full):
    run_sweep(tiny(), tmp_path / "undisturbed", executor="inline", console=console)
    out, real = tmp_path / "out", os.replace

    def replace(part, file):
        if file.name == "checkpoint-00002.safetensors":
            raise OSError(full, os.strerror(full))
        real(part, file)

    monkeypatch.setattr(os, "replace", replace)
    moody.trained.clear()
    assert run_sweep(tiny(), out, executor="inline", console=console) == 1
    assert len(moody.trained) == 2  # it does not go on to the other runs
    (failed,) = [path.parent for path in out.glob("runs/*/failed.json")]
    assert os.strerror(full) in read_failure(failed)["sentence"]
    assert [file.name for file in failed.glob("checkpoint*")] == ["checkpoint-00001.safetensors"]
    assert "is full: make room and give the same command with --retry; no epoch is lost" in " ".join(
        console.text().split()
    )
    monkeypatch.setattr(os, "replace", real)
    assert run_sweep(tiny(), out, executor="inline", retry=True, console=console) == 0
    assert results(out) == results(tmp_path / "undisturbed")


def test_a_disk_too_full_to_note_the_failure_ends_the_worker_in_words(tmp_path, tiny, moody, monkeypatch):
    runs = prepare(tiny(), tmp_path)

    def replace(part, file):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(DiskFull, match=r"failed: .*No space left on device \(nor could that be noted: No space left"):
        run_worker(tmp_path, tell=lambda line: None)
    assert moody.trained == []
    assert {file.name for file in run_path(tmp_path, runs[0]).iterdir()} == {".lock"}


def test_a_retry_that_is_killed_as_it_ends_leaves_no_failure_behind(
    tmp_path, tiny, moody, console, results, monkeypatch
):
    moody.fails = only(1, 0.01, ValueError("too bright"))
    run_sweep(tiny(), tmp_path, executor="inline", console=console)
    moody.fails, real = staticmethod(lambda config, epoch: None), os.replace

    def killed(part, file):
        real(part, file)
        if file.name == "done.json":
            raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        run_sweep(tiny(), tmp_path, executor="inline", retry=True, console=console)
    assert len(results(tmp_path)) == 4


def test_a_directory_that_holds_something_else_is_a_failure_of_that_run_alone(tmp_path, tiny, moody, console):
    run = tiny().runs[2]
    run_path(tmp_path, run).mkdir(parents=True)
    (run_path(tmp_path, run) / "thesis.tex").touch()
    assert run_sweep(tiny(), tmp_path, executor="inline", console=console) == 1
    assert "holds 'thesis.tex' but no run" in console.text() and "3 of 4 runs are done" in console.text()


def test_a_damaged_checkpoint_costs_an_epoch_and_changes_nothing(tmp_path, tiny, moody, console, results):
    run_sweep(tiny(), tmp_path / "undisturbed", executor="inline", console=console)
    moody.fails = staticmethod(lambda config, epoch: RuntimeError("stop") if epoch == 3 else None)
    out = tmp_path / "out"
    run_sweep(tiny(), out, executor="inline", console=console)
    for path in out.glob("runs/*/checkpoint-00002.safetensors"):
        path.write_bytes(path.read_bytes()[:-5])
    moody.fails = staticmethod(lambda config, epoch: None)
    moody.trained.clear()
    assert run_sweep(tiny(), out, executor="inline", retry=True, console=console) == 0
    assert [epoch for *_, epoch in moody.trained] == [2, 3] * 4
    assert results(out) == results(tmp_path / "undisturbed")


def test_progress_tells_epoch_and_samples_while_it_trains(tmp_path, tiny, moody, monkeypatch):
    seen = []

    def train_epoch(self, epoch, watcher):
        watcher.tick(300, 400)
        watcher.tick(400, 400)  # too soon to be written
        seen.append(json.loads((path / "progress.json").read_text()))
        seen.append(read_status(path, run.config))
        return {"train_accuracy": 0.5, "train_loss": 1.0}

    monkeypatch.setattr("runs.sweep.status._INTERVAL", 0.0)
    monkeypatch.setattr(moody, "train_epoch", train_epoch)
    (run, *_) = prepare(tiny(), tmp_path)
    path = run_path(tmp_path, run)
    monkeypatch.setattr("runs.sweep.worker.read_runs", lambda out: (run,))
    run_worker(tmp_path, tell=lambda line: None)
    assert [(one["epoch"], one["seen"], one["total"]) for one in seen[::2]] == [(n, 400, 400) for n in (1, 2, 3)]
    assert [(one.state, len(one.rows), one.part) for one in seen[1::2]] == [("running", n, 1.0) for n in (0, 1, 2)]


def test_a_run_of_a_process_that_is_gone_waits(tmp_path, tiny):
    (run, *_) = prepare(tiny(), tmp_path)
    path = run_path(tmp_path, run)
    with RunDirectory(path).open(run.config):
        assert read_status(path, run.config).state == "running"
    (path / ".lock").write_text("elsewhere 1\n")
    assert read_status(path, run.config).state == "waiting"
    (path / "progress.json").write_text('{"epoch": 1, "seen": 1, "total": 4, "time": 1e12}')
    status = read_status(path, run.config)
    assert (status.state, status.part) == ("running", 0.25)


@pytest.mark.parametrize("damaged", ["[]", "{", '{"time": null}', '{"time": "x", "epoch": 1, "seen": "y", "total": 9}'])
def test_a_damaged_note_of_progress_counts_as_none(tmp_path, tiny, damaged):
    (run, *_) = prepare(tiny(), tmp_path)
    path = run_path(tmp_path, run)
    with RunDirectory(path).open(run.config):
        (path / "progress.json").write_text(damaged)
        status = read_status(path, run.config)
    assert (status.state, status.part) == ("running", 0.0)


def test_a_damaged_count_of_attempts_begins_anew(tmp_path):
    (tmp_path / "failed.json").write_text('{"attempts": null}')
    note_failure(tmp_path, "again")
    assert read_failure(tmp_path)["attempts"] == 1


def test_what_is_damaged_of_a_failure_still_is_one(tmp_path):
    (tmp_path / "failed.json").write_text("{")
    assert read_failure(tmp_path)["sentence"] == "failed.json is damaged"
    assert request_retry(tmp_path) and read_failure(tmp_path)["retry"]
    assert not request_retry(tmp_path / "elsewhere")


def test_threads_are_limited_for_all_libraries_and_idle_ones_sleep():
    limits = thread_limits(3, {"HOME": "/home", "OMP_NUM_THREADS": "8"})
    assert limits == {
        "HOME": "/home",
        "OMP_WAIT_POLICY": "passive",
        "OMP_NUM_THREADS": "3",
        "MKL_NUM_THREADS": "3",
        "OPENBLAS_NUM_THREADS": "3",
        "NUMBA_NUM_THREADS": "3",
    }
