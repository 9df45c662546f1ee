"""What repeats the runs, what they were made with, and what Lava made of them."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from runs.comparison import Entry
from runs.parity import parity_text, read_parity
from runs.report.wording import step

_MOST = 60  # command lines
_FEW = 5  # values of one version


def commands(entries: Sequence[Entry]) -> tuple[list[str], int]:
    """The command lines that repeat the runs, one a configuration, and the number of those that are left out."""
    lines = []
    for entry in entries[:_MOST]:
        if len(entry.runs) == 1:
            lines.append(entry.config.command())
            continue
        seeds = " ".join(str(run.config.seed) for run in entry.runs)
        unseeded = type(entry.config)(**{**entry.config.model_dump(), "seed": 0}).command()
        lines.append(f"for seed in {seeds}; do {unseeded} --seed $seed; done")
    return lines, max(0, len(entries) - _MOST)


def sweep_commands(files: Iterable[Path]) -> list[str]:
    """The command lines that repeat whole sweeps."""
    return [shlex.join(["lava-dt", "sweep", str(file), "--out", str(file.parent)]) for file in files]


def versions(environments: Mapping[Path, dict[str, Any]]) -> list[tuple[str, str]]:
    """Versions and machine of the runs; where runs differ, their values are told, the first few of many."""
    values: dict[str, dict[str, None]] = {}
    for environment in environments.values():
        git = environment.get("git") or {}
        told = {
            "Python": environment.get("python"),
            **environment.get("packages", {}),
            "system": environment.get("system"),
            "cores": environment.get("cores"),
            "threads": environment.get("threads"),
            "source": git.get("commit", "")[:12] + (" with changes" if git.get("changed") else ""),
            "patches": ", ".join(environment.get("patches", [])),
        }
        for name, value in told.items():
            if value:
                values.setdefault(name, {})[str(value)] = None
    return [(name, "; ".join(_first(list(seen)))) for name, seen in values.items()]


def _first(values: list[str]) -> list[str]:
    return values if len(values) <= _FEW else [*values[: _FEW - 1], f"{len(values) - _FEW + 1} more"]


def parities(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """What `lava-dt export` found for each run that was exported, with the run's step and the finding in words."""
    found = []
    for entry in entries:
        for run in entry.runs:
            parity = read_parity(run.path)
            if parity is not None:
                found.append({**parity, "run_step": step(entry), "text": parity_text(parity)})
    return found
