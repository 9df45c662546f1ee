"""What a report says, as plain values for the templates."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from runs.comparison import ABOUT_THE_STEP, Entry, group
from runs.config import AnyConfig
from runs.directory import read_environment
from runs.parity import parity_text, read_parity
from runs.report.wording import MISSING, bins, percent, setting, spread, step, telling, variant, words

TITLES = {
    "slayer": "SLAYER on N-MNIST",
    "bats": "BATS on MNIST",
    "bats ttfs": "BATS on MNIST, first spikes",
    "bats conv": "BATS on MNIST, convolutions",
    "bats conv ttfs": "BATS on MNIST, convolutions, first spikes",
}
_MANY = 3  # settings in a title


@dataclass(frozen=True, kw_only=True)
class Section:
    """Runs that differ in step and seed alone: their table, what they share, and a sentence that sums them up.

    key: names its figures. varying: the settings of the step, apart from its length, that differ here.
    """

    key: str
    title: str
    varying: tuple[str, ...]
    header: list[str]
    table: list[list[str]]
    setup: list[tuple[str, str]]
    summary: str
    entries: list[Entry]

    @property
    def discretised(self) -> bool:
        """Whether there is a coarser step in it."""
        return any(not entry.config.is_baseline() for entry in self.entries)


def sections(entries: Sequence[Entry]) -> list[Section]:
    """The sections, in the order of the entries."""
    groups: dict[Any, list[Entry]] = {}
    for entry in entries:
        groups.setdefault((entry.config.model, group(entry.config)), []).append(entry)
    parts = list(groups.values())
    return [_section(i, parts) for i in range(len(parts))]


def _section(index: int, parts: list[list[Entry]]) -> Section:
    entries = parts[index]
    kind = entries[0].config.kind()
    place = [part[0].config for part in parts].index(entries[0].config)
    earlier = sum(part[0].config.kind() == kind for part in parts[:place])
    varying = _varying(entries)
    columns = _columns(entries, varying)
    return Section(
        key=kind.replace(" ", "-") + (f"-{earlier + 1}" if earlier else ""),
        title=", ".join([TITLES[kind], *_peculiar(entries[0].config, [part[0].config for part in parts])]),
        varying=varying,
        header=list(columns),
        table=[[cell(entry) for cell in columns.values()] for entry in entries],
        setup=_setup(entries, varying),
        summary=_summary(entries, varying),
        entries=entries,
    )


def _peculiar(config: AnyConfig, others: list[AnyConfig]) -> list[str]:
    """The settings that tell a section from others of its kind; where they are many, those that are not usual."""
    own, alike = dict(group(config)), [dict(group(other)) for other in others if other.kind() == config.kind()]
    differing = [name for name in own if len({str(other[name]) for other in alike}) > 1 and name not in config.idle()]
    if len(differing) > _MANY:
        differing = [name for name in differing if own[name] != config.defaults()[name]]
    return [setting(name, own[name]) for name in differing if own[name] is not None]


def _varying(entries: list[Entry]) -> tuple[str, ...]:
    configs = [entry.config for entry in entries if not entry.config.is_baseline()]
    fields = type(entries[0].config).model_fields
    return telling(configs, [name for name in ABOUT_THE_STEP if name in fields and name not in ("dt", "bins")])


def _columns(entries: list[Entry], varying: tuple[str, ...]) -> dict[str, Callable[[Entry], str]]:
    """The table's columns; those that would say nothing are left out."""

    def any_above_zero(name: str) -> bool:
        return any(value > 0 for entry in entries for value in entry.at_the_end(name))

    columns: dict[str, Callable[[Entry], str]] = {
        "Step": lambda entry: ", ".join(filter(None, (step(entry), variant(entry.config, varying)))),
        "Bins": bins,
        "Change in CR": _change,
        "CR": lambda entry: MISSING if math.isnan(entry.rate.mean) else f"{entry.rate.mean:.3f}",
        "Train": lambda entry: spread(entry.last("train_accuracy")),
        "Test": lambda entry: spread(entry.last("test_accuracy")),
        "Silent labels": lambda entry: percent(entry.last("test_silent_labels").mean),
        "Dead classes": _dead_classes,
        "Lost spikes": lambda entry: f"{entry.last('train_lost_spikes').mean:,.0f}",
        "Hidden spikes": lambda entry: f"{entry.last('test_spikes_hidden1').mean:.2f}",
        "Seeds": _seeds,
        "Epochs": _epochs,
        "s / epoch": lambda entry: f"{median(s for run in entry.runs for s in run.series('seconds')):.2f}",
    }
    if all(entry.config.is_baseline() for entry in entries):
        del columns["Bins"], columns["Change in CR"]
    if all(len(entry.runs) == 1 for entry in entries):
        del columns["Seeds"]
    if len({entry.epochs for entry in entries}) == 1 and all(entry.finished for entry in entries):
        del columns["Epochs"]  # the set-up tells them
    if not any_above_zero("test_dead_classes"):
        del columns["Dead classes"]
    if not any_above_zero("train_lost_spikes"):
        del columns["Lost spikes"]
    return columns


