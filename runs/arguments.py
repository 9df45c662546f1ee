"""The commands and what each takes; their work is imported when they run."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import tyro

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
from runs.flags import flags_of

if TYPE_CHECKING:
    BatsFlags: TypeAlias = dict[str, Any]
    SlayerFlags: TypeAlias = dict[str, Any]
else:
    BatsFlags = Annotated[flags_of("bats"), tyro.conf.arg(name="")]
    SlayerFlags = Annotated[flags_of("slayer"), tyro.conf.arg(name="")]

_Flag = tyro.conf.FlagCreatePairsOff[bool]
_Count = Annotated[int | None, tyro.conf.arg(metavar="INT", help_behavior_hint="")]
_NO_DEFAULT = tyro.conf.arg(help_behavior_hint="")  # none to tell
_Counts = Annotated[tuple[int, ...], _NO_DEFAULT]
_Path = Annotated[Path | None, tyro.conf.arg(metavar="PATH", help_behavior_hint="")]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Command:
    """What every command takes."""

    debug: _Flag = False
    """show where an error came from"""

    def run(self) -> int:
        """Does the command's work; the exit code."""
        raise NotImplementedError


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainCommand(Command):
    """What training takes, whatever the model."""

    out: _Path = None
    """directory of the run (default: results/..., named after the model and its step); a run there is continued"""
    config: _Path = None
    """TOML file with any of the keys below; flags override it"""
    download: _Flag = False
    """first fetch the public data set into --data, where it is not there"""

    def _train(self, model: str, flags: dict[str, Any]) -> int:
        from runs.commands import train_one

        return train_one(model, self.config, flags, self.out, self.download)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainBats(TrainCommand):
    """Train BATS on MNIST, in exact time or on a grid."""

    flags: BatsFlags = dataclasses.field(default_factory=dict)

    def run(self) -> int:
        return self._train("bats", dict(self.flags))


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainSlayer(TrainCommand):
    """Train a SLAYER (lava-dl CuBa) network on N-MNIST at any step."""

    flags: SlayerFlags = dataclasses.field(default_factory=dict)

    def run(self) -> int:
        return self._train("slayer", dict(self.flags))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Train:
    """Train one network; a run that was stopped is continued."""

    model: Annotated[TrainBats, tyro.conf.subcommand("bats")] | Annotated[TrainSlayer, tyro.conf.subcommand("slayer")]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Demo(Command):
    """Train both models at several steps on shipped data, compare, export to Lava and check the spikes (3 minutes)."""

    out: Path = Path("demo")
    """where runs and report go; a demo that was stopped is continued"""

    def run(self) -> int:
        from runs.demo import run_demo

        return run_demo(self.out)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Report(Command):
    """Write report.html and report.md from run directories."""

    runs: tyro.conf.Positional[tuple[Path, ...]]
    """directories that hold runs, at any depth"""
    out: _Path = None
    """directory of the report (default: the first of the directories)"""

    def run(self) -> int:
        from runs.commands import report

        return report(self.runs, self.out)


_Net = Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="NET")]
_Dt = Annotated[float | None, tyro.conf.arg(metavar="DT", help_behavior_hint="")]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Export(Command):
    """Write a trained network for Lava (a lava-dl .net file), and check that Lava spikes as it does.

    Exit code 0: nothing differs; 1: something does.
    """

    net: _Net
    """directory of a run (SLAYER or BATS), a .net file of ours or lava-dl's, or a .nir file"""
    out: _Path = None
    """the file (default: export/network.net in the run's directory)"""
    verify: Annotated[str | None, tyro.conf.arg(metavar="DATA", help_behavior_hint="")] = None
    """compare every spike, current and voltage with Lava on these: a folder of N-MNIST or MNIST, "shipped" for the set
    that comes along, or a .npy or .npz file of spikes (batch, neuron..., time) (default: a run's own test set)"""
    recordings: _Count = None
    """how many of the test recordings; 0 for no check (default: 2, with --verify 20)"""
    dt: _Dt = None
    """first convert to this step: seconds for a BATS run, fine steps for other networks; of a .nir file that does not
    tell its own step, that one, in seconds"""

    def run(self) -> int:
        from runs.commands import export

        return export(self.net, self.out, self.verify, self.recordings, self.dt)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run(Command):
    """Run a network in Lava on recordings: accuracy, spikes of each layer, speed."""

    net: _Net
    """directory of a run (SLAYER or BATS), a .net file of ours or lava-dl's, or a .nir file"""
    data: _Path = None
    """folder of N-MNIST, or of MNIST for networks that take images (default: a run's own data, else the small
    shipped set)"""
    split: Literal["test", "train"] = "test"
    """which part of it"""
    recordings: int = 100
    """how many, the first ones; 0 for all"""
    clock: Literal["trained", "held", "coarse"] = "trained"
    """coarse: a step in Lava is one of dt; held: it is a fine step, and neurons act at every dt-th"""
    dt: _Dt = None
    """first convert to this step, as lava-dt export does"""
    steps: _Count = None
    """fine steps of a recording (default: as trained, those of 0.3 s where nobody said)"""
    seconds: Annotated[float | None, tyro.conf.arg(metavar="S", help_behavior_hint="")] = None
    """the same in seconds"""

    def run(self) -> int:
        from runs.deploy.run import RunOptions, run_network

        return run_network(RunOptions(**_typed(self)))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Doctor(Command):
    """Say what is installed, patched and usable, and run ten steps of a network through Lava."""

    timeout: float = 60.0
    """seconds to wait for Lava"""

    def run(self) -> int:
        from runs.doctor import run_doctor

        return run_doctor(self.timeout)


