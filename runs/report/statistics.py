"""The statistics of a section that its main table has no room for."""

from __future__ import annotations

import math

from runs.comparison import Entry
from runs.report.columns import Table, step_cells, table_of
from runs.report.sections import Section
from runs.report.steps import Steps
from runs.report.wording import MISSING, number, percent, spreads

_THRESHOLD = 0.9


def statistics_table(section: Section, steps: Steps) -> Table | None:
    """Change of the rate by mean, median and bootstrap, of test accuracy too, and epochs to a threshold.

    None where nothing is compared, or each network has one seed and no second epoch.
    """
    entries, reference = section.entries, section.reference
    if reference is None or not any(entry.pairs for entry in section.discretised):
        return None
    threshold = _threshold(reference)
    others = [None if entry.is_reference else entry for entry in entries]
    columns = {
        "Step": step_cells(section, entries),
        "Change in CR": spreads([None if entry is None else entry.change for entry in others], signed=True),
        "Median": [MISSING if entry is None else percent(entry.median_change, signed=True) for entry in others],
        "Bootstrap": [MISSING if entry is None else _bootstrap(entry) for entry in others],
        "of test accuracy": spreads([None if e is None else e.test_change for e in others], signed=True),
        "CR an epoch": [percent(entry.normalised_rate.mean) for entry in entries],
        f"Epochs to {percent(threshold)}": [_epochs_to(entry, threshold) for entry in entries],
    }
    return table_of(columns, entries, steps)


def _threshold(reference: Entry) -> float:
    """90 % of the test samples or, where the reference does not get there, 90 % of what it does get to."""
    final = reference.last("test_accuracy").mean
    return _THRESHOLD if final >= _THRESHOLD else round(_THRESHOLD * final, 3)


def _bootstrap(entry: Entry) -> str:
    interval = entry.bootstrap_change
    if math.isnan(interval.low):
        return MISSING
    return f"{number(100 * interval.low, 1, signed=True)} to {number(100 * interval.high, 1, signed=True)}%"


def _epochs_to(entry: Entry, threshold: float) -> str:
    """The median; in how many of the runs, where some never got there."""
    if math.isnan(threshold):
        return MISSING
    reached = entry.epochs_to(threshold)
    told = f"{reached.median:g}" if math.isfinite(reached.median) else "never"
    return told if reached.reached in (0, len(entry.runs)) else f"{told} ({reached.reached} of {len(entry.runs)} runs)"
