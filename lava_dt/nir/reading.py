"""`from_nir`: a NIR graph as a network of lava_dt's CuBa blocks."""

from __future__ import annotations

import math
import os
import warnings
from typing import Any, Literal

import numpy as np
import torch

from lava_dt.block import cuba
from lava_dt.nir.blocks import block_of
from lava_dt.nir.cells import cells_of, implied_step
from lava_dt.nir.chain import Link, chain_of
from lava_dt.nir.errors import NIRError
from lava_dt.nir.files import read
from lava_dt.nir.metadata import layer_of, timestep_of
from lava_dt.nir.report import LayerReport, Report
from lava_dt.nir.synapses import check_size, flattened, synapses_of, whole
from lava_dt.time_constants import Time, seconds
from lava_dt.timestep import Timestep, as_timestep
from lava_dt.transport import Delay

Dialect = Literal["nir", "norse"]
DEFAULT_STEP = 1e-3
LARGEST_DELAY = 62  # steps, on Loihi
MATERIAL = 0.01  # decay error from which on a warning is due


class FromNIR(torch.nn.Sequential):
    """The blocks of a graph, in order, and `report`: what Loihi's numbers made of it."""

    report: Report


def from_nir(
    graph: Any,
    timestep: Timestep | None = None,
    *,
    dt: Time | None = None,
    quantise: bool = True,
    dialect: Dialect = "nir",
) -> FromNIR:
    """A network of lava_dt's blocks that computes what a NIR graph says.

    A graph of `to_nir` gives the network back: weights as they acted, decays, threshold, delays, clock, reset, and so
    every spike. A graph of another framework is read at fine steps of ``dt`` seconds by the scheme of ``timestep``:
    CubaLIF, LIF and IF neurons behind Linear, Affine, Conv2d, SumPool2d, AvgPool2d, Flatten and Delay nodes, with
    feedback through one Linear or Affine, in a chain; CubaLI, LI, I or bare synapses at its end are a read-out
    (`cuba.Affine`). r and w_in are worked into weights, and so are thresholds that differ. No step passes between its
    layers (``delay_shift=False``), as NIR's edges take none. `FromNIR.report` says what was rounded by how much.

    Args:
        graph: a ``nir.NIRGraph``, or the path of a .nir file, which `read` reads.
        timestep: of all blocks. None: the graph's own if it is one of `to_nir`, else ``Timestep()``. Its ``reset``
            counts: NIR knows hard resets only, and snnTorch writes networks that subtract their threshold as if they
            did not; for these pass ``Timestep(reset='soft')``. Their neurons must have ``reset_delay=False`` there:
            snnTorch's default resets a step after the spike, which neither a file nor a block can say.
        dt: length of a fine step, seconds or a string such as '1 ms'. None: the graph's own; for other graphs the step
            at which all w_in and r make forward Euler add a spike once (as snnTorch and SpikingJelly write them), else
            1 ms, with a warning. Frameworks that count in steps and write r = 1 for IF neurons mean ``dt=1.0``.
        quantise: round weights to Loihi's 8 bits in each pass. False: they stay real, at a scale that fills float32;
            decays have 12 bits nevertheless. A graph of `to_nir` has its own.
        dialect: ``'norse'`` for files of Norse 1.1, which writes time constants as seconds times its dt, and whose
            spikes add w_in at once where NIR's equation has w_in dt/tau_syn.

    Returns:
        Blocks for input (batch, neuron..., time).

    Raises:
        NIRError: a graph or file that is damaged or that blocks cannot compute, or a decay beyond the timestep's
            scheme, by the node's name.
        TypeError: no graph, path or timestep.
        FileNotFoundError: no such file.
        ValueError: dt or dialect.
    """
    if dialect not in ("nir", "norse"):
        raise ValueError(f"dialect is {dialect!r}: pass 'nir', or 'norse' for files of Norse 1.1")
    given = quantise, dialect == "norse"
    if not isinstance(graph, (str, os.PathLike)):
        return _network(graph, timestep, dt, *given)
    content = read(graph)
    try:
        return _network(content, timestep, dt, *given)
    except NIRError as error:
        raise NIRError(f"{os.fspath(graph)}: {error}") from error


