"""Colours by name, for light and dark pages: steps in a sequence, models and experiments apart from each other.

A figure says ``var(--s2)`` and the style sheet says what that is: --s0 ... --s7 from fine to coarse steps, --k0 ... for
kinds without an order, --ink, --soft, --line, --paper, --base (the undiscretised network), --alarm. matplotlib draws
with the colours of the light scheme (`hue`) and of `runs.plot_style`, which are then given their names (`by_name`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from runs.plot_style import GRID, INK

STEPS = 8  # shades of the sequence
KINDS = 6

# from fine to coarse, even in lightness: dark to light on white, and brighter on black
_LIGHT_RAMP = ("#2b2c8f", "#7b1fa2", "#b3247a", "#d9483b", "#e07b00", "#b79a00")
_DARK_RAMP = ("#8aa2ff", "#c08cff", "#f285c8", "#ff8f7a", "#ffb454", "#f4e285")
_LIGHT: dict[str, str | tuple[str, ...]] = {
    "ink": "#1b2430",
    "soft": "#5a6675",
    "line": "#dde2e8",
    "paper": "#ffffff",
    "shade": "#f4f6f8",
    "base": "#1b2431",  # no two colours of figures are the same
    "mark": "#1d4fd8",
    "alarm": "#b42318",
    "k": ("#1d4ed8", "#c2410c", "#0f766e", "#7c3aed", "#be185d", "#4d7c0f"),
}
_DARK: dict[str, str | tuple[str, ...]] = {
    "ink": "#e6eaef",
    "soft": "#9aa7b5",
    "line": "#2f3945",
    "paper": "#12171d",
    "shade": "#1b222a",
    "base": "#f3f5f7",
    "mark": "#8ab4ff",
    "alarm": "#ff8a80",
    "k": ("#8ab4ff", "#ffab70", "#5eead4", "#c4b5fd", "#f9a8d4", "#bef264"),
}


def step_colour(place: float) -> str:
    """The colour of a step, from 0 (fine) to 1 (coarse)."""
    return f"var(--s{round(min(1.0, max(0.0, place)) * (STEPS - 1))})"


def kind_colour(place: int) -> str:
    """The colour of the kind with that number; they begin again after `KINDS`."""
    return f"var(--k{place % KINDS})"


def hue(colour: str) -> str:
    """What matplotlib draws ``var(--s2)`` with."""
    return _HUES[colour]


def by_name(svg: str) -> str:
    """The figure with names for all of those colours."""
    return re.sub("#[0-9a-f]{6}", lambda found: _NAMED.get(found[0], found[0]), svg)


def colour_sheet() -> str:
    """The style sheet of all names, for both schemes."""
    light, dark = (
        ";".join(f"--{name}:{value}" for name, value in _names(*scheme).items())
        for scheme in ((_LIGHT, _LIGHT_RAMP), (_DARK, _DARK_RAMP))
    )
    return f":root{{{light}}}@media (prefers-color-scheme: dark){{:root{{{dark}}}}}"


def standalone(svg: str) -> str:
    """A figure as a file of its own, with the colours and letters that the page would give it."""
    style = f"<style>{colour_sheet()}svg{{background:var(--paper);font-family:system-ui,sans-serif}}</style>"
    end = svg.index(">") + 1
    return svg[:end] + style + svg[end:]


def _names(colours: Mapping[str, str | tuple[str, ...]], ramp: tuple[str, ...]) -> dict[str, str]:
    named = {name: value for name, value in colours.items() if isinstance(value, str)}
    named |= {f"k{i}": value for i, value in enumerate(colours["k"])}
    return named | {f"s{i}": _along(ramp, i / (STEPS - 1)) for i in range(STEPS)}


def _along(ramp: tuple[str, ...], place: float) -> str:
    """The colour at a place, 0 to 1, between the two of the ramp that are next to it."""
    below = min(int(place * (len(ramp) - 1)), len(ramp) - 2)
    share = place * (len(ramp) - 1) - below
    first, second = (tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5)) for colour in ramp[below : below + 2])
    return "#" + "".join(f"{round(a + share * (b - a)):02x}" for a, b in zip(first, second, strict=True))


_HUES = {f"var(--{name})": colour for name, colour in _names(_LIGHT, _LIGHT_RAMP).items()}
_NAMED = {colour: name for name, colour in _HUES.items()} | {INK: "var(--ink)", GRID: "var(--line)"}
