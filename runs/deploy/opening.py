"""What can be exported and run: a trained run, a network file, a NIR graph."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from runs.checkpoints import Checkpoint, load_arrays
from runs.config import AnyConfig, BatsConfig, ConfigError, SlayerConfig
from runs.deploy.encoding import Encoding, read_encoding
from runs.directory import read_config
from runs.quiet import quiet_imports

FINE_STEP = 1e-3  # seconds; N-MNIST's recordings are binned to it
CHANNELS = 2 * 34 * 34


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A network that is ready to be exported.

    Attributes:
        net: torch modules, as `lava_dt.export` takes them.
        file: the network file that it was read from, as it is; None where it is a run, a graph, or was converted.
        fine_step: seconds; None where nobody said.
        encoding: how its input is made of data; None where nobody said.
        config, epoch: of a run, else None.
        notes: lines about what was changed on the way.
        bats: the network of `bats_dt`, in exact time or on its grid; None for others.
        report: what `lava_dt.export.from_bats` changed of it; None for others.
    """

    net: Any
    file: Path | None = None
    fine_step: float | None = None
    encoding: Encoding | None = None
    config: AnyConfig | None = None
    epoch: int | None = None
    notes: tuple[str, ...] = ()
    bats: Any = None
    report: Any = None


def open_network(path: Path, dt: float | None = None) -> Opened:
    """The network at `path`.

    Args:
        path: the directory of a run, a ``.nir`` file, or a file in netx's format.
        dt: seconds for a BATS run (None: those it was trained at) and for a NIR graph (None: its own); otherwise fine
            steps that the network is converted to.

    Raises:
        ConfigError: there is nothing, or no network, or a dt that does not fit.
        ValueError: a damaged file, or a network that cannot leave, as `lava_dt` says it.
    """
    if path.is_dir():
        return _open_run(path, dt)
    if not path.is_file():
        raise missing(path)
    lava_dt = _lava_dt()
    if path.suffix == ".nir":
        return _open_graph(path, dt)
    net: Any = lava_dt.export.read_hdf5(path)
    opened = Opened(net=net, file=path, fine_step=net.fine_step, encoding=read_encoding(path))
    return opened if dt is None else _converted(opened, dt)


def missing(path: Path) -> ConfigError:
    return ConfigError(f"there is no {path}: pass the directory of a run, a .net file or a .nir file")


def _open_graph(path: Path, dt: float | None) -> Opened:
    import torch

    lava_dt = _lava_dt()
    graph = lava_dt.nir.read(path)
    net = lava_dt.nir.from_nir(graph, dt=dt)
    start = next(node for node in graph.nodes.values() if type(node).__name__ == "Input")
    shape = [int(n) for n in np.ravel(start.input_type["input"])]
    image = shape[-3:] if len(shape) >= 3 else shape[-1:]  # without the batch that some frameworks write
    with torch.no_grad():
        net.eval()(torch.zeros(1, *image, 1))  # blocks know their shapes once they have run
    return Opened(net=net, fine_step=net.report.step, notes=tuple(str(net.report).splitlines()))


def _open_run(path: Path, dt: float | None) -> Opened:
    if not (path / "config.json").exists():
        raise ConfigError(f"{path} holds no run: pass the directory of one, as lava-dt train made it, or a file")
    config = read_config(path)
    checkpoint = load_arrays(path)
    if checkpoint is None:
        raise ConfigError(f"{path} has no checkpoint yet: train at least one epoch with {config.command()}")
    return open_checkpoint(config, checkpoint, path, dt)


def open_checkpoint(config: AnyConfig, checkpoint: Checkpoint, path: Path, dt: float | None = None) -> Opened:
    """The network of a run's checkpoint.

    Args:
        path: where it is from, for messages.
        dt: as `open_network` takes it.

    Raises:
        ConfigError: a run that no Lava process computes, or a dt that does not fit.
        ValueError: a network that cannot leave, as `lava_dt` says it.
    """
    if isinstance(config, BatsConfig):
        return _open_bats(config, checkpoint, dt)
    if not isinstance(config, SlayerConfig):
        raise ConfigError(
            f"{path} holds a run of the model {config.model}, which no Lava process computes: "
            "export one of bats or slayer"
        )
    check_slayer(config, path)
    return _open_slayer(config, checkpoint, dt)


def check_slayer(config: SlayerConfig, path: Path) -> None:
    """Refuses a configuration of SLAYER whose networks no Lava process computes on data that are read here.

    Raises:
        ConfigError: another data set than N-MNIST, or the published protocol.
    """
    if config.dataset != "nmnist":
        raise ConfigError(
            f"{path} was trained on {config.dataset}, but runs of SLAYER are exported with N-MNIST's recordings as "
            "their input: export a run of nmnist"
        )
    if config.protocol == "published":
        raise ConfigError(
            f"{path} was trained by the published protocol, whose masked neurons no Lava process computes: "
            "export a run of the described one"
        )


def _open_slayer(config: SlayerConfig, checkpoint: Checkpoint, dt: float | None) -> Opened:
    from runs.training.slayer import trained_network

    opened = Opened(
        net=trained_network(config, checkpoint.arrays, CHANNELS),
        fine_step=FINE_STEP,
        encoding=Encoding(input="events", steps=config.steps),
        config=config,
        epoch=checkpoint.epoch,
    )
    return opened if dt is None or dt == config.dt else _converted(opened, dt)


def _open_bats(config: BatsConfig, checkpoint: Checkpoint, dt: float | None) -> Opened:
    _lava_dt()
    from runs.deploy.bats import export_bats

    return export_bats(config, checkpoint, dt)


def _converted(opened: Opened, dt: float) -> Opened:
    """At another dt in fine steps, with decays that are exact between spikes and responses of the same area."""
    lava_dt = _lava_dt()
    from lava_dt.export.blocks import describe

    if dt != int(dt) or dt < 1:
        raise ConfigError(f"--dt is {dt:g}, but this network is converted to fine steps: pass a whole number from 1 on")
    before = describe(opened.net).timestep
    clock = before.clock if before.dt > 1 else "coarse"
    options: Any = {"scheme": "exponential", "gain": "integral", "between": "accumulate", "saturate": False}
    after = replace(before, dt=int(dt), clock=clock, **options)
    lava_dt.discretize(opened.net, after)
    note = f"converted from dt = {before.dt} to {after.dt}: {after.clock} clock, exponential decays, integral gain"
    return replace(opened, file=None, notes=(*opened.notes, note))


def _lava_dt() -> Any:
    """The package, and what it stands on.

    Raises:
        ImportError: torch, lava-nc or lava-dl is not there.
    """
    try:
        with quiet_imports():
            import lava_dt
            import lava_dt.export.blocks
    except ImportError as error:
        raise ImportError(
            f"Lava's networks need torch, lava-nc and lava-dl, and {error.name or 'one of them'} cannot be imported: "
            'install with pip install "lava-dt[lava]"; lava-dt doctor says what is missing'
        ) from error
    return lava_dt
