"""What `lava-dt bench bats` measures: the cases, their contestants, and how long they should take."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from runs.bench.options import BatsBench, BatsSection
from runs.bench.stopwatch import expected_seconds

Mode = Literal["forward", "backward", "training"]
Library = Literal["literal port", "bats_dt"]
PIXELS = 784
CLASSES = 10
CONV_TITLE = "28x28, conv 5x5x15, pool, conv 5x5x40, pool, 300, 10"
MNIST_IMAGES = 60_000
MNIST_SHARE = 0.19  # of MNIST's pixels that are not black
MOST_OF_THE_PORT = 2**30  # bytes: where one layer's gradients of all samples take more, the literal port stands aside
_CONV_COST = 30.0  # of the fully connected 784-512-10
_PORT_SECONDS = {"forward": 0.045, "backward": 0.08, "training": 0.125}  # 784-512-10, batch 32, one busy thread


class Entry(BaseModel):
    """One contestant: a library, and where it runs."""

    model_config = ConfigDict(frozen=True)

    library: Library = "bats_dt"
    threads: int = 1
    device: Literal["cpu", "cuda"] = "cpu"

    @property
    def name(self) -> str:
        place = "GPU" if self.device == "cuda" else f"{self.threads} thread{'s' if self.threads > 1 else ''}"
        return f"{self.library}, {place}"


class Case(BaseModel):
    """One measurement: a network, its input, what is done with it and by whom.

    network: two fully connected layers, or the convolutional network of the published experiments on MNIST. hidden: the
    neurons of the first. share: of the pixels that spike; None for images as they are. threshold: of the hidden
    neurons; the lower, the more they spike.
    """

    model_config = ConfigDict(frozen=True)

    section: BatsSection
    mode: Mode = "training"
    network: Literal["dense", "conv"] = "dense"
    hidden: int = 512
    batch: int = 32
    share: float | None = None
    threshold: float = 0.2
    rounds: int = 5
    entries: tuple[Entry, ...]

    @property
    def title(self) -> str:
        """The case in a few words."""
        network = CONV_TITLE if self.network == "conv" else f"{PIXELS}-{self.hidden}-{CLASSES}"
        words = [f"{self.mode}, {network}, batch {self.batch}"]
        if self.share is not None:
            words.append(f"{100 * self.share:g} % of the pixels")
        elif self.threshold != 0.2:
            words.append(f"hidden threshold {self.threshold:g}")
        return ", ".join(words)

    @property
    def workload(self) -> tuple[object, ...]:
        """What decides the spikes: cases that agree in it need one comparison of them."""
        return self.network, self.hidden, self.batch, self.share, self.threshold

    def gradient_bytes(self) -> int:
        """Of the largest array of all samples' gradients, which only the literal port has."""
        return 4 * self.batch * self.hidden * PIXELS

    def expected_seconds(self) -> float:
        """A guess for two free cores: the comparison of the spikes, a round to warm up, and the timed rounds."""
        steps = [self.step_seconds(entry) for entry in self.entries]
        return sum(steps) + expected_seconds(steps, self.rounds)

    def step_seconds(self, entry: Entry) -> float:
        """A guess of one step, by the literal port's of a fully connected network."""
        size = self.batch * self.hidden / (32 * 512) * max(1.0, (0.2 / self.threshold) ** 0.8)
        size *= _CONV_COST if self.network == "conv" else 1.0
        share = {"literal port": 1.0, "bats_dt": 0.1}[entry.library] * (0.1 if entry.device == "cuda" else 1.0)
        return _PORT_SECONDS[self.mode] * size * share / min(entry.threads, 2) ** 0.7


def cases(options: BatsBench, gpu: bool) -> list[Case]:
    """The races, section by section."""
    chosen = [case for case in (_quick if options.quick else _full)(options, gpu) if wanted(options, case.section)]
    if options.repeats is not None:
        chosen = [case.model_copy(update={"rounds": options.repeats}) for case in chosen]
    return [case for case in map(_without_too_large, chosen) if case.entries]


