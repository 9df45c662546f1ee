"""`lava-dt bench bats`: checks the spikes, runs the races, writes tables, numbers and a plot."""

from __future__ import annotations

import shlex
import sys
import warnings
from collections.abc import Callable, Iterator

from runs.bench.bats.cases import Case, Entry, cases, epoch_case, memory_cases
from runs.bench.bats.page import compared, page, picture
from runs.bench.machine import bats_gpu, busy_sentence, describe_machine, load, set_threads
from runs.bench.memory import weigh
from runs.bench.options import BatsBench
from runs.bench.results import FORMAT, Record, duration_text, new_directory, one_line, record_of
from runs.bench.stopwatch import race, summarise
from runs.bench.summary import measurements, sheet_of, write_results
from runs.config import ConfigError
from runs.console import Console

PORT_IMAGES = {True: 640, False: 3200}  # of an epoch that the literal port is timed on, quick or not
_SECONDS_TO_START = 6.0  # imports, kernels from Numba's cache, and the images
_SECONDS_OF_A_CHILD = 4.0


def run_bats(options: BatsBench) -> int:
    """Runs the benchmark; 1 where a contestant could not take part, 0 otherwise."""
    path = new_directory(options.out, "bats")
    before, busy = load(), busy_sentence()
    late = set_threads(options.threads[-1], with_torch=False)
    with Console() as console:
        for sentence in (*late, *([busy] if busy else [])):
            console.warn(sentence)
        gpu = _gpu(options, console)
        timed, weighed = cases(options, gpu is not None), memory_cases(options, gpu is not None)
        epoch = epoch_case(options, gpu is not None)
        machine = describe_machine(list(options.threads), gpu)
        console.line(f"{machine['processor']}, {machine['cores']} cores, GPU: {gpu}")
        guess = duration_text(_expected_seconds(timed, weighed, epoch, options))
        console.line(f"about {guess} on two free cores; results go to {path}")
        result: Record = {
            "format": FORMAT,
            "command": shlex.join(["lava-dt", *sys.argv[1:]]),
            "machine": machine,
            "load": {"before": before},
            "options": options.model_dump(mode="json", exclude={"out"}),
            "checks": [],
            "races": [],
            "epochs": [],
            "memory": [],
        }
        with warnings.catch_warnings():
            # neurons that spike more often than there is room for are a part of the cases with many spikes
            warnings.filterwarnings("ignore", ".*max_n_spike", RuntimeWarning)
            for kind, record in _records(timed, weighed, epoch, options, result["checks"], console):
                result[kind].append(record)
                result["load"]["after"] = load()
                console.show(sheet_of(record).rich())
                write_results(path, result, page, picture)
        write_results(path, {**result, "complete": True}, page, picture)
        console.line(f"wrote {path / 'bench.md'}, bench.json and bench.svg")
    return 1 if any(record["failed"] for record in (*result["checks"], *measurements(result))) else 0


def _gpu(options: BatsBench, console: Console) -> str | None:
    """The name of the GPU, where there is one and it is wanted."""
    gpu = None if options.device == "cpu" else bats_gpu()
    if options.device == "cuda" and gpu is None:
        raise ConfigError(
            "--device is cuda, but bats_dt sees no GPU here (it needs CuPy, the extra cuda12 or cuda13): leave it out, "
            "or pass cpu"
        )
    if options.device == "auto" and gpu is None:
        console.line("no GPU that bats_dt can use: the CPU alone")
    return gpu


def _records(
    timed: list[Case],
    weighed: list[Case],
    epoch: Case | None,
    options: BatsBench,
    checks: list[Record],
    console: Console,
) -> Iterator[tuple[str, Record]]:
    """All measurements, one after the other, but the spikes of all races are compared before the first."""
    able = _check(timed, options, checks, console)
    for case, check in able:
        if case.entries:
            yield "races", _race(case, check, options, console)
    if epoch is not None:
        yield "epochs", _epoch(epoch, options, console)
    for case in weighed:
        yield "memory", _weigh(case, options, console)


