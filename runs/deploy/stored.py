"""A network of blocks in one safetensors file: its parameters as plain arrays, and what reads it back.

trained.<block>.<part>.weight     weights as training has them, normalised and masked, before they become integers
network                           the bytes of the network file (netx's format), which says everything else
metadata                          format, fine_step, and the encoding of the input, as JSON
"""

from __future__ import annotations

import dataclasses
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from runs.config import ConfigError
from runs.deploy.encoding import Encoding
from runs.deploy.opening import Opened
from runs.tensors import Arrays, write_tensors

FORMAT = "lava_dt.network 1"
_PARTS = ("synapse", "input_synapse", "recurrent_synapse")
_NETWORK = "network"


def store(net: Any, file: Path, network: Path, fine_step: float, encoding: Encoding | None) -> None:
    """Writes a network of blocks.

    Args:
        net: the blocks.
        file: to write, ``*.safetensors``.
        network: what `lava_dt.export.write_hdf5` wrote of the same network.
        fine_step: [s].
        encoding: how its input is made, None where nobody knows.
    """
    import torch

    from lava_dt.export.blocks import blocks_of

    arrays: Arrays = {_NETWORK: np.frombuffer(network.read_bytes(), np.uint8)}
    with torch.no_grad():
        for place, block in enumerate(blocks_of(net)):
            for part, weight in _weights(block).items():
                arrays[f"trained.{place}.{part}.weight"] = weight.detach().cpu().numpy()
    about = {"format": FORMAT, "fine_step": repr(fine_step)}
    if encoding is not None:
        about["encoding"] = json.dumps(dataclasses.asdict(encoding))
    write_tensors(file, arrays, about)


def is_stored(path: Path) -> bool:
    """Whether a file of tensors is one that `store` wrote."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="numpy") as file:
            return (file.metadata() or {}).get("format") == FORMAT
    except (SafetensorError, OSError):
        return False


def open_stored(path: Path) -> Opened:
    """What `store` wrote: weights as they were trained, and all registers.

    Raises:
        ConfigError: a damaged file, or one whose parts do not belong together.
    """
    import torch
    from safetensors import safe_open

    from lava_dt.export import read_hdf5
    from lava_dt.export.blocks import blocks_of, describe

    with safe_open(str(path), framework="pt") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        about = file.metadata()
    if _NETWORK not in arrays:
        raise ConfigError(f"{path} lacks the network that its weights belong to: write it again")
    with tempfile.TemporaryDirectory() as folder:
        inner = Path(folder) / "network.net"
        inner.write_bytes(arrays.pop(_NETWORK).numpy().tobytes())
        try:
            net: Any = read_hdf5(inner)
        except ValueError as error:
            told = str(error).replace(str(inner), "its network")
            raise ConfigError(f"{path} is damaged ({told}): write it again") from None
    meant, blocks = describe(net), blocks_of(net)
    with torch.no_grad():
        for name, weight in arrays.items():
            own = _weight_in(blocks, name)
            if own is None or own.shape != weight.shape:
                raise ConfigError(f"{path} has the weights {name}, which its network has no place for: write it again")
            own.copy_(weight)
    for layer, made in zip(meant.layers, describe(net).layers, strict=True):
        part = layer.differs_from(made)
        if part is not None:
            raise ConfigError(f"{path} contradicts itself in the {part} of {layer.name}: write it again")
    try:
        encoding = Encoding(**json.loads(about["encoding"])) if "encoding" in about else None
        fine_step = float(about["fine_step"])
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"{path} does not say how its input is made ({error}): write it again") from None
    return Opened(net=net, fine_step=fine_step, encoding=encoding)


def _weights(block: Any) -> dict[str, Any]:
    """Weights of a block's synapses, by part."""
    from lava_dt.block.arriving import normalised

    found = {}
    for part in _PARTS:
        synapse = getattr(block, part, None)
        if synapse is not None and hasattr(synapse, "weight"):
            found[part] = block.weights() if part == "synapse" and hasattr(block, "weights") else normalised(synapse)
    return found


def _weight_in(blocks: list[Any], name: str) -> Any:
    _, _, rest = name.partition(".")
    place, _, rest = rest.partition(".")
    part = rest.rpartition(".")[0]
    if not place.isdecimal() or int(place) >= len(blocks) or part not in _PARTS:
        return None
    return getattr(getattr(blocks[int(place)], part, None), "weight", None)
