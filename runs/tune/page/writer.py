"""Writes tune.html (one file, everything in it) and tune.md with its figures beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runs.files import write_bytes
from runs.report.drawing import colour_sheet, standalone
from runs.templates import templates_of
from runs.tune.page.view import make_page
from runs.tune.result import TuneResult

_TEMPLATES = Path(__file__).parent / "templates"
_STYLE = Path(__file__).parents[2] / "report" / "templates" / "style.css"


def write_page(
    result: TuneResult, folder: Path, equations: Mapping[str, str], command: str, facts: Mapping[str, str]
) -> Path:
    """Writes the page of a result into the directory `folder`; returns the path of tune.html.

    Args:
        equations: of the rules of conversion, by name.
        command: that makes the result again.
        facts: versions and machine, by name.
    """
    page = make_page(result, equations, command, facts)
    templates = templates_of(_TEMPLATES)
    templates.filters["marked"] = _marked
    style = "\n".join(file.read_text(encoding="utf-8") for file in (_STYLE, _TEMPLATES / "tune.css"))
    values: dict[str, Any] = {"page": page, "colours": colour_sheet(), "style": style}
    folder.mkdir(parents=True, exist_ok=True)
    for drawn in page.drawn:
        _write(folder / f"tune-{drawn.key}.svg", standalone(drawn.svg))
    _write(folder / "tune.md", templates.get_template("tune.md.jinja").render(values))
    file = folder / "tune.html"
    _write(file, templates.get_template("tune.html.jinja").render(values))
    return file


def _write(file: Path, text: str) -> None:
    write_bytes(file, text.encode(), durable=False)


def _marked(cell: Any) -> str:
    """A cell as Markdown: what is best or chosen in bold, what is small in brackets."""
    text = f"**{cell.text}**" if cell.kind == "best" else cell.text
    return (f"{text} ({cell.small})" if cell.small else text).replace("|", "\\|")
