"""The figures of what was observed, in colours that a page has names for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from runs.observables.measured import Group
from runs.plot_style import GRID, INK
from runs.report.drawing.themed import KINDS, THEMED

_QUANTILES, _LARGEST, _LBFGS, _ADAM = KINDS[2], KINDS[4], KINDS[4], KINDS[0]
# clear where a value is 0, which has the colour of the page then, light or dark
_DIVERGING = LinearSegmentedColormap.from_list(
    "diverging", [(0, "#2f6fd0ff"), (0.5, "#2f6fd000"), (0.5, "#d6452b00"), (1, "#d6452bff")]
)
_FEW = 30  # evaluations that are marked, too: one alone is no line
_FLOOR = 1e-12  # where a logarithmic axis has no 0


def gradient_densities(group: Group, colours: Sequence[str]) -> Figure:
    """Densities of log10 |dL/dw| of the first backward pass, a panel a layer, a line a step of that colour."""
    names = [f"hidden{n + 1}" for n in range(len(group.steps[0].entry.config.hidden))]
    layers = [name for name in (*names, "output") if group.steps[0].mean(f"initial.gradient.{name}.density").ndim]

    def draw(axes: Axes, layer: str) -> None:
        edges = group.steps[0].first("edges")
        for step, colour in zip(group.steps, colours, strict=True):
            density = step.mean(f"initial.gradient.{layer}.density")
            if edges is not None and density.ndim:
                axes.plot((edges[1:] + edges[:-1]) / 2, density / np.diff(edges), color=colour, label=step.label)
        axes.set_title(f"weights of {layer}", fontsize=9.5)
        axes.set_xlim(-8, 6)
        axes.set_xlabel("log10 |dL/dw|")
        axes.set_ylabel("density")

    return _panels(layers, draw)


def gradient_heatmaps(group: Group, layer: str) -> Figure:
    """Sizes of a layer's first gradient, neurons by inputs, a panel a step, all in one scale."""
    maps = [(step, step.first(f"initial.gradient.{layer}.heatmap")) for step in group.steps]
    sizes = [np.log10(np.maximum(one, _FLOOR)) for _, one in maps if one is not None and one.max() > 0]
    high = max((float(one.max()) for one in sizes), default=0.0)
    with matplotlib.rc_context(THEMED):
        figure = Figure(figsize=(2.1 * len(maps), 2.2), layout="constrained")
        for axes, (step, one) in zip(figure.subplots(1, len(maps), squeeze=False)[0], maps, strict=True):
            image = np.log10(np.maximum(np.zeros((1, 1)) if one is None else one, _FLOOR))
            shown = axes.imshow(image, aspect="auto", cmap="magma", vmin=high - 5, vmax=high, interpolation="nearest")
            axes.set_title(f"dt {step.label}", fontsize=9)
            axes.set(xticks=[], yticks=[], xlabel="inputs", ylabel="neurons" if step is group.steps[0] else "")
        figure.colorbar(shown, ax=figure.axes, label="log10 of the root mean square", shrink=0.9)
        return figure


def factors(group: Group, layer: str) -> Figure:
    """By what an error is multiplied through one spike, and through all steps: quantiles by dt."""
    dts = [step.dt for step in group.steps]

    def draw(axes: Axes, kind: str) -> None:
        quantiles = np.array([np.resize(step.mean(f"initial.errors.{layer}.{kind}"), 9) for step in group.steps])
        for low, high, alpha in ((1, 7, 0.15), (3, 5, 0.3)):
            axes.fill_between(dts, quantiles[:, low], quantiles[:, high], color=_QUANTILES, alpha=alpha, lw=0)
        axes.plot(dts, quantiles[:, 4], "o-", color=_QUANTILES, label="median")
        axes.plot(dts, quantiles[:, 8], "--", color=_LARGEST, label="largest")
        axes.set_xscale("log")
        axes.set_xlabel("dt [s]")
        if kind == "passed":
            axes.set_yscale("log")
            keeps = [float(step.mean(f"initial.errors.{layer}.keep")) for step in group.steps]
            axes.plot(dts, keeps, "s:", color=INK, ms=3, label="du/du without a spike")
        axes.set_title({"passed": "through one step", "through": "through all steps, log10"}[kind], fontsize=9.5)

    return _panels(["passed", "through"], draw)