@dataclasses.dataclass(frozen=True, kw_only=True)
class BenchSlayer(Command):
    """Time lava_dt beside lava-dl and a plain torch loop; their spikes are compared first (1 or 10 minutes)."""

    quick: _Flag = False
    """about 1 minute instead of about 10"""
    only: Annotated[tuple[Section, ...], _NO_DEFAULT] = ()
    """only these sections"""
    repeats: _Count = None
    """timed rounds of every case"""
    threads: _Count = None
    """threads of all contestants (default: all cores)"""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """auto: the CPU, and the GPU where there is one"""
    seed: int = 0
    """of weights and inputs"""
    out: _Path = None
    """a new directory for the results (default: results/bench-slayer-...)"""

    def run(self) -> int:
        from runs.bench.slayer.run import run_slayer

        return run_slayer(checked(SlayerBench, _typed(self)))


@dataclasses.dataclass(frozen=True, kw_only=True)
class BenchBats(Command):
    """Time bats_dt beside a literal CPU port of the published kernels, spikes compared first (1 or 10 minutes)."""

    quick: _Flag = False
    """about 1 minute instead of about 10"""
    only: Annotated[tuple[BatsSection, ...], _NO_DEFAULT] = ()
    """only these sections"""
    repeats: _Count = None
    """timed rounds of every case"""
    threads: _Counts = ()
    """numbers of threads to compare (default: 1, 2 and all cores)"""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """auto: the CPU, and the GPU where there is one"""
    data: _Path = None
    """folder of MNIST, for a whole epoch (default: the shipped images)"""
    seed: int = 0
    """of weights and the choice of images"""
    out: _Path = None
    """a new directory for the results (default: results/bench-bats-...)"""

    def run(self) -> int:
        from runs.bench.bats.run import run_bats

        typed = _typed(self)
        return run_bats(checked(BatsBench, {k: v for k, v in typed.items() if k != "threads" or v}))


@dataclasses.dataclass(frozen=True, kw_only=True)
class BenchConversion(Command):
    """Train lava-dl at dt = 1, convert to coarser steps, and tell the test accuracy; goes on where it was stopped."""

    data: _Path = None
    """folder of N-MNIST (default: the shipped recordings)"""
    network: _Path = None
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
    train_samples: _Count = None
    """use only so many training recordings, the first ones"""
    test_samples: _Count = None
    """use only so many test recordings, the first ones"""
    threads: _Count = None
    """threads (default: all cores)"""
    out: _Path = None
    """directory of the table (default: results/bench-conversion-seed<seed>); what is there is not computed again"""

    def run(self) -> int:
        from runs.bench.conversion.run import run_conversion

        return run_conversion(checked(ConversionBench, _typed(self)))


@dataclasses.dataclass(frozen=True, kw_only=True)
class BenchParity(Command):
    """Train networks briefly, and compare them with Lava step by step; 1 if they differ; goes on where it stopped."""

    data: _Path = None
    """folder of N-MNIST (default: the shipped recordings)"""
    recordings: _Count = None
    """recordings to compare on (default: 100, or 5 with --quick)"""
    quick: _Flag = False
    """few recordings, at dt = 1 and 10 alone"""
    only: Annotated[tuple[Network, ...], _NO_DEFAULT] = ()
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
    threads: _Count = None
    """threads of training (default: all cores)"""
    out: _Path = None
    """directory of the results (default: results/bench-parity-seed<seed>); what is there is not run again"""

    def run(self) -> int:
        from runs.bench.parity.run import run_parity

        return run_parity(checked(ParityBench, _typed(self)))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bench:
    """Measure speed and memory, the accuracy of converted networks, or that Lava's networks spike as trained."""

    model: (
        Annotated[BenchSlayer, tyro.conf.subcommand("slayer")]
        | Annotated[BenchBats, tyro.conf.subcommand("bats")]
        | Annotated[BenchConversion, tyro.conf.subcommand("conversion")]
        | Annotated[BenchParity, tyro.conf.subcommand("parity")]
    )


def _typed(command: Command) -> dict[str, Any]:
    """The options of a command but for those that were left to their defaults of None."""
    values = {field.name: getattr(command, field.name) for field in dataclasses.fields(command)}
    return {name: value for name, value in values.items() if name != "debug" and value is not None}


_COMMANDS = (
    Annotated[Train, tyro.conf.subcommand("train")]
    | Annotated[Demo, tyro.conf.subcommand("demo")]
    | Annotated[Report, tyro.conf.subcommand("report")]
    | Annotated[Export, tyro.conf.subcommand("export")]
    | Annotated[Run, tyro.conf.subcommand("run")]
    | Annotated[Bench, tyro.conf.subcommand("bench")]
    | Annotated[Doctor, tyro.conf.subcommand("doctor")]
)


def parse(arguments: Sequence[str] | None = None) -> Command:
    """The command that was typed; exits as tyro does, with 2 where it is none."""
    chosen = tyro.cli(
        _COMMANDS,  # type: ignore[arg-type]
        prog="lava-dt",
        description="The simulation timestep of spiking networks: train at any dt, compare, export to Lava.",
        args=arguments,
        config=(tyro.conf.OmitSubcommandPrefixes, tyro.conf.OmitArgPrefixes),
    )
    return chosen.model if isinstance(chosen, Train | Bench) else chosen
