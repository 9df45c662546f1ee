"""What `lava-dt report` writes for other programs: CSV tables, TensorBoard's event files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from runs.console import Console
from runs.results import table
from runs.results.events import write_events


def export(paths: Sequence[Path], csv: Path | None, tensorboard: Path | None) -> None:
    """Writes the tables of the runs at or below `paths` into `csv`, and event files into `tensorboard`, where asked."""
    console = Console()
    if csv is not None:
        with table(paths) as tables:
            files = tables.write_csv(csv)
        console.line(f"wrote {files[0]}, {' and '.join(file.name for file in files[1:])}")
    if tensorboard is not None:
        n = write_events(paths, tensorboard)
        console.line(f"wrote {n} run{'s' * (n != 1)}; show with: tensorboard --logdir {tensorboard}")
