"""`lava-dt bench parity`: every network on every step and reset, against Lava; goes on where it was stopped."""

from __future__ import annotations

import platform
import shlex
import sys
import zlib
from pathlib import Path

import numpy as np

from runs.bench.machine import describe_machine, set_threads, torch_gpu
from runs.bench.options import ParityBench
from runs.bench.parity.cases import CaseStore, cases
from runs.bench.parity.table import sheet, verdict, write_table
from runs.config import ConfigError
from runs.console import Console
from runs.data import Recordings, load_nmnist
from runs.directory import Row

QUICK_RECORDINGS = 5


def run_parity(options: ParityBench) -> int:
    """Compares what is missing of the table and writes it; 1 where anything differs."""
    path = options.out or Path("results") / f"bench-parity-seed{options.seed}{'-quick' if options.quick else ''}"
    train = load_nmnist(options.data, "train")
    tested = _tested(load_nmnist(options.data, "test"), train, _wanted(options))
    late = set_threads(options.threads)
    machine = describe_machine(options.threads, torch_gpu())
    store = CaseStore(path, _identity(options, train, tested, machine))
    asked = cases(options)
    finished = store.finished(asked)
    missing = [case for case in asked if case not in finished]
    with Console() as console:
        for sentence in late:
            console.warn(sentence)
        console.line(f"{len(tested)} recordings; {len(missing)} of {len(asked)} networks to compare, in {path}")
        about = {
            "command": shlex.join(["lava-dt", *sys.argv[1:]]),
            "machine": machine,
            "training_batches": options.training_batches,
        }
        if missing:
            from runs.bench.parity.compare import compare  # torch, lava-dl and Lava from here on
        data = train, tested
        for number, case in enumerate(missing, 1):
            row = compare(case, data, options.training_batches, options.seed, options.timeout, console.tick)
            store.save(case, row)
            write_table(path, store.finished(asked), about)
            console.line(f"{number}/{len(missing)}  {case.name}: {_told(row)}")
        rows = store.finished(asked)
        write_table(path, rows, about)
        console.show(sheet(rows).rich())
        console.line(f"{verdict(rows)}; wrote {path / 'parity.md'} and results.json")
        return 0 if all(row["identical"] for row in rows.values()) else 1


def _wanted(options: ParityBench) -> int:
    return QUICK_RECORDINGS if options.quick and options.recordings is None else options.recordings or 100


def _tested(test: Recordings, train: Recordings, wanted: int) -> Recordings:
    """The first test recordings, and training ones where those are fewer."""
    if wanted <= len(test):
        return test.take(slice(wanted))
    more = train.take(slice(wanted - len(test)))
    if len(test) + len(more) < wanted:
        raise ConfigError(
            f"--recordings is {wanted}, but there are {len(test)} + {len(train)}: give fewer, or --data DIR with more"
        )
    t, x, y, polarity, labels = (
        np.concatenate([getattr(part, name) for part in (test, more)]) for name in ("t", "x", "y", "polarity", "labels")
    )
    offsets = np.concatenate([test.offsets, more.offsets[1:] + test.offsets[-1]])
    return Recordings(t, x, y, polarity, offsets, labels, test.shape)


def _identity(options: ParityBench, train: Recordings, tested: Recordings, machine: Row) -> Row:
    crc = 0
    for recordings in (train, tested):
        for array in (recordings.t, recordings.x, recordings.y, recordings.polarity, recordings.labels):
            crc = zlib.crc32(np.ascontiguousarray(array).tobytes(), crc)
    return {
        "format": 1,
        "data": f"{len(train)} recordings to train on, {len(tested)} to compare on, crc32 {crc:08x}",
        "training_batches": options.training_batches,
        "seed": options.seed,
        "python": platform.python_version(),
        "torch": machine["packages"].get("torch"),
    }


def _told(row: Row) -> str:
    seconds = row["seconds"]["all"]
    said = f"{row['differing_spikes']} of {row['spikes']:,} spikes differ, {seconds:.0f} s"
    return said if row["identical"] else f"{said}; {row['first']}"
