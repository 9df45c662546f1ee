"""What is to be built of a description: which layers, on which clock, and what goes before them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, get_args

from lava_dt.export.description import SYNAPTIC, Description, Layer
from lava_dt.export.processes.parts import MESSAGE_BITS, Simulation
from lava_dt.export.processes.steps import GridSteps
from lava_dt.timestep import Clock, Timestep

Tag = Literal["fixed_pt", "floating_pt"]


@dataclass(frozen=True)
class Plan:
    """A network of Lava processes, before they are made.

    Attributes:
        layers: on the clock that they run on.
        run: how.
        clock: ``held`` or ``coarse``.
        message_bits: of the input.
        rebin: whether fine steps are binned in Lava before the first layer.
        saturate: bins are cut at 1.
    """

    layers: tuple[Layer, ...]
    run: Simulation
    clock: Clock
    message_bits: int
    rebin: bool
    saturate: bool

    @property
    def timestep(self) -> Timestep:
        return next(layer.timestep for layer in self.layers if layer.neuron is not None or layer.kind in SYNAPTIC)


def plan(
    description: Description,
    *,
    clock: Clock | None,
    tag: Tag,
    num_layers: int | None,
    input_message_bits: int | None,
    saturate: bool,
    sample: tuple[int, int] | None,
    sparse: bool,
) -> Plan:
    """Checks the options of `Network` against each other and the network, and follows from them what to build.

    Raises:
        ValueError: an option that does not fit, or a layer that is not the last one and must be, by its name.
    """
    for name, value, options in (("clock", clock, Clock), ("tag", tag, Tag)):
        if value is not None and value not in get_args(options):
            raise ValueError(f"{name} is {value!r}: pass one of {', '.join(map(repr, get_args(options)))}")
    trained, dt = description.timestep, description.timestep.dt
    held = dt > 1 and (clock or trained.clock) == "held"
    if dt > 1 and not held and trained.between == "drop":
        raise ValueError(
            "the network drops what comes between its grid steps, which the coarse clock does not have: leave out "
            "clock='coarse', or leave out those steps and train it on the coarse clock"
        )
    if dt > 1 and not held and trained.held:
        _check_hops(description.layers)
    if input_message_bits is not None and input_message_bits not in range(MESSAGE_BITS + 1):
        raise ValueError(
            f"input_message_bits is {input_message_bits!r}: pass 0 for spikes of 0 or 1, up to {MESSAGE_BITS} for "
            "counts up to 255, or None"
        )
    if num_layers is not None and num_layers < 1:
        raise ValueError(f"num_layers is {num_layers}: pass 1 or more, or None for all")
    layers = (description.on_fine_clock() if held else description).layers[:num_layers]
    _check_order(layers)
    first = next((layer for layer in layers if layer.neuron is not None or layer.kind in (*SYNAPTIC, "average")), None)
    if first is None:
        raise ValueError(f"the first {num_layers} layers have no neurons: nothing is left to run; pass more")
    rebin = held and not trained.held and first.kind != "input"
    if saturate and not rebin:
        raise ValueError(
            "saturate is for fine steps that are binned in Lava, which this network's are not: leave it out, or pass "
            "clock='held' with a network trained on the coarse clock"
        )
    if sample is not None:
        GridSteps(dt if held else 1, 0, sample)  # or it is refused
        if held and trained.between == "drop" and sample[0] % dt:
            raise ValueError(
                f"a sample has {sample[0]} steps, and the network drops what arrives between its grid steps, every "
                f"{dt} steps, which a last bin that is shorter moves: pass samples of a multiple of that"
            )
    if input_message_bits is None:
        input_message_bits = MESSAGE_BITS if dt > 1 and not held else 0
    run = Simulation(held=held, floating=tag == "floating_pt", sample=sample, sparse=sparse)
    return Plan(layers, run, "held" if held else "coarse", input_message_bits, rebin, saturate)


def _check_order(layers: tuple[Any, ...]) -> None:
    for layer, after in pairwise(layers):
        if layer.kind in ("affine", "average"):
            what = "sends no spikes" if layer.kind == "affine" else "sends sums"
            raise ValueError(
                f"{layer.name} {what}, which {after.name} cannot take in Lava: it must be the last layer; pass "
                f"num_layers={layer.index + 1} and do the rest on the host"
            )


def _check_hops(layers: tuple[Layer, ...]) -> None:
    for layer in layers:
        if layer.kind == "input" and layer.neuron is None and layer.hop:
            raise ValueError(
                f"{layer.name} lets one fine step pass, which bins of several cannot: run the network on the held "
                "clock, or train it with delay_shift=False there"
            )
