"""Parts of a report that others deliver: text, figures, tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from runs.report.figures import Drawn


@dataclass(frozen=True)
class Figures:
    """Figures that belong together, with a title and a caption. wide: more than a panel beside others."""

    drawn: list[Drawn]
    title: str = ""
    caption: str = ""
    wide: bool = False


@dataclass(frozen=True)
class Part:
    """A part of the page. anchor: what links lead to. tables: with header and rows of text."""

    anchor: str
    title: str
    paragraphs: list[str]
    figures: list[Figures]
    tables: list[Any] = field(default_factory=list)
