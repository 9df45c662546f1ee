"""Checkpoints of a run: all arrays after an epoch, and the metrics up to there, in one file with a sum."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from runs.tensors import Arrays, write_tensors

_FORMAT = "1"


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """All that is needed to continue after `epoch`: the data's name, arrays by name, the metrics so far."""

    epoch: int
    data: str
    arrays: Arrays
    rows: list[dict[str, Any]]


def checkpoint_files(path: Path) -> list[Path]:
    """The checkpoints in the run directory `path`, the newest first."""
    return sorted(path.glob("checkpoint-*.safetensors"), reverse=True)


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Writes it into the run directory `path`, whole or not at all."""
    about = {
        "format": _FORMAT,
        "epoch": str(checkpoint.epoch),
        "data": checkpoint.data,
        "crc32": str(_checksum(checkpoint.arrays)),
        "rows": json.dumps(checkpoint.rows),
    }
    write_tensors(path / f"checkpoint-{checkpoint.epoch:05d}.safetensors", checkpoint.arrays, about)


def read_checkpoint(file: Path) -> Checkpoint | None:
    """What the file holds; None where it is not what was written."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(file), framework="numpy") as tensors:
            metadata = tensors.metadata() or {}
            arrays: Arrays = {name: tensors.get_tensor(name) for name in tensors.keys()}  # noqa: SIM118
        rows = json.loads(metadata["rows"])
        whole = int(metadata["crc32"]) == _checksum(arrays) and metadata["format"] == _FORMAT
        epoch, data = int(metadata["epoch"]), metadata["data"]
        return Checkpoint(epoch=epoch, data=data, arrays=arrays, rows=rows) if whole else None
    except (SafetensorError, OSError, ValueError, KeyError):
        return None


def load_arrays(path: Path) -> Checkpoint | None:
    """The newest whole checkpoint of the run in `path`, for reading only."""
    found = (read_checkpoint(file) for file in checkpoint_files(path))
    return next((checkpoint for checkpoint in found if checkpoint is not None), None)


def _checksum(arrays: Arrays) -> int:
    total = 0
    for name in sorted(arrays):
        total = zlib.crc32(np.ascontiguousarray(arrays[name]).tobytes(), zlib.crc32(name.encode(), total))
    return total
