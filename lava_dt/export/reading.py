"""`read_hdf5`: a network file as a network that trains on."""

from __future__ import annotations

import math
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lava.lib.dl.slayer.neuron.norm import MeanOnlyBatchNorm

from lava_dt.block import cuba
from lava_dt.export import delays
from lava_dt.export.blocks import describe
from lava_dt.export.description import Description, Fine, Layer, Window
from lava_dt.export.inversion import SCALE, fine_of_registers
from lava_dt.export.parsing import parse
from lava_dt.export.schema import NetworkFileError

_TRAINING = ("tau_grad", "scale_grad", "requires_grad")


def read_hdf5(path: str | os.PathLike[str], **training: Any) -> torch.nn.Sequential:
    """A trainable network of lava_dt's CuBa blocks from a file in netx's format.

    Its weights, decays, thresholds, delays and biases are those of the file, so that it spikes as the file's network
    does in Lava (`verify`); `write_hdf5` of it makes the same datasets again. `lava_dt.discretize` takes it to another
    dt.

    Args:
        path: a file of `write_hdf5`, or one that lava-dl's blocks exported (CuBa neurons, types CUBA and LOIHI).
        training: what a file does not say, for every neuron: ``tau_grad`` and ``scale_grad`` of the surrogate (as
            written by `write_hdf5`; 1 of other files), ``requires_grad`` for decays that learn.

    Returns:
        A torch.nn.Sequential, one block a layer, with the timestep that the file was written for (dt = 1 of
        lava-dl's). ``net.fine_step`` is the length of a fine step in seconds, or None.

    Raises:
        FileNotFoundError: there is no such file.
        TypeError: another keyword than those of ``training``.
        NetworkFileError: a ValueError: the file is damaged, no network, or has a layer that lava-dl's CuBa blocks
            cannot be; file, layer and dataset are named.

    Notes:
        Biases become a `MeanOnlyBatchNorm` whose mean stands still (``neuron.norm.update = False``), which is where
        lava-dl's exports have them from. A dense layer without neurons, or with a threshold that no voltage reaches,
        becomes an `Affine` block: without neurons the current is read, which netx sums up. Files that do not hold the
        parameters of a fine step get such that round to their registers; of delays the longest.

        Weight norm, dropout and masks are not in a file: weights are what they made of them; nor are `count_log` and
        which parameters learn. Upstream's types pool, convT, unpool, average and dense_rec are read too; concat,
        complex weights, SDNN, RF and ALIF neurons are refused, and so are compressed datasets, links, and files that
        claim more than one of their size holds.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}: pass one of lava_dt.export.write_hdf5 or lava-dl's export")
    unknown = sorted(set(training) - set(_TRAINING))
    if unknown:
        raise TypeError(f"{unknown[0]} is no option of read_hdf5: pass some of {', '.join(_TRAINING)}")
    read = parse(path)
    net = _build(read.description, path, training)
    net.fine_step = read.fine_step
    return net


def _build(description: Description, path: Path, training: dict[str, Any]) -> Any:
    blocks, flat = [], len(description.layers[0].shape) < 3
    with torch.random.fork_rng(devices=[]):  # initial weights are drawn, and replaced
        for layer in description.layers:
            flat = flat or layer.kind in ("flatten", "average")
            try:
                blocks.append(_block(layer, flat, training))
            except (TypeError, ValueError) as error:
                raise NetworkFileError(f"{path}: {layer.name} cannot be built: {error}") from None
    net = torch.nn.Sequential(*blocks)
    try:
        built = describe(net)
    except ValueError as error:
        raise NetworkFileError(f"{path}: {error}") from None
    for layer, made in zip(description.layers, built.layers, strict=True):
        if math.prod(layer.shape) == math.prod(made.shape):  # (n, 1, 1) and (n,) are the same neurons
            made = replace(made, shape=layer.shape)
        part = layer.differs_from(made)
        if part is not None:
            raise NetworkFileError(
                f"{path}: {layer.name} contradicts itself: its {part} is not what its fine step and timestep make of it"
            )
    return net


def _block(layer: Layer, flat: bool, training: dict[str, Any]) -> torch.nn.Module:
    if layer.kind == "flatten":
        block = cuba.Flatten()
        block.shape = [math.prod(layer.shape), 1, 1]
        return block
    if layer.kind == "average":
        return cuba.Average(math.prod(layer.shape))
    fine = _fine(layer, training)
    common: dict[str, Any] = {"timestep": layer.timestep, "delay_shift": bool(layer.hop)}
    parameters = None if layer.neuron is None and layer.kind == "input" else _parameters(fine, training)
    if layer.kind == "input":
        return _input(layer, parameters, fine, common)
    weight = layer.weight
    if weight is None:
        raise ValueError("it has no weights")
    n_post, n_pre = weight.shape[:2]
    delay: dict[str, Any] = {"delay": fine.delay is not None}
    if layer.kind == "affine":
        block = cuba.Affine(parameters, n_pre, n_post, dynamics=layer.neuron is not None, timestep=layer.timestep)
    elif layer.kind == "dense_rec":
        block = cuba.Recurrent(parameters, n_pre, n_post, **delay, **common)
        _set_weight(block.recurrent_synapse, layer.weight_rec, fine.scale)
        _set_weight(block.input_synapse, weight, fine.scale)
    elif layer.kind == "dense":
        block = cuba.Dense(parameters, n_pre, n_post, **delay, **common)
    else:
        block = _image(layer, layer.window, parameters, weight, {**delay, **common})
    if layer.kind != "dense_rec":
        _set_weight(block.synapse, weight, fine.scale)
    if layer.neuron is not None or layer.kind == "affine":
        one_axis = layer.kind == "affine" or (layer.kind in ("dense", "dense_rec") and flat)
        _set_neuron(block, layer, (math.prod(layer.shape),) if one_axis else layer.shape, fine)
    return block


def _fine(layer: Layer, training: dict[str, Any]) -> Fine:
    if layer.neuron is None and layer.fine is None:
        none = np.zeros(1, np.float32)
        return Fine(none, none, 0.0, SCALE)
    if layer.fine is not None:
        given = {"tau_rho": "tau_grad", "scale_rho": "scale_grad"}
        left_out: dict[str, Any] = {name: None for name, option in given.items() if option in training}
        return replace(layer.fine, **left_out)
    neuron: Any = layer.neuron
    fine = fine_of_registers(neuron, layer.timestep)
    if layer.delay is None:
        return fine
    dt = layer.timestep.dt
    delay = delays.longest(layer.delay, layer.hop, dt).astype(np.float32)
    return replace(fine, delay=delay, max_delay=max(delays.LARGEST * dt, float(delay.max())))


def _parameters(fine: Fine, training: dict[str, Any]) -> dict[str, Any]:
    """For the constructor; decays and threshold are set afterwards."""
    given = {"threshold": 1.0, "current_decay": 0.0, "voltage_decay": 0.0, "scale": fine.scale}
    return {**given, "persistent_state": fine.persistent_state, **training}


def _input(layer: Layer, parameters: Any, fine: Fine, common: dict[str, Any]) -> torch.nn.Module:
    if parameters is None:
        block = cuba.Input(**common)
        block.input_shape = torch.Size(layer.shape)
        return block
    scalars: dict[str, Any] = {}
    for name, value, times in (("weight", layer.weight, 1), ("bias", layer.bias, layer.timestep.constants_per_step)):
        if value is not None:
            if int(value) % (2 * times) or not -256 <= int(value) // times <= 254:
                raise ValueError(f"its {name} of {int(value)} is not {times} times an even integer of 8 bits")
            scalars[name] = int(value) // times / fine.scale
    block = cuba.Input(parameters, **scalars, **common)
    _set_neuron(block, layer, layer.shape, fine)
    return block


def _image(layer: Layer, window: Window | None, parameters: Any, weight: Any, common: dict[str, Any]) -> Any:
    if window is None:
        raise ValueError("it has no kernel")
    sizes: dict[str, Any] = {"stride": window.stride, "padding": window.padding, "dilation": window.dilation}
    kernel = window.kernel
    if layer.kind in ("pool", "unpool"):
        return {"pool": cuba.Pool, "unpool": cuba.Unpool}[layer.kind](parameters, kernel, **sizes, **common)
    first, second = weight.shape[0], weight.shape[1] * window.groups
    if layer.kind == "conv":
        return cuba.Conv(parameters, second, first, kernel, groups=window.groups, **sizes, **common)
    return cuba.ConvT(parameters, first, second, kernel, groups=window.groups, **sizes, **common)


def _set_weight(synapse: Any, weight: Any, scale: int) -> None:
    synapse.weight.data = torch.from_numpy(weight / scale).float().reshape(synapse.weight.shape)


def _set_neuron(block: Any, layer: Layer, shape: tuple[int, ...], fine: Fine) -> None:
    neuron = block.neuron
    for name in ("current_decay", "voltage_decay"):
        decay = getattr(fine, name)
        getattr(neuron, name).data = torch.from_numpy(decay.copy())
        neuron.shared_param = neuron.shared_param and decay.size == 1
    neuron.set_timestep(layer.timestep)  # which checks the decays
    if layer.kind != "affine":
        neuron._threshold = fine.threshold
        neuron.tau_rho *= fine.threshold
    neuron.tau_rho = neuron.tau_rho if fine.tau_rho is None else fine.tau_rho
    neuron.scale_rho = neuron.scale_rho if fine.scale_rho is None else fine.scale_rho
    neuron.shape = torch.Size(shape)
    neuron.num_neurons = math.prod(shape)
    if fine.delay is not None:
        block.delay.delay.data = torch.from_numpy(fine.delay.copy())
        block.delay.init = True
        block.delay.max_delay = fine.max_delay
    if layer.bias is not None and layer.kind != "input":
        _set_bias(neuron, layer.bias)


def _set_bias(neuron: Any, bias: np.ndarray) -> None:
    norm = MeanOnlyBatchNorm(len(bias), pre_hook_fx=neuron.quantize_8bit)
    norm.running_mean = torch.from_numpy(-bias / neuron.w_scale).float()
    norm.update = False
    neuron.norm = norm
