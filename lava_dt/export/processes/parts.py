"""A described layer's processes: its synapses and neurons, lava-nc's own wherever they are exact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from lava.proc.conv.process import Conv
from lava.proc.dense.process import Dense
from lava.proc.lif.process import LIF, LIFReset
from lava.proc.sparse.process import Sparse
from scipy.sparse import csr_matrix

from lava_dt.export.description import DECAY_UNIT, Layer, NeuronDescription
from lava_dt.export.processes.lif import HeldLIF, SoftResetLIF
from lava_dt.export.processes.steps import Resets
from lava_dt.export.processes.weights import POOLING, encode_weights, matrix
from lava_dt.export.schema import NEVER

BIAS_EXPONENT = 6
MESSAGE_BITS = 8
_LARGEST_INT8 = 127  # lava-nc's Conv holds its window and groups in 8 bits


@dataclass(frozen=True)
class Simulation:
    """How a network is to run in Lava.

    Attributes:
        held: on fine steps, its neurons acting at grid steps.
        floating: for lava-nc's floating-point models.
        sample: (steps, period) of samples on fine steps, or None.
        sparse: dense layers have lava-nc's Sparse synapses.
    """

    held: bool = False
    floating: bool = False
    sample: tuple[int, int] | None = None
    sparse: bool = False


def layout(shape: tuple[int, ...], flat: bool) -> tuple[int, ...]:
    """lava-dl's (channel, height, width) as lava-nc has it, (width, height, channel); or one axis."""
    return (int(np.prod(shape)),) if flat else tuple(int(n) for n in shape[::-1])


def neuron_process(layer: Layer, shape: tuple[int, ...], run: Simulation, offset: int, resets: Resets) -> Any:
    """The neurons of a layer.

    Args:
        layer: with or without neurons; without (`Affine` of no dynamics) the current is the sum of the activation.
        shape: in Lava.
        offset: steps behind training.
    """
    neuron = layer.neuron
    if neuron is None:
        whole = np.asarray(DECAY_UNIT)
        neuron = NeuronDescription(whole, whole, np.asarray(0), "hard")
    threshold = neuron.threshold if neuron.threshold.any() else np.asarray(NEVER)
    decays = [np.atleast_1d(decay) for decay in (neuron.current_decay, neuron.voltage_decay)]
    if run.floating:
        du, dv = (decay / DECAY_UNIT for decay in decays)
    else:
        du, dv = decays[0] - 1, decays[1]  # lava-nc adds 1 to du, as Loihi does
    parameters: dict[str, Any] = {
        "shape": shape,
        "du": du,
        "dv": dv,
        "vth": np.atleast_1d(threshold),
        "bias_exp": BIAS_EXPONENT,
        **resets.options(),
    }
    if layer.bias is not None and layer.kind != "input":
        parameters["bias_mant"] = np.broadcast_to(layer.bias, shape).astype(np.int32)
    timestep = layer.timestep
    held: dict[str, Any] = {"reset": neuron.reset, "offset": offset, "sample": run.sample}
    if run.held and layer.neuron is not None:
        return HeldLIF(**parameters, **held, dt=timestep.dt, between=timestep.between)
    if run.sample is not None and parameters.get("bias_mant", np.zeros(1)).any():  # from the first step of a sample on
        return HeldLIF(**parameters, **held, dt=1)
    if neuron.reset == "soft":
        return SoftResetLIF(**parameters)
    return LIF(**parameters) if resets.interval is None else LIFReset(**parameters)


def dense_process(layer: Layer, weight: np.ndarray, message_bits: int, run: Simulation) -> Any:
    """Synapses from all neurons to all."""
    if run.sparse:
        return _sparse(layer, csr_matrix(weight), message_bits, run)
    weight, encoding = _encoded(weight, layer, run)
    return Dense(weights=weight, num_message_bits=message_bits, **encoding)


def image_process(layer: Layer, shape: tuple[int, ...], message_bits: int, run: Simulation) -> Any:
    """Synapses of a layer of images: lava-nc's Conv where it can, else Sparse, whose ports have one axis.

    Args:
        shape: of the input, (width, height, channel).
    """
    window, weight = layer.window, layer.weight
    if window is None or weight is None or not _fits(layer, shape):
        # counts and spikes alike: a product with a sparse matrix is faster than a choice of its columns
        return _sparse(layer, matrix(layer, shape[::-1]), MESSAGE_BITS, run)
    encode_weights(weight, layer.name)  # or it is refused
    groups, kernels = window.groups, weight
    if layer.kind == "pool":
        groups, kernels = shape[2], np.repeat(weight, shape[2], axis=0)
    return Conv(
        weight=kernels.transpose(0, 3, 2, 1)[:, ::-1, ::-1].copy(),  # lava-nc convolves, lava-dl correlates
        input_shape=shape,
        padding=window.padding[::-1],
        stride=window.stride[::-1],
        dilation=window.dilation[::-1],
        groups=groups,
        num_message_bits=message_bits,
    )


def _fits(layer: Layer, shape: tuple[int, ...]) -> bool:
    """Whether lava-nc's Conv is this layer."""
    window = layer.window
    if window is None or layer.kind not in ("conv", "pool"):
        return False
    sizes = (*window.kernel, *window.stride, *window.padding, *window.dilation)
    groups = shape[2] if layer.kind in POOLING else window.groups
    if max(*sizes, groups) > _LARGEST_INT8:
        return False
    return layer.kind == "conv" or not any(n % k for n, k in zip(shape[1::-1], window.kernel, strict=True))


def _sparse(layer: Layer, weight: csr_matrix, message_bits: int, run: Simulation) -> Sparse:
    encoded, encoding = _encoded(weight, layer, run)
    return Sparse(weights=encoded, num_message_bits=message_bits, **encoding)


def _encoded(weight: Any, layer: Layer, run: Simulation) -> tuple[Any, dict[str, Any]]:
    encoded, encoding = encode_weights(weight, layer.name)
    return (weight, {}) if run.floating else (encoded, encoding)
