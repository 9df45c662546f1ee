"""What the numbers say, in sentences: with intervals, and with what cannot be told."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from runs.comparison import Entry
from runs.estimate import Estimate
from runs.report.sections import Section
from runs.report.steps import coarseness, name
from runs.report.wording import listed, number, several, spread, variant


def findings(section: Section) -> list[str]:
    """The sentences that sum a section up."""
    reference = section.reference
    if not section.discretised and reference is not None:
        return [_alone(reference)]
    whole = section.comparable()
    paired = [entry for entry in section.discretised if entry.pairs]
    comparable = [entry for entry in paired if entry in whole] or paired
    if not comparable or reference is None:
        return ["There is no discretised run here with an undiscretised one that shares its other settings."]
    coarsest = _coarsest(comparable)
    return [_change(section, coarsest, reference), *_distinguishable(section, comparable), *_cost(coarsest, reference)]


def _alone(reference: Entry) -> str:
    test, n = spread(reference.last("test_accuracy")), len(reference.runs)
    epochs = several(reference.epochs, "epoch")
    return f"Test accuracy after {epochs} is {test}{f' (mean of {n} seeds)' if n > 1 else ''}."


def _coarsest(entries: Sequence[Entry]) -> list[Entry]:
    """The entries of the coarsest step, one a variant."""
    lengths = [coarseness(e.config) for e in entries]
    most = max(lengths) if entries[0].config.model == "clocked" else min(lengths)
    return [entry for entry, length in zip(entries, lengths, strict=True) if length == most]


def _change(section: Section, coarsest: Sequence[Entry], reference: Entry) -> str:
    def told(text: Callable[[Entry], str]) -> str:
        if len(coarsest) == 1:
            return text(coarsest[0])
        return ", ".join(f"{text(entry)} ({variant(entry.config, section.varying)})" for entry in coarsest)

    unknown = all(math.isnan(entry.change.mean) for entry in coarsest)
    change = (
        "is not defined for one epoch" if unknown else f"changes by {told(lambda e: spread(e.change, signed=True))}"
    )
    before = "undiscretised" if reference.config.is_baseline() else name(reference)
    after = name(coarsest[0]).replace("1 bins", "1 bin") if coarsest[0].config.bins == 1 else name(coarsest[0])
    test = told(lambda entry: spread(entry.last("test_accuracy")))
    return (
        f"From {before} to {after} the convergence rate {change}{_seeds(coarsest)}; test accuracy after the last epoch "
        f"goes from {spread(reference.last('test_accuracy'))} to {test}."
    )


def _seeds(entries: Sequence[Entry]) -> str:
    counts = {entry.change.n for entry in entries}
    low, high = min(counts), max(counts)
    if high < 2:
        return ""
    told = f"{low if low == high else f'{low} to {high}'} seeds"
    if high == 2:
        return f" ({told}, each in brackets)"
    return f" ({told}, 95% interval{'; of two, each in brackets' if low == 2 else ''})"


def _distinguishable(section: Section, entries: Sequence[Entry]) -> list[str]:
    """Which steps change the convergence rate for certain, which may not, one sentence a variant."""
    if all(math.isnan(entry.change.mean) for entry in entries):
        return []
    if not any(entry.change.margin >= 0 for entry in entries):
        return ["One seed each: how far chance alone moves the rate cannot be told."]
    sentences = []
    if any(entry.change.n == 2 for entry in entries):
        sentences.append(
            "Two seeds hardly tell how far chance alone moves the rate: a 95% interval of theirs reaches 6 times as "
            "far to either side as they are apart."
        )
    for way in section.variants():
        known = [e for e in entries if section.variant(e) == way and e.change.margin >= 0]
        if not known:
            continue
        begin = f"With {way}, " if len(section.variants()) > 1 else ""
        parts = [
            f"{text} {_at(found)}"
            for text, found in (
                ("the rate falls", [e for e in known if e.change.mean + e.change.margin < 0]),
                ("the rate rises", [e for e in known if e.change.mean - e.change.margin > 0]),
                ("a change is not distinguishable from 0", [e for e in known if _open(e.change)]),
            )
            if found
        ]
        sentence = f"{begin}{'; '.join(parts)}."
        sentences.append(sentence[:1].upper() + sentence[1:])
    return sentences


def _open(change: Estimate) -> bool:
    return abs(change.mean) <= change.margin


def _at(entries: Sequence[Entry]) -> str:
    names = [name(entry) for entry in entries]
    if all(text.endswith(" bins") for text in names):
        names = [text.removesuffix(" bins") for text in names[:-1]] + names[-1:]
    return f"at {listed(names)}"


def _cost(coarsest: Sequence[Entry], reference: Entry) -> list[str]:
    if len(coarsest) != 1:
        return []
    told, costs, base = [], coarsest[0].costs, reference.costs
    for what, cost, whole in (
        ("synaptic operations", costs.operations, base.operations),
        ("neuron updates", costs.neuron_updates, base.neuron_updates),
    ):
        share = cost / whole if whole > 0 else math.nan
        if not math.isnan(share):
            told.append(f"{number(share, 2)} times the {what}")
    if len(told) == 2 and told[0].split()[0] == told[1].split()[0]:
        told = [told[0] + " and neuron updates"]
    against = "undiscretised one" if reference.config.is_baseline() else f"network at {name(reference)}"
    begin = f"At {name(coarsest[0])} a test sample takes"
    return [f"{begin} {listed(told)} of the {against}."] if told else []
