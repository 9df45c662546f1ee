"""`Network`: a described network as one Lava process, and `Block`, a layer of it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.process.variable import Var

from lava_dt.export.description import IMAGES, SYNAPTIC, Description, Layer, image_shape
from lava_dt.export.processes.binning import GroupSum, Rebin
from lava_dt.export.processes.delay import SpikeDelay
from lava_dt.export.processes.encoding import Encoding
from lava_dt.export.processes.lif import HeldLIF
from lava_dt.export.processes.parts import (
    MESSAGE_BITS,
    Simulation,
    dense_process,
    image_process,
    layout,
    neuron_process,
)
from lava_dt.export.processes.plan import Tag, plan
from lava_dt.export.processes.steps import Resets
from lava_dt.timestep import Clock

_STATES = ("u", "v", "waiting", "ring", "a_buff", "a_buf")


class Block(AbstractProcess):
    """A layer: synapses, neurons, and delays behind the neurons.

    Attributes:
        kind: as the description names it.
        index: place in the description.
        inp, out: ports; ``out`` is behind the delays, ``neuron.s_out`` before them.
        synapse, synapse_rec: processes of the input's and the feedback's synapses; None without.
        neuron: process with the Vars u and v; None of an average.
        delay: `SpikeDelay`, or None. sums: `GroupSum` of an average, or None.
        states: every Var that keeps something from step to step.
        input_message_bits, output_message_bits: of the messages in and out; 0: spikes of 0 or 1.

    Raises:
        ValueError: weights that Loihi's synapses do not hold, by the layer's name.
    """

    def __init__(
        self, *, layer: Layer, shape: tuple[int, ...], message_bits: int, run: Simulation, offset: int, resets: Resets
    ) -> None:
        super().__init__()
        self.kind, self.index = layer.kind, layer.index
        self.input_message_bits, self.output_message_bits = message_bits, 0
        nothing: Any = None
        self.synapse = self.synapse_rec = self.neuron = self.delay = self.sums = nothing
        self.inp = InPort(shape=shape)
        if layer.kind == "average":
            self.sums = GroupSum(shape=shape, groups=math.prod(layer.shape))
            self.inp.connect(self.sums.s_in)
            self.shape, last = self.sums.s_out.shape, self.sums.s_out
            self.output_message_bits = MESSAGE_BITS
        else:
            self.shape = layout(layer.shape, flat=layer.kind not in (*IMAGES, "input"))
            self.neuron = neuron_process(layer, self.shape, run, offset, resets)
            self._connect_input(layer, message_bits, run)
            last = self.neuron.s_out
        if layer.delay is not None:
            self.delay = SpikeDelay(shape=self.shape, delays=layer.delay, **resets.options())
            last.connect(self.delay.s_in)
            last = self.delay.s_out
        self.out = OutPort(shape=self.shape)
        last.connect(self.out)

    def _connect_input(self, layer: Layer, message_bits: int, run: Simulation) -> None:
        if layer.kind == "input" or layer.weight is None:
            self.inp.connect(self.neuron.a_in)
            return
        if layer.kind in IMAGES:
            self.synapse = image_process(layer, self.inp.shape, message_bits, run)
        else:
            self.synapse = dense_process(layer, layer.weight, message_bits, run)
        _join(self.inp, self.synapse.s_in)
        _join(self.synapse.a_out, self.neuron.a_in)
        if layer.weight_rec is not None:
            self.synapse_rec = dense_process(layer, layer.weight_rec, 0, run)
            self.neuron.s_out.connect(self.synapse_rec.s_in)
            held = isinstance(self.neuron, HeldLIF)
            self.synapse_rec.a_out.connect(self.neuron.fed_back if held else self.neuron.a_in)

    @property
    def block(self) -> str:
        return self.kind

    @property
    def states(self) -> list[Var]:
        parts = (self.synapse, self.synapse_rec, self.neuron, self.delay)
        return [getattr(part, name) for part in parts for name in _STATES if hasattr(part, name)]


class Network(AbstractProcess):
    """A Lava process that spikes as the described network was trained to.

    Run it once with ``Loihi2SimCfg(select_tag=network.tag)``; feed ``inp`` with `encode`'s values, one a step.

    Args:
        description: of `describe` or `parse`.
        clock: ``coarse``: a step of the network is one of dt. ``held``: it is a fine step, and the neurons act at grid
            steps only, so that it can sit among processes of fine steps (`HeldLIF`); of a network trained on the coarse
            clock the input is binned first (`Rebin`). None: as trained.
        tag: ``fixed_pt`` for Loihi's integers, ``floating_pt`` for floats in the same units.
        num_layers: build the first so many blocks of the description only.
        input_message_bits: 0: the input is spikes of 0 or 1; up to 8: counts up to 255. None: 8 where it is bins of
            several fine steps, else 0.
        reset_interval, reset_offset: zero every layer's neurons and delays as the first input of a sample reaches it,
            if samples begin at steps 1 + reset_offset + a multiple of reset_interval. Each layer of synapses takes one
            step. What a recurrent layer feeds back at its last step is not cut. On the held clock both must be
            multiples of dt, or of the period of ``sample``.
        saturate: bins made in Lava hold 1 for any count.
        sample: (steps of a sample, period from sample to sample), in steps of the network, for samples one after the
            other: bins begin anew with each, and biases act from a sample's first step to its last bin's end. The
            period must hold all bins of a sample.
        input_shape: (width, height, channel) of the input; needed where the first layer is one of images.
        sparse_fc_layer: dense layers have lava-nc's Sparse synapses.
        fine_step: seconds, or None.

    Attributes:
        inp, out: ports. Images are (width, height, channel).
        layers: a `Block` for each layer but flatten and inputs without neurons. in_layer, out_layer: first and last.
        rebin: the process before the first layer, or None.
        states: every Var that keeps something from step to step; zeroed, the network is as new. Write integers where
            ``tag`` is ``fixed_pt``, else floats.
        dt, clock, tag, fine_step, sample, reset_interval, input_message_bits, output_message_bits.

    Raises:
        ValueError: options that do not fit the network; what cannot be done, by the layer's name.
    """

    def __init__(
        self,
        description: Description,
        *,
        clock: Clock | None = None,
        tag: Tag = "fixed_pt",
        num_layers: int | None = None,
        input_message_bits: int | None = None,
        reset_interval: int | None = None,
        reset_offset: int = 0,
        saturate: bool = False,
        sample: tuple[int, int] | None = None,
        input_shape: tuple[int, ...] | None = None,
        sparse_fc_layer: bool = False,
        fine_step: float | None = None,
    ) -> None:
        super().__init__()
        planned = plan(
            description,
            clock=clock,
            tag=tag,
            num_layers=num_layers,
            input_message_bits=input_message_bits,
            saturate=saturate,
            sample=sample,
            sparse=sparse_fc_layer,
        )
        resets = Resets(reset_interval, reset_offset)
        if planned.run.held:
            resets.check_grid(planned.timestep.dt, sample)
        self.dt, self.clock, self.tag, self.fine_step = planned.timestep.dt, planned.clock, tag, fine_step
        self.sample, self.reset_interval, self.input_message_bits = sample, reset_interval, planned.message_bits
        self.rebin: Rebin | None = None
        entrance = MESSAGE_BITS if planned.rebin and not saturate else planned.message_bits
        self.layers = _blocks(planned.layers, planned.run, entrance, input_shape, resets)
        self.in_layer, self.out_layer = self.layers[0], self.layers[-1]
        self.output_message_bits = self.out_layer.output_message_bits
        self.inp = InPort(shape=self.in_layer.inp.shape)
        self.out = OutPort(shape=self.out_layer.out.shape)
        if planned.rebin:
            self.rebin = Rebin(shape=self.inp.shape, dt=self.dt, saturate=saturate, sample=sample)
            self.inp.connect(self.rebin.s_in)
            self.rebin.s_out.connect(self.in_layer.inp)
        else:
            self.inp.connect(self.in_layer.inp)
        self.out_layer.out.connect(self.out)
        block = next((layer for layer in planned.layers if layer.kind == "input" and layer.neuron is not None), None)
        bins = planned.timestep if planned.rebin or (planned.run.held and block is not None) else None
        self._encoding = Encoding(self.inp.shape, block, self.input_message_bits, bins, saturate)

    def __len__(self) -> int:
        return len(self.layers)

    def __str__(self) -> str:
        rows = [f"{block.index}: {block.kind} {'x'.join(map(str, block.shape))}" for block in self.layers]
        return "\n".join([f"{self.clock} clock, dt={self.dt}, {self.tag}", *rows])

    @property
    def states(self) -> list[Var]:
        own = [] if self.rebin is None else [self.rebin.waiting]
        return [*own, *(state for block in self.layers for state in block.states)]

    def encode(self, spikes: np.ndarray) -> np.ndarray:
        """What ``inp`` must receive for spikes, or analog values where the network begins with an input block.

        Args:
            spikes: (batch, neuron..., time), as the trained network takes them; time in steps of this network. Where it
                was trained on the coarse clock and runs on the held one, fine steps.

        Returns:
            int32, (batch, time, *inp.shape); time is filled up to whole bins where they are made here, for an input
            block on the held clock.

        Raises:
            ValueError: a shape that does not fit; values that cannot travel: not whole, negative, above 255 (in a bin,
                where bins are made in Lava) or above 1 without ``input_message_bits``; an analog value whose product
                with the input weight has no place in Loihi's activation.
        """
        return self._encoding.encode(spikes)


def _blocks(
    layers: tuple[Layer, ...], run: Simulation, message_bits: int, input_shape: tuple[int, ...] | None, resets: Resets
) -> list[Block]:
    """The blocks, connected one to the next."""
    blocks: list[Block] = []
    shape = None if input_shape is None else tuple(int(n) for n in input_shape)
    behind, passed = 0, 0  # steps behind training, and layers of synapses before
    for layer in layers:
        if layer.kind == "flatten" or (layer.kind == "input" and layer.neuron is None):
            shape = layout(layer.shape, flat=layer.kind == "flatten" or len(layer.shape) == 1)
            behind -= layer.hop
            continue
        if layer.kind in SYNAPTIC:
            behind, passed = behind + 1, passed + 1
        block = Block(
            layer=layer,
            shape=_input_shape(layer, shape, blocks),
            message_bits=message_bits if not blocks else blocks[-1].output_message_bits,
            run=run,
            offset=behind,
            resets=Resets(resets.interval, resets.offset + 1 + passed),
        )
        behind -= layer.hop
        if blocks:
            _join(blocks[-1].out, block.inp, images_of_lava_dl=True)
        blocks.append(block)
        shape = block.shape
    return blocks


def _input_shape(layer: Layer, shape: tuple[int, ...] | None, blocks: list[Block]) -> tuple[int, ...]:
    """Of the layer's input in Lava: an image only where it needs one."""
    if layer.kind == "input":
        return layout(layer.shape, flat=False)
    if layer.kind in IMAGES:
        if shape is None or len(shape) != 3:
            raise ValueError(
                f"{layer.name} comes first, and the network does not say what images it takes: pass "
                "input_shape=(width, height, channel)"
            )
        made = image_shape(layer, (shape[2], shape[1], shape[0]))
        if made != tuple(layer.shape):
            raise ValueError(
                f"{layer.name} has the shape {tuple(layer.shape)}, but of an input_shape {shape} its kernel makes "
                f"{made}: pass (width, height, channel) of the images that it was trained on"
            )
        return shape
    if layer.weight is not None:
        return (int(layer.weight.shape[1]),)
    if shape is None:
        raise ValueError(f"{layer.name} comes first, and does not say what it takes: put a layer before it")
    return (math.prod(shape),)


def _join(source: Any, target: Any, images_of_lava_dl: bool = False) -> None:
    """Connects ports of the same neurons: an image becomes a row, or the reverse.

    Args:
        images_of_lava_dl: the row is ordered as lava-dl flattens, (channel, height, width), not as lava-nc's images.
    """
    if source.shape == target.shape:
        source.connect(target)
    elif len(target.shape) == 1:
        image = source.transpose([2, 1, 0]) if images_of_lava_dl else source
        image.flatten().connect(target)
    else:
        source.reshape(target.shape).connect(target)