def _check(timed: list[Case], options: BatsBench, checks: list[Record], console: Console) -> list[tuple[Case, Record]]:
    """Compares all spikes, once for cases that share them; gives the cases with those entries that can run them."""
    from runs.bench.bats.equality import check_spikes

    known: dict[tuple[object, ...], Record] = {}
    able = []
    for number, case in enumerate(timed, 1):
        if case.workload not in known:
            known[case.workload] = check_spikes(case, options.seed, options.data)
            checks.append(known[case.workload])
            for name, why in known[case.workload]["failed"].items():
                console.warn(f"{name} cannot take part ({case.title}): {why}")
        check = known[case.workload]
        left = tuple(entry for entry in case.entries if entry.name not in check["failed"])
        able.append((case.model_copy(update={"entries": left}), check))
        console.tick(number, len(timed))
    if any(check["compared"] for check in checks):
        left_out = sum(check["left_out"] for check in checks)
        console.line(f"compared: {compared(checks)}; {left_out} neurons hang on rounding, 0 others differ")
    return able


def _race(case: Case, check: Record, options: BatsBench, console: Console) -> Record:
    from runs.bench.bats.contestants import Contestant

    done = iter(range(1, case.rounds + 2))
    try:
        racers = [Contestant(case, entry, options.seed, options.data) for entry in case.entries]
        times = race(racers, case.rounds, _synchroniser(case), lambda: console.tick(next(done), case.rounds + 1))
    except Exception as error:  # of the case, whatever it is: the other cases can go on
        why = one_line(error)
        console.warn(f"{case.title} was stopped: {why}")
        return record_of(case, case.title, {}, {"the case": why}, _port_of(case.entries[0], case).name)
    entries: Record = {}
    for entry in case.entries:
        port = _port_of(entry, case).name
        row = summarise({name: times[name] for name in (port, entry.name) if name in times}, port)[entry.name]
        own = times[entry.name]
        entries[entry.name] = {**row, "reference": port, "walls": own.wall, "cpus": own.cpu}
    title = f"{case.title}, {check['spikes_per_neuron']:.2g} spikes a hidden neuron"
    about = {name: check[name] for name in ("spikes", "spikes_per_neuron", "share")}
    return {**record_of(case, title, entries, {}, _port_of(case.entries[-1], case).name), **about}


def _port_of(entry: Entry, case: Case) -> Entry:
    """The contestant that an entry is compared with: the literal port on as many threads, for a GPU on the most.

    Where the port has no part in a case, bats_dt on the fewest threads.
    """
    if case.network == "conv":
        return min(case.entries, key=lambda e: (e.device == "cuda", e.threads))
    threads = max(e.threads for e in case.entries) if entry.device == "cuda" else entry.threads
    return Entry(library="literal port", threads=threads)


def _epoch(case: Case, options: BatsBench, console: Console) -> Record:
    from runs.bench.bats.epoch import measure_epoch

    title = f"an epoch of MNIST, {case.title}"
    reference = _port_of(case.entries[-1], case).name
    try:
        entries = measure_epoch(case, options.seed, options.data, PORT_IMAGES[options.quick], console)
    except Exception as error:  # whatever it is, the others can go on
        why = one_line(error)
        console.warn(f"{title} was stopped: {why}")
        return record_of(case, title, {}, {"the case": why}, reference)
    for entry in case.entries:
        own, port = entries[entry.name], entries.get(_port_of(entry, case).name)
        if port is not None:
            own["wall_ratio"], own["cpu_ratio"] = port["epoch"] / own["epoch"], port["epoch_cpu"] / own["epoch_cpu"]
    return record_of(case, title, entries, {}, reference)


def _weigh(case: Case, options: BatsBench, console: Console) -> Record:
    from runs.bench.bats.memory import measure_memory

    reference = _port_of(case.entries[-1], case).name
    entries, failed = weigh(
        case.entries, lambda entry: measure_memory(case, entry, options.seed, options.data), reference, console
    )
    return record_of(case, case.title, entries, failed, reference)


def _synchroniser(case: Case) -> Callable[[], None]:
    if all(entry.device == "cpu" for entry in case.entries):
        return lambda: None
    import cupy

    def wait() -> None:
        cupy.cuda.Device().synchronize()

    return wait


def _expected_seconds(timed: list[Case], weighed: list[Case], epoch: Case | None, options: BatsBench) -> float:
    seconds = _SECONDS_TO_START + sum(case.expected_seconds() for case in timed)
    seconds += _SECONDS_OF_A_CHILD * sum(len(case.entries) for case in weighed)
    if epoch is not None:
        images = 60_000 if options.data is not None else 3_000
        for entry in epoch.entries:
            taken = min(images, PORT_IMAGES[options.quick]) if entry.library == "literal port" else images
            seconds += epoch.step_seconds(entry) * taken / epoch.batch
    return seconds
