"""Peak memory of the contestants of `lava-dt bench bats`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from runs.bench.bats.cases import Case, Entry
from runs.bench.bats.contestants import Contestant, on
from runs.bench.memory import available, give_back, measure_in_child

_MIB = 2**20


def measure_memory(case: Case, entry: Entry, seed: int, data: Path | None) -> dict[str, Any]:
    """``mib`` of two steps of the entry above its imports, in a process of its own; of the GPU where it runs there.

    Raises:
        RuntimeError: it could not be measured; with the reason.
    """
    if entry.device == "cuda":
        return _gpu_memory(case, entry, seed, data)
    if not available():
        raise RuntimeError("this system does not tell a process its peak memory")
    folder = None if data is None else str(data.resolve())
    return measure_in_child(__name__, case, entry, f"{entry.name} ({case.title})", seed=seed, data=folder)


def warm_up(order: dict[str, Any]) -> None:
    """One step of a small batch."""
    case = Case(**order["case"])
    _stepped(case.model_copy(update={"batch": 2}), order, steps=1)


def work(order: dict[str, Any]) -> dict[str, Any]:
    """Two steps; how many spikes all layers with weights emitted in the last."""
    return {"spikes": _stepped(Case(**order["case"]), order, steps=2).spikes()}


def _stepped(case: Case, order: dict[str, Any], steps: int) -> Contestant:
    data = None if order["data"] is None else Path(order["data"])
    contestant = Contestant(case, Entry(**order["entry"]), order["seed"], data)
    give_back()
    for _ in range(steps):
        contestant.restore()
        contestant.step()
    return contestant


def _gpu_memory(case: Case, entry: Entry, seed: int, data: Path | None) -> dict[str, Any]:
    """What CuPy's pool had taken of the GPU at most; it hands nothing back unasked."""
    import cupy

    with on(entry):
        pool = cupy.get_default_memory_pool()
        pool.free_all_blocks()
        before = pool.total_bytes()
        contestant = Contestant(case, entry, seed, data)
        for _ in range(2):
            contestant.restore()
            contestant.step()
        cupy.cuda.Device().synchronize()
        peak = pool.total_bytes()
    return {"mib": (peak - before) / _MIB, "reset": True, "spikes": contestant.spikes()}
