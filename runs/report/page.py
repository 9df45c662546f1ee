"""Everything that a report says, as plain values for the templates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runs.comparison import Entry, Run, compare
from runs.report import repeat
from runs.report.columns import Table, cost_table, section_table
from runs.report.drawing.colours import KINDS
from runs.report.figures import Drawn, change_panels, cost_panels, curves
from runs.report.findings import findings
from runs.report.part import Part
from runs.report.sections import Section, model_name, sections
from runs.report.setup import setups
from runs.report.stages import Tell, untold
from runs.report.statistics import statistics_table
from runs.report.status import Status, read_status
from runs.report.steps import Steps
from runs.report.thesis import SOURCE, Table3, details, summary, table3, verdict
from runs.report.traces import FEW_RUNS, traces_part
from runs.report.wording import MISSING, percent, several, spreads
from runs.results.energy import PRICES

_MOST = 30  # sections that are shown
_FEW_EPOCHS = 10
_CURVES = 15  # panels of curves after which further sections have tables only: drawing one takes some 40 ms
QUESTION = (
    "A spiking network that runs in bigger steps costs less. What does it lose? Each network below is trained "
    "undiscretised and at coarser steps, otherwise in the same way, and its convergence rate (CR) is compared with the "
    "undiscretised one's."
)


@dataclass(frozen=True)
class SectionView:
    """A section as it is shown."""

    section: Section
    findings: list[str]
    table: Table
    statistics: Table | None
    figures: list[Drawn]


@dataclass(frozen=True)
class ModelView:
    """What the sections of one model say together."""

    name: str
    figures: list[Drawn]
    costs: list[tuple[str, Table]]
    cost_figures: list[Drawn]


@dataclass(frozen=True)
class ThesisView:
    """A model's published changes beside the measured ones. rows: bins, published, then text and verdict of each."""

    name: str
    columns: list[str]
    rows: list[tuple[int, str, list[tuple[str, str]]]]
    summary: str
    details: list[str]


@dataclass
class Page:
    """A report. drawn: all of its figures, by the names of their files."""

    title: str
    questions: list[str]
    chips: list[str]
    status: Status
    sections: list[SectionView]
    left_out: int
    models: list[ModelView]
    thesis: list[ThesisView]
    values: dict[str, Any]
    extra: list[Part] = field(default_factory=list)

    @property
    def drawn(self) -> list[Drawn]:
        """Every figure."""
        found = [drawn for view in self.sections for drawn in view.figures]
        for model in self.models:
            found += [*model.figures, *model.cost_figures]
        return found + [drawn for part in self.extra for figures in part.figures for drawn in figures.drawn]


def make_page(
    runs: Sequence[Run], paths: Sequence[Path], out: Path, traces: bool | None = None, tell: Tell = untold
) -> Page:
    """The report of the runs, which lie at or below the paths; `out`, `traces` and `tell` as `write_report` has."""
    tell(f"comparing {several(len(runs), 'run')}")
    entries = compare(runs)
    everything = sections(entries)
    shown = everything[:_MOST]
    steps = Steps([entry for section in shown for entry in section.entries])
    status = read_status(paths, runs)
    environments = {run.path: run.environment for run in runs}
    lines, further = repeat.commands([entry for section in shown for entry in section.entries if _own(entry, section)])
    wanted = len(runs) <= FEW_RUNS if traces is None else traces
    if wanted:
        tell("sending a test recording through the networks")
    recordings = traces_part(shown, steps, out / "report-recordings") if wanted else None
    tell("drawing")
    discretised = any(section.discretised for section in everything)
    usual = "How coarse may the step be?" if discretised else "Trained networks"
    views = _views(shown, steps)
    return Page(
        title=status.title or usual,
        questions=status.questions or ([QUESTION] if discretised else []),
        chips=_chips(runs, everything, status),
        status=status,
        sections=views,
        left_out=len(everything) - len(shown),
        models=_models(shown, steps),
        thesis=[_thesis(table) for table in _tables(shown)],
        values={
            "discretised": discretised,
            "several_seeds": any(len(entry.runs) > 1 for entry in entries),
            "two_seeds": any(len(entry.runs) == 2 or len(entry.pairs) == 2 for entry in entries),
            "few_epochs": max(entry.config.epochs for entry in entries) < _FEW_EPOCHS,
            "setups": setups(shown, environments),
            "curves_left_out": _curves_left_out(views),
            "parities": repeat.parities([entry for section in shown for entry in section.entries]),
            "commands": lines,
            "further_commands": further,
            "sweeps": repeat.sweep_commands(status.files),
            "versions": repeat.versions(environments),
            "source": SOURCE,
            "prices": PRICES,
        },
        extra=[*([recordings] if recordings and (recordings.figures or traces) else []), *_observed(shown, steps)],
    )


