"""A recording as one figure: input, hidden and output spikes above two voltages."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from runs.report.drawing import Axis, Panel, stacked
from runs.report.traces.recording import Floats, Recording

_WIDTH, _LEFT = 330.0, 46.0
_MOST = 1200  # spikes drawn in a strip
_HIDDEN = 40  # neurons drawn of a hidden layer
_SOFT = "var(--soft)"


def draw_recording(recording: Recording, title: str, alt: str, colour: str, volts: tuple[float, float]) -> str:
    """SVG. title: the step. colour: its colour. volts: ends of the axis of voltages."""
    last = len(recording.sizes) - 1
    verdict = f"label {recording.label}, says {recording.predicted()}"
    strips = [_strip(recording, 0, 72, f"{title}: {verdict}", _SOFT, "input")]
    strips += [_strip(recording, layer, 84, "", _SOFT, _name(layer, last)) for layer in range(1, last)]
    strips += [_output(recording, colour), _voltages(recording, colour, volts)]
    return stacked(strips, alt)


def voltage_ends(recordings: Sequence[Recording]) -> tuple[float, float]:
    """One axis for all of them, but for the few values that are far below."""
    values = np.concatenate([v for one in recordings for v in (one.label_voltage, one.other_voltage)])
    values = values[np.isfinite(values)]
    if not len(values):
        return -0.5, 1.5
    low, high = np.quantile(values, [0.02, 1.0])
    return float(min(low, -0.1)), float(min(max(high, 1.2), 3.0))


def _name(layer: int, last: int) -> str:
    return "hidden" if last == 2 else f"hidden {layer}"


def _strip(recording: Recording, layer: int, height: float, title: str, colour: str, name: str) -> Panel:
    """Spikes of a layer's neurons, evenly chosen where there are many."""
    size = recording.sizes[layer]
    chosen = np.linspace(0, size - 1, _HIDDEN).round() if layer and size > _HIDDEN else np.arange(size)
    spikes = recording.of_layer(layer)
    spikes = spikes[np.isin(spikes[:, 1], chosen)]
    spikes = spikes[:: max(1, -(-len(spikes) // _MOST))]
    rows = np.searchsorted(chosen, spikes[:, 1]).astype(float)
    panel = _panel(recording, Axis(-0.5, len(chosen) - 0.5, (), name), height, title=title)
    panel.strokes(_points(spikes, rows), colour, height=max(1.0, len(chosen) / 26), width=0.9)
    return panel


def _output(recording: Recording, colour: str) -> Panel:
    size = recording.sizes[-1]
    spikes = recording.of_layer(len(recording.sizes) - 1)
    ticks = tuple((n, str(n)) for n in sorted({recording.label, recording.other}))
    panel = _panel(recording, Axis(size - 0.5, -0.5, ticks, "output"), 92)
    own = spikes[:, 1] == recording.label
    for mine, shade in ((~own, _SOFT), (own, colour)):
        panel.strokes(_points(spikes[mine], spikes[mine, 1]), shade, height=0.8, width=1.1)
    return panel


def _voltages(recording: Recording, colour: str, volts: tuple[float, float]) -> Panel:
    milliseconds = 1000 * recording.seconds
    step = next(s for s in (10, 20, 50, 100, 200, 500, 1000, 5000, 10000, 10**9) if milliseconds / s <= 5)
    ticks = tuple((float(t), f"{t:g}") for t in np.arange(0, milliseconds + 1e-6, step))
    y = Axis(volts[0], volts[1], ((0.0, "0"), (1.0, "\u03b8")), "voltage")
    panel = _panel(recording, y, 118, Axis(0, milliseconds, ticks, "time [ms]"))
    panel.level(1.0, "var(--soft)", dash="4 3")
    times = 1000 * recording.times
    for values, shade, width in ((recording.other_voltage, _SOFT, 1.0), (recording.label_voltage, colour, 1.5)):
        panel.line([(float(t), float(v)) for t, v in zip(times, values, strict=True)], shade, width=width)
    return panel


def _panel(recording: Recording, y: Axis, height: float, x: Axis | None = None, title: str = "") -> Panel:
    x = x or Axis(0, 1000 * recording.seconds, ())
    return Panel(x, y, title=title, width=_WIDTH, height=height, left=_LEFT, right=14, grid=False)


def _points(spikes: Floats, rows: Floats) -> list[tuple[float, float]]:
    return [(1000 * float(t), float(row)) for t, row in zip(spikes[:, 0], rows, strict=True)]
