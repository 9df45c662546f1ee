"""The table of a section."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median

from runs.comparison import Entry
from runs.report.drawing.scales import short
from runs.report.sections import Section
from runs.report.steps import Steps
from runs.report.wording import MISSING, bins, number, percent, spreads, step
from runs.results.costs import Costs
from runs.results.energy import CMOS_45NM, LOIHI


@dataclass(frozen=True)
class Row:
    """A line of a table: its cells, the colour of its step, and whether the others are compared with it."""

    cells: list[str]
    colour: str
    reference: bool


@dataclass(frozen=True)
class Table:
    """header: names of the columns. rows: lines of as many cells."""

    header: list[str]
    rows: list[Row]


def section_table(section: Section, steps: Steps) -> Table:
    """How well a section's networks learn; columns that would say nothing are left out."""
    entries = section.entries

    def each(text: Callable[[Entry], str]) -> list[str]:
        return [text(entry) for entry in entries]

    def any_above_zero(name: str) -> bool:
        return any(value > 0 for entry in entries for value in entry.at_the_end(name))

    columns = {
        "Step": step_cells(section, entries),
        "Bins": each(bins),
        "Change in CR": spreads([None if entry.is_reference else entry.change for entry in entries], signed=True),
        "CR": each(lambda entry: number(entry.rate.mean, 3)),
        "Train": spreads([entry.last("train_accuracy") for entry in entries]),
        "Test": spreads([entry.last("test_accuracy") for entry in entries]),
        "Silent labels": each(lambda entry: percent(entry.last("test_silent_labels").mean)),
        "Dead classes": each(_dead_classes),
        "Lost spikes": each(lambda entry: number(entry.last("train_lost_spikes").mean, 0)),
        "Hidden spikes": each(lambda entry: number(entry.last("test_spikes_hidden1").mean, 2)),
        "Seeds": each(_seeds),
        "Epochs": each(_epochs),
        "s / epoch": each(_seconds),
    }
    if not section.discretised or not any(entry.pairs for entry in section.discretised):
        del columns["Change in CR"]
    if not section.discretised or len({entry.config.bins for entry in entries}) == 1:
        del columns["Bins"]
    if all(len(entry.runs) == 1 for entry in entries):
        del columns["Seeds"]
    if len({entry.epochs for entry in entries}) == 1 and all(entry.finished for entry in entries):
        del columns["Epochs"]  # the set-up tells them
    if not any_above_zero("test_dead_classes"):
        del columns["Dead classes"]
    if not any_above_zero("train_lost_spikes"):
        del columns["Lost spikes"]
    empty = [name for name, cells in columns.items() if all(cell == MISSING for cell in cells)]
    kept = {name: cells for name, cells in columns.items() if name not in empty or name == "CR"}
    return table_of(kept, entries, steps)


def cost_table(section: Section, steps: Steps) -> Table | None:
    """What one test sample costs; None where no run has counted it."""
    entries = [entry for entry in section.comparable() if not math.isnan(entry.costs.operations)]
    if not entries:
        return None
    reference = section.reference

    def means(cost: Callable[[Costs], float]) -> list[str]:
        return [short(cost(entry.costs)) for entry in entries]

    def against(cost: Callable[[Costs], float]) -> list[str]:
        base = math.nan if reference is None else cost(reference.costs)
        shares = [cost(entry.costs) / base if base > 0 else math.nan for entry in entries]
        return [MISSING if math.isnan(share) else f"{share:.2f}\u00d7" for share in shares]

    columns = {
        "Step": step_cells(section, entries),
        "Test": spreads([entry.last("test_accuracy") for entry in entries]),
        "Synaptic operations": means(lambda cost: cost.operations),
        "of baseline": against(lambda cost: cost.operations),
        "a simulated second": means(lambda cost: cost.operations_per_second),
        "Neuron updates": means(lambda cost: cost.neuron_updates),
        "of baseline ": against(lambda cost: cost.neuron_updates),
        "Input spikes": means(lambda cost: cost.input_spikes),
        "Spikes": means(lambda cost: cost.spikes),
        "Energy at 45 nm": [_joules(entry.costs.energy(CMOS_45NM)) for entry in entries],
        "on Loihi": [_joules(entry.costs.energy(LOIHI)) for entry in entries],
    }
    kept = {name: cells for name, cells in columns.items() if any(cell != MISSING for cell in cells)}
    return table_of(kept, entries, steps)


def _joules(energy: float) -> str:
    return MISSING if math.isnan(energy) else f"{1e6 * energy:.3g} \u00b5J"


def table_of(columns: dict[str, list[str]], entries: Iterable[Entry], steps: Steps) -> Table:
    """A table of columns, each with a cell an entry."""
    lines = zip(entries, zip(*columns.values(), strict=True), strict=True)
    rows = [Row(list(cells), steps.colour(entry.config), entry.is_reference) for entry, cells in lines]
    return Table([name.strip() for name in columns], rows)


def step_cells(section: Section, entries: Iterable[Entry]) -> list[str]:
    """The step of each, and how it is taken."""
    return [", ".join(filter(None, (step(entry), section.variant(entry)))) for entry in entries]


def _seconds(entry: Entry) -> str:
    known = [s for run in entry.runs for s in run.series("seconds") if not math.isnan(s)]
    return f"{median(known):.2f}" if known else MISSING


def _seeds(entry: Entry) -> str:
    """How many, and how many of them the change is of where some have no baseline."""
    seeds, paired = len(entry.runs), len(entry.pairs)
    return f"{seeds}, {paired} paired" if 0 < paired < seeds else str(seeds)


def _dead_classes(entry: Entry) -> str:
    """How many, of one run; or in how many runs there are any."""
    dead = entry.at_the_end("test_dead_classes")
    if len(dead) == 1:
        return MISSING if math.isnan(dead[0]) else f"{dead[0]:.0f}"
    return f"in {sum(n > 0 for n in dead)} of {len(dead)} runs"


def _epochs(entry: Entry) -> str:
    return str(entry.epochs) if entry.finished else f"{entry.epochs} of {entry.config.epochs}"