def _observed(shown: Sequence[Section], steps: Steps) -> list[Part]:
    """What was observed in clocked networks."""
    entries = [entry for section in shown if section.model == "clocked" for entry in section.entries]
    if not entries:
        return []
    from runs.report.observables import observables_sections

    return observables_sections(entries, steps)


def _own(entry: Entry, section: Section) -> bool:
    """Whether an entry is here by its own right, and not as another's baseline."""
    return entry.experiment == section.experiment


def _chips(runs: Sequence[Run], shown: Sequence[Section], status: Status) -> list[str]:
    """A few facts for the top of the page."""
    models = dict.fromkeys(model_name(section.entries[0].config) for section in shown)
    seeds = {run.config.seed for run in runs}
    experiments = dict.fromkeys(section.experiment for section in shown if section.experiment)
    facts = [several(max(status.planned, len(runs)), "run"), " and ".join(models), several(len(seeds), "seed")]
    return facts + ([several(len(experiments), "experiment")] if experiments else [])


def _views(shown: Sequence[Section], steps: Steps) -> list[SectionView]:
    """All sections, of which the first ones have curves."""
    found: list[SectionView] = []
    for section in shown:
        few = sum(len(view.figures) for view in found) < _CURVES
        tables = section_table(section, steps), statistics_table(section, steps)
        found.append(SectionView(section, findings(section), *tables, curves(section, steps) if few else []))
    return found


def _curves_left_out(views: Sequence[SectionView]) -> str:
    """A sentence about the sections without curves; "" where there are none."""
    n = sum(bool(view.figures) for view in views)
    if n == len(views):
        return ""
    return (
        f"Curves are drawn of the first {n} of {len(views)} groups of runs, tables of all: report on the directories "
        "of others alone for theirs."
    )


def _models(shown: Sequence[Section], steps: Steps) -> list[ModelView]:
    """By the model's name, the sections in handfuls whose colours can be told apart."""
    found = []
    for model in dict.fromkeys(section.model for section in shown):
        ours = [section for section in shown if section.model == model]
        tables = {table.model: table for table in _tables(shown)}
        figures, costs = [], []
        for place in range(0, len(ours), KINDS):
            several_ones = ours[place : place + KINDS]
            suffix = f"-{place // KINDS + 1}" if place else ""
            figures += change_panels(f"{model}{suffix}", several_ones, tables.get(model))
            costs += cost_panels(f"{model}{suffix}", several_ones, steps)
        told = [(section.title, cost_table(section, steps)) for section in ours]
        known = [(title, table) for title, table in told if table is not None]
        found.append(ModelView(model_name(ours[0].entries[0].config), figures, known, costs))
    return found


def _tables(shown: Sequence[Section]) -> list[Table3]:
    """Table 3 for every model that has enough of its steps; one column a section and way to take a step."""
    named: list[tuple[str, list[Entry]]] = []
    for section in shown:
        ways = section.variants()
        for way in ways:
            ours = [entry for entry in section.discretised if section.variant(entry) == way]
            named.append((f"{section.name}, {way}" if len(ways) > 1 else section.name, ours))
    return table3(named)


def _thesis(table: Table3) -> ThesisView:
    columns = []
    for column in table.columns:
        texts = spreads([entry.change for entry in column.entries.values()], signed=True)
        judged = [_judged(entry, table.published[n]) for n, entry in column.entries.items()]
        columns.append(dict(zip(column.entries, zip(texts, judged, strict=True), strict=True)))
    rows = [
        (n, percent(value, signed=True, digits=2), [column.get(n, (MISSING, "")) for column in columns])
        for n, value in table.published.items()
    ]
    name = "SLAYER" if table.model == "slayer" else "BATS"
    return ThesisView(name, [column.name for column in table.columns], rows, summary(table), details(table))


def _judged(entry: Entry, published: float) -> str:
    """The verdict, or that it is too early for one."""
    return verdict(entry.change, published) if entry.finished else f"{entry.epochs} of {entry.config.epochs} epochs"
