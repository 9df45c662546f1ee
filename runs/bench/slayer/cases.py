"""What `lava-dt bench slayer` measures: the cases, their contestants, and how long they should take."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from runs.bench.options import Section, SlayerBench
from runs.bench.stopwatch import expected_seconds

Library = Literal["lava-dl", "lava-dt", "plain torch"]
SIDE = 34
CHANNELS = 2 * SIDE * SIDE
CLASSES = 10


class Entry(BaseModel):
    """One contestant: a library, the clock it steps by where dt > 1, and the layout of its input."""

    model_config = ConfigDict(frozen=True)

    library: Library
    clock: Literal["fine", "held", "coarse"] = "fine"
    events: bool = False

    @property
    def name(self) -> str:
        words = [self.library, *([] if self.clock == "fine" else [self.clock]), *(["events"] if self.events else [])]
        return " ".join(words)


UPSTREAM = Entry(library="lava-dl")
DENSE = Entry(library="lava-dt")
EVENTS = Entry(library="lava-dt", events=True)
PLAIN = Entry(library="plain torch")


class Case(BaseModel):
    """One measurement: a network, its input, what is done with it and by whom. Times are counted in fine steps."""

    model_config = ConfigDict(frozen=True)

    section: Section
    mode: Literal["training", "inference"] = "training"
    network: Literal["dense", "conv", "recurrent"] = "dense"
    hidden: int = 512
    batch: int = 32
    steps: int = 300
    density: float = 0.006
    dt: int = 1
    delay: bool = False
    device: Literal["cpu", "cuda"] = "cpu"
    rounds: int = 5
    entries: tuple[Entry, ...] = (UPSTREAM, DENSE, EVENTS)

    def with_device(self, device: Literal["cpu", "cuda"]) -> Case:
        """The same on a device; lists of events are the CPU's."""
        entries = tuple(entry for entry in self.entries if device == "cpu" or not entry.events)
        return self.model_copy(update={"device": device, "entries": entries})

    @property
    def title(self) -> str:
        """The case in a few words."""
        size = {
            "dense": f"2312-{self.hidden}-10",
            "recurrent": f"2312-{self.hidden} recurrent-10",
            "conv": "2x34x34, conv 16, pool, conv 32, pool, 10",
        }[self.network]
        return (
            f"{self.mode}, {size}, batch {self.batch}, {self.steps} steps, {100 * self.density:g} %"
            f"{f', dt {self.dt}' if self.dt > 1 else ''}{', delays' if self.delay else ''}"
            f"{', GPU' if self.device == 'cuda' else ''}"
        )

    def expected_seconds(self) -> float:
        """A guess for two free cores: the comparison of the spikes, a round to warm up, and the timed rounds."""
        steps = [self._seconds(entry) for entry in self.entries]
        return sum(steps) + expected_seconds(steps, self.rounds)

    def _seconds(self, entry: Entry) -> float:
        """Of one step; lava-dl's from a measured training step of 0.7 s (2312-512-10, batch 32, 300 steps)."""
        bins = self.steps / (self.dt if entry.clock == "coarse" else 1)
        samples = self.batch * bins / (32 * 300)
        dense = 0.7 * samples * max(0.1, self.hidden / 512)
        upstream = {"dense": dense, "conv": 12 * samples, "recurrent": dense + 4 * bins / 300}[self.network]
        share = {"lava-dl": 1.0, "plain torch": 0.8, "lava-dt": 0.15}[entry.library]
        return upstream * share * (0.6 if self.mode == "inference" else 1.0) * (0.1 if self.device == "cuda" else 1.0)


def cases(options: SlayerBench) -> list[Case]:
    """The timed cases of the CPU, section by section; memory, which is no race, is not among them."""
    chosen = [case for case in (_quick() if options.quick else _full()) if wanted(options, case.section)]
    if options.repeats is not None:
        chosen = [case.model_copy(update={"rounds": options.repeats}) for case in chosen]
    return chosen


def wanted(options: SlayerBench, section: Section) -> bool:
    return not options.only or section in options.only


def memory_cases(options: SlayerBench) -> list[Case]:
    """The cases whose peak memory is measured, each entry in a process of its own."""
    if not wanted(options, "memory"):
        return []
    if options.quick:
        return [Case(section="memory")]
    every = (UPSTREAM, DENSE, EVENTS, PLAIN)
    return [
        Case(section="memory", entries=every),
        Case(section="memory", mode="inference", entries=every),
        Case(section="memory", dt=10, entries=_stepped()),
    ]


def _stepped() -> tuple[Entry, ...]:
    """lava-dl at its own step, and with its decays rescaled on re-binned input; lava-dt on both clocks."""
    return (
        UPSTREAM,
        Entry(library="lava-dl", clock="coarse"),
        *(Entry(library="lava-dt", clock=clock, events=events) for clock in _CLOCKS for events in (False, True)),
    )


_CLOCKS: tuple[Literal["held", "coarse"], ...] = ("held", "coarse")


def _quick() -> list[Case]:
    every = (UPSTREAM, DENSE, EVENTS, PLAIN)
    return [
        Case(section="training", entries=every),
        Case(section="training", density=0.03, rounds=3),
        Case(section="inference", mode="inference", entries=every),
        Case(section="conv", network="conv", batch=4, steps=100, rounds=3),
        Case(section="timestep", dt=10, rounds=3, entries=_stepped()),
        Case(section="recurrent", network="recurrent", steps=100, rounds=3),
        Case(section="delay", delay=True, rounds=3),
    ]


def _full() -> list[Case]:
    every = (UPSTREAM, DENSE, EVENTS, PLAIN)
    both: tuple[Literal["training", "inference"], ...] = ("training", "inference")
    return [
        *(Case(section=mode, mode=mode, density=d, rounds=15, entries=every) for mode in both for d in (0.006, 0.03)),
        *(Case(section="conv", mode=mode, network="conv", batch=8) for mode in both),
        *(Case(section="timestep", dt=dt, rounds=7, entries=_stepped()) for dt in (2, 4, 10)),
        Case(section="timestep", mode="inference", dt=10, rounds=7, entries=_stepped()),
        *(Case(section="recurrent", network="recurrent", mode=mode, rounds=3) for mode in both),
        *(Case(section="delay", mode=mode, delay=True, rounds=7) for mode in both),
        *(Case(section="scaling", steps=steps, rounds=3, entries=every) for steps in (30, 60, 150, 300, 600)),
        *(Case(section="scaling", hidden=hidden, rounds=3, entries=every) for hidden in (128, 256, 1024, 2048)),
        *(Case(section="scaling", batch=batch, rounds=3, entries=every) for batch in (1, 8, 64)),
        *(Case(section="scaling", density=d, rounds=3, entries=every) for d in (0.001, 0.02, 0.05, 0.1)),
        *(Case(section="scaling", density=d, rounds=3, entries=(UPSTREAM, DENSE, PLAIN)) for d in (0.2, 0.4, 0.8)),
    ]
