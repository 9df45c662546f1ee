"""Peak memory of the contestants of `lava-dt bench slayer`."""

from __future__ import annotations

import gc
from typing import Any

import torch

from lava_dt.room import release
from runs.bench.memory import available, give_back, measure_in_child
from runs.bench.slayer.cases import Case, Entry
from runs.bench.slayer.contestants import Contestant

_MIB = 2**20
STEPS = 6  # the peak rises by a tenth at most afterwards: torch's blocks do not fit into what the last step freed


def measure_memory(case: Case, entry: Entry, seed: int, threads: int) -> dict[str, Any]:
    """``mib`` of `STEPS` steps of the entry above its imports, in a process of its own; of the GPU where it runs there.

    Raises:
        RuntimeError: it could not be measured; with the reason.
    """
    if case.device == "cuda":
        return _gpu_memory(case, entry, seed)
    if not available():
        raise RuntimeError("this system does not tell a process its peak memory")
    return measure_in_child(__name__, case, entry, f"{entry.name} ({case.title})", seed=seed, threads=threads)


def warm_up(order: dict[str, Any]) -> None:
    """One step of the same network on a short recording, of which no memory is kept."""
    torch.set_num_threads(order["threads"])
    case = Case(**order["case"])
    short = case.model_copy(update={"batch": 2, "steps": 8 * case.dt})
    Contestant(short, Entry(**order["entry"]), order["seed"]).step()
    gc.collect()
    release()


def work(order: dict[str, Any]) -> dict[str, Any]:
    """The steps."""
    _stepped(Case(**order["case"]), Entry(**order["entry"]), order["seed"])
    return {}


def _stepped(case: Case, entry: Entry, seed: int) -> Contestant:
    contestant = Contestant(case, entry, seed)
    contestant.initial.clear()  # the benchmark's own copies; nothing is restored here
    give_back()
    for _ in range(STEPS):
        contestant.step()
    return contestant


def _gpu_memory(case: Case, entry: Entry, seed: int) -> dict[str, Any]:
    """What torch had handed out of the GPU at most."""
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    contestant = _stepped(case, entry, seed)
    torch.cuda.synchronize()
    peak = torch.cuda.max_memory_allocated()
    del contestant
    return {"mib": (peak - before) / _MIB, "reset": True}
