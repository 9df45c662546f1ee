"""A sweep on disk, from which any worker on any machine can take it up.

sweep.toml           the sweep file as it is run: quick or full, the data's folders filled in
sweep.json           name, title, question and every run: directory, experiments, model, configuration
runs/<directory>/    one run each (runs.directory, runs.sweep.status)
logs/<worker>.log    what each worker said
.lock                held while a driver writes any of this, but for the runs, which have locks of their own
"""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from runs.config import ConfigError, saved_config
from runs.directory import RunDirectory, read_config
from runs.files import wait_for, write_json, write_text
from runs.sweep.moved import MovedRuns
from runs.sweep.plan import PlannedRun, Sweep
from runs.sweep.toml_text import toml_text

FORMAT = 1


def run_path(out: Path, run: PlannedRun) -> Path:
    """The directory of a run of the sweep in `out`."""
    return out / "runs" / run.directory


def place(sweep: Sweep, out: Path) -> tuple[PlannedRun, ...]:
    """The runs of a sweep in the directories that they have in `out`, or will have. Nothing is written.

    A run whose data have moved keeps its directory if they are the same data, by content; and no run gets a directory
    that another holds.

    Raises:
        ConfigError: `out` holds another sweep, its other size, or longer runs.
    """
    held = _read(out) if (out / "sweep.json").exists() else None
    if held is not None and (held["name"], held["quick"]) != (sweep.name, sweep.quick):
        size = "quick" if held["quick"] else "full"
        raise ConfigError(f"{out} holds the {size} size of the sweep {held['name']!r}: give another --out")
    _check_is_no_file(out)
    runs = tuple(
        dataclasses.replace(run, directory=directory)
        for run, directory in zip(sweep.runs, _where_they_are(sweep.runs, out), strict=True)
    )
    for run in runs:
        finished = RunDirectory(run_path(out, run)).finished_epochs()
        if finished is not None and finished > run.config.epochs:
            raise ConfigError(
                f"{run_path(out, run)} holds this run with {finished} epochs, more than the {run.config.epochs} asked "
                "for: give another --out"
            )
    return runs


def prepare(sweep: Sweep, out: Path) -> tuple[PlannedRun, ...]:
    """Writes the sweep into `out`; its runs, in their directories.

    A sweep that has changed since it was written there, in runs added or epochs, goes on with what is there. Several
    drivers may begin at once.

    Raises:
        ConfigError: as `place` does.
    """
    _check_is_no_file(out)
    with one_at_a_time(out):
        runs = place(sweep, out)
        listed = set(map(_key, _listed(out)))
        for run in runs:
            if _key(run) not in listed:
                with suppress(ConfigError):  # a damaged one is told of by who trains in it
                    RunDirectory(run_path(out, run)).note_folder(run.config)
        values = _values(sweep, runs)
        if not (out / "sweep.json").exists() or _read(out) != values:
            write_text(out / "sweep.toml", toml_text(_resolved(sweep)))
            write_json(out / "sweep.json", values)
    return runs


@contextmanager
def one_at_a_time(out: Path) -> Iterator[None]:
    """Waits until no other driver writes into `out`, which is made; the system lets go of the lock with the process."""
    out.mkdir(parents=True, exist_ok=True)
    with (out / ".lock").open("a") as lock:
        wait_for(lock)  # on a file system without locks for nothing, which a run will tell of
        yield


def read_runs(out: Path) -> tuple[PlannedRun, ...]:
    """The runs of the sweep in `out`.

    Raises:
        ConfigError: there is no sweep, or one of another version.
    """
    found = []
    for entry in _read(out)["runs"]:
        values = {key: value for key, value in entry["config"].items() if key != "model"}
        config = saved_config(entry["model"], values, str(out / "sweep.json"))
        found.append(PlannedRun(experiments=tuple(entry["experiments"]), config=config, directory=entry["directory"]))
    return tuple(found)


def _read(out: Path) -> dict[str, Any]:
    file = out / "sweep.json"
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{file} cannot be read ({error.strerror}): pass the directory of a sweep") from None
    except ValueError as error:
        raise ConfigError(f"{file} is not valid JSON ({error}): remove it and start the sweep again") from None
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise ConfigError(f"{file} is not of format {FORMAT}, the one that this version of lava-dt reads")
    runs = values.get("runs")
    if not {"name", "quick"} <= set(values) or not isinstance(runs, list) or not all(map(_is_run, runs)):
        raise ConfigError(f"{file} is damaged: it lacks what a sweep has; remove it and start the sweep again")
    return values


def _where_they_are(runs: Sequence[PlannedRun], out: Path) -> list[str]:
    """The directory of each: where its like is, as sweep.json or else the directories say, or a free one."""
    held = _listed(out)
    known = {_key(run): run.directory for run in held}
    if not all(_key(run) in known for run in runs):
        held = [*held, *_unlisted(out, known.values())]
        known = {_key(run): run.directory for run in reversed(held)}
    wanted = set(map(_key, runs))
    moved = MovedRuns([run for run in held if _key(run) not in wanted], out / "runs")
    found = [known.get(_key(run)) or moved.directory_of(run) for run in runs]
    taken = {*filter(None, found), *(run.directory for run in held)}
    return [directory or _free(run.directory, taken) for run, directory in zip(runs, found, strict=True)]


def _free(name: str, taken: set[str]) -> str:
    """The name, or that with the first number behind it, that is not taken; it is then."""
    names = itertools.chain([name], (f"{name}-{n}" for n in itertools.count(2)))
    free = next(one for one in names if one not in taken)
    taken.add(free)
    return free


def _listed(out: Path) -> list[PlannedRun]:
    return [*read_runs(out)] if (out / "sweep.json").exists() else []


def _unlisted(out: Path, listed: Collection[str]) -> Iterator[PlannedRun]:
    """The runs that lie in `out` beside those: of what the sweep was before, or of one without its sweep.json."""
    for file in sorted((out / "runs").glob("*/config.json")):
        if file.parent.name not in listed:
            with suppress(ConfigError):  # as above
                yield PlannedRun(experiments=(), config=read_config(file.parent), directory=file.parent.name)


def _is_run(entry: Any) -> bool:
    kinds = {"directory": str, "experiments": list, "model": str, "config": dict}
    return isinstance(entry, dict) and all(isinstance(entry.get(key), kind) for key, kind in kinds.items())


def _check_is_no_file(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise ConfigError(f"{out} is a file, but a sweep needs a directory: give another --out")


def _values(sweep: Sweep, runs: tuple[PlannedRun, ...]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "name": sweep.name,
        "title": sweep.title,
        "question": sweep.question,
        "quick": sweep.quick,
        "runs": [
            {
                "directory": run.directory,
                "experiments": list(run.experiments),
                "model": run.config.model,
                "config": run.config.model_dump(mode="json"),
            }
            for run in runs
        ],
    }


def _resolved(sweep: Sweep) -> dict[str, Any]:
    """The file's content with the data's folder in every experiment whose runs share one, empty tables left out."""
    values = sweep.file.model_dump(exclude_defaults=True)
    for experiment in values["experiment"]:
        folders = {run.config.data for run in sweep.runs if experiment["name"] in run.experiments}
        if len(folders) == 1 and None not in folders and "data" not in experiment.get("grid", {}):
            experiment["settings"] = {**experiment.get("settings", {}), "data": str(*folders)}
        experiment.pop("quick", None)
    values.pop("quick", None)
    return values


def _key(run: PlannedRun) -> str:
    return json.dumps(run.config.identity(), sort_keys=True)
