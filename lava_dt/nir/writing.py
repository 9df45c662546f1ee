"""`to_nir`: a network of CuBa blocks as a NIR graph."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import nir
import numpy as np
import torch
from lava.lib.dl.slayer.block import cuba as upstream

from lava_dt.export.blocks import blocks_of
from lava_dt.export.description import layer_name
from lava_dt.nir.acting import (
    acting_weights,
    cells_in,
    check_neuron,
    delays_in,
    matrix_of,
    threshold_of,
    weigh,
    window_of,
)
from lava_dt.nir.bias import bias_of
from lava_dt.nir.cells import node_of
from lava_dt.nir.errors import NIRError
from lava_dt.nir.metadata import KEY, of_graph
from lava_dt.nir.synapses import synapses_of
from lava_dt.time_constants import Time, seconds
from lava_dt.timestep import Timestep

KINDS: dict[str, Any] = {
    "input": upstream.Input,
    "flatten": upstream.Flatten,
    "average": upstream.Average,
    "affine": upstream.Affine,
    "recurrent": upstream.Recurrent,
    "dense": upstream.Dense,
    "conv": upstream.Conv,
    "pool": upstream.Pool,
}


def to_nir(net: Any, dt: Time = 1e-3, *, input_shape: Sequence[int] | None = None, soft_reset: str = "refuse") -> Any:
    """A network of CuBa blocks, lava_dt's or lava-dl's, as a NIR graph in physical units. Changes nothing.

    Every layer becomes Linear, Affine, Conv2d or SumPool2d nodes with the weights as they act (normalised, masked,
    quantised), a CubaLIF node, and a Delay node where it has delays. Time constants are seconds, from the decays of a
    fine step in the scheme of the timestep; w_in and r are such that a framework that steps the graph by that scheme
    in steps of Timestep.dt fine steps, a spike being 1 in one step, computes the network (`lava_dt.nir.cells`). The
    step from layer to layer is in the metadata, as NIR's edges take no time; with it, the timestep, the scale of the
    integers and what training needs are there, so that `from_nir` gives the network back, spike for spike.

    Args:
        net: a torch.nn.Sequential of blocks, a module that keeps them in ``blocks``, or a list of them: Input, Flatten,
            Dense, Conv, Pool, Recurrent, Average and Affine.
        dt: length of a fine step, seconds or a string such as '1 ms'.
        input_shape: (neuron,) or (channel, height, width) of the input; needed where the first block does not tell.
        soft_reset: NIR's neurons are set to a potential and cannot subtract their threshold. ``'refuse'`` to write a
            network that does; ``'metadata'`` writes it with hard resets and the truth in the metadata, which `from_nir`
            follows and other readers do not.

    Returns:
        A ``nir.NIRGraph``, for ``nir.write``. The package's own reader takes grouped convolutions and kernels that are
        not square only with ``type_check=False``.

    Raises:
        NIRError: a layer that NIR cannot say, by its index and kind, with what to do about it.
        TypeError: no network of blocks; a time that is none.
        ValueError: an unknown soft_reset; a time that is not above 0.
    """
    if soft_reset not in ("refuse", "metadata"):
        raise ValueError(f"soft_reset is {soft_reset!r}: pass 'refuse' or 'metadata'")
    step = seconds(dt, "dt")
    with torch.no_grad():
        return _Writer(net, step, soft_reset == "metadata").graph(input_shape)


class _Writer:
    def __init__(self, net: Any, step: float, soft: bool) -> None:
        self.blocks, self.step = blocks_of(net), step
        self.nodes: dict[str, Any] = {}
        self.edges: list[tuple[str, str]] = []
        self.last = "input"
        self.plain = True  # whether nir's own type check knows what there is
        self.timestep = _timestep(self.blocks)
        if self.timestep.reset == "soft" and not soft:
            raise NIRError(
                f"{_first_spiking(self.blocks)} has a soft reset, and NIR's neurons are set to a potential at a spike: "
                "train with reset='hard', or pass soft_reset='metadata' to note it where only lava_dt will read it"
            )

    def graph(self, input_shape: Sequence[int] | None) -> Any:
        shape = _input_shape(self.blocks, input_shape)
        self.nodes["input"] = nir.Input({"input": np.array(shape)})
        for index, block in enumerate(self.blocks):
            name = _name(index, block)
            try:
                shape = self._block(index, block, shape)
            except NIRError as error:
                raise NIRError(str(error) if str(error).startswith(name) else f"{name}: {error}") from error
        self._add("output", nir.Output({"output": np.array(shape)}))
        return nir.NIRGraph(self.nodes, self.edges, of_graph(self.timestep, self.step), type_check=self.plain)

    def _add(self, name: str, node: Any) -> None:
        self.nodes[name] = node
        self.edges.append((self.last, name))
        self.last = name

    def _block(self, index: int, block: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
        kind, prefix = _kind(index, block), f"layer{index}"
        if kind == "flatten":
            self._add(f"{prefix}_flatten", nir.Flatten({"input": np.array(shape)}, 0, -1))
            return (math.prod(shape),)
        if kind == "average":
            n = math.prod(shape)
            if len(shape) != 1 or n % block.num_outputs:
                raise NIRError(f"averages {block.num_outputs} groups of shape {shape}: they must divide the neurons")
            mean = np.kron(np.eye(block.num_outputs), np.full(n // block.num_outputs, block.num_outputs / n))
            mean = mean.reshape(block.num_outputs, n)
            self._add(f"{prefix}_weight", nir.Linear(mean.astype(np.float32), metadata={KEY: _bare("average")}))
            return (block.num_outputs,)
        if kind == "input" and block.neuron is None:
            if index:
                raise NIRError("an Input block is the first of a network")
            self.nodes["input"].metadata = {KEY: _bare("input") | {"hop": bool(block.delay_shift)}}
            return shape
        return self._layer(index, kind, block, shape)

    def _layer(self, index: int, kind: str, block: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
        prefix, neuron = f"layer{index}", block.neuron
        check_neuron(neuron)
        node, quantised, weight = self._synapses(kind, block, shape)
        outputs = shape
        if node is not None:
            self._add(f"{prefix}_weight", node)
            outputs = synapses_of([(f"{prefix}_weight", node)], shape).outputs
        feedback = None
        if kind == "recurrent":
            inner, inner_quantised = acting_weights(block, block.recurrent_synapse)
            feedback, quantised = nir.Linear(matrix_of(inner)), quantised and inner_quantised
        delay = getattr(block, "delay", None)
        metadata = {KEY: _own(kind, block, quantised)}
        if kind == "affine" and not block.dynamics:
            self.nodes[self.last].metadata = metadata
            return outputs
        cells = node_of(cells_in(neuron, outputs), outputs, self.timestep, self.step, metadata)
        weigh(cells, weight)
        self._add(f"{prefix}_neuron", cells)
        if feedback is not None:
            self.nodes[f"{prefix}_feedback"] = feedback
            self.edges += [(f"{prefix}_neuron", f"{prefix}_feedback"), (f"{prefix}_feedback", f"{prefix}_neuron")]
        if delay is not None:
            self._add(f"{prefix}_delay", nir.Delay(self.step * delays_in(delay, outputs)))
        return outputs

    def _synapses(self, kind: str, block: Any, shape: tuple[int, ...]) -> tuple[Any, bool, float]:
        """The node of a block's synapses or None, whether 8 bits hold the weights, and what the neurons multiply by."""
        if kind == "input":
            if block.bias is not None:
                raise NIRError("the input's bias, one for all neurons, has no NIR node: train with bias=None")
            if block.weight is None:
                return None, True, 1.0
            return nir.Scale(np.full(shape, block.pre_hook_fx(block.weight).item())), True, 1.0
        weight, quantised = acting_weights(block, block.input_synapse if kind == "recurrent" else block.synapse)
        if kind == "pool":
            if not np.all(weight == weight.flat[0]):
                raise NIRError("its weights differ within a window, and NIR's SumPool2d has none: use a grouped Conv")
            kernel, stride = window_of(block.synapse)
            node = nir.SumPool2d(np.array(kernel), np.array(stride), np.zeros(2, int))
            return node, quantised, float(weight.flat[0])
        constant, bias = bias_of(block), None
        if constant is not None:
            bias = constant.values.detach().cpu().numpy().astype(np.float64) * self.timestep.constants_per_step
        if kind == "conv":
            return self._conv(block.synapse, weight[..., 0], bias, shape), quantised, 1.0
        matrix = matrix_of(weight)
        return nir.Linear(matrix) if bias is None else nir.Affine(matrix, bias), quantised, 1.0

    def _conv(self, synapse: Any, weight: np.ndarray, bias: np.ndarray | None, shape: tuple[int, ...]) -> Any:
        if len(shape) != 3:
            raise NIRError(f"it takes images and gets the shape {shape}: pass input_shape=(channel, height, width)")
        self.plain = self.plain and synapse.groups == 1 and weight.shape[2] == weight.shape[3]
        return nir.Conv2d(
            input_shape=shape[1:],
            weight=weight,
            stride=synapse.stride[:2],
            padding=synapse.padding[:2],
            dilation=synapse.dilation[:2],
            groups=synapse.groups,
            bias=np.zeros(len(weight)) if bias is None else bias,
        )