def _network(graph: Any, timestep: Timestep | None, dt: Time | None, quantise: bool, norse: bool) -> FromNIR:
    start, links, end = chain_of(graph)
    own = timestep_of(graph.metadata)
    notes: list[str] = []
    doubts: list[str] = []
    if own is not None:
        made_at, step = own
        if dt is not None and not np.isclose(seconds(dt, "dt"), step):
            raise ValueError(
                f"dt is {dt!r} and the graph's fine steps last {step:g} s: leave dt out, and take another step as "
                "Timestep(dt=...) fine steps"
            )
        timestep = made_at if timestep is None else as_timestep(timestep)
    else:
        timestep = as_timestep(timestep)
        step = _step(links, dt, norse, notes, doubts)
        made_at = Timestep(scheme=timestep.scheme)
    reader = _Reader(made_at, timestep, step, quantise, norse, own is not None, notes, doubts)
    return reader.network(start, links, end)


class _Reader:
    def __init__(
        self,
        made_at: Timestep,
        timestep: Timestep,
        step: float,
        quantise: bool,
        norse: bool,
        own: bool,
        notes: list[str],
        doubts: list[str],
    ) -> None:
        self.made_at, self.timestep, self.step = made_at, timestep, step
        self.quantise, self.norse, self.own, self.notes = quantise, norse, own, notes
        self.doubts = doubts

    def network(self, start: tuple[str, Any], links: list[Link], end: tuple[str, Any] | None) -> FromNIR:
        shape = _input_shape(*start)
        blocks: list[torch.nn.Module] = []
        reports: list[LayerReport] = []
        entry = layer_of(start[1].metadata, start[0]) if self.own else None
        if entry is not None:
            blocks.append(cuba.Input(None, delay_shift=entry["hop"], timestep=self.timestep))
        for link in links:
            if link.flatten is not None:
                shape = flattened(*link.flatten, shape)
                blocks.append(cuba.Flatten())
                continue
            shape = self._layer(link, shape, blocks, reports)
        _check_output(end, shape)
        network = FromNIR(*blocks)
        network.report = Report(self.step, tuple(reports), (*self.notes, *self.doubts))
        self._warn(network.report)
        return network

    def _layer(
        self, link: Link, shape: tuple[int, ...], blocks: list[torch.nn.Module], reports: list[LayerReport]
    ) -> tuple[int, ...]:
        synapses = synapses_of(link.synapses, shape)
        name, node = link.neurons or link.synapses[-1]
        known = layer_of(node.metadata, name) if self.own else None
        if self.own and known is None:
            self.doubts.append(
                f"node {name!r} has lost its lava_dt metadata, which the graph has: it was read as another's, without "
                "a step to the next layer; write it anew with to_nir, or remove the graph's too"
            )
        if synapses.kind == "none" and blocks:
            raise NIRError(f"node {name!r} has no synapses before it: only the first layer's neurons can do without")
        if known is not None and known["kind"] == "average":
            blocks.append(_average(name, synapses))
            return synapses.outputs
        cells = None
        if link.neurons is not None:
            soft = "soft" in (self.timestep.reset, self.made_at.reset)
            cells = cells_of(node, name, self.made_at, self.step, soft=soft, norse=self.norse)
        feedback = None if link.feedback is None else synapses_of([link.feedback], synapses.outputs)
        if synapses.images is not None:
            blocks.append(cuba.Flatten())
        try:
            block, report = block_of(name, synapses, feedback, cells, known, self.timestep, self.quantise, self.made_at)
        except NIRError:
            raise
        except ValueError as error:  # a decay beyond the timestep
            raise NIRError(f"node {name!r}: {error}") from error
        if link.delay is not None:
            block.delay = self._delay(*link.delay, synapses.outputs, known)
        blocks.append(block)
        reports.append(report)
        return synapses.outputs

    def _delay(self, name: str, node: Any, shape: tuple[int, ...], known: dict[str, Any] | None) -> Delay:
        """Axonal delays in fine steps, one a channel."""
        values = np.asarray(node.delay, np.float64)
        if values.size == 1:
            values = np.broadcast_to(values.reshape(()), shape)
        if values.shape != shape or not (np.isfinite(values) & (values >= 0)).all():
            raise NIRError(
                f"node {name!r} has delays of shape {values.shape}, for neurons of {shape}: 0 s or more each"
            )
        rows = values.reshape(shape[0], -1)
        if np.ptp(rows, 1).any():
            raise NIRError(f"node {name!r} delays neurons of one channel differently: lava-dl has one delay a channel")
        steps = rows[:, 0] / self.step
        whole_steps = np.ceil(steps - 1e-3).clip(0)  # what arrives within a step is delivered at its end
        if whole_steps.max() > 1 << 24:
            raise NIRError(
                f"node {name!r} has a delay of {whole_steps.max():.4g} steps of {self.step:g} s: pass dt=..."
            )
        late = float((whole_steps - steps).max())
        if late > 1e-3:
            self.doubts.append(f"node {name!r}: delays were rounded up to whole steps, by up to {late:.2g} of one")
        if not self.own and whole_steps.max() > LARGEST_DELAY * self.timestep.dt:
            self.doubts.append(
                f"node {name!r}: a delay of {whole_steps.max():.0f} steps, where Loihi takes {LARGEST_DELAY}"
            )
        largest = -1.0 if known is None else known["max_delay"]
        delay = Delay(max_delay=None if largest < 0 else largest)
        delay.delay.data = torch.as_tensor(whole_steps, dtype=torch.float)
        delay.init = True
        return delay

    def _warn(self, report: Report) -> None:
        layers = () if self.own else report.layers  # what is rounded of ours was so before
        lines = [
            f"node {layer.name!r}: 12 bits change a decay by {max(map(abs, layer.decay_errors)):.1%}"
            for layer in layers
            if max(map(abs, layer.decay_errors)) > MATERIAL
        ]
        lines += [
            f"node {layer.name!r}: 8 bits round {layer.weights_lost[0]} of {layer.weights_lost[1]} weights to 0"
            for layer in layers
            if layer.weights_lost[0] > MATERIAL * layer.weights_lost[1]
        ]
        if lines or self.doubts:
            warnings.warn(
                "\n".join(["in the NIR graph:", *self.doubts, *lines]), stacklevel=5
            )  # the caller of from_nir


