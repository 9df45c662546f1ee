"""A figure of matplotlib as SVG for a page: the page's letters and colours, and ids that are the figure's own."""

from __future__ import annotations

import io
import re
from html import escape

import matplotlib
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from runs.report.drawing.colours import by_name

_TOLD = "told: "
_NOTHING = dict.fromkeys(("Creator", "Date", "Format", "Type"))
_PATHS = re.compile(r' (d|x|y)="([^"]*)"')
_NUMBERS = re.compile(r"-?\d+\.\d+")
_CHANGES = (
    (re.compile(r"<defs>\s*<style.*?</style>\s*</defs>", re.DOTALL), ""),
    (re.compile(r"""<g id=(["'])""" + _TOLD + r"(.*?)\1>"), r"<g><title>\2</title>"),
    (re.compile(r"""<g id=(["'])[^>]*?\1(/?)>"""), r"<g\2>"),
    (re.compile(r"<g/>"), ""),
    (re.compile(r"font-family: [^;\"]*(; )?"), ""),
    (re.compile(r"font: ([^;\"]*?)([\d.]+px)[^;\"]*"), r"font-size: \2; font-weight: \1normal"),
    (re.compile(r"font-weight: (\w+) normal"), r"font-weight: \1"),
    (re.compile(r' transform="rotate\(-0 [^"]*"'), ""),
    (re.compile(r">\s+<"), "><"),
)


def told_id(text: str) -> str | None:
    """The gid of an artist that shows the text under the pointer; None without a text."""
    return f"{_TOLD}{text}" if text else None


def as_svg(figure: Figure, key: str, description: str) -> str:
    """The figure in SVG, the same whenever it is drawn.

    Args:
        figure: in inches of 72 CSS pixels.
        key: the figure's own on the page that it is for, as ids are made from it.
        description: what a reader who cannot see it is told.
    """
    stream = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": key}):
        FigureCanvasSVG(figure).print_svg(stream, metadata=_NOTHING)
    text = stream.getvalue()
    inside = text[text.index(">", text.index("<svg")) + 1 :]
    for pattern, new in _CHANGES:
        inside = pattern.sub(new, inside)
    width, height = (72 * size for size in figure.get_size_inches())
    head = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" role="img" '
        f'viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}" stroke-linejoin="round">'
    )
    return f"{head}<title>{escape(description)}</title>{by_name(_PATHS.sub(_shorter, inside)).strip()}"


def _shorter(attribute: re.Match[str]) -> str:
    """Tenths of a pixel."""
    rounded = _NUMBERS.sub(lambda number: f"{float(number[0]):.1f}".removesuffix(".0"), attribute[2])
    return f' {attribute[1]}="{" ".join(rounded.split())}"'