def _own(kind: str, block: Any, quantised: bool) -> dict[str, Any]:
    """The metadata of a layer (`lava_dt.nir.metadata.LAYER`)."""
    neuron, delay = block.neuron, getattr(block, "delay", None)
    return {
        "kind": kind,
        "hop": bool(getattr(block, "delay_shift", False)),
        "scale": int(neuron.w_scale),
        "quantised": bool(quantised),
        "tau_grad": float(neuron.tau_rho / (threshold_of(neuron) or 1.0)),
        "scale_grad": float(neuron.scale_rho),
        "shared_param": bool(neuron.shared_param),
        "learnt_decays": neuron.requires_grad is True,
        "persistent_state": neuron.persistent_state is True,
        "max_delay": -1.0 if delay is None or delay.max_delay is None else float(delay.max_delay),
    }


def _name(index: int, block: Any) -> str:
    return layer_name(index, type(block).__name__)


def _kind(index: int, block: Any) -> str:
    for kind, cls in KINDS.items():
        if isinstance(block, cls):
            return kind
    raise NIRError(
        f"{_name(index, block)} has no NIR node: {', '.join(cls.__name__ for cls in KINDS.values())} have; "
        "end the network before it, or replace it"
    )


def _timestep(blocks: list[Any]) -> Timestep:
    found = [
        (_name(i, block), getattr(block, "timestep", Timestep()))
        for i, block in enumerate(blocks)
        if getattr(block, "neuron", None) is not None
    ]
    if not found:
        raise NIRError("the network has no layer with neurons: there is nothing that a NIR graph could say")
    for name, timestep in found:
        if timestep != found[0][1]:
            raise NIRError(f"{name} has {timestep} and {found[0][0]} {found[0][1]}: a graph has one; make them agree")
    return found[0][1]


