"""A sweep that is disturbed at random moments, again and again, ends as an undisturbed one does.

    LAVA_DT_CHAOS=100 pytest tests/runs/sweep/chaos

disturbs it 100 times: SIGKILL of a worker, SIGKILL of the driver, a full disk (a limit on the size of files), a
checkpoint cut short. Where the sweep ends before that, another one begins.
"""

import os
import random
import signal
import sys
import time
from collections import Counter

import pytest

TIMES = int(os.environ.get("LAVA_DT_CHAOS", "0"))
EPOCHS = 25
_POLL = 0.01

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.skipif(not TIMES, reason="set LAVA_DT_CHAOS=100 to disturb a sweep 100 times, some minutes"),
    pytest.mark.skipif(os.name != "posix", reason="signals and locks as on POSIX systems"),
]


class Chaos:
    """Disturbs one sweep until it is done, or until no disturbance is left.

    Args:
        out: its directory.
        start: start(*words, before="") starts its driver.
        workers_of, epochs_done: the fixtures.
        dice: where chance comes from.
        counts: disturbances of all sweeps so far, by kind.
    """

    def __init__(self, out, start, workers_of, epochs_done, dice, counts):
        self.out, self.start, self.workers_of, self.epochs_done = out, start, workers_of, epochs_done
        self.dice, self.counts = dice, counts
        self.finished = {}

    def run(self):
        """The last driver's exit code, and what it said."""
        while True:
            left = self.counts.total() < TIMES
            full = left and self.dice.random() < 0.25
            limit = f"ulimit -f {self.dice.randrange(0, 100)}" if full else ""  # a checkpoint has some 80 kB
            driver = self.start("--workers", self.dice.choice((1, 1, 2)), "--retry", before=limit)
            while left and self._wait(driver):
                self._look_for_finished()
                if self._disturb(driver) == "driver":
                    break
                left = self.counts.total() < TIMES
            said, _ = driver.communicate(timeout=600)
            self._look_for_finished()
            if full and driver.returncode == 1:
                self.counts["disk"] += 1
            if driver.returncode == 0:
                return said
            if driver.returncode == -signal.SIGKILL:
                self._wait_for_orphans()
                self._damage()

    def _wait(self, driver):
        """Lets the sweep go on for a random while, mostly not before it gets on; whether it still does."""
        before, got_on = self.epochs_done(self.out), self.dice.random() < 0.75
        while got_on and driver.poll() is None and self.epochs_done(self.out) == before:
            time.sleep(_POLL)
        end = time.monotonic() + self.dice.uniform(0, 0.5 if got_on else 4.0)
        while driver.poll() is None and time.monotonic() < end:
            time.sleep(_POLL)
        return driver.poll() is None

    def _disturb(self, driver):
        workers = self.workers_of(self.out)
        kind = self.dice.choices(("worker", "driver"), (2, 1))[0]
        if kind == "worker" and workers:
            os.kill(self.dice.choice(workers), signal.SIGKILL)
        else:
            kind = "driver"
            driver.kill()
        self.counts[kind] += 1
        return kind

    def _wait_for_orphans(self):
        deadline = time.monotonic() + 60
        while self.workers_of(self.out):
            assert time.monotonic() < deadline, "workers outlive their driver"
            time.sleep(_POLL)

    def _damage(self):
        """Cuts the newest checkpoint of a run that is not finished."""
        open_runs = [path for path in self.out.glob("runs/*") if not (path / "done.json").exists()]
        found = [max(path.glob("checkpoint-*.safetensors"), default=None) for path in open_runs]
        found = [file for file in found if file is not None]
        if found and self.counts.total() < TIMES and self.dice.random() < 0.5:
            file = self.dice.choice(found)
            os.truncate(file, self.dice.randrange(file.stat().st_size))
            self.counts["checkpoint"] += 1

    def _look_for_finished(self):
        """No finished run is ever written to again."""
        for path in self.out.glob("runs/*"):
            if (path / "done.json").exists():
                names = ("done.json", "metrics.jsonl", f"checkpoint-{EPOCHS:05d}.safetensors")
                state = [((path / name).stat().st_mtime_ns, (path / name).stat().st_ino) for name in names]
                assert self.finished.setdefault(path.name, state) == state, f"{path.name} was computed again"


def test_a_sweep_disturbed_at_random_moments_ends_as_an_undisturbed_one(
    tmp_path, command, results, undisturbed, workers_of, epochs_done, capsys
):
    dice, counts, sweeps = random.Random(TIMES), Counter(), 0
    expected = results(undisturbed(EPOCHS))
    while counts.total() < TIMES:
        out, sweeps = tmp_path / f"out{sweeps}", sweeps + 1
        chaos = Chaos(
            out,
            lambda *words, before="", out=out: command(out, EPOCHS, *words, before=before),
            workers_of,
            epochs_done,
            dice,
            counts,
        )
        assert "4 of 4 runs are done" in chaos.run()
        assert results(out) == expected
        assert len(chaos.finished) == 4
        with capsys.disabled():
            sys.stdout.write(f"\n{sweeps} sweeps the same, disturbed {counts.total()} times: {dict(counts)}")
            sys.stdout.flush()