def spectra(group: Group, layer: str, colours: Sequence[str]) -> Figure:
    """Power of a hidden layer's batch mean by frequency, voltage and current, initial and trained, a line a step."""

    def draw(axes: Axes, panel: str) -> None:
        stage, what = panel.split(", ")
        for step, colour in zip(group.steps, colours, strict=True):
            power = step.mean(f"{stage}.{what}.{layer}.power")
            if power.ndim:
                steps = step.entry.config.bins or 1
                axes.plot(np.arange(1, len(power)) / steps, power[1:] + _FLOOR, color=colour, label=step.label)
        axes.set_yscale("log")
        axes.set_title(panel, fontsize=9.5)
        axes.set_xlabel("cycles a step")
        axes.set_ylabel("power")

    return _panels([f"{stage}, {what}" for stage in ("initial", "trained") for what in ("voltage", "current")], draw)


def wavelet_details(group: Group, layer: str) -> Figure:
    """Wavelet coefficients of the finest scale of a trained hidden layer's mean voltage: time by neurons."""
    with matplotlib.rc_context(THEMED):
        figure = Figure(figsize=(2.1 * len(group.steps), 3.6), layout="constrained")
        grid = figure.subplots(2, len(group.steps), squeeze=False)
        for row, part in enumerate(("approximation", "details")):
            for axes, step in zip(grid[row], group.steps, strict=True):
                found = step.first(f"trained.voltage.{layer}.{part}")
                image = np.zeros((1, 1)) if found is None else found
                bound = float(np.abs(image).max()) or 1.0
                axes.imshow(image, aspect="auto", cmap=_DIVERGING, vmin=-bound, vmax=bound, interpolation="nearest")
                axes.set(xticks=[], yticks=[])
                axes.set_title(f"dt {step.label}" if row == 0 else f"up to {bound:.2g}", fontsize=8.5)
            grid[row][0].set_ylabel(f"{part}: time")
        for axes in grid[1]:
            axes.set_xlabel("neurons")
        return figure


def fits(group: Group) -> Figure:
    """Loss of one batch by evaluations, L-BFGS and Adam, a panel a step; what L-BFGS went on from is marked."""
    steps = {step.label: step for step in group.steps if step.first("fit.lbfgs.losses") is not None}

    def draw(axes: Axes, label: str) -> None:
        for name, colour in (("lbfgs", _LBFGS), ("adam", _ADAM)):
            losses = steps[label].first(f"fit.{name}.losses")
            if losses is not None:
                marker = "." if len(losses) <= _FEW else ""
                known = np.where(np.isfinite(losses), losses, np.nan)
                axes.plot(known, marker=marker, color=colour, lw=1.2, label=_NAMES[name])
        losses, accepted = (steps[label].first(f"fit.lbfgs.{what}") for what in ("losses", "accepted"))
        if losses is not None and accepted is not None:
            at = accepted.astype(int)
            axes.plot(at, losses[at], "o", color=_LBFGS, ms=3, label="L-BFGS, an iteration's end")
        axes.set_yscale("log")
        axes.set_title(f"dt {label}", fontsize=9.5)
        axes.set_xlabel("evaluations")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_ylabel("loss")

    return _panels(list(steps), draw)


_NAMES = {"lbfgs": "L-BFGS, every evaluation", "adam": "Adam"}


def _panels(names: Sequence[str], draw: Callable[[Axes, str], None]) -> Figure:
    columns = min(2, len(names))
    rows = -(-len(names) // columns)
    with matplotlib.rc_context(THEMED):
        figure = Figure(figsize=(4.0 * columns, 2.6 * rows + 0.3), layout="constrained")
        grid: npt.NDArray[Any] = figure.subplots(rows, columns, squeeze=False)
        for axes, name in zip(grid.flat, names, strict=False):
            draw(axes, name)
            axes.grid(color=GRID, lw=0.8)
            axes.set_axisbelow(True)
            axes.spines[["top", "right"]].set_visible(False)
        for axes in list(grid.flat)[len(names) :]:
            axes.remove()
        handles, labels = grid.flat[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False, fontsize=8.5)
        return figure
