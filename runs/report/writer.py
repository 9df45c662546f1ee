"""Writes report.html (one file, everything in it) and report.md with its figures beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from runs.comparison import compare, read_runs
from runs.config import ConfigError
from runs.report import content


def write_report(paths: Sequence[Path], out: Path) -> Path:
    """Reports on every run at or below `paths`, into the directory `out`; returns the path of report.html.

    Raises:
        ConfigError: there is no run with a finished epoch.
    """
    import jinja2

    from runs.report.plots import accuracy_curves, convergence_plot

    entries = compare(read_runs(*paths))
    if not entries:
        told = ", ".join(map(str, paths))
        raise ConfigError(f"no run with a finished epoch in {told}: train one with lava-dt train, or run lava-dt demo")
    parts = content.sections(entries)
    figures = {
        f"{part.key}-{split}": accuracy_curves(part, f"{split}_accuracy")
        for part in parts
        for split in ("train", "test")
    }
    convergence = convergence_plot(parts)
    if convergence is not None:
        figures["convergence"] = convergence
    values = {
        "sections": parts,
        "discretised": any(part.discretised for part in parts),
        "several_seeds": max(len(entry.runs) for entry in entries) > 1,
        "parities": content.parities(entries),
        "commands": content.commands(entries),
        "versions": content.versions(entries),
        "epochs": max(entry.config.epochs for entry in entries),
        "figures": figures,
    }
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=jinja2.select_autoescape(["html.jinja"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    out.mkdir(parents=True, exist_ok=True)
    for name, svg in figures.items():
        (out / f"report-{name}.svg").write_text(svg, encoding="utf-8")
    (out / "report.md").write_text(templates.get_template("report.md.jinja").render(values), encoding="utf-8")
    page = out / "report.html"
    page.write_text(templates.get_template("report.html.jinja").render(values), encoding="utf-8")
    return page
