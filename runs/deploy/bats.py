"""A BATS run as a network of blocks, and its accuracy stage by stage on the way to Lava."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from bats_dt import Network
from runs.checkpoints import Checkpoint
from runs.config import BatsConfig, ConfigError
from runs.data import latency_times, load_mnist
from runs.deploy.encoding import Encoding
from runs.deploy.opening import Opened
from runs.training.bats import loss_of
from runs.training.bats_network import build, spiking

_MEASURED = 256  # training images on which the size of the states is measured
_SIDE, _CLASSES = 28, 10


def export_bats(config: BatsConfig, checkpoint: Checkpoint, dt: float | None) -> Opened:
    """The network of a run in Loihi's integers.

    Args:
        dt: seconds; None: those that the run was trained at.

    Raises:
        ConfigError: a run in exact time, and no dt.
        ValueError: a layer that Loihi's neurons cannot be, by its name.
    """
    if config.dataset != "mnist" or config.encoding != "latency":
        raise ConfigError(
            f"this BATS run was trained on {config.dataset} (encoding {config.encoding}), but Lava is fed with "
            "images of MNIST, encoded by latency: export a run of those"
        )
    dt = config.dt if dt is None else dt
    if dt is None:
        raise ConfigError("this BATS run was trained in exact time, and Lava runs in steps: give --dt SECONDS")
    if not 0 < dt <= config.duration:
        raise ConfigError(f"--dt is {dt:g} s: give seconds above 0, at most the {config.duration:g} s of an image")
    from lava_dt.export.bats import from_bats

    network = trained_bats(config, checkpoint)
    times = _calibration(config)
    try:
        found = from_bats(network, dt, samples=times, duration=config.duration)
    except ValueError as error:
        if "max_n_spike" not in str(error):
            raise
        raise ConfigError(f"{error}; lava-dt train bats calls it --max-spikes, one number a layer") from None
    encoding = Encoding(
        input="latency",
        steps=found.encode(times[:1], duration=config.duration).shape[-1],
        window=config.window,
        published_dt=config.dt if config.published_pixels else None,
        decision="first" if config.loss == "ttfs" else "count",
        limit=found.limit,
    )
    notes = tuple(str(found.report).splitlines())
    return Opened(
        net=found.net,
        fine_step=dt,
        encoding=encoding,
        config=config,
        epoch=checkpoint.epoch,
        notes=notes,
        bats=network,
        report=found.report,
    )


def trained_bats(config: BatsConfig, checkpoint: Checkpoint) -> Network:
    """The network as it was trained, in exact time or on its grid."""
    network = build(config, (_SIDE, _SIDE, 1), _CLASSES)
    for layer in spiking(network):
        layer.weights = checkpoint.arrays[f"weights.{layer.name}"]
    return network


def pixel_times(config: BatsConfig, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """When the pixels of images spike, before any grid: (batch, pixels, 1) seconds, inf where never."""
    times = latency_times(images, config.window, config.dt if config.published_pixels else None)
    return times[:, :, None]


def accuracy_stages(opened: Opened, folder: Any, n: int, lava: int, timeout: float) -> Any:
    """`lava_dt.export.bats.stages` of a BATS run on the first n test images, the first `lava` of them in Lava."""
    from lava_dt.export.bats import stages

    config = opened.config
    if not isinstance(config, BatsConfig) or opened.fine_step is None:
        raise TypeError("accuracy_stages takes a BATS run that `export_bats` has opened")
    pictures = load_mnist(folder, "test")
    n = min(n, len(pictures))
    return stages(
        opened.bats,
        pixel_times(config, pictures.images[:n]),
        None,
        pictures.labels[:n],
        opened.fine_step,
        duration=config.duration,
        loss=loss_of(config),
        lava=min(lava, n),
        calibration=_calibration(config),
        timeout=timeout,
    )


def _calibration(config: BatsConfig) -> npt.NDArray[np.float32]:
    """Training inputs on which it is measured how large the states become."""
    return pixel_times(config, load_mnist(config.data, "train").images[:_MEASURED])
