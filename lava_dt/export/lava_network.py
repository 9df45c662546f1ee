"""`to_lava`: a Lava process network from a file or a trained network."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from lava_dt.export.blocks import describe
from lava_dt.export.parsing import parse
from lava_dt.export.processes import Network


def to_lava(path_or_net: str | os.PathLike[str] | Any, **options: Any) -> Network:
    """A Lava process network that spikes as trained, step for step, in lava-nc's simulation of Loihi.

    Run it with ``Loihi2SimCfg(select_tag=network.tag)``; feed ``network.inp`` with ``network.encode(spikes)``.

    Args:
        path_or_net: a file of `write_hdf5` or lava-dl, or a network as `write_hdf5` takes.
        options: those of `lava_dt.export.processes.Network`: ``clock``, ``tag``, ``num_layers``,
            ``input_message_bits``, ``reset_interval``, ``reset_offset``, ``saturate``, ``sample``, ``input_shape``,
            ``sparse_fc_layer``.

    Returns:
        A `lava_dt.export.processes.Network`, a process with the attribute names of `lava.lib.dl.netx.hdf5.Network`.

    Raises:
        FileNotFoundError: there is no such file.
        TypeError: neither a file nor a network; an unknown option.
        ValueError: the file is no network file, an option does not fit, or a layer cannot be done exactly, by its name.
    """
    if not isinstance(path_or_net, (str, os.PathLike)):
        options.setdefault("fine_step", getattr(path_or_net, "fine_step", None))
        return Network(describe(path_or_net), **options)
    path = Path(path_or_net)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}: write it with lava_dt.export.write_hdf5(net, path)")
    read = parse(path)
    return Network(read.description, **{"fine_step": read.fine_step, **options})