def _change(entry: Entry) -> str:
    return "baseline" if entry.config.is_baseline() else spread(entry.change, signed=True)


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


def _setup(entries: list[Entry], varying: tuple[str, ...]) -> list[tuple[str, str]]:
    """Name and value of everything the runs share, or that goes with a variant, but what is told elsewhere."""
    configs = [entry.config for entry in entries]
    told = {"model", "dt", "bins", "seed", "train_samples", "test_samples", "data", *configs[0].idle()}
    discretised = [config for config in configs if not config.is_baseline()]
    first = (discretised or configs)[0]
    shared = []
    for name, value in first.model_dump(mode="json").items():
        if name in told or value in (None, []) or (name in ABOUT_THE_STEP and not discretised):
            continue
        if all(getattr(c, name) == getattr(first, name) for c in (discretised if name in ABOUT_THE_STEP else configs)):
            text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            shared.append((words(name), text))
        elif name not in varying:
            variants = {variant(c, varying): setting(name, getattr(c, name)) for c in discretised}
            shared += [(f"{name}:", text) for name, text in variants.items()]
    environments = [read_environment(run.path) for entry in entries for run in entry.runs]
    data = {str(environment.get("data", "unknown")): None for environment in environments}
    source = "shipped with lava-dt" if first.data is None else str(first.data)
    return [("data", f"{'; '.join(data)} ({source})"), *shared]


def _summary(entries: list[Entry], varying: tuple[str, ...]) -> str:
    baseline = next((entry for entry in entries if entry.config.is_baseline()), None)
    if all(entry.config.is_baseline() for entry in entries) and baseline is not None:
        test, n = spread(baseline.last("test_accuracy")), len(baseline.runs)
        epochs = "1 epoch" if baseline.epochs == 1 else f"{baseline.epochs} epochs"
        return f"Test accuracy after {epochs} is {test}{f' (mean of {n} seeds)' if n > 1 else ''}."
    comparable = [entry for entry in entries if entry.pairs and not entry.config.is_baseline()]
    if not comparable or baseline is None:
        return "There is no discretised run here with an undiscretised one that shares its other settings."
    fewest = min(entry.config.bins or 0 for entry in comparable)
    coarsest = [entry for entry in comparable if entry.config.bins == fewest]

    def told(text: Callable[[Entry], str]) -> str:
        if len(coarsest) == 1:
            return text(coarsest[0])
        return ", ".join(f"{text(entry)} ({variant(entry.config, varying)})" for entry in coarsest)

    unknown = all(math.isnan(entry.change.mean) for entry in coarsest)
    change = "is not defined for one epoch" if unknown else f"changes by {told(_change)}"
    before = spread(baseline.last("test_accuracy"))
    after = told(lambda entry: spread(entry.last("test_accuracy")))
    return (
        f"From undiscretised to {fewest} bin{'s' if fewest != 1 else ''} the convergence rate {change}; test accuracy "
        f"after the last epoch goes from {before} to {after}."
    )


def parities(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """What `lava-dt export` found for each run that was exported, with the run's step and the finding in words."""
    found = []
    for entry in entries:
        for run in entry.runs:
            parity = read_parity(run.path)
            if parity is not None:
                found.append({**parity, "run_step": step(entry), "text": parity_text(parity)})
    return found


def commands(entries: Sequence[Entry]) -> list[str]:
    """The command lines that repeat the runs, one a configuration."""
    lines = []
    for entry in entries:
        if len(entry.runs) == 1:
            lines.append(entry.config.command())
            continue
        seeds = " ".join(str(run.config.seed) for run in entry.runs)
        unseeded = type(entry.config)(**{**entry.config.model_dump(), "seed": 0}).command()
        lines.append(f"for seed in {seeds}; do {unseeded} --seed $seed; done")
    return lines


def versions(entries: Sequence[Entry]) -> list[tuple[str, str]]:
    """Versions and machine of the runs; where runs differ, every value is told."""
    values: dict[str, dict[str, None]] = {}
    for path in (run.path for entry in entries for run in entry.runs):
        environment = read_environment(path)
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
