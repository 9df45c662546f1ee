"""The work behind the smaller commands; each returns its exit code."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from runs.config import AnyConfig, ConfigError, load_config
from runs.console import Console
from runs.training.console import TrainingConsole, name_run


def train_one(model: str, file: Path | None, flags: dict[str, Any], out: Path | None, download: bool) -> int:
    """Trains one network in its directory."""
    notes: list[str] = []
    config = load_config(model, file, flags, notes.append)
    path = out or Path("results") / default_name(config)
    if download:
        _download(config)
    from runs.training import train

    with TrainingConsole() as console:
        console.line(f"{name_run(config)}, seed {config.seed}, in {path}")
        for note in notes:
            console.line(note)
        rows = train(config, path, console)
        console.line(f"done: test accuracy {rows[-1]['test_accuracy']:.1%} after {_epochs(len(rows))}, in {path}")
    return 0


def default_name(config: AnyConfig) -> str:
    """A directory name that tells the run's model, step and seed."""
    step = "undiscretised" if config.is_baseline() else f"dt{config.dt:g}"
    rule = f"-{config.rule}" if config.model == "bats" and config.dt is not None else ""
    return f"{config.kind().replace(' ', '-')}-{step}{rule}-seed{config.seed}"


def _download(config: AnyConfig) -> None:
    from runs.data import download_dataset, transfer_bars

    if config.data is None:
        raise ConfigError("--download needs --data DIR, the folder to put the data set into")
    with transfer_bars() as bars:
        download_dataset(getattr(config, "dataset", "mnist"), config.data, bars)


def report(paths: Sequence[Path], out: Path | None, traces: bool | None = None) -> int:
    """Writes the report of the runs at or below the paths; traces: whether recordings are shown, None for few runs."""
    from runs.report import write_report
    from runs.report.stages import told

    if not paths:
        raise ConfigError("lava-dt report needs a directory with runs, such as results or demo")
    missing = [path for path in paths if not path.is_dir()]
    if missing:
        raise ConfigError(f"there is no directory {missing[0]}: pass one that holds runs, such as results or demo")
    with told() as tell:
        page = write_report(paths, out or paths[0], traces, tell)
    Console().line(f"wrote {page} and {page.with_suffix('.md').name}")
    return 0


def export(path: Path, out: Path | None, data: str | None, recordings: int | None, dt: float | None) -> int:
    """Exports a network and says whether Lava does the same; 1 where it does not."""
    from runs.parity import export_network, identical, parity_text

    console = Console()
    done = export_network(path, out, data, recordings, dt)
    for note in done.notes:
        console.line(note)
    if done.file is not None:
        console.line(f"wrote {done.file}")
    if done.parity is None:
        return 0
    console.line(done.stages or parity_text(done.parity))
    return 0 if identical(done.parity) else 1


def _epochs(n: int) -> str:
    return "1 epoch" if n == 1 else f"{n} epochs"
