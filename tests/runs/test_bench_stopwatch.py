"""Contestants in turn; the clock is a stand-in."""

import itertools

import pytest

from runs.bench import stopwatch
from runs.bench.sheet import Sheet
from runs.bench.stopwatch import Times, race, summarise


class Racer:
    def __init__(self, name, log):
        self.name, self._log = name, log

    def step(self):
        self._log.append(self.name)

    def restore(self):
        self._log.append("restore")


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still but for what is added to its first entry."""
    now = [0.0]
    monkeypatch.setattr(stopwatch.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(stopwatch.time, "process_time", lambda: 2 * now[0])
    return now


class Slow(Racer):
    """One whose steps take these times, over and over."""

    def __init__(self, name, log, clock, *seconds):
        super().__init__(name, log)
        self._clock, self._seconds = clock, itertools.cycle(seconds)

    def step(self):
        super().step()
        self._clock[0] += next(self._seconds)


def test_racers_take_turns_and_the_first_round_does_not_count(clock):
    log, ticks = [], []
    times = race([Slow("a", log, clock, 0.2), Slow("b", log, clock, 0.4)], 2, tick=lambda: ticks.append(1))
    assert log == ["restore", "a", "restore", "b"] * 3
    assert len(ticks) == 3
    assert {name: (len(t.wall), len(t.cpu)) for name, t in times.items()} == {"a": (2, 2), "b": (2, 2)}


def test_a_turn_repeats_a_short_step_and_gives_the_mean(clock):
    log = []
    times = race([Slow("a", log, clock, 0.5), Slow("b", log, clock, 0.05, 0.04, 0.03)], 1)
    assert log == [*["restore", "a"], *["restore", "b"] * 3] * 2
    assert times["b"].wall == [pytest.approx(0.04)] and times["b"].cpu == [pytest.approx(0.08)]


def test_the_clock_is_read_after_the_device_has_finished(monkeypatch):
    log, times = [], itertools.count()
    monkeypatch.setattr(stopwatch.time, "perf_counter", lambda: log.append("clock") or float(next(times)))
    race([Racer("a", log)], 1, lambda: log.append("wait"))
    assert log == ["restore", "wait", "clock", "a", "wait", "clock"] * 2


def test_ratios_are_medians_of_the_rounds_own_ratios():
    times = {"a": Times([10.0, 40.0, 10.0], [8.0, 8.0, 8.0]), "b": Times([1.0, 8.0, 5.0], [2.0, 4.0, 1.0])}
    found = summarise(times, "a")
    assert found["b"]["wall"] == 5.0 and found["b"]["wall_min"] == 1.0
    assert found["b"]["wall_ratio"] == 5.0  # of 10, 5 and 2; the medians' ratio would be 2
    assert found["b"]["cpu_ratio"] == 4.0 and found["a"]["wall_ratio"] == 1.0
    assert "wall_ratio" not in summarise(times, "c")["b"]


def test_a_sheet_is_a_markdown_table():
    text = Sheet("title", ("", "x"), [("a|b", "1")]).markdown()
    assert text == "**title**\n\n|  | x |\n| --- | ---: |\n| a/b | 1 |\n"
