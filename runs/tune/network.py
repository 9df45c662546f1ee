"""The network to tune, opened from whatever it was saved as: blocks at their own step, dt = 1."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from runs.config import AnyConfig, BatsConfig, ConfigError
from runs.deploy.encoding import Encoding
from runs.deploy.opening import FINE_STEP, Opened, open_network
from runs.directory import read_config

BATS_STEP = 1e-3  # seconds, at which a network in exact time is brought to blocks
_TENSORS = (".pt", ".pth", ".safetensors")


@dataclass(frozen=True, kw_only=True, eq=False)
class Tunable:
    """A trained network, and all that is needed to run it at any step.

    Attributes:
        name: of what was opened, for people.
        identity: a checksum of parameters, registers, step and encoding; whatever it was opened from.
        fine_step: of the network at dt = 1 [s].
        encoding: how its input is made of data; its steps last ``fine_step / per_step``. None where it takes neither
            N-MNIST's recordings nor images that it says how to encode.
        shape: of its input, (neuron,) or (channel, height, width); None where only the data can tell.
        make: a fresh network of lava_dt's blocks at dt = 1, in evaluation mode; hard or soft reset as trained.
        decide: output spikes (batch, classes, time) -> classes (batch,), at any step.
        exact: what the network that it was brought from predicts in continuous time, (n,) int64 for samples of images;
            None where there was none.
        notes: lines about what was changed on the way.
        per_step: steps of the recordings in one step of the network; above 1 where it was trained at a coarser dt.
        config: of a run, else None.
        data: the folder that a run was trained on.
    """

    name: str
    identity: str
    fine_step: float
    encoding: Encoding | None
    shape: tuple[int, ...] | None
    make: Callable[[], Any]
    decide: Callable[[Any], Any]
    exact: Callable[[Any], npt.NDArray[np.int64]] | None = None
    notes: tuple[str, ...] = ()
    per_step: int = 1
    config: AnyConfig | None = None
    data: Path | None = None


def open_tunable(path: Path | str, config: Path | None = None, dt: float | None = None) -> Tunable:
    """The network at `path`, at its own step.

    A network that was trained at a coarser dt counts in that dt: its own step is then the fine one.

    Args:
        path: the directory of a run of SLAYER or BATS; a ``.net`` file in netx's format; a ``.nir`` graph; ``.pt``,
            ``.pth`` or ``.safetensors`` with lava-dl's `state_dict` or a run's checkpoint; ``network.safetensors`` as
            `runs.tune.writing.write` made it.
        config: for files of tensors, as `runs.deploy.state_dict.open_tensors` takes it.
        dt: the step in seconds that a BATS network is brought to blocks at (None: 1 ms), or that a NIR graph is read
            with (None: its own). Others have theirs.

    Raises:
        ConfigError: there is nothing, or no network, or a step that does not fit.
        ValueError: a damaged file, or a network that cannot leave, as `lava_dt` says it.
    """
    path = Path(path)
    if config is not None and path.suffix not in _TENSORS:
        raise ConfigError(
            f"a configuration was given with {path}, which says itself how its neurons work: leave it out; only files "
            f"of tensors ({', '.join(_TENSORS)}) need one"
        )
    if dt is not None and not 0 < dt < math.inf:
        raise ConfigError(f"the step is {dt:g} s: give seconds above 0, such as 0.001")
    opened = _open(path, config, dt)
    from runs.deploy.own_step import take_own_step

    trained = take_own_step(opened.net)
    opened.net.eval()
    recorded = opened.fine_step or FINE_STEP
    fine_step = trained * recorded
    notes = list(opened.notes)
    if opened.fine_step is None:
        notes.append(f"the network does not say how long a step is: {FINE_STEP * 1e3:g} ms was taken")
    notes += _beyond_buffers(opened.report)
    if trained > 1:
        notes.append(f"trained at dt = {trained}: a step of {fine_step * 1e3:g} ms is the finest there is")
    encoding, shape = _input(opened, recorded)
    return Tunable(
        name=path.name,
        identity=_identity(opened.net, fine_step, encoding),
        fine_step=fine_step,
        encoding=encoding,
        shape=shape,
        make=lambda: copy.deepcopy(opened.net),
        decide=_decision(encoding),
        exact=None if opened.bats is None else _exact(opened),
        notes=tuple(notes),
        per_step=trained,
        config=opened.config,
        data=None if opened.config is None else opened.config.data,
    )


def _open(path: Path, config: Path | None, dt: float | None) -> Opened:
    if not path.exists():
        files = ", ".join((".net", ".nir", *_TENSORS))
        raise ConfigError(f"there is no {path}: pass the directory of a run, or a file that ends in one of {files}")
    if path.suffix in _TENSORS and path.is_file():
        from runs.deploy.stored import is_stored, open_stored

        if path.suffix == ".safetensors" and is_stored(path):
            _refuse_step(dt, path)
            return open_stored(path)
        from runs.deploy.state_dict import open_tensors, read_settings, settings_file

        bats = isinstance(read_settings(settings_file(path, config)), BatsConfig)
        if not bats:
            _refuse_step(dt, path)
        return open_tensors(path, config, (dt or BATS_STEP) if bats else None)
    if path.is_dir() and (path / "config.json").exists():
        if isinstance(read_config(path), BatsConfig):
            return open_network(path, dt or BATS_STEP)
        _refuse_step(dt, path)
    elif path.suffix != ".nir":
        _refuse_step(dt, path)
    return open_network(path, dt)


def _refuse_step(dt: float | None, path: Path) -> None:
    if dt is not None:
        raise ConfigError(
            f"a step of {dt:g} s was given with {path}, which was trained in steps of its own: leave it out; networks "
            "of BATS and NIR graphs take one"
        )


def _input(opened: Opened, recorded: float) -> tuple[Encoding | None, tuple[int, ...] | None]:
    """How the input is made, where it is known, and its shape."""
    from lava_dt.export.blocks import describe
    from runs.deploy.choosing import SHAPES, USUAL_SECONDS, input_shape, takes

    description = describe(opened.net)
    encoding = opened.encoding
    if description.layers[-1].kind == "affine":
        name = description.layers[-1].name
        raise ConfigError(f"{name} sends no spikes to count: its voltage is to be read; end the network with spikes")
    if encoding is None and takes(description, SHAPES["events"]):
        encoding = Encoding(input="events", steps=max(1, round(USUAL_SECONDS / recorded)))
    if encoding is not None:
        if not takes(description, SHAPES[encoding.input]):
            wanted = " x ".join(map(str, SHAPES[encoding.input]))
            raise ConfigError(
                f"the network says that its input is {encoding.input}, of {wanted}, but it has another number of "
                "inputs: write its file again"
            )
        return encoding, input_shape(description, SHAPES[encoding.input])
    first = description.layers[0]
    if first.kind in ("input", "flatten"):
        return None, tuple(first.shape)
    if first.weight is not None and first.weight.ndim == 2:
        return None, (int(first.weight.shape[1]),)
    return None, None


def _decision(encoding: Encoding | None) -> Callable[[Any], Any]:
    """The class with most spikes, or the first one; of several the lowest, as in training."""
    first = encoding is not None and encoding.decision == "first"
    limit = None if encoding is None else encoding.limit

    def decide(spikes: Any) -> Any:
        import torch

        spikes = spikes.detach()
        fired = spikes > 0
        if first:
            steps = fired.shape[-1]
            when = torch.where(fired, torch.arange(steps), steps).amin(-1)
            return torch.from_numpy(when.numpy().argmin(1))
        counts = spikes.sum(-1) if limit is None else fired.sum(-1).clamp(max=limit)
        return torch.from_numpy(counts.numpy().argmax(1))

    return decide


def _beyond_buffers(report: Any) -> list[str]:
    """A sentence for each layer whose neurons were stopped in BATS and are not as blocks.

    A network that was trained with full buffers is another one without them: its accuracy at the own step of the blocks
    may be far from that of `Tunable.exact`, and a coarser step, at which neurons spike less, closer to it.
    """
    return [
        f"{layer.name} sends {layer.measured.spikes:.0f} spikes a sample, of which BATS drops "
        f"{layer.measured.beyond:.0f} that exceed the {layer.limit} it keeps of a neuron (max_n_spike): at "
        f"{report.dt * 1e3:g} ms this is not the network that was trained; compare with its accuracy in continuous "
        "time, and try a coarser --step"
        for layer in (() if report is None else report.layers)
        if layer.measured is not None and layer.measured.beyond > 0
    ]


def _exact(opened: Opened) -> Callable[[Any], npt.NDArray[np.int64]]:
    """Predictions of a network of `bats_dt` without a grid."""

    def exact(samples: Any) -> npt.NDArray[np.int64]:
        from lava_dt.export.bats.forms import run, with_grid
        from runs.deploy.bats import pixel_times
        from runs.training.bats import loss_of

        config, images = opened.config, getattr(samples, "images", None)
        if not isinstance(config, BatsConfig) or images is None:
            raise TypeError(f"{samples.name} are no images: a BATS network in continuous time is fed with those only")
        times = pixel_times(config, images)
        counts = np.isfinite(times).sum(-1, dtype=np.int32)
        network = with_grid(opened.bats, None)
        ran = run(network, times, counts, config.duration, opened.fine_step or BATS_STEP, loss_of(config))
        return ran.predicted.astype(np.int64)

    return exact


def _identity(net: Any, fine_step: float, encoding: Encoding | None) -> str:
    from lava_dt.export.blocks import describe

    said = {"fine_step": fine_step, "encoding": None if encoding is None else dataclasses.asdict(encoding)}
    digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode())
    for name, tensor in sorted(net.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)} ".encode())
        digest.update(np.ascontiguousarray(tensor.detach().cpu().numpy()).tobytes())
    for layer in describe(net).layers:
        told = [layer.kind, layer.hop, layer.timestep.reset]
        for part in (layer.window, layer.fine and layer.fine.threshold, layer.fine and layer.fine.scale):
            told.append(repr(part))
        digest.update(repr(told).encode())
        if layer.neuron is not None:
            digest.update(np.ascontiguousarray(layer.neuron.threshold).astype("<i8").tobytes())
    return digest.hexdigest()
