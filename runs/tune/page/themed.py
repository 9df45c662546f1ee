"""Figures of matplotlib as SVG that takes its letters and colours from the page: light, dark, and text as text."""

from __future__ import annotations

import io
import re
from html import escape
from typing import Any

from matplotlib.figure import Figure

from runs.plot_style import GRID, INK, STYLE

SOFT, PAPER, MARK, ALARM = "#5a6675", "#fffffe", "#1d4ed8", "#b42318"
KINDS = ("#1d4ed9", "#c2410c", "#0f766e", "#7c3aed", "#be185d", "#4d7c0f")
_NAMES = {INK: "ink", GRID: "line", SOFT: "soft", PAPER: "paper", MARK: "mark", ALARM: "alarm"} | {
    colour: f"k{place}" for place, colour in enumerate(KINDS)
}
THEMED: dict[Any, Any] = {
    **STYLE,
    "svg.fonttype": "none",
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "axes.edgecolor": SOFT,
    "axes.labelcolor": SOFT,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
}
_OWN_PARTS = re.compile(r"<defs>\s*<style.*?</style>\s*</defs>|<!--.*?-->", re.DOTALL)
_IDS = re.compile(r' id="(?:figure|axes|patch|line2d|text|matplotlib\.axis|xtick|ytick|legend|LineCollection)_\d+"')
_FONT = re.compile(r"'DejaVu Sans'[^;\"]*")
_PIXEL = 4 / 3  # of a point


def themed(figure: Figure, description: str) -> str:
    """The figure with the colours' names of `runs.report.drawing.colours` in the place of those of this module.

    Args:
        figure: drawn with `THEMED`.
        description: what a reader who cannot see it is told.
    """
    stream = io.StringIO()
    figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = stream.getvalue()
    inside = text[text.index(">", text.index("<svg")) + 1 :]
    inside = _FONT.sub("system-ui, 'DejaVu Sans', sans-serif", _IDS.sub("", _OWN_PARTS.sub("", inside)))
    for colour, name in _NAMES.items():
        inside = inside.replace(colour, f"var(--{name})")
    width, height = (72 * size for size in figure.get_size_inches())
    head = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="0 0 {width:g} {height:g}" width="{_PIXEL * width:.0f}" height="{_PIXEL * height:.0f}" '
        'stroke-linejoin="round" role="img">'
    )
    return f"{head}<title>{escape(description)}</title>{inside.strip()}"
