"""The page and the picture of `lava-dt bench data`."""

from __future__ import annotations

import io
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from runs.bench.data import loading, recordings
from runs.bench.results import Record
from runs.bench.sheet import Sheet

_STYLE: Any = {"font.size": 9, "font.family": "DejaVu Sans", "svg.hashsalt": "lava-dt"}
_METHOD = """\
Recordings: the camera of `runs.data.Saccade` looks at MNIST's images, which N-MNIST shows in the same order: recording
n is of image n, also among what is shipped, and every simulated recording is of the digit of a real one. (Where labels
show that the images are others, images of the same labels stand in.) The defaults were found by a random search (--fit)
on recordings of even number among the first 1000; those of odd number were never fitted to. Events after 0.3 s are left
out. "apart" is the share of the events of one histogram that would have to move to make the other: in 5 ms bins by
polarity, by column, by row, and of channels by their number of events.

Loading: medians over the rounds, of random samples. A training step is the mean over an epoch's batches after a first
epoch, with everything that training does; the loader's share compares CPU time, which other work on the machine hardly
changes. SLAYER: 2312-512-10, on a list of events; BATS: 784-512-10, on spike times.
"""


def tables(result: Record) -> list[Sheet]:
    """All tables that the result has."""
    found = recordings.sheets(result["recordings"]) if "recordings" in result else []
    return [*found, *(loading.sheets(result["loading"]) if "loading" in result else [])]


def page(result: Record) -> str:
    """bench.md."""
    machine = result["machine"]
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items() if version)
    lines = ["# lava-dt bench data", "", f"* command: `{result['command']}`", f"* processor: {machine['processor']}"]
    lines += [f"* cores: {machine['cores']}, threads: {machine['threads']}", f"* {packages}"]
    if "recordings" in result:
        told = ", ".join(f"{name} = {value}" for name, value in result["recordings"]["camera"].items())
        lines += [f"* camera: {told}", "", "![](bench.svg)"]
    shown = [table.markdown() for table in tables(result)]
    return "\n".join([*lines, "", *shown, "## How it was measured", "", _METHOD])


def picture(result: Record) -> str:
    """bench.svg: where and when events come, of the recordings that were not fitted to; empty without them."""
    if "recordings" not in result:
        return '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'
    half = result["recordings"]["halves"][1]
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(9.5, 5), layout="constrained")
        axes: Any = figure.subplots(2, 2)
        for name, colour, width in (("real", "#9aa5b1", 3.0), ("simulated", "#c0392b", 1.4)):
            told = half[name]
            for polarity, place in ((0, axes[0, 0]), (1, axes[0, 1])):
                rate = np.array(told["in_time"][polarity]) / 5
                place.plot(5 * np.arange(len(rate)) + 2.5, rate, color=colour, lw=width, label=name)
                place.set_xlabel(f"time [ms], {('OFF', 'ON')[polarity]} events")
                place.set_ylabel("events a ms")
            for key, place in (("in_columns", axes[1, 0]), ("in_rows", axes[1, 1])):
                place.plot(told[key], color=colour, lw=width, label=name)
                place.set_xlabel(key.removeprefix("in_")[:-1])
                place.set_ylabel("events a recording")
        axes[0, 0].legend(frameon=False)
        for place in axes.flat:
            place.spines[["top", "right"]].set_visible(False)
            place.set_ylim(bottom=0)
        stream = io.StringIO()
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    text = stream.getvalue()
    return text[text.index("<svg") :]
