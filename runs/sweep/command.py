"""What `lava-dt sweep` does with its options."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from runs.arguments.command import typed
from runs.config import ConfigError
from runs.config.datasets import DatasetName
from runs.sweep.execution import run_sweep, worker_count
from runs.sweep.listing import list_runs
from runs.sweep.plan import Data, load_sweep

if TYPE_CHECKING:
    from runs.arguments.sweep import Sweep as Options
    from runs.sweep.slurm import SlurmOptions


def sweep(options: Options) -> int:
    """Runs, continues or plans a sweep; the exit code."""
    if (options.config is None) == (options.preset is None):
        raise ConfigError(f"lava-dt sweep needs one of a sweep file and --preset NAME ({', '.join(presets())})")
    source: Path | str = options.config if options.config is not None else read_preset(str(options.preset))
    planned = load_sweep(source, options.quick, read_data(options.data))
    out = options.out or Path("results") / (f"{planned.name}-quick" if options.quick else planned.name)
    if options.plan:
        list_runs(planned, out, worker_count(options.executor, options.workers, options.threads, len(planned.runs)))
        return 0
    return run_sweep(
        planned,
        out,
        executor=options.executor,
        workers=options.workers,
        threads=options.threads,
        retry=options.retry,
        slurm=_slurm(options) if options.executor == "slurm" else None,
    )


def _slurm(options: Options) -> SlurmOptions:
    from runs.sweep.slurm import SlurmOptions

    given = {name[6:]: value for name, value in typed(options).items() if name.startswith("slurm_")}
    return SlurmOptions(**given)


def presets() -> list[str]:
    """The names of the sweeps that come along."""
    folder = resources.files("runs.sweep") / "presets"
    return sorted(file.name[:-5] for file in folder.iterdir() if file.name.endswith(".toml")) if folder.is_dir() else []


def read_preset(name: str) -> str:
    """The text of a sweep that comes along.

    Raises:
        ConfigError: there is none of that name.
    """
    if name not in presets():
        raise ConfigError(f"there is no preset {name!r}, only: {', '.join(presets())}; or pass a sweep file")
    return (resources.files("runs.sweep") / "presets" / f"{name}.toml").read_text(encoding="utf-8")


def read_data(words: tuple[str, ...]) -> Data:
    """Folders of data sets as they are typed: DIR for all, or NAME=DIR for each.

    Raises:
        ConfigError: an unknown name, or a folder for all beside one for some.
    """
    names = get_args(DatasetName)
    if not words:
        return None
    if len(words) == 1 and words[0].partition("=")[0] not in names:
        return Path(words[0])
    found: dict[str, Path] = {}
    for word in words:
        name, equals, folder = word.partition("=")
        if not equals or not folder or name not in names:
            raise ConfigError(
                f"--data {word}: give one folder for all, or each by its name: --data mnist=DIR --data nmnist=DIR"
            )
        found[name] = Path(folder)
    return found
