"""The part of a report that shows one recording at several steps, section by section."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from runs.comparison import Entry
from runs.report.figures import Drawn
from runs.report.part import Figures, Part
from runs.report.sections import Section
from runs.report.steps import Steps, name
from runs.report.traces.drawing import draw_recording, voltage_ends
from runs.report.traces.recording import Recording
from runs.report.traces.taking import recording_of
from runs.report.wording import several

FEW_RUNS = 120  # reports on more show recordings only when asked
_SECTIONS, _STEPS = 6, 6
_ABOUT = (
    "The first sample of the test set on its way through the networks, as trained with the first seed: input spikes, "
    "those of 40 hidden neurons chosen evenly, those of the output (the label's in colour), and voltages of two output "
    "neurons, the label's in colour and in grey that of the other class that spiked most; \u03b8 is the threshold. "
    "Voltages of BATS are exact, but for the resets of spikes beyond max spikes; those of clocked networks are the "
    "values of every step, before the reset."
)


def traces_part(sections: Sequence[Section], steps: Steps, folder: Path) -> Part | None:
    """Recordings of the first sections that have trained networks; None where there is nothing to show or to say.

    What kept networks from being shown, such as data that are gone, is told, if need be alone.

    folder: where recordings are kept.
    """
    figures, problems = [], []
    for section in sections[:_SECTIONS]:
        taken: list[tuple[Entry, Recording]] = []
        for entry in _chosen(section):
            try:
                taken.append((entry, recording_of(entry.runs[0], folder)))
            except Exception as error:  # a report does without a picture, whatever kept it from being made
                problems.append(f"{entry.runs[0].path.name}: {error}")
        if taken:
            figures.append(Figures(list(_drawn(section, taken, steps)), section.title))
    if not figures and not problems:
        return None
    told = [_ABOUT] if figures else []
    if problems:
        told.append(f"{several(len(problems), 'network')} could not be shown; the first: {problems[0]}")
    return Part("recording", "One recording at several steps", told, figures)


def _chosen(section: Section) -> list[Entry]:
    """The reference, and steps from fine to coarse of the first way to take one; some of them where they are many."""
    ways = section.variants()
    discretised = [entry for entry in section.discretised if section.variant(entry) == (ways or [""])[0]]
    entries = [*([section.reference] if section.reference is not None else []), *discretised]
    if len(entries) <= _STEPS:
        return entries
    return [entries[round(i * (len(entries) - 1) / (_STEPS - 1))] for i in range(_STEPS)]


def _drawn(section: Section, taken: Sequence[tuple[Entry, Recording]], steps: Steps) -> Iterator[Drawn]:
    volts = voltage_ends([recording for _, recording in taken])
    for place, (entry, recording) in enumerate(taken):
        alt = f"{section.title}, {name(entry)}: spikes and voltages of one test sample"
        key = f"{section.key}-recording-{place + 1}"
        yield draw_recording(key, recording, name(entry), alt, steps.colour(entry.config), volts)
