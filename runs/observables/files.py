"""What was observed of a run's network, in `observables.safetensors` in its directory."""

from __future__ import annotations

from pathlib import Path

from runs.tensors import Arrays, write_tensors

NAME = "observables.safetensors"


def write_observables(path: Path, arrays: Arrays) -> None:
    """Writes them into the run directory `path`, whole or not at all."""
    write_tensors(path / NAME, arrays)


def read_observables(path: Path) -> Arrays | None:
    """Those of the run in `path`; None where there are none, or the file is damaged."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return load((path / NAME).read_bytes())
    except (OSError, SafetensorError):
        return None
