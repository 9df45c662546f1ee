"""One of lava_dt's blocks for a layer of a graph."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from lava_dt.block import cuba
from lava_dt.nir.bias import Bias
from lava_dt.nir.cells import Cells, lost
from lava_dt.nir.errors import NIRError
from lava_dt.nir.report import LayerReport
from lava_dt.nir.rounding import Rounding, choose, error
from lava_dt.nir.synapses import Synapses
from lava_dt.timestep import Timestep

REGISTER = 1 << 12
STATE_SHIFT = 6  # states are this many bits finer than weights


def block_of(
    name: str,
    synapses: Synapses,
    feedback: Synapses | None,
    cells: Cells | None,
    known: dict[str, Any] | None,
    timestep: Timestep,
    quantise: bool,
    made_at: Timestep,
) -> tuple[Any, LayerReport]:
    """The block, and what rounding did to its numbers.

    Args:
        name: of the layer's node, for errors.
        synapses, feedback, cells: of the layer; no cells: the synapses' sums leave the network.
        known: what `metadata.layer_of` returned, or None for another framework's layer.
        timestep: of the block.
        quantise: whether weights get 8 bits, where the graph does not say.
        made_at: the timestep for which the graph's biases hold.

    Raises:
        NIRError: neurons that differ where a block's cannot, by name.
        ValueError: a decay beyond the timestep's scheme.
    """
    shape = synapses.outputs
    if synapses.kind not in ("dense",) and (feedback is not None or cells is None or cells.threshold is None):
        raise NIRError(f"node {name!r}: feedback and read-outs need a matrix of synapses before them")
    if feedback is not None and (cells is None or cells.threshold is None or feedback.outputs != shape):
        raise NIRError(f"node {name!r}: what feeds back must be the spikes of the neurons that it reaches, all of them")
    factor, threshold = _per_channel(name, cells, shape)
    arrays = [synapses.weight * _rows(name, factor, synapses.weight)]
    if feedback is not None:
        arrays.append(feedback.weight * _rows(name, factor, feedback.weight))
    if known is not None:
        quantise, rounding = known["quantised"], Rounding(known["scale"], 1.0)
    else:
        rounding = choose(arrays, threshold, quantise)
        arrays = [array * rounding.factor for array in arrays]
        threshold = None if threshold is None else threshold * rounding.factor
    parameters = _parameters(name, cells, threshold, rounding.scale, known, shape)
    hop = False if known is None else known["hop"]
    weight = torch.as_tensor(arrays[0], dtype=torch.float)
    block, learnt = _block(synapses, feedback, cells, weight, parameters, hop, timestep, quantise)
    with torch.no_grad():
        for synapse, array in zip(learnt, arrays, strict=False):
            synapse.weight.copy_(torch.as_tensor(array, dtype=torch.float).reshape(synapse.weight.shape))
            if not quantise:
                synapse.pre_hook_fx = None
    if cells is not None:
        _set_decays(block.neuron, cells, shape)
        block.neuron.set_timestep(timestep)
    biases = [part.bias for part in (synapses, feedback) if part is not None and part.bias is not None]
    if biases:
        total = np.sum(biases, 0) * factor * rounding.factor / made_at.constants_per_step
        if known is None:
            scale = rounding.scale if quantise else rounding.scale << STATE_SHIFT
            total = np.rint(total * scale) / scale
        values = torch.as_tensor(total, dtype=torch.float)
        Bias(values).attach(block, block.input_synapse if feedback is not None else block.synapse)
    return block, _report(name, arrays, rounding, cells, threshold, block, timestep, quantise)


def _per_channel(name: str, cells: Cells | None, shape: tuple[int, ...]) -> tuple[np.ndarray, float | None]:
    """What to multiply each channel's weights with, (channel,), and the threshold that all then share."""
    if cells is None:
        return np.ones(shape[0]), None
    factor = _of_channels(name, "r or w_in", cells.factor, shape)
    if cells.threshold is None:
        return factor, None
    thresholds = _of_channels(name, "v_threshold", cells.threshold, shape)
    common = float(thresholds.max())
    return factor * (common / thresholds), common


