"""Peak memory of one contestant, measured in a process of its own: `python -m runs.bench.memory MODULE '{...}'`.

The peak is the largest resident size (VmHWM) during the first steps of the case, input and network included but not
what was needed to make them, less the resident size after the imports and a step of the same network on a small input.
Where the system lets a process reset its own mark ("5" to /proc/self/clear_refs) the peak is that of the steps alone;
where it does not, and the imports had a higher one, the figure is too large, and says so.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from pydantic import BaseModel

from runs.console import Console

_MIB = 2**20


class Named(Protocol):
    """An entry."""

    @property
    def name(self) -> str: ...


class Weighed(Protocol):
    """What the module of a benchmark has for the child process."""

    def warm_up(self, order: dict[str, Any]) -> None:
        """Does in small what is to be weighed, so that the same code is loaded."""

    def work(self, order: dict[str, Any]) -> dict[str, Any]:
        """Makes the contestant and does a few steps, the later of which have all that a step leaves behind.

        Returns what else there is to tell of them.
        """


def measure_in_child(module: str, case: BaseModel, entry: BaseModel, who: str, **more: Any) -> dict[str, Any]:
    """``mib`` of an entry's steps on a case, whether the mark was ``reset``, and what `work` tells: of a child process.

    `module` is a `Weighed`, which is given the case, the entry and what else there is as plain values.

    Raises:
        RuntimeError: the child failed; with the last line it wrote.
    """
    order = {"case": case.model_dump(mode="json"), "entry": entry.model_dump(mode="json"), **more}
    command = [sys.executable, "-m", "runs.bench.memory", module, json.dumps(order)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).resolve().parents[2])
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise RuntimeError(f"memory of {who} could not be measured: {last}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def available() -> bool:
    """Whether this system tells a process its memory (Linux)."""
    return Path("/proc/self/status").exists()


def weigh(
    entries: Sequence[Named], measure: Callable[[Any], dict[str, Any]], reference: str, console: Console
) -> tuple[dict[str, Any], dict[str, str]]:
    """What `measure` finds of every entry, with its ``ratio`` to the reference's; and why some have failed."""
    found: dict[str, Any] = {}
    failed: dict[str, str] = {}
    for number, entry in enumerate(entries, 1):
        try:
            found[entry.name] = measure(entry)
        except RuntimeError as error:
            failed[entry.name] = str(error)
            console.warn(str(error))
        console.tick(number, len(entries))
    first = found.get(reference)
    for row in found.values():
        row["ratio"] = row["mib"] / first["mib"] if first else None
    return found, failed


def _measure(module: str, order: dict[str, Any]) -> dict[str, Any]:
    weighed: Weighed = importlib.import_module(module)  # type: ignore[assignment]
    weighed.warm_up(order)
    give_back()
    before = _resident("VmRSS")
    reset = _reset_mark()
    told = weighed.work(order)
    return {"mib": (_resident("VmHWM") - before) / _MIB, "reset": reset, **told}


def give_back() -> None:
    """Gives what the process has released back to the system where the C library does that (glibc).

    Else what was needed to make a contestant would be counted as its steps', of which it is none.
    """
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _resident(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"this system's /proc/self/status has no {name}")


def _reset_mark() -> bool:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_measure(sys.argv[1], json.loads(sys.argv[2]))) + "\n")