def memory_cases(options: BatsBench, gpu: bool) -> list[Case]:
    """The cases whose peak memory is measured, each entry in a process of its own."""
    if not wanted(options, "memory"):
        return []
    few = entries(options, gpu, widest=True)
    ours = tuple(entry for entry in few if entry.library == "bats_dt")
    if options.quick:
        return [Case(section="memory", entries=few)]
    return [
        *(Case(section="memory", batch=batch, entries=few) for batch in (32, 256)),
        *(Case(section="memory", batch=256, threshold=threshold, entries=ours) for threshold in (0.8, 0.1, 0.05)),
        Case(section="memory", batch=2048, entries=ours),
    ]


def epoch_case(options: BatsBench, gpu: bool) -> Case | None:
    """The network and the contestants whose epoch of MNIST is measured."""
    if not wanted(options, "epoch"):
        return None
    return Case(section="epoch", entries=entries(options, gpu))


def wanted(options: BatsBench, section: BatsSection) -> bool:
    return not options.only or section in options.only


def entries(options: BatsBench, gpu: bool, widest: bool = False) -> tuple[Entry, ...]:
    """Both libraries on every number of threads (on the largest alone for `widest`), and bats_dt on the GPU."""
    found: list[Entry] = []
    if options.device != "cuda":
        counts = options.threads[-1:] if widest else options.threads
        libraries: tuple[Library, ...] = ("literal port", "bats_dt")
        found += [Entry(library=library, threads=n) for n in counts for library in libraries]
    return (*found, *([Entry(device="cuda")] if gpu else []))


def _without_too_large(case: Case) -> Case:
    if case.gradient_bytes() <= MOST_OF_THE_PORT:
        return case
    left = tuple(entry for entry in case.entries if entry.library != "literal port")
    return case.model_copy(update={"entries": left})


def _quick(options: BatsBench, gpu: bool) -> list[Case]:
    every, few = entries(options, gpu), entries(options, gpu, widest=True)
    modes: tuple[Mode, ...] = ("forward", "backward", "training")
    return [
        *(Case(section=mode, mode=mode, entries=every) for mode in modes),
        Case(section="training", hidden=800, batch=50, entries=every),
        Case(section="training", batch=256, rounds=3, entries=few),
        _conv("training", 3, every),
        *(_sparse(share, 5, few) for share in (0.05, 0.5)),
        *(Case(section="spikes", threshold=threshold, entries=few) for threshold in (0.8, 0.05)),
        *(Case(section="scaling", batch=batch, entries=few) for batch in (8, 128)),
        *(Case(section="scaling", hidden=hidden, entries=few) for hidden in (128, 2048)),
    ]


def _full(options: BatsBench, gpu: bool) -> list[Case]:
    every, few = entries(options, gpu), entries(options, gpu, widest=True)
    modes: tuple[Mode, ...] = ("forward", "backward", "training")
    return [
        *(
            Case(section=mode, mode=mode, hidden=hidden, batch=batch, rounds=15 if batch < 256 else 7, entries=every)
            for mode in modes
            for hidden in (512, 800)
            for batch in (32, 50, 256)
        ),
        *(_conv(mode, 7, every) for mode in modes),
        *(_sparse(share, 9, few) for share in (0.02, 0.05, 0.1, 0.3, 0.5, 0.8)),
        *(Case(section="spikes", threshold=at, rounds=9, entries=few) for at in (0.8, 0.4, 0.1, 0.05, 0.025)),
        *(Case(section="scaling", batch=batch, rounds=5, entries=few) for batch in (1, 8, 16, 64, 128, 512, 2048)),
        *(Case(section="scaling", hidden=hidden, rounds=5, entries=few) for hidden in (128, 256, 1024, 2048, 4096)),
    ]


def _conv(mode: Mode, rounds: int, found: tuple[Entry, ...]) -> Case:
    """The literal port has fully connected layers only."""
    ours = tuple(entry for entry in found if entry.library == "bats_dt")
    return Case(section="conv", mode=mode, network="conv", batch=20, rounds=rounds, entries=ours)


def _sparse(share: float, rounds: int, found: tuple[Entry, ...]) -> Case:
    """Potentials grow as the square root of the inputs' number: so does the threshold, and the hidden spikes stay."""
    threshold = 0.2 * (share / MNIST_SHARE) ** 0.5
    return Case(section="sparsity", share=share, threshold=threshold, rounds=rounds, entries=found)
