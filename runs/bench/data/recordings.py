"""Simulated recordings beside real ones."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import numpy as np

from runs.bench.data.fit import fit
from runs.bench.data.options import DataBench
from runs.bench.data.pairing import Pairs, pair
from runs.bench.data.statistics import Statistics, describe, distances
from runs.bench.results import Record
from runs.bench.sheet import Sheet
from runs.console import Console
from runs.data.saccade import SIDE, Saccade, record
from runs.data.source import StoredEvents

HALVES = ("even numbers, of which the defaults were fitted to some", "odd numbers, never fitted to")


def compare(options: DataBench, console: Console) -> Record:
    """Statistics of both halves, real and simulated, and what a simulated recording costs."""
    pairs = pair(options.mnist, options.nmnist, options.recordings or (100 if options.quick else 400))
    code = Saccade(seed=options.seed)
    if options.fit is not None:
        tries = options.fit
        console.line(f"fitting the camera to {len(pairs.rows[0])} recordings, {tries} tries")
        real = describe(pairs.events, pairs.rows[0])
        code = fit(pairs.images[0], real, code, tries, options.seed, lambda n, *_: console.tick(n + 1, tries))
    record(pairs.images[0].take(slice(1)), code, "MNIST", 10)  # compiles
    halves = [_half(pairs, half, code) for half in (0, 1)]
    return {
        "same_images": pairs.same,
        "camera": dataclasses.asdict(code),
        "halves": [{"title": title, **half} for title, half in zip(HALVES, halves, strict=True)],
    }


def _half(pairs: Pairs, half: int, code: Saccade) -> Record:
    rows, images = pairs.rows[half], pairs.images[half]
    begin = time.process_time()
    simulated = record(images, code, "MNIST", 10)
    seconds = time.process_time() - begin
    real, ours = describe(pairs.events, rows), describe(simulated)
    found: Record = {
        "recordings": len(rows),
        "cpu_seconds": seconds,
        "real": _plain(real),
        "simulated": _plain(ours),
        "distances": distances(ours, real),
    }
    if pairs.same:
        found["correlation_of_counts"] = float(np.corrcoef(real.events, ours.events)[0, 1])
        found["correlation_of_pixels"] = _alike(pairs.events, rows, simulated)
    return found


def _alike(real: StoredEvents, rows: Any, simulated: StoredEvents) -> float:
    """Mean correlation, over the recordings, of the numbers of events of the 1156 pixels."""
    found = []
    for number, row in enumerate(rows):
        maps = [
            np.bincount(events.channels[events.offsets[i] : events.offsets[i + 1]].astype(np.int64) % SIDE**2)
            for events, i in ((real, row), (simulated, number))
        ]
        one, other = (np.pad(counts, (0, SIDE**2 - len(counts))) for counts in maps)
        found.append(np.corrcoef(one, other)[0, 1])
    return float(np.mean(found))


def _plain(found: Statistics) -> Record:
    across, down = found.extent()
    return {
        "events": float(found.events.mean()),
        "deviation": float(found.events.std()),
        "on_share": found.on_share,
        "in_saccade": found.in_saccade().tolist(),
        "peaks": found.peaks().tolist(),
        "extent": [across, down],
        "active": found.active,
        "pixel_rate": found.pixel_rate(),
        "gaps": found.gaps.tolist(),
        "in_time": found.in_time.tolist(),
        "in_columns": found.in_columns.tolist(),
        "in_rows": found.in_rows.tolist(),
        "busy": found.busy.tolist(),
    }


def sheets(found: Record) -> list[Sheet]:
    """The tables of `compare`, one for each half."""
    return [_sheet(half, found["same_images"]) for half in found["halves"]]


def _sheet(half: Record, same: bool) -> Sheet:
    rows = [(name, *(text(half[side]) for side in ("real", "simulated"))) for name, text in _ROWS]
    rows += [(name, "", text(half)) for name, text in _APART]
    if same:
        rows += [(name, "", f"{half[key]:.2f}") for name, key in _ALIKE]
    which = "the same digits" if same else "other digits of the same labels"
    title = f"N-MNIST and its simulation, {half['recordings']} recordings ({half['title']}), {which}"
    return Sheet(title, ("", "real", "simulated"), rows)


def _joined(values: list[float], form: str) -> str:
    return " / ".join(format(value, form) for value in values)


_ROWS = (
    ("events a recording", lambda s: f"{s['events']:,.0f} ± {s['deviation']:,.0f}"),
    ("share of ON events", lambda s: f"{s['on_share']:.3f}"),
    ("events in saccades 1 / 2 / 3", lambda s: _joined(s["in_saccade"], ",.0f")),
    ("their mean time in it [ms]", lambda s: _joined(s["peaks"], ".0f")),
    ("extent, columns / rows [pixels]", lambda s: _joined(s["extent"], ".2f")),
    ("channels with events, of 2312", lambda s: f"{s['active']:.0f}"),
    ("events a second of such a channel", lambda s: f"{s['pixel_rate']:.1f}"),
    ("from a pixel's event to its next, quartiles [ms]", lambda s: _joined(s["gaps"][1:], ".1f")),
)
_ALIKE = (
    ("correlation of the numbers of events, digit by digit", "correlation_of_counts"),
    ("correlation of the pixels' events, mean over digits", "correlation_of_pixels"),
)
_APART = (
    ("apart: histogram over time", lambda h: f"{h['distances']['time']:.1%}"),
    ("apart: over columns / rows", lambda h: _joined([h["distances"]["columns"], h["distances"]["rows"]], ".1%")),
    ("apart: events of a channel", lambda h: f"{h['distances']['events of a channel']:.1%}"),
    ("simulation, CPU [ms a recording]", lambda h: f"{1e3 * h['cpu_seconds'] / h['recordings']:.1f}"),
)
