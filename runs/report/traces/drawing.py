"""A recording as one figure: input, hidden and output spikes above two voltages."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from runs.report.drawing import Axis, Panel, stack
from runs.report.figures import Drawn
from runs.report.traces.recording import Floats, Recording

_MOST = 1200  # spikes drawn in a strip
_HIDDEN = 40  # neurons drawn of a hidden layer
_SOFT = "var(--soft)"


def draw_recording(
    key: str, recording: Recording, title: str, alt: str, colour: str, volts: tuple[float, float]
) -> Drawn:
    """title: the step. colour: its colour. volts: ends of the axis of voltages."""
    layers = range(len(recording.sizes) - 1)
    chosen = [_chosen(recording, layer) for layer in layers]
    blank, time = Axis(0, 1000 * recording.seconds, ()), _time_axis(recording)
    rows = [
        (blank, Axis(-0.5, len(shown) - 0.5, (), _name(layer, len(layers))), 84.0 if layer else 72.0)
        for layer, shown in zip(layers, chosen, strict=True)
    ]
    rows.append((blank, _output_axis(recording), 92))
    rows.append((time, Axis(*volts, ((0.0, "0"), (1.0, "\u03b8")), "voltage"), 118))
    title = f"{title}: label {recording.label}, says {recording.predicted()}"
    panels = stack(rows, title=title, width=330, left=46, right=14)
    for panel, layer, shown in zip(panels[:-2], layers, chosen, strict=True):
        _layer(panel, recording, layer, shown)
    _output(panels[-2], recording, colour)
    _voltages(panels[-1], recording, colour)
    return Drawn(key, panels[0].svg(key, alt), alt)


def voltage_ends(recordings: Sequence[Recording]) -> tuple[float, float]:
    """One axis for all of them, but for the few values that are far below."""
    values = np.concatenate([v for one in recordings for v in (one.label_voltage, one.other_voltage)])
    values = values[np.isfinite(values)]
    if not len(values):
        return -0.5, 1.5
    low, high = np.quantile(values, [0.02, 1.0])
    return float(min(low, -0.1)), float(min(max(high, 1.2), 3.0))


def _name(layer: int, last: int) -> str:
    if not layer:
        return "input"
    return "hidden" if last == 2 else f"hidden {layer}"


def _chosen(recording: Recording, layer: int) -> Floats:
    """The neurons drawn of a layer, evenly chosen where there are many."""
    size = recording.sizes[layer]
    few = layer > 0 and size > _HIDDEN
    return np.linspace(0, size - 1, _HIDDEN).round() if few else np.arange(size, dtype=float)


def _layer(panel: Panel, recording: Recording, layer: int, chosen: Floats) -> None:
    spikes = recording.of_layer(layer)
    spikes = spikes[np.isin(spikes[:, 1], chosen)]
    spikes = spikes[:: max(1, -(-len(spikes) // _MOST))]
    rows = np.searchsorted(chosen, spikes[:, 1]).astype(float)
    panel.strokes(_points(spikes, rows), _SOFT, height=max(1.0, len(chosen) / 26), width=0.9)


def _output_axis(recording: Recording) -> Axis:
    ticks = tuple((n, str(n)) for n in sorted({recording.label, recording.other}))
    return Axis(recording.sizes[-1] - 0.5, -0.5, ticks, "output")


def _output(panel: Panel, recording: Recording, colour: str) -> None:
    spikes = recording.of_layer(len(recording.sizes) - 1)
    own = spikes[:, 1] == recording.label
    for mine, shade in ((~own, _SOFT), (own, colour)):
        panel.strokes(_points(spikes[mine], spikes[mine, 1]), shade, height=0.8, width=1.1)


def _time_axis(recording: Recording) -> Axis:
    milliseconds = 1000 * recording.seconds
    step = next(s for s in (10, 20, 50, 100, 200, 500, 1000, 5000, 10000, 10**9) if milliseconds / s <= 5)
    ticks = tuple((float(t), f"{t:g}") for t in np.arange(0, milliseconds + 1e-6, step))
    return Axis(0, milliseconds, ticks, "time [ms]")


def _voltages(panel: Panel, recording: Recording, colour: str) -> None:
    panel.level(1.0, _SOFT, dash="--")
    times = 1000 * recording.times
    for values, shade, width in ((recording.other_voltage, _SOFT, 1.0), (recording.label_voltage, colour, 1.5)):
        panel.line([(float(t), float(v)) for t, v in zip(times, values, strict=True)], shade, width=width)


def _points(spikes: Floats, rows: Floats) -> list[tuple[float, float]]:
    return [(1000 * float(t), float(row)) for t, row in zip(spikes[:, 0], rows, strict=True)]
