"""What a report says, as plain values for the templates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from runs.comparison import Entry
from runs.directory import read_environment
from runs.parity import parity_text, read_parity

TITLES = {"slayer": "SLAYER on N-MNIST", "bats": "BATS on MNIST"}
MISSING = "\u2013"


@dataclass(frozen=True, kw_only=True)
class Section:
    """One model: its table, what its runs share, and a sentence that sums it up."""

    model: str
    title: str
    header: list[str]
    table: list[list[str]]
    setup: list[tuple[str, str]]
    summary: str
    entries: list[Entry]


def sections(entries: Sequence[Entry]) -> list[Section]:
    """One section a model, in the order of the entries."""
    models = dict.fromkeys(entry.run.config.model for entry in entries)
    return [_section(model, [e for e in entries if e.run.config.model == model]) for model in models]


def _section(model: str, entries: list[Entry]) -> Section:
    seeds = {entry.run.config.seed for entry in entries}
    columns = {name: cell for name, cell in TABLE.items() if name != "Seed" or len(seeds) > 1}
    return Section(
        model=model,
        title=TITLES[model],
        header=list(columns),
        table=[[cell(entry) for cell in columns.values()] for entry in entries],
        setup=_setup(entries),
        summary=_summary(entries),
        entries=entries,
    )


def percent(value: float, *, signed: bool = False) -> str:
    """A share as a percentage; a dash for nan."""
    if math.isnan(value):
        return MISSING
    return f"{value:+.1%}".replace("-", "\u2212") if signed else f"{value:.1%}"


def _step(entry: Entry) -> str:
    config = entry.run.config
    if config.is_baseline():
        return "undiscretised" if config.dt is None else "1 ms (undiscretised)"
    step = f"{config.dt} ms" if config.model == "slayer" else f"{1000 * float(config.dt or 0):.3g} ms"
    extra = config.rule if config.model == "bats" else ("" if config.clock == "coarse" else config.clock)
    return f"{step}, {extra}" if extra else step


def _bins(entry: Entry) -> str:
    return MISSING if entry.run.config.bins is None else str(entry.run.config.bins)


def _last(entry: Entry, name: str) -> float:
    return float(entry.run.rows[-1].get(name, math.nan))


def _epochs(entry: Entry) -> str:
    run = entry.run
    return str(len(run.rows)) if run.finished else f"{len(run.rows)} of {run.config.epochs}"


def _rate(entry: Entry) -> str:
    return MISSING if math.isnan(entry.rate) else f"{entry.rate:.3f}"


def _change(entry: Entry) -> str:
    return "baseline" if entry.run.config.is_baseline() else percent(entry.change, signed=True)


def _seconds(entry: Entry) -> str:
    seconds = sorted(entry.run.series("seconds"))
    return f"{seconds[len(seconds) // 2]:.2f}"


TABLE = {
    "Step": _step,
    "Bins": _bins,
    "Change in CR": _change,
    "CR": _rate,
    "Train": lambda entry: percent(_last(entry, "train_accuracy")),
    "Test": lambda entry: percent(_last(entry, "test_accuracy")),
    "Silent labels": lambda entry: percent(_last(entry, "test_silent_labels")),
    "Hidden spikes": lambda entry: f"{_last(entry, 'test_spikes_hidden1'):.2f}",
    "Seed": lambda entry: str(entry.run.config.seed),
    "Epochs": _epochs,
    "s / epoch": _seconds,
}


def _setup(entries: list[Entry]) -> list[tuple[str, str]]:
    """Name and value of everything the runs share, but paths and what is told elsewhere."""
    told = {"model", "dt", "bins", "seed", "train_samples", "test_samples", "data"}
    shared = []
    configs = [entry.run.config for entry in entries]
    first = configs[0]
    for name, value in first.model_dump(mode="json").items():
        if name not in told and all(getattr(c, name) == getattr(first, name) for c in configs):
            text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            shared.append((name.replace("_", " "), text))
    data = {str(read_environment(entry.run.path).get("data", "unknown")): None for entry in entries}
    source = "shipped with lava-dt" if first.data is None else str(first.data)
    return [("data", f"{'; '.join(data)} ({source})"), *shared]


def _summary(entries: list[Entry]) -> str:
    comparable = [e for e in entries if e.baseline is not None and not e.run.config.is_baseline()]
    if not comparable:
        return "There is no discretised run here with an undiscretised one that shares its other settings."
    coarsest = max(comparable, key=_fewest_bins)
    change = "is not defined for one epoch" if math.isnan(coarsest.change) else f"changes by {_change(coarsest)}"
    before, after = (percent(run.rows[-1]["test_accuracy"]) for run in (coarsest.baseline, coarsest.run) if run)
    return (
        f"From undiscretised to {_bins(coarsest)} bins the convergence rate {change}; test accuracy after the last "
        f"epoch goes from {before} to {after}."
    )


def _fewest_bins(entry: Entry) -> float:
    return -math.inf if entry.run.config.bins is None else -entry.run.config.bins


def parities(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """What `lava-dt export` found for each run that was exported, with the run's step and the finding in words."""
    found = []
    for entry in entries:
        parity = read_parity(entry.run.path)
        if parity is not None:
            found.append({**parity, "run_step": _step(entry), "text": parity_text(parity)})
    return found


def commands(entries: Sequence[Entry]) -> list[str]:
    """The command lines that repeat the runs."""
    return [entry.run.config.command() for entry in entries]


def versions(entries: Sequence[Entry]) -> list[tuple[str, str]]:
    """Versions and machine of the runs; where runs differ, every value is told."""
    values: dict[str, dict[str, None]] = {}
    for entry in entries:
        environment = read_environment(entry.run.path)
        git = environment.get("git") or {}
        told = {
            "Python": environment.get("python"),
            **environment.get("packages", {}),
            "system": environment.get("system"),
            "cores": environment.get("cores"),
            "source": git.get("commit", "")[:12] + (" with changes" if git.get("changed") else ""),
            "patches": ", ".join(environment.get("patches", [])),
        }
        for name, value in told.items():
            if value:
                values.setdefault(name, {})[str(value)] = None
    return [(name, "; ".join(seen)) for name, seen in values.items()]