def _step(links: list[Link], dt: Time | None, norse: bool, notes: list[str], doubts: list[str]) -> float:
    if dt is not None:
        return seconds(dt, "dt")
    neurons = [link.neurons[1] for link in links if link.neurons is not None]
    implied = {implied_step(node) for node in neurons} if not norse else set()
    if len(implied) == 1 and None not in implied:
        step = float(next(iter(implied)) or DEFAULT_STEP)
        notes.append(f"the graph does not say its step; w_in and r are those of steps of {step:g} s, which were taken")
        return step
    doubts.append(f"the graph does not say its step: {DEFAULT_STEP:g} s was taken; pass dt=... for this or another")
    return DEFAULT_STEP


def _input_shape(name: str, node: Any) -> tuple[int, ...]:
    value = (node.input_type or {}).get("input")
    if value is None or np.ndim(value) > 1 or not 1 <= np.size(value) <= 4:
        raise NIRError(f"node {name!r} has the shape {value!r}: (neuron,) or (channel, height, width) is needed")
    shape = whole(name, value, "shape", 1, np.size(value))
    if len(shape) in (2, 4) and shape[0] == 1:  # the batch of the sample with which a framework traced its network
        shape = shape[1:]
    if len(shape) not in (1, 3):
        raise NIRError(f"node {name!r} has the shape {shape}: (neuron,) or (channel, height, width) is needed")
    check_size(name, shape)
    return shape


def _check_output(end: tuple[str, Any] | None, shape: tuple[int, ...]) -> None:
    declared = None if end is None else (end[1].output_type or {}).get("output")
    if end is None or declared is None:
        return
    try:
        size = float(np.prod(np.asarray(declared, np.float64)))
    except (TypeError, ValueError):
        size = math.nan
    if size != math.prod(shape):  # frameworks differ in whether it has a batch
        raise NIRError(f"node {end[0]!r} has the shape {declared!r} and gets the shape {shape}: they must agree")


def _average(name: str, synapses: Any) -> Any:
    outputs, inputs = synapses.weight.shape if synapses.kind == "dense" else (1, 0)
    share = inputs // outputs
    mean = np.kron(np.eye(outputs), np.full(share, 1 / share)) if share and share * outputs == inputs else None
    if mean is None or not np.allclose(synapses.weight, mean.reshape(outputs, inputs)):
        raise NIRError(f"node {name!r} is said to be an average and has other weights: remove its lava_dt metadata")
    return cuba.Average(outputs)
