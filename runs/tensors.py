"""Safetensors files that are written whole or not at all; the same arrays and texts give the same bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from runs.files import write_bytes

Arrays = dict[str, npt.NDArray[Any]]
_ALIGNED = 8  # bytes, to a multiple of which the format fills its header up


def write_tensors(file: Path, arrays: Mapping[str, npt.NDArray[Any]], about: Mapping[str, str] | None = None) -> None:
    """Writes arrays by name.

    Args:
        about: texts by name, the file's metadata.

    Raises:
        OSError: the file cannot be written.
    """
    from safetensors.numpy import save

    content = save({name: np.asarray(array, order="C") for name, array in arrays.items()})
    write_bytes(file, _with_metadata(content, about) if about else content)


def _with_metadata(content: bytes, about: Mapping[str, str]) -> bytes:
    """The file with metadata in their order, which the library itself would write in a new one every time."""
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.dumps({"__metadata__": dict(about), **json.loads(content[8:start])}, separators=(",", ":")).encode()
    header += b" " * (-len(header) % _ALIGNED)
    return len(header).to_bytes(8, "little") + header + content[start:]
