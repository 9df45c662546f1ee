"""Worker processes: killed, orphaned, stopped, out of disk; the sweep ends as an undisturbed one does."""

import errno
import json
import os
import signal

import pytest

from runs.sweep import run_sweep
from runs.sweep.folder import prepare, run_path
from runs.sweep.local import LocalWorkers
from runs.sweep.status import read_failure

resource = pytest.importorskip("resource", reason="signals, locks and limits as on POSIX systems")
EPOCHS = 20


def test_whatever_is_killed_the_sweep_ends_as_an_undisturbed_one(
    tmp_path, command, results, undisturbed, when, workers_of, epochs_done
):
    out = tmp_path / "out"
    driver = command(out, EPOCHS, "--workers", 2)  # a worker is killed: another one takes its place
    when(lambda: epochs_done(out) >= 1)
    killed, held = when(lambda: workers_of(out) if len(workers_of(out)) == 2 else [])
    os.kill(held, signal.SIGSTOP)  # keeps its run, so that the sweep does not end meanwhile
    os.kill(killed, signal.SIGKILL)
    when(lambda: len(set(workers_of(out)) - {killed}) == 2)
    driver.send_signal(signal.SIGINT)  # Ctrl-C: all workers end
    os.kill(held, signal.SIGCONT)
    said, _ = driver.communicate(timeout=60)
    assert driver.returncode == 130
    assert said.endswith("stopped; run the same command again to continue\n") and "Traceback" not in said
    when(lambda: not workers_of(out))  # one that was just being started ends a moment later, as its pipe is closed

    driver, done = command(out, EPOCHS, "--workers", 1), epochs_done(out)  # the driver is killed: its workers end, too
    when(lambda: epochs_done(out) > done)
    driver.kill()
    when(lambda: not workers_of(out))
    assert not list(out.glob("runs/*/failed.json"))

    driver = command(out, EPOCHS, "--workers", 1)
    said, _ = driver.communicate(timeout=120)
    assert driver.returncode == 0, said
    assert "4 of 4 runs are done" in said
    assert results(out) == results(undisturbed(EPOCHS))


def test_files_that_cannot_grow_fail_the_run_and_a_retry_finishes_it(tmp_path, tiny, console, results, undisturbed):
    """A limit on the size of files stands for the full disk: writing fails in the middle of a checkpoint."""
    expected, out = results(undisturbed(EPOCHS)), tmp_path / "out"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16 * 1024, before[1]))
    try:
        assert run_sweep(tiny(EPOCHS), out, executor="inline", console=console) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    said = " ".join(console.text().split())
    assert "failed: bats-undiscretised-seed0" in said and "File too large" in said
    assert "with --retry; no epoch is lost" in said
    assert not list(out.rglob("*.part"))
    assert run_sweep(tiny(EPOCHS), out, executor="inline", retry=True, console=console) == 0
    assert results(out) == expected


def test_workers_that_end_before_they_take_a_run_end_the_sweep_in_words(tmp_path, tiny, monkeypatch):
    monkeypatch.setattr("runs.sweep.local.DEATHS", 1)
    runs = prepare(tiny(), tmp_path)
    (tmp_path / "sweep.json").write_text("{}")
    workers = LocalWorkers(tmp_path, runs, 1, 1, lambda sentence: None)
    with pytest.raises(RuntimeError, match=r"workers end before they take a run \(exit code 1\): .*-1.log ends with"):
        workers.work()


def test_a_run_whose_workers_die_three_times_in_one_epoch_has_failed(tmp_path, tiny, monkeypatch):
    """As one does that takes more memory than there is; three deaths in different epochs are bad luck."""
    runs = prepare(tiny(), tmp_path)
    path, said = run_path(tmp_path, runs[1]), []
    workers = LocalWorkers(tmp_path, runs, 1, 1, said.append)
    monkeypatch.setattr(workers, "_start", lambda number: None)

    class Dead:
        pid, stdin = 4242, None

    path.mkdir(parents=True)
    for epoch in (1, 2, 3, 3, 3):
        assert not (path / "failed.json").exists()
        rows = "".join(json.dumps({"epoch": n}) + "\n" for n in range(1, epoch))
        (path / "metrics.jsonl").write_text(rows)
        (path / "config.json").write_text(json.dumps({"format": 1, **runs[1].config.model_dump(mode="json")}))
        (path / ".lock").write_text(f"{os.uname().nodename} 4242\n")
        workers._ended(1, Dead(), -signal.SIGKILL)
    assert len(said) == 4 and "its worker was ended in epoch 3 (SIGKILL, which the system sends where" in said[-1]
    failure = read_failure(path)
    assert failure["type"] == "WorkerDied"
    assert failure["sentence"].startswith("its workers were ended 3 times in epoch 3 (at last: SIGKILL")


def test_a_death_that_a_full_disk_has_no_room_for_ends_the_sweep_in_words(tmp_path, tiny, monkeypatch):
    runs = prepare(tiny(), tmp_path)
    path, said, started = run_path(tmp_path, runs[1]), [], []
    workers = LocalWorkers(tmp_path, runs, 1, 1, said.append)
    monkeypatch.setattr(workers, "_start", started.append)
    monkeypatch.setattr("runs.sweep.local.DEATHS", 1)

    class Dead:
        pid, stdin = 4242, None

    def refuse(path, error):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("runs.sweep.local.note_failure", refuse)
    path.mkdir(parents=True)
    (path / ".lock").write_text(f"{os.uname().nodename} 4242\n")
    workers._ended(1, Dead(), -signal.SIGSEGV)
    assert workers.disk_full and started == []
    assert said == [
        f"{runs[1].directory}: its worker was ended (SIGSEGV), and that cannot be noted: No space left on device"
    ]
