"""The figures: Bode plot, responses to a spike, error against the step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from bats_dt.theory import LIF, Stepped, compare, impulse_response
from bats_dt.theory.truncation import ORDER
from runs.explain.findings import peak_of
from runs.explain.wording import NAMES, time_text
from runs.plot_style import GRID, INK, STYLE

EXPLAINED: Any = {**STYLE, "font.size": 9.5, "svg.fonttype": "path"}
COLOURS = {
    "forward_euler": "#c2410c", "backward_euler": "#1d4ed8", "exponential": "#0f766e", "bilinear": "#7c3aed",
}  # fmt: skip
_LINES = {"forward_euler": "-", "backward_euler": "-", "exponential": "-", "bilinear": "--"}
_DPI = 150


def bode(steps: Sequence[Sequence[Stepped]]) -> Figure:
    """|H| and its phase against frequency, continuous and by scheme: a column a step (at most four, the finest)."""
    steps = steps[:4]
    with matplotlib.rc_context(EXPLAINED):
        figure = Figure(figsize=(max(5.2, 3.4 * len(steps)), 5.0), layout="constrained")
        grid = figure.subplots(2, len(steps), sharey="row", sharex=True, squeeze=False)
        lif = steps[0][0].lif
        low, high = lif.bandwidth / 30, max(30 * lif.bandwidth, 1.5 * math.pi / steps[0][0].dt)
        omega = np.geomspace(low, high, 600)
        for column, (above, below), of_dt in zip(range(len(steps)), grid.T, steps, strict=True):
            nyquist = math.pi / of_dt[0].dt
            seen = np.append(omega[omega < nyquist], nyquist)
            _draw_bode(above, below, omega, lif.frequency_response(omega) / lif.resistance, INK, "continuous", 2.4)
            for stepped in of_dt:
                response = stepped.frequency_response(seen) / lif.resistance
                _draw_bode(
                    above,
                    below,
                    seen,
                    response,
                    COLOURS[stepped.scheme],
                    NAMES[stepped.scheme],
                    1.5,
                    _LINES[stepped.scheme],
                )
            for axes in (above, below):
                axes.axvline(nyquist / (2 * math.pi), color="#9aa5b1", lw=1, ls=":")
                axes.axvline(lif.bandwidth / (2 * math.pi), color="#9aa5b1", lw=1, ls="--")
                dress(axes)
                axes.set_xscale("log")
                axes.set_xlim(low / (2 * math.pi), high / (2 * math.pi))
            above.set_title(f"dt = {time_text(of_dt[0].dt)}", fontsize=10)
            below.set_xlabel("frequency [Hz]")
            if column == 0:
                above.set_ylabel("|H| / R [dB]")
                below.set_ylabel("phase [degrees]")
        floor = 20 * math.log10(abs(lif.frequency_response(high)) / lif.resistance)
        grid[0, 0].set_ylim(floor - 3, 6)
        grid[1, 0].set_yticks([0, -90, -180, -270])
        handles, labels = grid[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=5 if len(steps) > 2 else 3, frameon=False)
        figure.suptitle("Frequency response  (dashed: bandwidth, dotted: half the rate of steps)", fontsize=9.5)
        return figure


def responses(steps: Sequence[Sequence[Stepped]]) -> Figure:
    """u after a spike at 0, exact and by scheme, and the error: a column a step (at most four, the finest)."""
    steps = steps[:4]
    with matplotlib.rc_context(EXPLAINED):
        figure = Figure(figsize=(max(5.2, 3.4 * len(steps)), 4.8), layout="constrained")
        rows = figure.subplots(2, len(steps), sharex=True, squeeze=False, height_ratios=(3, 2))
        lif = steps[0][0].lif
        end, (_, peak) = 5 * max(lif.tau_mem, lif.tau_syn), peak_of(lif)
        unit, size = ("ms", 1e-3) if end < 1 else ("s", 1.0)
        time = np.linspace(0, end, 800)
        for (above, below), of_dt in zip(rows.T, steps, strict=True):
            above.plot(time / size, impulse_response(lif, time) / peak, color=INK, lw=2.4, label="continuous")
            n = max(1, math.floor(end / of_dt[0].dt))
            at = of_dt[0].dt * np.arange(n + 1)
            marker = "o" if n <= 60 else ""
            for stepped in of_dt:
                u, colour = stepped.impulse_response(n) / peak, COLOURS[stepped.scheme]
                drawn: Any = {"color": colour, "lw": 1.3, "marker": marker, "ms": 2.5, "ls": _LINES[stepped.scheme]}
                above.plot(at / size, u, label=NAMES[stepped.scheme], **drawn)
                below.plot(at / size, 100 * (u - impulse_response(lif, at) / peak), **drawn)
            _limit(above, -0.6, 1.8)
            _limit(below, -100.0, 100.0)
            for axes in (above, below):
                dress(axes)
            unstable = [NAMES[stepped.scheme] for stepped in of_dt if not stepped.stable]
            told = f" ({', '.join(unstable)} unstable)" if unstable else ""
            above.set_title(f"dt = {time_text(of_dt[0].dt)}{told}", fontsize=10)
            below.axhline(0, color=INK, lw=1)
            below.set_xlabel(f"time after the spike [{unit}]")
        rows[0, 0].set_ylabel("u, of its peak")
        rows[1, 0].set_ylabel("error [% of the peak]")
        handles, labels = rows[0, -1].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=5 if len(steps) > 2 else 3, frameon=False)
        figure.suptitle("Response to one spike on the grid", fontsize=9.5)
        return figure


def convergence(lif: LIF, schemes: Sequence[str]) -> Figure:
    """The largest error of the response to a spike against dt, both in logarithms, with the slopes of the orders."""
    with matplotlib.rc_context(EXPLAINED):
        figure = Figure(figsize=(5.6, 4.0), layout="constrained")
        axes = figure.subplots()
        shorter, (_, peak) = min(lif.tau_mem, lif.tau_syn), peak_of(lif)
        steps = shorter * np.geomspace(0.003, 4, 24)
        end = 6 * max(lif.tau_mem, lif.tau_syn)
        for scheme in schemes:
            on_grid, late = (
                [compare(Stepped(lif, dt, scheme), [at * dt], [1.0], max(end, 20 * dt)).largest / peak for dt in steps]
                for at in (0.0, 1 - 1e-6)
            )
            if scheme == "exponential":
                label = "exponential (exact on the grid)"
            else:
                axes.plot(steps, on_grid, color=COLOURS[scheme], lw=1.8)
                label = f"{NAMES[scheme]} (order {ORDER[scheme]})"
            either = np.maximum(on_grid, late)
            axes.plot(steps, either, color=COLOURS[scheme], lw=2.4 if scheme == "exponential" else 1.2, ls="--")
            axes.plot([], [], color=COLOURS[scheme], lw=1.8, ls="--" if scheme == "exponential" else "-", label=label)
        for slope, height in ((1, 0.25), (2, 0.0016)):
            line = steps[[2, 10]]
            axes.plot(line, height * (line / line[-1]) ** slope, color="#7b8794", lw=1)
            axes.annotate(f"slope {slope}", (line[-1], height), xytext=(-40, 2), textcoords="offset points",
                          color="#52606d", fontsize=8)  # fmt: skip
        dress(axes)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_ylim(1e-6, 3)
        axes.axvline(shorter, color="#9aa5b1", lw=1, ls=":")
        axes.set_xlabel("dt [s]  (dotted: the shorter time constant)")
        axes.set_ylabel("largest error, of the peak")
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.legend(frameon=False, fontsize=8, loc="lower right")
        axes.set_title("Error of the response to a spike on the grid (dashed: anywhere in its step)", fontsize=9.5)
        return figure


def write(figures: dict[str, Figure], out: Path) -> list[str]:
    """Write each figure as SVG and PNG into the directory ``out``; their names."""
    out.mkdir(parents=True, exist_ok=True)
    names = []
    for name, figure in figures.items():
        with matplotlib.rc_context(EXPLAINED):
            figure.savefig(out / f"{name}.svg", metadata={"Date": None, "Creator": None})
            figure.savefig(out / f"{name}.png", dpi=_DPI, metadata={"Software": None})
        names += [f"{name}.svg", f"{name}.png"]
    return names


def dress(axes: Axes) -> None:
    """A light grid and no frame above and to the right."""
    axes.grid(color=GRID, lw=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_bode(
    above: Axes,
    below: Axes,
    omega: np.ndarray,
    response: np.ndarray,
    colour: str,
    label: str,
    width: float,
    line: str = "-",
) -> None:
    hertz = omega / (2 * math.pi)
    above.plot(hertz, 20 * np.log10(np.abs(response)), line, color=colour, lw=width, label=label)
    below.plot(hertz, np.degrees(np.unwrap(np.angle(response))), line, color=colour, lw=width)


def _limit(axes: Axes, low: float, high: float) -> None:
    """The axis as it is, but not beyond what an unstable response would take it to."""
    bottom, top = axes.get_ylim()
    axes.set_ylim(max(bottom, low), min(top, high))
