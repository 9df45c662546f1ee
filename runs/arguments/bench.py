"""`lava-dt bench`: what each of the measurements takes."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Literal

import tyro

from runs.arguments.command import NO_DEFAULT, Command, Count, Flag, OptionalPath, typed
from runs.bench.data.options import DataBench, DataSection
from runs.bench.directories.options import ResultsBench
from runs.bench.options import (
    BatsBench,
    BatsSection,
    Clock,
    ConversionBench,
    Gain,
    Network,
    ParityBench,
    Reset,
    Scheme,
    Section,
    SlayerBench,
    checked,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class BenchSlayer(Command):
    """Time lava_dt beside lava-dl and a plain torch loop; their spikes are compared first (1 or 10 minutes)."""

    quick: Flag = False
    """about 1 minute instead of about 10"""
    only: Annotated[tuple[Section, ...], NO_DEFAULT] = ()
    """only these sections"""
    repeats: Count = None
    """timed rounds of every case"""
    threads: Count = None
    """threads of all contestants (default: all cores)"""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """auto: the CPU, and the GPU where there is one"""
    seed: int = 0
    """of weights and inputs"""
    out: OptionalPath = None
    """a new directory for the results (default: results/bench-slayer-...)"""

    def run(self) -> int:
        from runs.bench.slayer.run import run_slayer

        return run_slayer(checked(SlayerBench, typed(self)))


@dataclasses.dataclass(frozen=True, kw_only=True)
class BenchBats(Command):
    """Time bats_dt beside a literal CPU port of the published kernels, spikes compared first (1 or 10 minutes)."""

    quick: Flag = False
    """about 1 minute instead of about 10"""
    only: Annotated[tuple[BatsSection, ...], NO_DEFAULT] = ()
    """only these sections"""
    repeats: Count = None
    """timed rounds of every case"""
    threads: Annotated[tuple[int, ...], NO_DEFAULT] = ()
    """numbers of threads to compare (default: 1, 2 and all cores)"""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """auto: the CPU, and the GPU where there is one"""
    data: OptionalPath = None
    """folder of MNIST, for a whole epoch (default: the shipped images)"""
    seed: int = 0
    """of weights and the choice of images"""
    out: OptionalPath = None
    """a new directory for the results (default: results/bench-bats-...)"""

    def run(self) -> int:
        from runs.bench.bats.run import run_bats

        given = typed(self)
        return run_bats(checked(BatsBench, {k: v for k, v in given.items() if k != "threads" or v}))


@dataclasses.dataclass(frozen=True, kw_only=True)
class BenchConversion(Command):
    """Train lava-dl at dt = 1, convert to coarser steps, and tell the test accuracy; goes on where it was stopped."""

    data: OptionalPath = None
    """folder of N-MNIST (default: the shipped recordings)"""
    network: OptionalPath = None
    """a lava-dl state_dict saved by torch.save, instead of training"""
    epochs: int = 15
    """of lava-dl's training at dt = 1"""
    seed: int = 0
    """of weights and the order of the samples"""
    hidden: tuple[int, ...] = (512,)
    """neurons of each hidden layer"""
    dts: tuple[int, ...] = (2, 4, 8, 10, 16)
    """steps to convert to, in fine steps of 1 ms"""
    schemes: tuple[Scheme, ...] = ("forward_euler", "exponential", "backward_euler", "bilinear")
    """how the decays follow dt"""
    gains: tuple[Gain, ...] = ("charge", "integral")
    """what one input spike adds at a coarser dt"""
    clock: Literal["coarse", "held"] = "coarse"
    """re-bin time, or hold the state; the spikes are the same"""
    finetune: int = 0
    """epochs of training after the conversion"""
    finetune_learning_rate: float = 1e-4
    """Adam's learning rate in these epochs"""
    finetune_largest_rate: float = 0.5
    """spikes a step that they may want of a neuron; up to there the integral gain's wanted rates grow with dt"""
    train_samples: Count = None
    """use only so many training recordings, the first ones"""
    test_samples: Count = None
    """use only so many test recordings, the first ones"""
    threads: Count = None
    """threads (default: all cores)"""
    out: OptionalPath = None
    """directory of the table (default: results/bench-conversion-seed<seed>); what is there is not computed again"""

    def run(self) -> int:
        from runs.bench.conversion.run import run_conversion

        return run_conversion(checked(ConversionBench, typed(self)))