def _first_spiking(blocks: list[Any]) -> str:
    return next(_name(i, block) for i, block in enumerate(blocks) if getattr(block, "neuron", None) is not None)


def _input_shape(blocks: list[Any], given: Sequence[int] | None) -> tuple[int, ...]:
    if given is not None:
        shape = tuple(int(n) for n in given)
        if len(shape) not in (1, 3) or min(shape) < 1:
            raise ValueError(f"input_shape is {given!r}: pass (neuron,) or (channel, height, width)")
        return shape
    first = blocks[0]
    if isinstance(first, (upstream.Dense, upstream.Affine, upstream.Recurrent)):
        synapse = first.input_synapse if isinstance(first, upstream.Recurrent) else first.synapse
        return (int(synapse.in_channels),)
    if isinstance(first, upstream.Input) and first.shape is not None:
        return tuple(int(n) for n in first.shape)
    _kind(0, first)  # of one that has no node at all that is what to say
    raise NIRError(
        f"{_name(0, first)} does not tell its input's shape: pass input_shape=(channel, height, width) or (neuron,)"
    )


def _bare(kind: str) -> dict[str, Any]:
    """Metadata of a layer without neurons."""
    return {
        "kind": kind,
        "hop": False,
        "scale": 64,
        "quantised": False,
        "tau_grad": 1.0,
        "scale_grad": 1.0,
        "shared_param": True,
        "learnt_decays": False,
        "persistent_state": False,
        "max_delay": -1.0,
    }
