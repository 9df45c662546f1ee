"""How fast batches are made, beside how fast they are trained on."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from runs.bench.data.options import DataBench
from runs.bench.results import Record, one_line
from runs.bench.sheet import Sheet
from runs.config import BatsConfig, SlayerConfig
from runs.console import Console
from runs.data import EventSet, Rate, load_events
from runs.training.loop import make_learner

_SIZES = (32, 256)
_TRAINING_BATCH = 32
_TRAINING_BATCHES = 4


@dataclass(frozen=True)
class _Way:
    """One way to make a batch: the data set's encoding, what is asked for, and the step in ms (None: exact times)."""

    data: str
    call: str
    dt: int | None


_WAYS = (
    _Way("N-MNIST", "bin", 1),
    _Way("N-MNIST", "bin", 10),
    _Way("N-MNIST", "listed", 1),
    _Way("N-MNIST", "listed", 10),
    _Way("N-MNIST", "spike_trains", None),
    _Way("MNIST, latency", "listed", 1),
    _Way("MNIST, latency", "spike_trains", None),
    _Way("MNIST, rate", "listed", 1),
    _Way("MNIST, rate", "spike_trains", None),
)


def measure(options: DataBench, console: Console) -> Record:
    """Every way to make a batch, the training steps that use them, and opening N-MNIST with and without a cache."""
    rounds = options.repeats or (5 if options.quick else 15)
    sets = {
        "N-MNIST": load_events("nmnist", "train", folder=options.nmnist),
        "MNIST, latency": load_events("mnist", "train", folder=options.mnist),
        "MNIST, rate": load_events("mnist", "train", folder=options.mnist, encoding=Rate(seed=options.seed)),
    }
    ways = []
    for number, way in enumerate(_WAYS, 1):
        ways += [_batch(sets[way.data], way, size, rounds, options.seed) for size in _SIZES]
        console.tick(number, len(_WAYS))
    steps = [_step(title, config, way, ways, console) for title, config, way in _trained(options)]
    return {"rounds": rounds, "batches": ways, "steps": steps, "opening": _opening(options.nmnist, rounds)}


def _batch(events: EventSet, way: _Way, size: int, rounds: int, seed: int) -> Record:
    draw = np.random.default_rng(seed)
    if way.call == "spike_trains":
        make: Callable[[Any], Any] = events.spike_trains
    else:
        steps, call = round(events.duration / 1e-3), getattr(events, way.call)

        def make(rows: Any) -> Any:
            return call(rows, steps, way.dt)

    wall, cpu = _timed(lambda: make(draw.choice(len(events), min(size, len(events)), replace=False)), rounds)
    return {"data": way.data, "call": way.call, "dt": way.dt, "batch": size, "wall": wall, "cpu": cpu}


def _timed(work: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Median seconds of the rounds, by the clock and of the process's CPU; one more round before is not counted."""
    work()
    walls, cpus = [], []
    for _ in range(rounds):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return statistics.median(walls), statistics.median(cpus)


def _trained(options: DataBench) -> list[tuple[str, SlayerConfig | BatsConfig, tuple[str, str, int | None]]]:
    """A training of each model, and the way in which its batches are made."""
    samples = _TRAINING_BATCH * _TRAINING_BATCHES
    size: dict[str, Any] = {"batch": _TRAINING_BATCH, "train_samples": samples, "test_samples": 1, "seed": options.seed}
    slayer = [
        (f"SLAYER, dt {dt} ms", SlayerConfig(data=options.nmnist, dt=dt, **size), ("N-MNIST", "listed", dt))
        for dt in (1, 10)
    ]
    bats = BatsConfig(data=options.mnist, **size)
    return [*slayer, ("BATS, exact times", bats, ("MNIST, latency", "spike_trains", None))]


class _Silent:
    """Watches a training, and says nothing."""

    def tick(self, samples: int, total: int) -> None:
        """Nothing."""


def _step(title: str, config: Any, way: tuple[str, str, int | None], ways: list[Record], console: Console) -> Record:
    """A training step of the second epoch, loading included, and the share of it that loading alone takes."""
    data, call, dt = way
    loading = next(w for w in ways if (w["data"], w["call"], w["dt"], w["batch"]) == (data, call, dt, _TRAINING_BATCH))
    found: Record = {"title": title, "call": call, "loading_wall": loading["wall"], "loading_cpu": loading["cpu"]}
    try:
        learner = make_learner(config)
        learner.train_epoch(1, _Silent())  # type: ignore[arg-type]
        wall, cpu = time.perf_counter(), time.process_time()
        learner.train_epoch(2, _Silent())  # type: ignore[arg-type]
    except ImportError as error:
        console.warn(f"{title} is left out: {one_line(error)}")
        return {**found, "failed": one_line(error)}
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {**found, "wall": wall / _TRAINING_BATCHES, "cpu": cpu / _TRAINING_BATCHES}


def _opening(nmnist: Path | None, rounds: int) -> Record | None:
    """Seconds to open N-MNIST's files, and the cache's; None without a folder: what is shipped is not kept."""
    if nmnist is None:
        return None
    rounds = min(rounds, 5)
    with tempfile.TemporaryDirectory() as folder:
        read = _timed(lambda: load_events("nmnist", "train", folder=nmnist, cache=False), rounds)
        kept = _timed(lambda: load_events("nmnist", "train", folder=nmnist, cache=folder), rounds)
        size = sum(file.stat().st_size for file in Path(folder).glob("*.events"))
    return {"files_wall": read[0], "files_cpu": read[1], "cache_wall": kept[0], "cache_cpu": kept[1], "bytes": size}


def sheets(found: Record) -> list[Sheet]:
    """The tables of `measure`."""
    rows: list[tuple[str, ...]] = []
    for way in found["batches"]:
        step = "exact times" if way["dt"] is None else f"dt {way['dt']} ms"
        rate = f"{way['batch'] / way['wall']:,.0f}"
        name = f"{way['data']}: {way['call']}, {step}, {way['batch']}"
        rows.append((name, f"{1e3 * way['wall']:.2f}", f"{1e3 * way['cpu']:.2f}", rate))
    tables = [Sheet("making a batch", ("", "wall [ms]", "CPU [ms]", "samples a second"), rows)]
    rows = [
        (s["title"], *(f"{1e3 * s[k]:.1f}" for k in ("cpu", "loading_cpu")), f"{s['loading_cpu'] / s['cpu']:.1%}")
        for s in found["steps"]
        if "failed" not in s
    ]
    title = f"the loader's share of a training step, batches of {_TRAINING_BATCH}"
    tables.append(Sheet(title, ("", "step, CPU [ms]", "of it loading", "share"), rows))
    opening = found["opening"]
    if opening is not None:
        rows = [(name, *(f"{1e3 * opening[f'{key}_{k}']:.0f}" for k in ("wall", "cpu"))) for name, key in _OPENED]
        tables.append(Sheet("opening N-MNIST's training set", ("", "wall [ms]", "CPU [ms]"), rows))
    return tables


_OPENED = (("its files", "files"), ("the cache, every byte checked", "cache"))
