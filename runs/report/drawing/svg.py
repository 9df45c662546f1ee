"""A figure of matplotlib as SVG for a page: the page's letters and colours, and ids that are the figure's own.

The figure is read as XML, and what is not known in it stays as matplotlib wrote it.
"""

from __future__ import annotations

import io
import re
from xml.etree import ElementTree

import matplotlib
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from runs.report.drawing.colours import by_name

_SVG, _XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_TOLD = "told: "
_NOTHING = dict.fromkeys(("Creator", "Date", "Format", "Type"))
_NUMBERS = re.compile(r"-?\d+\.\d+(?![\de])")
_FONT = re.compile(r"font: (?P<before>[^;]*?)(?P<size>[\d.]+px)[^;]*")  # style, weight and size before the families
_PLACES, _COLOURED = ("d", "x", "y"), ("style", "fill", "stroke")


def told_id(text: str) -> str | None:
    """The gid of an artist that shows the text under the pointer; None without a text."""
    return f"{_TOLD}{text}" if text else None


def as_svg(figure: Figure, key: str, description: str, *, scale: float = 1) -> str:
    """The figure in SVG, the same whenever it is drawn.

    Args:
        figure: in inches of 72 units, drawn with colours that `runs.report.drawing.colours` has names for.
        key: the figure's own on the page that it is for, as ids are made from it.
        description: what a reader who cannot see it is told.
        scale: CSS pixels a unit.
    """
    stream = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": key}):
        FigureCanvasSVG(figure).print_svg(stream, metadata=_NOTHING)
    root = ElementTree.fromstring(stream.getvalue())
    _tidy(root, set(re.findall(r"#([^)\"']+)", stream.getvalue())))
    width, height = (72 * size for size in figure.get_size_inches())
    root.attrib = {
        "viewBox": f"0 0 {width:g} {height:g}",
        "width": f"{scale * width:g}",
        "height": f"{scale * height:g}",
        "stroke-linejoin": "round",
        "role": "img",
    }
    _entitle(root, description)
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", _XLINK)
    return ElementTree.tostring(root, encoding="unicode")


def _tidy(parent: ElementTree.Element, referred: set[str]) -> None:
    """Gives everything below its names and the page's look, and leaves out what is then empty."""
    for child in list(parent):
        _tidy(child, referred)
        child.tail = None
        _dress(child, referred)
        empty = not len(child) and not child.attrib
        if child.tag == f"{{{_SVG}}}style" or (empty and child.tag in (f"{{{_SVG}}}g", f"{{{_SVG}}}defs")):
            parent.remove(child)
    if not (parent.text or "").strip():
        parent.text = None


def _dress(element: ElementTree.Element, referred: set[str]) -> None:
    known = element.attrib
    name = known.get("id", "")
    if name.startswith(_TOLD):
        _entitle(element, name.removeprefix(_TOLD))
    if element.tag in (f"{{{_SVG}}}g", f"{{{_SVG}}}image") and name not in referred:  # equal images have equal ids
        known.pop("id", None)
    if known.get("transform", "").startswith("rotate(-0 "):
        del known["transform"]
    if "style" in known:
        known["style"] = _style(known["style"])
    for name in _COLOURED:
        if name in known:
            known[name] = by_name(known[name])
    for name in _PLACES:
        if name in known:
            known[name] = " ".join(_NUMBERS.sub(_tenth, known[name]).split())


def _style(text: str) -> str:
    """A style without the families of its letters."""
    parts = [part.strip() for part in text.split(";")]
    return "; ".join(_sized(part) for part in parts if part and not part.startswith("font-family:"))


def _sized(part: str) -> str:
    """``font: bold 12px families`` without the families, in properties of their own."""
    found = _FONT.fullmatch(part)
    if found is None:
        return part
    weight = found["before"].strip()
    return f"font-size: {found['size']}" + (f"; font-weight: {weight}" if weight else "")


def _entitle(element: ElementTree.Element, text: str) -> None:
    title = ElementTree.Element(f"{{{_SVG}}}title")
    title.text = text
    element.insert(0, title)


def _tenth(number: re.Match[str]) -> str:
    """Tenths of a pixel."""
    return f"{float(number[0]):.1f}".removesuffix(".0")
