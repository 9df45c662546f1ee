"""A network from the tensors that its training saved: lava-dl's `state_dict`, or a run's checkpoint file."""

from __future__ import annotations

import json
import re
import warnings
from itertools import pairwise
from pathlib import Path
from typing import Any

from runs.checkpoints import Checkpoint
from runs.config import AnyConfig, ConfigError, SlayerConfig, load_config, saved_config
from runs.deploy.encoding import Encoding
from runs.deploy.opening import FINE_STEP, Opened, check_slayer, open_checkpoint

PICKLED = (".pt", ".pth")
_OF_BENCH = ("network", "finetune_learning_rate", "finetune_largest_rate")  # beside training, in bench conversion's
_BLOCK = re.compile(r"(?:.*\.)?(\d+)\.((?:synapse|neuron|delay)\..+)")


def open_tensors(path: Path, config: Path | None = None, dt: float | None = None) -> Opened:
    """The network whose parameters are in a file of tensors.

    Args:
        path: ``.pt`` or ``.pth`` as torch.save wrote a `state_dict`, which is read without unpickling anything else;
            ``.safetensors`` with a `state_dict`, or a checkpoint of a run.
        config: the configuration it was trained with, TOML or a run's JSON; None: config.json or config.toml beside
            the file. It tells thresholds, surrogate and timestep, which a `state_dict` does not have; sizes, weight
            norm and delays are the file's.
        dt: as `runs.deploy.opening.open_network` takes it, for a checkpoint of BATS.

    Raises:
        ConfigError: no file, a damaged or foreign one, no configuration, or one that does not fit.
        ValueError: as `open_checkpoint`.
    """
    if not path.is_file():
        raise ConfigError(f"there is no {path}: pass a file of tensors that exists")
    tensors, about = _read_pickled(path) if path.suffix in PICKLED else _read_safetensors(path)
    if not tensors:
        raise ConfigError(f"{path} holds no tensors: save network.state_dict() of a trained network")
    settings = read_settings(settings_file(path, config))
    if "epoch" in about and "rows" in about:
        arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
        checkpoint = Checkpoint(epoch=int(about["epoch"]), data=about.get("data", ""), arrays=arrays, rows=[])
        try:
            return open_checkpoint(settings, checkpoint, path, dt)
        except KeyError as error:
            raise ConfigError(f"{path} lacks the array {error}: it is of another run than its configuration") from None
    if not isinstance(settings, SlayerConfig):
        raise ConfigError(f"{path} is read as a state_dict of SLAYER, but its configuration is of {settings.model}")
    check_slayer(settings, path)
    return Opened(
        net=_network(settings, tensors, path),
        fine_step=FINE_STEP,
        encoding=Encoding(input="events", steps=settings.steps),
        config=settings,
    )


def read_settings(file: Path) -> AnyConfig:
    """The configuration in a TOML file of SLAYER, or in a JSON file as a run or `bench conversion` saved it.

    Raises:
        ConfigError: it cannot be read, or makes no configuration.
    """
    if file.suffix == ".toml":
        return load_config("slayer", file, {})
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"the configuration {file} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ConfigError(f"the configuration {file} is not valid JSON: {error}") from None
    if not isinstance(values, dict):
        raise ConfigError(f"{file} holds no configuration: pass config.json of a run, or a TOML file")
    model = str(values.pop("model", "slayer"))
    values.pop("format", None)
    if _OF_BENCH[0] in values:  # whose data are told by content
        values = {name: value for name, value in values.items() if name not in (*_OF_BENCH, "data")}
    return saved_config(model, values, str(file))


def settings_file(path: Path, config: Path | None) -> Path:
    if config is not None:
        return config
    for name in ("config.json", "config.toml"):
        if (path.parent / name).is_file():
            return path.parent / name
    raise ConfigError(
        f"{path} holds parameters, but nothing beside it says how its neurons work (thresholds, timestep): give "
        "--config FILE, a TOML file with threshold, current_decay, voltage_decay and steps, as lava-dt train slayer "
        "takes them, or the config.json of a run"
    )


def _read_pickled(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    import pickle

    import torch

    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}") from None
    except pickle.UnpicklingError:
        raise ConfigError(
            f"{path} holds more than tensors, and what else is in a pickle is never run here: save it again as "
            "torch.save(network.state_dict(), file)"
        ) from None
    except (RuntimeError, EOFError, ValueError, KeyError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise ConfigError(f"{path} is no file of torch.save, or a damaged one ({first}): save it again") from None
    if not isinstance(found, dict) or not all(isinstance(value, torch.Tensor) for value in found.values()):
        raise ConfigError(
            f"{path} holds a {type(found).__name__} and no state_dict of tensors: save network.state_dict() alone"
        )
    return {str(name): tensor for name, tensor in found.items()}, {}


def _read_safetensors(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return tensors, dict(file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise ConfigError(f"{path} is no safetensors file, or a damaged one ({error}): save it again") from None


def _network(config: SlayerConfig, tensors: dict[str, Any], path: Path) -> Any:
    """Fully connected blocks as the tensors say, with their parameters."""
    import torch

    from lava_dt import Timestep
    from lava_dt.block import cuba

    blocks = _by_block(tensors, path)
    neuron = {**config.neuron(), "timestep": Timestep(**config.timestep())}
    made = []
    for place, block in enumerate(blocks):
        weight = next((block[key] for key in ("synapse.weight_v", "synapse.weight") if key in block), None)
        if weight is None or weight.dim() != 5 or any(n != 1 for n in weight.shape[2:]):
            shape = "none" if weight is None else tuple(weight.shape)
            raise ConfigError(
                f"block {place} in {path} has weights of shape {shape}, but a state_dict is read as fully connected "
                "blocks, (post, pre, 1, 1, 1): write other networks as .net with lava_dt.export.write_hdf5"
            )
        n_post, n_pre = weight.shape[:2]
        with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
            warnings.filterwarnings("ignore", ".*weight_norm.*", FutureWarning)  # lava-dl's way of normalising
            normed, delayed = "synapse.weight_g" in block, "delay.delay" in block
            made.append(cuba.Dense(dict(neuron), n_pre, n_post, weight_norm=normed, delay=delayed))
        try:
            made[-1].load_state_dict(block)
        except RuntimeError as error:
            lines = str(error).splitlines()
            raise ConfigError(
                f"block {place} in {path} does not fit a Dense block of {n_pre} to {n_post} neurons "
                f"({lines[-1].strip()}): save the state_dict of a network of slayer.block.cuba.Dense"
            ) from None
    for place, (before, block) in enumerate(pairwise(made), 1):
        if before.synapse.out_channels != block.synapse.in_channels:
            raise ConfigError(
                f"block {place} in {path} takes {block.synapse.in_channels} neurons but the one before it has "
                f"{before.synapse.out_channels}: a state_dict is read as blocks in a row"
            )
    network = torch.nn.Sequential(*made).eval()
    with torch.no_grad():
        network(torch.zeros(1, made[0].synapse.in_channels, 1))  # lava-dl's blocks know their shapes once they have run
    return network


def _by_block(tensors: dict[str, Any], path: Path) -> list[dict[str, Any]]:
    found: dict[int, dict[str, Any]] = {}
    for name, tensor in tensors.items():
        match = _BLOCK.fullmatch(name)
        if match is None:
            raise ConfigError(
                f"{path} has the entry {name!r}, which is of no CuBa block (such as blocks.0.synapse.weight): save the "
                "state_dict of a network of slayer.block.cuba.Dense blocks"
            )
        found.setdefault(int(match[1]), {})[match[2]] = tensor
    return [found[place] for place in sorted(found)]