def _of_channels(name: str, field: str, values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if values.size == 1:
        return np.full(shape[0], float(values.reshape(())))
    if values.shape != shape:
        raise NIRError(f"node {name!r} has {field} of shape {values.shape} and gets the shape {shape}: they must agree")
    rows = values.reshape(shape[0], -1)
    if np.ptp(rows, 1).any():
        raise NIRError(f"node {name!r} has {field} that differ within a channel: lava-dl's neurons share them")
    return rows[:, 0]


def _rows(name: str, factor: np.ndarray, weight: np.ndarray) -> np.ndarray:
    if weight.ndim:
        return factor.reshape(-1, *(1,) * (weight.ndim - 1))
    if np.ptp(factor):
        raise NIRError(
            f"node {name!r}: neurons behind a pooling or an input have one r, w_in and threshold; make them so"
        )
    return factor[0]


def _parameters(
    name: str,
    cells: Cells | None,
    threshold: float | None,
    scale: int,
    known: dict[str, Any] | None,
    shape: tuple[int, ...],
) -> dict[str, Any]:
    mantissa = scale if threshold is None else round(threshold * scale)
    if mantissa < 1:
        raise NIRError(
            f"node {name!r} has a threshold of {threshold:g}, which is 0 at a scale of {scale} integers: raise it"
        )
    parameters: dict[str, Any] = {
        "threshold": (mantissa + 0.25) / scale,  # lava-dl cuts to whole numbers
        "scale": scale,
        "current_decay": 0.0,
        "voltage_decay": 0.0,
    }
    if cells is not None:
        for field, values in (("current_decay", cells.current_decay), ("voltage_decay", cells.voltage_decay)):
            channels = _of_channels(name, field, values, shape)
            parameters[field] = float(channels[0])
            parameters["shared_param"] = bool(parameters.get("shared_param", True) and not np.ptp(channels))
    if known is not None:
        parameters |= {
            "tau_grad": known["tau_grad"],
            "scale_grad": known["scale_grad"],
            "shared_param": known["shared_param"] and parameters.get("shared_param", True),
            "persistent_state": known["persistent_state"],
            "requires_grad": known["learnt_decays"],
        }
    return parameters


def _block(
    synapses: Synapses,
    feedback: Synapses | None,
    cells: Cells | None,
    weight: torch.Tensor,
    parameters: dict[str, Any],
    hop: bool,
    timestep: Timestep,
    quantise: bool,
) -> tuple[Any, list[Any]]:
    """The block, with weights to be filled in, and its synapses in the order of those."""
    if synapses.kind == "dense":
        n_post, n_pre = weight.shape
        if cells is None or cells.threshold is None:
            block: Any = cuba.Affine(parameters, n_pre, n_post, dynamics=cells is not None, timestep=timestep)
            return block, [block.synapse]
        if feedback is not None:
            persistent = parameters.get("persistent_state", False)
            block = cuba.Recurrent(parameters, n_pre, n_post, delay_shift=hop, timestep=timestep)
            block.neuron.persistent_state = persistent
            return block, [block.input_synapse, block.recurrent_synapse]
        block = cuba.Dense(parameters, n_pre, n_post, delay_shift=hop, timestep=timestep)
    elif synapses.kind == "conv":
        block = cuba.Conv(
            parameters,
            weight.shape[1] * synapses.groups,
            weight.shape[0],
            synapses.kernel,
            stride=synapses.stride,
            padding=synapses.padding,
            dilation=synapses.dilation,
            groups=synapses.groups,
            delay_shift=hop,
            timestep=timestep,
        )
    elif synapses.kind == "pool":
        block = cuba.Pool(parameters, synapses.kernel, delay_shift=hop, timestep=timestep)
        with torch.no_grad():
            block.synapse.weight.fill_(float(weight))
        if not quantise:
            block.synapse.pre_hook_fx = None
        return block, []
    else:
        value = None if float(weight) == 1 else float(weight)
        return cuba.Input(parameters, weight=value, delay_shift=hop, timestep=timestep), []
    return block, [block.synapse]


def _set_decays(neuron: Any, cells: Cells, shape: tuple[int, ...]) -> None:
    """Decays of a neuron; one a channel where they are not shared."""
    for field in ("current_decay", "voltage_decay"):
        values = np.broadcast_to(getattr(cells, field), shape).reshape(shape[0], -1)[:, 0]
        if neuron.shared_param:
            values = values[:1]
        else:
            for bound in (f"{field}_min", f"{field}_max"):
                delattr(neuron, bound)
        getattr(neuron, field).data = torch.as_tensor(values * neuron.p_scale, dtype=torch.float)


def _report(
    name: str,
    arrays: list[np.ndarray],
    rounding: Rounding,
    cells: Cells | None,
    threshold: float | None,
    block: Any,
    timestep: Timestep,
    quantise: bool,
) -> LayerReport:
    errors = [error(array, rounding.scale) if quantise else (0.0, 0, int((array != 0).sum())) for array in arrays]
    decays, misses = [0.0, 0.0], [0.0, 0.0]
    if cells is not None:
        for i, field in enumerate(("current_decay", "voltage_decay")):
            values = getattr(cells, field)
            wanted = lost(values, timestep)
            register = np.rint(wanted * REGISTER) / REGISTER
            relative = np.where(wanted > 0, register / np.where(wanted > 0, wanted, 1) - 1, 0.0).ravel()
            decays[i], misses[i] = float(values.mean()), float(relative[np.abs(relative).argmax()])
    missed = 0.0 if threshold is None else round(threshold * rounding.scale) / rounding.scale / threshold - 1
    return LayerReport(
        name=name,
        scale=rounding.scale,
        factor=rounding.factor,
        weight_error=max(e[0] for e in errors),
        weights_lost=(sum(e[1] for e in errors), sum(e[2] for e in errors)),
        current_decay=decays[0],
        voltage_decay=decays[1],
        decay_errors=(misses[0], misses[1]),
        threshold_error=missed,
    )
