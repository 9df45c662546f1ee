"""The runs of a report in groups that can be compared, one an experiment of a sweep or a kind of network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runs.comparison import ABOUT_THE_STEP, Entry
from runs.config import AnyConfig
from runs.report.wording import setting, telling, variant

_MODELS = {"slayer": "SLAYER", "bats": "BATS", "clocked": "Clock-driven neurons"}
_DATA = {"mnist": "MNIST", "nmnist": "N-MNIST", "fashion": "Fashion-MNIST", "shd": "SHD", "dvsgesture": "DVS Gesture"}
_USUAL = {"slayer": "nmnist"}  # data of models without a choice; the others take MNIST
_KINDS = {"conv": "convolutions", "ttfs": "first spikes"}
_MANY = 3  # settings in a title
_UNTOLD = {"model", "dataset", "seed"}
_SAMPLES = {"train_samples", "test_samples"}  # which tell enough of data that differ


@dataclass(frozen=True, kw_only=True)
class Section:
    """Runs that differ in step and seed alone.

    key: names its figures. experiment: of the sweep; "" for runs of their own. name: what tells it from the others,
    short. varying: the settings of the step, apart from its length, that differ here. entries: the reference first.
    """

    key: str
    title: str
    experiment: str
    name: str
    varying: tuple[str, ...]
    entries: list[Entry]

    @property
    def model(self) -> str:
        """Which model runs."""
        return self.entries[0].config.model

    @property
    def reference(self) -> Entry | None:
        """The line that changes are told against: the undiscretised network or, of a clocked one, the finest step."""
        return next((entry for entry in self.entries if entry.is_reference), None)

    @property
    def discretised(self) -> list[Entry]:
        """The other lines."""
        return [entry for entry in self.entries if not entry.is_reference]

    def comparable(self) -> list[Entry]:
        """The lines whose last epochs may be put side by side: those that have as many as any line here."""
        most = max(entry.epochs for entry in self.entries)
        return [entry for entry in self.entries if entry.epochs == most]

    def variant(self, entry: Entry) -> str:
        """How an entry's step is taken, apart from its length."""
        return variant(entry.config, self.varying)

    def variants(self) -> list[str]:
        """All ways to take a step, in order."""
        return list(dict.fromkeys(self.variant(entry) for entry in self.discretised))


def model_name(config: AnyConfig) -> str:
    """The model as it is written."""
    return _MODELS[config.model]


def network(config: AnyConfig) -> str:
    """Model, data and kind of a network: BATS on MNIST, first spikes."""
    data = str(getattr(config, "dataset", None) or _USUAL.get(config.model, "mnist"))
    kinds = [_KINDS[word] for word in config.kind().split()[1:] if word in _KINDS]
    return ", ".join([f"{model_name(config)} on {_DATA.get(data, data)}", *kinds])


def sections(entries: Sequence[Entry]) -> list[Section]:
    """The sections, in the order of the entries; a baseline from elsewhere is in each of those that need it."""
    home = {run.path: entry for entry in entries for run in entry.runs}
    groups: dict[Any, list[Entry]] = {}
    for entry in entries:
        groups.setdefault((entry.config.model, entry.group), []).append(entry)
    return _named([[*_elsewhere(part, home), *part] for part in groups.values()])


def _elsewhere(part: list[Entry], home: dict[Path, Entry]) -> list[Entry]:
    """The entry of the baselines that a part's runs are paired with, where the part has none of its own."""
    if any(entry.is_reference for entry in part):
        return []
    found = [home[baseline.path] for entry in part for _, baseline in entry.pairs if baseline.path in home]
    return found[:1]


def _named(parts: list[list[Entry]]) -> list[Section]:
    """The parts with titles and keys that tell them apart."""
    told = [_settings(part) for part in parts]
    kinds = [part[0].config.kind() for part in parts]
    alike = {kind: [s for s, other in zip(told, kinds, strict=True) if other == kind] for kind in set(kinds)}
    differing = {kind: _differing(several) for kind, several in alike.items()}
    sharing = Counter(part[-1].experiment for part in parts)
    counts: dict[str, int] = {}
    found = []
    for part, kind, settings in zip(parts, kinds, told, strict=True):
        config, experiment = part[-1].config, part[-1].experiment
        peculiar = _peculiar(config, settings, differing[kind])
        base = experiment or kind.replace(" ", "-")
        counts[base] = counts.get(base, 0) + 1
        alone = bool(experiment) and sharing[experiment] == 1
        title = ", ".join([network(config), *([] if alone else peculiar)])
        found.append(
            Section(
                key=base + (f"-{counts[base]}" if counts[base] > 1 else ""),
                title=f"{experiment}: {title}" if experiment else title,
                experiment=experiment,
                name=experiment if alone else ", ".join([experiment or kind.upper(), *peculiar]),
                varying=_varying(part),
                entries=part,
            )
        )
    return found


def _settings(part: list[Entry]) -> dict[str, object]:
    return {name: value for name, value in part[-1].group[1] if name not in _UNTOLD}


def _differing(settings: Sequence[dict[str, object]]) -> set[str]:
    """The names of the settings that are not the same everywhere."""
    seen: dict[str, set[str]] = {}
    for one in settings:
        for name, value in one.items():
            seen.setdefault(name, set()).add(str(value))
    found = {name for name, values in seen.items() if len(values) > 1}
    return found - {"data"} if found & _SAMPLES else found


def _peculiar(config: AnyConfig, settings: dict[str, object], differing: set[str]) -> list[str]:
    """The settings that tell a section from others of its kind; where they are many, those that are not usual."""
    names = [name for name in settings if name in differing and name not in config.idle()]
    if len(names) > _MANY:
        usual = config.defaults()
        names = [name for name in names if settings[name] != usual[name]]
    known = [(name, settings[name]) for name in names if settings[name] is not None]
    return [_data(str(value)) if name == "data" else setting(name, value) for name, value in known]


def _data(name: str) -> str:
    """Data by their content, less the data set's name, which a title begins with; or their folder."""
    return name.partition(", ")[2] or name


def _varying(entries: list[Entry]) -> tuple[str, ...]:
    configs = [entry.config for entry in entries if not entry.config.is_baseline()]
    fields = type(entries[0].config).model_fields
    return telling(configs, [name for name in ABOUT_THE_STEP if name in fields and name not in ("dt", "bins")])
