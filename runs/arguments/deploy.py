"""The commands for those who deploy: `lava-dt export`, `run` and `doctor`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Literal

import tyro

from runs.arguments.command import Command, Count, OptionalPath, typed

_Net = Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="NET")]
_Dt = Annotated[float | None, tyro.conf.arg(metavar="DT", help_behavior_hint="")]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Export(Command):
    """Write a trained network for Lava (a lava-dl .net file), and check that Lava spikes as it does.

    Exit code 0: nothing differs; 1: something does.
    """

    net: _Net
    """directory of a run (SLAYER or BATS), a .net file of ours or lava-dl's, or a .nir file"""
    out: OptionalPath = None
    """the file (default: export/network.net in the run's directory)"""
    verify: Annotated[str | None, tyro.conf.arg(metavar="DATA", help_behavior_hint="")] = None
    """compare every spike, current and voltage with Lava on these: a folder of N-MNIST or MNIST, "shipped" for the set
    that comes along, or a .npy or .npz file of spikes (batch, neuron..., time) (default: a run's own test set)"""
    recordings: Count = None
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
    data: OptionalPath = None
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
    steps: Count = None
    """fine steps of a recording (default: as trained, those of 0.3 s where nobody said)"""
    seconds: Annotated[float | None, tyro.conf.arg(metavar="S", help_behavior_hint="")] = None
    """the same in seconds"""

    def run(self) -> int:
        from runs.deploy.run import RunOptions, run_network

        return run_network(RunOptions(**typed(self)))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Doctor(Command):
    """Say what is installed, patched and usable, and run ten steps of a network through Lava."""

    timeout: float = 60.0
    """seconds to wait for Lava"""

    def run(self) -> int:
        from runs.doctor import run_doctor

        return run_doctor(self.timeout)
