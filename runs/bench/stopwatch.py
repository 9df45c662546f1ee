"""Contestants in turn, round after round, so that what else the machine does meets all of them alike.

A step of a few milliseconds that follows half a second of another library's work finds none of its memory in the
processor's caches, which no training does: a turn repeats a short step.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

TURN = 0.1  # seconds, at least


class Racer(Protocol):
    """What can be timed."""

    name: str

    def step(self) -> None:
        """The work."""

    def restore(self) -> None:
        """Makes the next step meet what the last one met; not timed."""


@dataclass
class Times:
    """Seconds a step, the mean of each turn, in their order; CPU seconds are those of all threads of the process."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


def race(
    racers: Sequence[Racer],
    rounds: int,
    synchronise: Callable[[], None] = lambda: None,
    tick: Callable[[], None] = lambda: None,
) -> dict[str, Times]:
    """Times every racer for a turn a round, A B C A B C ..., after a round that is not counted.

    A turn is as many steps as it takes to fill ``TURN`` seconds, one at least.

    Args:
        racers: names must differ.
        rounds: timed rounds.
        synchronise: waits until a device has finished; called before a clock is read.
        tick: called after every round, the first included.
    """
    times = {racer.name: Times() for racer in racers}
    gc.collect()
    gc.disable()
    try:
        for number in range(rounds + 1):
            for racer in racers:
                wall, cpu = _turn(racer, synchronise)
                if number:
                    times[racer.name].wall.append(wall)
                    times[racer.name].cpu.append(cpu)
            gc.collect()
            tick()
    finally:
        gc.enable()
    return times


def expected_seconds(steps: Sequence[float], rounds: int) -> float:
    """What `race` takes with racers whose steps take so many seconds."""
    return (rounds + 1) * sum(max(TURN, step) for step in steps)


def _turn(racer: Racer, synchronise: Callable[[], None]) -> tuple[float, float]:
    walls: list[float] = []
    cpus: list[float] = []
    while not walls or sum(walls) < TURN:
        racer.restore()
        wall, cpu = _timed(racer, synchronise)
        walls.append(wall)
        cpus.append(cpu)
    return statistics.fmean(walls), statistics.fmean(cpus)


def _timed(racer: Racer, synchronise: Callable[[], None]) -> tuple[float, float]:
    synchronise()
    wall, cpu = time.perf_counter(), time.process_time()
    racer.step()
    synchronise()
    return time.perf_counter() - wall, time.process_time() - cpu


def summarise(times: dict[str, Times], reference: str) -> dict[str, dict[str, float]]:
    """Of each racer: medians, the shortest wall time, and the medians of the rounds' ratios reference / racer."""
    first = times.get(reference)
    found = {}
    for name, own in times.items():
        row = {
            "wall": statistics.median(own.wall),
            "wall_min": min(own.wall),
            "cpu": statistics.median(own.cpu),
        }
        if first is not None:
            row["wall_ratio"] = _ratio(first.wall, own.wall)
            row["cpu_ratio"] = _ratio(first.cpu, own.cpu)
        found[name] = row
    return found


def _ratio(reference: list[float], own: list[float]) -> float:
    """The median of the rounds' ratios; a clock that has not moved counts as its resolution, 1e-9 s."""
    return statistics.median(a / max(b, 1e-9) for a, b in zip(reference, own, strict=True))
