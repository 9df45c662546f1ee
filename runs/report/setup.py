"""What the networks of a report are and were trained on: what all of a model share, and what tells sections apart."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runs.comparison import ABOUT_THE_STEP
from runs.report.sections import Section, network
from runs.report.wording import MISSING, listed, words

_TOLD = {"model", "dt", "bins", "seed", "train_samples", "test_samples", "data"}  # elsewhere


@dataclass(frozen=True)
class Setup:
    """The networks of one kind.

    data: what they were trained on. shared: name and value of every setting that is the same everywhere. names: of the
    sections. rows: of every other setting its name and its value in each section.
    """

    title: str
    data: str
    shared: list[tuple[str, str]]
    names: list[str]
    rows: list[tuple[str, list[str]]]


def setups(sections: Sequence[Section], environments: Mapping[Path, dict[str, Any]]) -> list[Setup]:
    """One set-up a kind of network, in the order of the sections; those with the same title say whose they are."""
    kinds: dict[str, list[Section]] = {}
    for section in sections:
        kinds.setdefault(section.entries[-1].config.kind(), []).append(section)
    found = [_setup(parts, environments) for parts in kinds.values()]
    titles = Counter(one.title for one in found)
    return [
        dataclasses.replace(one, title=f"{one.title}: {listed(one.names)}") if titles[one.title] > 1 else one
        for one in found
    ]


def _setup(parts: Sequence[Section], environments: Mapping[Path, dict[str, Any]]) -> Setup:
    told = [settings(part) for part in parts]
    names = list(dict.fromkeys(name for one in told for name in one))
    values = {name: [one.get(name, MISSING) for one in told] for name in names}
    shared = [(words(name), found[0]) for name, found in values.items() if len(set(found)) == 1]
    rows = [(words(name), found) for name, found in values.items() if len(set(found)) > 1]
    runs = [run for part in parts for entry in part.entries for run in entry.runs]
    data = dict.fromkeys(str(environments.get(run.path, {}).get("data", "unknown data")) for run in runs)
    sources = dict.fromkeys("shipped with lava-dt" if r.config.data is None else r.config.data.name for r in runs)
    where = f"{'; '.join(data)} ({', '.join(sources)})"
    return Setup(network(parts[0].entries[-1].config), where, shared, [part.name for part in parts], rows)


def settings(section: Section) -> dict[str, str]:
    """Every setting that a section's runs share as text; of those of the step, one text for each way to take it."""
    configs = [entry.config for entry in section.entries]
    discretised = [entry.config for entry in section.discretised]
    first = (discretised or configs)[0]
    found: dict[str, str] = {}
    for name, value in first.model_dump(mode="json").items():
        of_step = name in ABOUT_THE_STEP
        if name in _TOLD or name in first.idle() or value in (None, []) or (of_step and not discretised):
            continue
        among = discretised if of_step else configs
        if all(getattr(config, name) == getattr(first, name) for config in among):
            found[name] = _text(value)
        elif of_step:
            ways = {section.variant(entry): _text(getattr(entry.config, name)) for entry in section.discretised}
            found[name] = "; ".join(f"{way}: {text}" for way, text in ways.items())
    return found


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)