@dataclasses.dataclass(frozen=True, kw_only=True)
class BenchParity(Command):
    """Train networks briefly, and compare them with Lava step by step; 1 if they differ; goes on where it stopped."""

    data: OptionalPath = None
    """folder of N-MNIST (default: the shipped recordings)"""
    recordings: Count = None
    """recordings to compare on (default: 100, or 5 with --quick)"""
    quick: Flag = False
    """few recordings, at dt = 1 and 10 alone"""
    only: Annotated[tuple[Network, ...], NO_DEFAULT] = ()
    """only these networks"""
    dts: tuple[int, ...] = (1, 2, 5, 10)
    """steps, in fine steps of 1 ms"""
    resets: tuple[Reset, ...] = ("hard", "soft")
    """what a spike does to the voltage: zero it, or subtract the threshold"""
    clocks: tuple[Clock, ...] = ("coarse",)
    """where dt is above 1: bins of dt, or fine steps of which the neurons act at every dt-th"""
    training_batches: int = 10
    """batches of 16 recordings, before the weights are fixed"""
    timeout: float = 3600.0
    """seconds that Lava may take for one run of recordings"""
    seed: int = 0
    """of weights, delays and the order of the recordings"""
    threads: Count = None
    """threads of training (default: all cores)"""
    out: OptionalPath = None
    """directory of the results (default: results/bench-parity-seed<seed>); what is there is not run again"""

    def run(self) -> int:
        from runs.bench.parity.run import run_parity

        return run_parity(checked(ParityBench, typed(self)))


@dataclasses.dataclass(frozen=True, kw_only=True)
class BenchData(Command):
    """Compare the simulated camera with N-MNIST's recordings, and the loaders' speed with training's (2 minutes)."""

    mnist: OptionalPath = None
    """folder of MNIST (default: the shipped images)"""
    nmnist: OptionalPath = None
    """folder of N-MNIST (default: the shipped recordings)"""
    quick: Flag = False
    """fewer recordings and rounds"""
    only: Annotated[tuple[DataSection, ...], NO_DEFAULT] = ()
    """only these sections"""
    recordings: Count = None
    """recordings to compare (default: 400, or 100 with --quick)"""
    repeats: Count = None
    """timed rounds (default: 15, or 5 with --quick)"""
    fit: Count = None
    """first try so many cameras on the recordings of even number, and compare the best one"""
    threads: Count = None
    """threads of loaders and training (default: all cores)"""
    seed: int = 0
    """of the simulated recordings, the search and the training"""
    out: OptionalPath = None
    """a new directory for the results (default: results/bench-data-...)"""

    def run(self) -> int:
        from runs.bench.data.run import run_data

        return run_data(checked(DataBench, typed(self)))


@dataclasses.dataclass(frozen=True, kw_only=True)
class BenchResults(Command):
    """Time report and query on thousands of made-up run directories (3 minutes)."""

    runs: int = 10_000
    """run directories to make up"""
    epochs: int = 15
    """of each run"""
    repeats: int = 3
    """timed rounds of every command"""
    out: OptionalPath = None
    """a new directory for the results (default: results/bench-results-...)"""

    def run(self) -> int:
        from runs.bench.directories.run import run_results

        return run_results(checked(ResultsBench, typed(self)))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bench:
    """Measure speed and memory, the accuracy of converted networks, or that Lava's networks spike as trained."""

    model: (
        Annotated[BenchSlayer, tyro.conf.subcommand("slayer")]
        | Annotated[BenchBats, tyro.conf.subcommand("bats")]
        | Annotated[BenchConversion, tyro.conf.subcommand("conversion")]
        | Annotated[BenchParity, tyro.conf.subcommand("parity")]
        | Annotated[BenchData, tyro.conf.subcommand("data")]
        | Annotated[BenchResults, tyro.conf.subcommand("results")]
    )
