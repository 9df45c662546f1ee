"""The work of `lava-dt tune`: the search, what is printed of it, the page, and the exit code."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from runs.environment import describe_environment
from runs.quiet import quiet_imports
from runs.tune.console import TuneConsole, show_result
from runs.tune.page import write_page
from runs.tune.result import TuneResult


@dataclass(frozen=True, kw_only=True)
class TuneRequest:
    """What was typed; `runs.tune.tune.tune` says what each means.

    net: a file or a run's directory. data: a folder or file, None for the shipped set. dt: steps to try. rules: none
    for all. samples: of the test set. confidence, tolerance: as 1% or 0.01.
    """

    net: Path
    data: Path | None
    tolerance: str
    dt: tuple[int, ...]
    rules: tuple[str, ...]
    all_rules: bool
    finetune: int
    calibration: int | None
    samples: int | None
    confidence: str
    verify: int
    config: Path | None
    step: float | None
    seed: int
    out: Path | None


def run_tune(request: TuneRequest, console: TuneConsole | None = None) -> int:
    """Searches, prints and writes; 0 where a coarser step was found and Lava spikes as it does, else 1.

    Raises:
        ConfigError: options, a network or data that do not fit.
    """
    from runs.tune.network import open_tunable
    from runs.tune.options import CALIBRATION

    with console or TuneConsole() as shown:
        tunable = open_tunable(request.net, request.config, request.step)
        with quiet_imports():
            from runs.tune.tune import tune
        for note in tunable.notes:
            shown.line(note)
        out = request.out or Path("results") / f"tune-{tunable.name}-seed{request.seed}"
        result = tune(
            tunable,
            request.data if request.data is not None else tunable.data,
            tolerance=request.tolerance,
            dts=request.dt,
            rules=request.rules or None,
            finetune=request.finetune,
            out=out,
            seed=request.seed,
            confidence=request.confidence,
            calibration=CALIBRATION if request.calibration is None else request.calibration,
            test=request.samples,
            all_rules=request.all_rules,
            verify=request.verify,
            watcher=shown,
        )
        page = write_page(result, out, equations(), shlex.join(["lava-dt", *sys.argv[1:]]), facts())
        show_result(shown, result, page)
    return 0 if succeeded(result) else 1


def succeeded(result: TuneResult) -> bool:
    """Whether a coarser step was found, and Lava, where it was asked, does the same."""
    return result.chosen is not None and (result.parity is None or result.parity.identical)


def equations() -> dict[str, str]:
    """Of every rule of conversion, by name."""
    from lava_dt.conversion import RULES

    return {name: rule.equation for name, rule in RULES.items()}


def facts() -> Mapping[str, str]:
    """Versions and machine, by name."""
    environment = describe_environment()
    git = environment["git"] or {}
    told = {
        "Python": environment["python"],
        **environment["packages"],
        "system": environment["system"],
        "cores": environment["cores"],
        "threads": environment["threads"],
        "source": git.get("commit", "")[:12] + (" with changes" if git.get("changed") else ""),
    }
    return {name: str(value) for name, value in told.items() if value}
