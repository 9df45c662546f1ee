"""`lava-dt tune`: how coarse a trained network may run."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import tyro

from runs.arguments.command import Command, Count, Flag, OptionalPath


def _all_rules(default: str) -> str:
    """The names of the rules, which take seconds to import: tyro asks when a help text with them is printed."""
    from runs.quiet import quiet_imports

    try:
        with quiet_imports():
            from lava_dt.conversion import RULES
    except ImportError:
        return "(default: all)"
    return f"(default: all, which are {', '.join(RULES)})"


_Net = Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="NET")]
_Seconds = Annotated[float | None, tyro.conf.arg(metavar="S", help_behavior_hint="")]
_Share = Annotated[str, tyro.conf.arg(metavar="SHARE")]
_Rules = Annotated[tuple[str, ...], tyro.conf.arg(metavar="[RULE [RULE ...]]", help_behavior_hint=_all_rules)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tune(Command):
    """Find the coarsest step at which a trained network keeps its accuracy, convert it and check it in Lava.

    Exit code 0: there is one, and Lava spikes as it does; 1: there is none, or Lava differs, or something failed.
    """

    net: _Net
    """directory of a run (SLAYER or BATS), a .net file, a .nir file, a .safetensors, or lava-dl's state_dict (.pt)"""
    data: OptionalPath = None
    """folder of N-MNIST or MNIST, or a .npz file of spikes and labels (default: a run's own data, else the small set
    that comes along)"""
    tolerance: _Share = "1%"
    """accuracy that may be lost, as 1% (one point of a hundred) or 0.01"""
    dt: Annotated[tuple[int, ...], tyro.conf.arg(metavar="INT [INT ...]", help_behavior_hint="(default: 2 4 8 16)")] = (
        2,
        4,
        8,
        16,
    )
    """steps to try, in steps of the network"""
    rules: _Rules = ()
    """rules of conversion to try"""
    all_rules: Flag = False
    """try every rule on all test samples, without halving: the whole table of rules and steps"""
    finetune: int = 0
    """epochs of training after conversion; 0 for none"""
    calibration: Count = None
    """samples of the training part that choose among rules and set thresholds (default: 1000)"""
    samples: Count = None
    """test samples, which judge (default: all)"""
    confidence: _Share = "95%"
    """of the intervals"""
    verify: int = 20
    """test samples that Lava runs beside the converted network; 0 for no check"""
    config: OptionalPath = None
    """of a state_dict: a TOML file with threshold, current_decay, voltage_decay and steps, or the config.json of a run
    (default: the config.json or config.toml beside it)"""
    step: _Seconds = None
    """seconds of one step of the network, where its file does not say (of a BATS run: the step of its blocks, 0.001
    unless given; losses are counted against the run's own exact time)"""
    seed: int = 0
    """of the choice of samples, and of fine-tuning"""
    out: OptionalPath = None
    """directory for results, the converted network and the page (default: results/tune-NAME-seedN); a search that was
    stopped is continued there"""

    def run(self) -> int:
        from runs.tune.command import TuneRequest, run_tune

        return run_tune(
            TuneRequest(**{field.name: getattr(self, field.name) for field in dataclasses.fields(TuneRequest)})
        )
