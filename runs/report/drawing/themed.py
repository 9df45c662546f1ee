"""Figures of matplotlib that take letters and colours from the page: its sizes in points, its colours by name."""

from __future__ import annotations

from typing import Any

import matplotlib
from matplotlib.figure import Figure

from runs.plot_style import STYLE
from runs.report.drawing.colours import KINDS as _KINDS
from runs.report.drawing.colours import hue
from runs.report.drawing.svg import as_svg

SOFT, PAPER, MARK, ALARM = (hue(f"var(--{name})") for name in ("soft", "paper", "mark", "alarm"))
KINDS = tuple(hue(f"var(--k{place})") for place in range(_KINDS))
THEMED: dict[Any, Any] = {
    **STYLE,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "axes.edgecolor": SOFT,
    "axes.labelcolor": SOFT,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
}
_PIXEL = 4 / 3  # of a point


def themed(figure: Figure, key: str, description: str) -> str:
    """The figure in SVG with the colours' names of `runs.report.drawing.colours`.

    Args:
        figure: drawn with `THEMED`.
        key: the figure's own on the page that it is for.
        description: what a reader who cannot see it is told.
    """
    with matplotlib.rc_context(THEMED):  # of ticks, too, which are made when they are drawn
        return as_svg(figure, key, description, scale=_PIXEL)
