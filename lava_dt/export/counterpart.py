"""The Lava side of a comparison: where its networks come from, and what they are given."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from lava.lib.dl.netx import hdf5
from torch import Tensor

from lava_dt.export.alignment import Compared, whole_bins
from lava_dt.export.description import Description
from lava_dt.export.lava_network import to_lava
from lava_dt.export.processes import HeldLIF, Network
from lava_dt.export.processes.encoding import Encoding
from lava_dt.export.processes.parts import MESSAGE_BITS
from lava_dt.time_axis import rebin


@dataclass(frozen=True)
class Counterpart:
    """What a trained network is compared with.

    Attributes:
        source: a file, a trained network, or a Lava network, `Network` or netx's own, which runs once.
        held: whether it runs on fine steps, dt above 1.
        dt: fine steps in a step of the neurons.
        counts: whether the samples have values above 1.
        image: (width, height, channel) of the samples, if they are images.
    """

    source: Any
    held: bool
    dt: int
    counts: bool
    image: tuple[int, ...] | None

    @property
    def given(self) -> Any | None:
        """The Lava network that was passed, if one was."""
        return self.source if isinstance(self.source, (Network, hdf5.Network)) else None

    @property
    def delays_before(self) -> bool:
        """Whether delays sit before the neurons, as netx puts them."""
        return isinstance(self.source, hdf5.Network)

    @property
    def saturate(self) -> bool:
        """Whether it cuts the bins that it makes at 1."""
        rebin = getattr(self.given, "rebin", None)
        return rebin is not None and bool(rebin.proc_params["saturate"])

    def build(self, sample: tuple[int, int]) -> Any:
        """A network to run samples of so many steps on, one every period; the one that was passed, if one was."""
        if self.given is not None:
            return self.given
        options: dict[str, Any] = {"sample": sample, "clock": "held" if self.held else "coarse"}
        if self.image is not None:
            options["input_shape"] = self.image
        if not self.held:
            options["input_message_bits"] = MESSAGE_BITS if self.counts else 0
        elif self.counts:
            options["input_message_bits"] = MESSAGE_BITS
        return to_lava(self.source, **options)

    def period(self, steps: int, behind: int) -> int:
        """Steps from sample to sample, of which the network computes ``steps`` and runs ``behind`` training.

        Raises:
            ValueError: the network that was passed was built for other samples.
        """
        grid = self.dt if self.held else 1
        least = whole_bins(steps + max(0, behind), grid)
        sample = getattr(self.given, "sample", None)
        if sample is None:
            return least
        if whole_bins(sample[0], grid) != steps or sample[1] < steps + max(0, behind):
            raise ValueError(
                f"the Lava network was built with sample={tuple(sample)}, and these samples need sample=({steps}, "
                f"{least}), up to the end of their last bin and with the steps that Lava runs behind training: build "
                "it with that, or pass its file"
            )
        return int(sample[1])


def counterpart(
    net: Any,
    description: Description,
    lava: str | os.PathLike[str] | Any | None,
    clock: Literal["held", "coarse"] | None,
    samples: Tensor,
) -> Counterpart:
    """What ``net`` is to be compared with, as `verify` takes it.

    Raises:
        TypeError: ``lava`` is nothing of that.
        ValueError: a clock that does not fit.
    """
    if clock not in (None, "held", "coarse"):
        raise ValueError(f"clock is {clock!r}: pass 'held' or 'coarse', or None for that of training")
    dt = description.timestep.dt
    if lava is None:
        source, own = net, description.timestep.clock
    elif isinstance(lava, (str, os.PathLike)):
        source, own = lava, description.timestep.clock
    elif isinstance(lava, Network):
        source, own = lava, lava.clock
    elif isinstance(lava, hdf5.Network):
        source, own = lava, "coarse"
    else:
        raise TypeError(
            f"lava is a {type(lava).__name__}: pass a file, a network of to_lava, one of lava.lib.dl.netx.hdf5, or None"
        )
    if clock is not None and isinstance(lava, (Network, hdf5.Network)) and clock != own and dt > 1:
        raise ValueError(f"clock is {clock!r}, but the Lava network runs on the {own} clock: leave clock out")
    if dt > 1 and description.timestep.held and (clock or own) == "coarse":
        samples = rebin(samples, dt)
    image = tuple(samples.shape[-2:0:-1]) if samples.dim() == 5 else None
    held = dt > 1 and (clock or own) == "held"
    return Counterpart(source, held, dt, bool(samples.max() > 1), image)


def encode(network: Any, samples: np.ndarray) -> np.ndarray:
    """`Network.encode`, for netx's networks too.

    Raises:
        ValueError: a shape that does not fit, values that cannot travel, or an input block of netx's own.
    """
    if isinstance(network, Network):
        return network.encode(samples)
    if not hasattr(network.in_layer, "synapse"):
        raise ValueError(
            "netx's own input block takes its input from its host, who sets a bias each step: compare with the file, "
            "or with to_lava's network"
        )
    return Encoding(network.inp.shape, None, int(network.input_message_bits or 0)).encode(samples)


def check_same(network: Any, layers: list[Compared], dt: int) -> None:
    """Refuses a Lava network that does not compute in integers, or steps or layers like the trained one.

    Raises:
        ValueError: by what it is.
    """
    if getattr(network, "tag", "fixed_pt") != "fixed_pt" or getattr(network, "reset_interval", None) is not None:
        raise ValueError(
            "the Lava network computes in floats, or resets itself: leave out tag and reset_interval; integers are "
            "compared, and each sample begins from silence"
        )
    if getattr(network, "dt", dt) != dt:
        raise ValueError(f"the Lava network runs at dt={network.dt} and the trained one at {dt}: it is not its export")
    sizes = [math.prod(layer.out.shape) for layer in network.layers]
    wanted = [math.prod(entry.layer.shape) for entry in layers]
    if sizes != wanted:
        raise ValueError(
            f"the Lava network has layers of {sizes} neurons but the trained one of {wanted}: it is not its export"
        )


def biases_early(network: Any, samples: int) -> bool:
    """Whether biases act from the first step on, and not when a sample's first step reaches their layer.

    Raises:
        ValueError: on the held clock, several samples whose first steps the network does not know.
    """
    neurons = [getattr(layer, "neuron", None) for layer in network.layers]
    biased = [neuron for neuron in neurons if neuron is not None and np.any(neuron.bias_mant.init)]
    held = [neuron for neuron in biased if isinstance(neuron, HeldLIF)]
    if held and samples > 1 and network.sample is None:
        raise ValueError(
            "the Lava network has biases and does not know where samples begin, so that they act in between: build it "
            "with to_lava(..., sample=(steps, period)), or pass its file"
        )
    return len(held) < len(biased)
