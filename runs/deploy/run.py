"""`lava-dt run`: a network in Lava on recordings, and what it makes of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.markup import escape

from runs.config import ConfigError
from runs.deploy.opening import FINE_STEP, open_network
from runs.deploy.page import accuracy_text, layer_table, speed_text
from runs.deploy.progress import RunProgress
from runs.deploy.samples import Split
from runs.deploy.scores import Scores

STOPPED = 130


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """What `lava-dt run` was asked for.

    Args:
        net: a run's directory, a .net or a .nir file.
        data: folder of N-MNIST or MNIST; None: a run's own, else the shipped set.
        split: of it.
        recordings: the first so many; 0: all.
        clock: of Lava.
        dt: as `runs.deploy.opening.open_network` takes it.
        steps: fine steps of a recording; None: as trained. seconds: the same in seconds.
    """

    net: Path
    data: Path | None = None
    split: Split = "test"
    recordings: int = 100
    clock: Literal["trained", "held", "coarse"] = "trained"
    dt: float | None = None
    steps: int | None = None
    seconds: float | None = None


def run_network(options: RunOptions, console: Console | None = None) -> int:
    """Runs and prints; 0, or 130 where Ctrl-C ended it, after telling what was done until then.

    Raises:
        ConfigError: options, a network or data that do not fit.
        ValueError, OSError: damaged files. RuntimeError, TimeoutError: Lava failed.
    """
    out = console or Console(highlight=False, soft_wrap=True)
    if options.recordings < 0:
        raise ConfigError(f"--recordings is {options.recordings}: give a number of recordings, or 0 for all")
    opened = open_network(options.net, options.dt)
    _say(out, *opened.notes)

    from lava_dt.export.blocks import describe
    from runs.deploy.choosing import SHAPES, encoding_of, samples_of
    from runs.deploy.deployment import Deployment

    description = describe(opened.net)
    step = opened.fine_step or FINE_STEP
    encoding = encoding_of(description, opened.encoding, _steps(options, step), fine_step=step)
    timestep = description.timestep
    clock = timestep.clock if options.clock == "trained" else options.clock
    held = timestep.dt > 1 and clock == "held"
    folder = options.data if options.data is not None or opened.config is None else opened.config.data
    samples = samples_of(encoding, folder, options.split, dt=1 if held else timestep.dt, fine_step=step)
    if options.recordings:
        samples = replace(samples, labels=samples.labels[: options.recordings])
    deployment = Deployment(
        opened.file or opened.net,
        description,
        samples,
        SHAPES[encoding.input],
        encoding=encoding,
        clock=clock,
    )
    in_lava = step * (1 if held else timestep.dt)
    _say(out, f"{len(samples):,} {samples.name} of {_time(samples.seconds)}, {samples.steps} steps of {_time(in_lava)}")
    if opened.fine_step is None:
        _say(out, f"the network does not say how long a step is: {_time(FINE_STEP)} was taken")
    scores, stopped = Scores(), False
    try:
        with RunProgress(len(samples), deployment.period, out) as progress, deployment:
            deployment.start()
            progress.started()
            for i in range(len(samples)):
                scores.add(*deployment.run(i))
                progress.sample(scores)
    except KeyboardInterrupt:
        stopped = True
    if stopped:
        _say(out, f"stopped after {scores.seen:,} of {len(samples):,}")
    if scores.seen:
        out.print(layer_table(deployment.names, deployment.neurons, scores, samples.seconds))
        _say(out, accuracy_text(scores), speed_text(scores, deployment.period, samples.seconds))
    return STOPPED if stopped else 0


def _steps(options: RunOptions, step: float) -> int | None:
    if options.steps is not None and options.seconds is not None:
        raise ConfigError("--steps and --seconds say the same twice: give one of them")
    if options.seconds is not None:
        steps = round(options.seconds / step)
        if steps < 1:
            raise ConfigError(f"--seconds is {options.seconds:g}, which is no step of {_time(step)}: give more")
        return steps
    if options.steps is not None and options.steps < 1:
        raise ConfigError(f"--steps is {options.steps}: a recording has 1 step or more")
    return options.steps


def _time(seconds: float) -> str:
    return f"{seconds:.4g} s" if seconds >= 0.1 else f"{1000 * seconds:.4g} ms"


def _say(out: Console, *lines: str) -> None:
    for line in lines:
        out.print(escape(line), soft_wrap=True)
