"""Peak memory of one contestant, measured in a process of its own: `python -m runs.bench.memory '{...}'`.

The peak is the largest resident size (VmHWM) during two steps of the case, input and network included, less the
resident size after the imports and a step of the same network on a short recording. Where the system lets a process
reset its own mark ("5" to /proc/self/clear_refs) the peak is that of the steps alone; where it does not, and the
imports had a higher one, the figure is too large, and says so.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from runs.bench.cases import Case, Entry

_MIB = 2**20


def measure_memory(case: Case, entry: Entry, seed: int, threads: int) -> dict[str, Any]:
    """``mib`` of the entry's step on the case and whether the mark was ``reset``, from a child process.

    Raises:
        RuntimeError: the child failed; with the last line it wrote.
    """
    order = {"case": case.model_dump(mode="json"), "entry": entry.model_dump(), "seed": seed, "threads": threads}
    command = [sys.executable, "-m", "runs.bench.memory", json.dumps(order)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).resolve().parents[2])
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise RuntimeError(f"memory of {entry.name} ({case.title}) could not be measured: {last}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure_gpu_memory(case: Case, entry: Entry, seed: int) -> dict[str, Any]:
    """``mib`` of the GPU that torch had handed out at most during two steps, input and network included."""
    import torch

    from runs.bench.contestants import Contestant

    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    contestant = Contestant(case, entry, seed)
    for _ in range(2):
        contestant.step()
    torch.cuda.synchronize()
    return {"mib": (torch.cuda.max_memory_allocated() - before) / _MIB, "reset": True}


def available() -> bool:
    """Whether this system tells a process its memory (Linux)."""
    return Path("/proc/self/status").exists()


def _measure(order: dict[str, Any]) -> dict[str, Any]:
    import torch

    from runs.bench.contestants import Contestant

    torch.set_num_threads(order["threads"])
    case, entry = Case(**order["case"]), Entry(**order["entry"])
    tiny = case.model_copy(update={"batch": 2, "steps": 8 * case.dt})  # else the same, so that it loads the same code
    Contestant(tiny, entry, order["seed"]).step()
    before = _resident("VmRSS")
    reset = _reset_mark()
    contestant = Contestant(case, entry, order["seed"])
    for _ in range(2):  # Adam has its moments from the first step on
        contestant.step()
    return {"mib": (_resident("VmHWM") - before) / _MIB, "reset": reset}


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
    sys.stdout.write(json.dumps(_measure(json.loads(sys.argv[1]))) + "\n")
