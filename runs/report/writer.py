"""Writes report.html (one file, everything in it) and report.md with its figures beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from runs.comparison import read_runs
from runs.config import ConfigError
from runs.report.drawing import colour_sheet, standalone
from runs.report.page import Page, make_page
from runs.report.stages import Tell, untold
from runs.templates import templates_of

_TEMPLATES = Path(__file__).parent / "templates"


def write_report(paths: Sequence[Path], out: Path, traces: bool | None = None, tell: Tell = untold) -> Path:
    """Reports on every run at or below `paths`, into the directory `out`; returns the path of report.html.

    Args:
        traces: whether to show a test recording on its way through the networks, which takes about a second for each
            the first time; None: where there are few runs.
        tell: takes the name of every stage of the work as it begins.

    Raises:
        ConfigError: there is no run with a finished epoch.
    """
    tell("reading the runs")
    unreadable: list[str] = []
    runs = read_runs(*paths, skip=unreadable.append)
    if not runs and unreadable:
        raise ConfigError(f"none of the runs can be read; the first: {unreadable[0]}")
    if not runs:
        told = ", ".join(map(str, paths))
        raise ConfigError(f"no run with a finished epoch in {told}: train one with lava-dt train, or run lava-dt demo")
    page = make_page(runs, paths, out, traces, tell)
    tell("writing the report")
    values = {
        "page": page,
        "contents": _contents(page),
        "colours": colour_sheet(),
        "style": (_TEMPLATES / "style.css").read_text(encoding="utf-8"),
        **page.values,
    }
    templates = templates_of(_TEMPLATES)
    templates.filters.update(interval=_interval, together=_together, code=_code)
    out.mkdir(parents=True, exist_ok=True)
    for drawn in page.drawn:
        (out / f"report-{drawn.key}.svg").write_text(standalone(drawn.svg), encoding="utf-8")
    (out / "report.md").write_text(templates.get_template("report.md.jinja").render(values), encoding="utf-8")
    file = out / "report.html"
    file.write_text(templates.get_template("report.html.jinja").render(values), encoding="utf-8")
    return file


def _interval(text: str) -> Any:
    """A cell of a table, x and +- y in columns of their own."""
    from markupsafe import Markup, escape

    mean, sign, margin = text.partition(" \u00b1 ")
    return Markup('{}<span class="pm">\u00b1 {}</span>').format(mean, margin) if sign else escape(text)


def _code(text: str) -> Any:
    """A text whose words in backticks are set as code."""
    from markupsafe import Markup, escape

    parts = text.split("`")
    if len(parts) % 2 == 0:
        return escape(text)
    return Markup("").join(Markup("<code>{}</code>").format(p) if i % 2 else escape(p) for i, p in enumerate(parts))


def _together(text: str) -> str:
    """A text whose lines do not end before or behind a +-."""
    return text.replace(" \u00b1 ", "\u00a0\u00b1\u00a0")


def _contents(page: Page) -> list[tuple[str, str]]:
    """Anchors and names of the parts that there are."""
    parts = [
        ("findings", "Findings", True),
        ("setup", "What was run", True),
        ("table-3", "Table 3", bool(page.thesis)),
        ("convergence", "Convergence", any(model.figures for model in page.models)),
        ("learning", "Learning", True),
        *((part.anchor, part.title, True) for part in page.extra),
        ("cost", "Cost", any(model.costs for model in page.models)),
        ("lava", "In Lava", bool(page.values["parities"])),
        ("unfinished", "Unfinished runs", not page.status.complete),
        ("reading", "Reading the numbers", True),
        ("repeat", "Repeat it", True),
    ]
    return [(anchor, name) for anchor, name, there in parts if there]
