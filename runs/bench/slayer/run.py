"""`lava-dt bench slayer`: checks the spikes, runs the races, writes tables, numbers and a plot."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, Literal

from runs.bench.machine import busy_sentence, describe_machine, load, set_threads, torch_gpu, without_gpu_extension
from runs.bench.memory import weigh
from runs.bench.options import SlayerBench
from runs.bench.results import FORMAT, Record, duration_text, new_directory, one_line, record_of
from runs.bench.slayer.cases import UPSTREAM, Case, cases, memory_cases
from runs.bench.slayer.page import page, picture
from runs.bench.stopwatch import race, summarise
from runs.bench.summary import sheet_of, write_results
from runs.config import ConfigError
from runs.console import Console

_SECONDS_TO_START = 10.0  # imports, and kernels from Numba's cache
_SECONDS_OF_A_CHILD = 7.0


def run_slayer(options: SlayerBench) -> int:
    """Runs the benchmark; 1 where a contestant could not take part, 0 otherwise."""
    path = new_directory(options.out, "slayer")
    before, busy = load(), busy_sentence()
    late = set_threads(options.threads)
    with Console() as console:
        for sentence in (*late, *([busy] if busy else [])):
            console.warn(sentence)
        devices = _devices(options, console)
        timed = [case for device in devices for case in _on(device, cases(options), console)]
        weighed = [case for device in devices for case in _on(device, memory_cases(options), console)]
        machine = describe_machine(options.threads, torch_gpu())
        console.line(f"{machine['processor']}, {options.threads} threads, torch {machine['packages'].get('torch')}")
        console.line(
            f"about {duration_text(_expected_seconds(timed, weighed))} on two free cores; results go to {path}"
        )
        checks, able = _check(timed, options.seed, console)
        result: dict[str, Any] = {
            "format": FORMAT,
            "command": shlex.join(["lava-dt", *sys.argv[1:]]),
            "machine": machine,
            "load": {"before": before},
            "options": options.model_dump(mode="json", exclude={"out"}),
            "checks": checks,
            "races": [],
            "memory": [],
        }
        for record in _records(able, weighed, options, console):
            result["memory" if record["case"]["section"] == "memory" else "races"].append(record)
            result["load"]["after"] = load()
            console.show(sheet_of(record).rich())
            write_results(path, result, page, picture)
        write_results(path, {**result, "complete": True}, page, picture)
        console.line(f"wrote {path / 'bench.md'}, bench.json and bench.svg")
    everything = [*checks, *result["races"], *result["memory"]]
    return 1 if any(record["failed"] for record in everything) else 0


def _devices(options: SlayerBench, console: Console) -> list[Literal["cpu", "cuda"]]:
    import torch

    there = torch.cuda.is_available()
    if options.device == "cuda" and not there:
        raise ConfigError("--device is cuda, but torch sees no CUDA device here: leave it out, or pass cpu")
    if options.device == "auto" and not there:
        console.line("no GPU that torch can use: the CPU alone")
    if options.device == "cuda":
        return ["cuda"]
    return ["cpu", "cuda"] if options.device == "auto" and there else ["cpu"]


def _on(device: Literal["cpu", "cuda"], chosen: list[Case], console: Console) -> list[Case]:
    if device == "cpu":
        return chosen
    placed = [case.with_device("cuda") for case in chosen]
    reason = _why_not_upstream() if placed else None
    if reason is None:
        return placed
    console.warn(f"{reason}: on the GPU there is lava-dt and the plain torch loop alone")
    return [
        case.model_copy(update={"entries": tuple(e for e in case.entries if e.library != "lava-dl")}) for case in placed
    ]


@cache
def _why_not_upstream() -> str | None:
    """Why lava-dl cannot run on this GPU, None where it can; its extension is compiled here, for minutes at worst.

    lava-dl asks its compiler for the GPUs of 2020 alone; the patch asks for the one that is there.
    """
    import torch

    import lava_dt  # noqa: F401  (before lava-dl: it applies the patches that importing lava-dl needs)
    import patches

    reason = without_gpu_extension()
    if reason is not None:
        return reason
    patches.apply("lava-dl-cuda-arch")
    from lava.lib.dl.slayer.neuron.dynamics import leaky_integrator

    one = torch.ones(1, 1, 1, device="cuda")
    try:
        leaky_integrator.dynamics(one, one.flatten(), one.flatten(), 64)
        torch.cuda.synchronize()
    except Exception as error:  # of a compiler, a loader or a device
        return f"lava-dl's GPU extension does not run here ({one_line(error)})"
    return None


def _check(timed: list[Case], seed: int, console: Console) -> tuple[list[Record], list[Case]]:
    """Compares all spikes before anything is timed; gives what was found, and the cases with those that can run."""
    from runs.bench.slayer.equality import check_spikes

    checks, able = [], []
    for number, case in enumerate(timed, 1):
        found = check_spikes(case, seed)
        checks.append(found)
        for name, why in found["failed"].items():
            console.warn(f"{name} cannot take part ({case.title}): {why}")
        able.append(
            case.model_copy(update={"entries": tuple(e for e in case.entries if e.name not in found["failed"])})
        )
        console.tick(number, len(timed))
    spikes = sum(sum(check["spikes"]) * len(check["compared"]) for check in checks)
    networks = sum(len(check["compared"]) for check in checks)
    if networks:
        console.line(f"spikes equal bit for bit: {spikes:,} in all layers of {networks} networks, 0 differ")
    return checks, able


def _records(able: list[Case], weighed: list[Case], options: SlayerBench, console: Console) -> Iterator[Record]:
    for case in able:
        if case.entries:
            yield _race(case, options.seed, console)
    for case in weighed:
        yield _weigh(case, options, console)


def _race(case: Case, seed: int, console: Console) -> Record:
    from runs.bench.slayer.contestants import Contestant

    contestants: list[Contestant] = []
    failed: dict[str, str] = {}
    for entry in case.entries:
        try:
            contestant = Contestant(case, entry, seed)
            if case.device == "cuda":  # not everything that runs on the CPU does there
                contestant.step()
        except Exception as error:  # whatever it is, the others can go on
            failed[entry.name] = one_line(error)
            console.warn(f"{entry.name} cannot take part ({case.title}): {failed[entry.name]}")
        else:
            contestants.append(contestant)
    done = iter(range(1, case.rounds + 2))
    try:
        times = race(contestants, case.rounds, _synchroniser(case), lambda: console.tick(next(done), case.rounds + 1))
    except Exception as error:  # of the case, whatever it is: the other cases can go on
        why = one_line(error)
        console.warn(f"{case.title} was stopped: {why}")
        return record_of(case, case.title, {}, {"the case": why}, UPSTREAM.name)
    reference = UPSTREAM.name if UPSTREAM.name in times else next(iter(times), UPSTREAM.name)
    summary = summarise(times, reference)
    entries = {name: {**row, "walls": times[name].wall, "cpus": times[name].cpu} for name, row in summary.items()}
    return record_of(case, case.title, entries, failed, reference)


def _weigh(case: Case, options: SlayerBench, console: Console) -> Record:
    from runs.bench.slayer.memory import measure_memory

    entries, failed = weigh(
        case.entries, lambda entry: measure_memory(case, entry, options.seed, options.threads), UPSTREAM.name, console
    )
    return record_of(case, case.title, entries, failed, UPSTREAM.name)


def _synchroniser(case: Case) -> Callable[[], None]:
    if case.device == "cpu":
        return lambda: None
    import torch

    return torch.cuda.synchronize


def _expected_seconds(timed: list[Case], weighed: list[Case]) -> float:
    seconds = sum(case.expected_seconds() for case in timed) + _SECONDS_TO_START
    return seconds + _SECONDS_OF_A_CHILD * sum(len(case.entries) for case in weighed)
