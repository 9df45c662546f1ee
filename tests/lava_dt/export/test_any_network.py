"""Any network of lava_dt's or lava-dl's blocks: what was written and read again spikes the same, bit for bit."""

from __future__ import annotations

import random
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from lava.lib.dl import slayer

import lava_dt
from lava_dt.block import cuba
from lava_dt.export import read_hdf5, write_hdf5
from lava_dt.export.blocks import describe
from lava_dt.export.parsing import parse

SCHEMES = ("forward_euler", "exponential", "backward_euler", "bilinear")


class Drawn:
    """A random network that ran once, and an input for it.

    Attributes:
        net: the blocks.
        x: (batch, neuron..., time), spikes, or analog values for an input block.
    """

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed)
        torch.manual_seed(seed)
        self._ours = self._draw.random() < 0.75
        self._module = cuba if self._ours else slayer.block.cuba
        dt = self._draw.choice([1, 2, 5, 10]) if self._ours else 1
        clock = self._draw.choice(["held", "coarse"])
        self._timestep = lava_dt.Timestep(
            dt,
            clock=clock,
            scheme=self._draw.choice(SCHEMES),
            reset=self._draw.choice(["hard", "soft"]),
            gain=self._draw.choice(["charge", "integral"]),
            between=self._draw.choice(["accumulate", "accumulate", "drop"]) if clock == "held" else "accumulate",
            saturate=True,
        )
        image = self._draw.random() < 0.5
        self._shape: tuple[int, ...] = (2, 7, 8) if image else (self._draw.randint(1, 12),)
        steps = self._draw.randint(20, 60) if self._timestep.held else 30
        self.x = (torch.rand(2, *self._shape, steps) < 0.3).float() * self._draw.randint(1, 3)
        blocks = self._input_block()
        if image:
            for _ in range(self._draw.randint(0, 3)):
                blocks.append(self._ran(self._image(), blocks))
            blocks.append(self._ran(self._module.Flatten(), blocks))
        for _ in range(self._draw.randint(0 if self._neurons(blocks) else 1, 2)):
            blocks.append(self._ran(self._dense(), blocks))
        blocks += self._head(blocks)
        self.net = torch.nn.Sequential(*blocks)
        self.net.eval()

    def _flag(self, chance: float = 0.5) -> bool:
        return self._draw.random() < chance

    def _parameters(self, recurrent: bool = False) -> dict[str, Any]:
        # lava-dl's own take decays by channel along an image's width
        own = self._flag(0.3) and (self._ours or len(self._shape) == 1)
        parameters: dict[str, Any] = {
            "threshold": self._draw.choice([0.25, 0.5, 1.25, 3]),
            "current_decay": (0.2, 0.9) if own else self._draw.choice([0.0, 0.03, 0.25, 0.77, 1.0]),
            "voltage_decay": (0.01, 0.3) if own else self._draw.choice([0.0, 0.004, 0.03, 0.5, 1.0]),
            "shared_param": not own,
            "scale": self._draw.choice([64, 64, 32, 128, 100]),
            "tau_grad": self._draw.uniform(0.01, 2),
            "requires_grad": self._flag(0.2),
            "persistent_state": self._flag(0.2) and not recurrent,
        }
        if self._flag(0.25):
            parameters["norm"] = slayer.neuron.norm.MeanOnlyBatchNorm
        if self._flag(0.2):
            parameters["dropout"] = slayer.neuron.Dropout(0.5)
        if self._ours:
            parameters["timestep"] = self._timestep
        return parameters

    def _common(self) -> dict[str, Any]:
        return {"delay_shift": self._flag(0.8), "count_log": self._flag(0.1) and self._ours}

    def _synaptic(self) -> dict[str, Any]:
        options = {"weight_scale": self._draw.uniform(1, 8), "weight_norm": self._flag(0.3), "delay": self._flag(0.4)}
        return {**options, **self._common()}

    def _input_block(self) -> list[torch.nn.Module]:
        which = self._draw.choice(["none", "none", "hop", "neurons"])
        if which == "none" or (which == "hop" and not self._ours):  # lava-dl's fails without neurons
            return []
        if which == "hop":
            step = {"timestep": self._timestep} if self._ours else {}
            return [self._ran(self._module.Input(**self._common(), **step), [])]
        parameters = {**self._parameters(), "scale": 64}
        parameters.pop("norm", None)
        scalars = {name: self._draw.uniform(-1, 2) for name in ("weight", "bias") if self._flag()}
        self.x = torch.randn(self.x.shape)
        return [self._ran(self._module.Input(parameters, **scalars, **self._common()), [])]

    def _image(self) -> torch.nn.Module:
        channels, *pixels = self._shape
        kind = self._draw.choice(["Conv", "Conv", "Pool", "ConvT", "Unpool"])
        kernel = tuple(self._draw.randint(1, min(3, n)) for n in pixels)
        stride = tuple(self._draw.randint(1, 2) for _ in pixels)
        room = [k > 1 and n > 2 * k for k, n in zip(kernel, pixels, strict=True)]
        dilation = tuple(self._draw.randint(1, 1 + fits) for fits in room)
        padding = tuple(self._draw.randint(0, 1) if k > 1 else 0 for k in kernel)
        if kind in ("Pool", "Unpool"):  # in height: the kernel, without padding; else channels mix
            step = None if self._flag() else (kernel[0], stride[1])
            sizes = {"stride": step, "padding": (0, padding[1]), "dilation": (1, dilation[1])}
            if kind == "Pool" and (pixels[0] + pixels[0] % kernel[0]) % kernel[0]:
                kernel = (1, kernel[1])
                sizes["stride"] = None
            return getattr(self._module, kind)(self._parameters(), kernel, **sizes, **self._synaptic())
        groups = self._draw.choice([n for n in (1, 2, 4) if channels % n == 0])
        made = groups * self._draw.randint(1, 2)
        sizes = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        return getattr(self._module, kind)(self._parameters(), channels, made, kernel, **sizes, **self._synaptic())

    def _dense(self) -> torch.nn.Module:
        n_pre, n_post = self._shape[0], self._draw.randint(1, 9)
        if self._flag(0.3):
            return self._module.Recurrent(self._parameters(recurrent=True), n_pre, n_post, **self._synaptic())
        mask = {"mask": (torch.rand(n_post, n_pre) < 0.7).float()} if self._flag(0.3) else {}
        return self._module.Dense(self._parameters(), n_pre, n_post, **mask, **self._synaptic())

    def _head(self, blocks: list[torch.nn.Module]) -> list[torch.nn.Module]:
        which = self._draw.choice(["none", "none", "affine", "average"])
        if which == "affine":
            options = {"weight_norm": self._flag(), "dynamics": self._flag(), "weight_scale": 3}
            return [self._ran(self._module.Affine(self._parameters(), self._shape[0], 3, **options), blocks)]
        if which == "average":
            groups = self._draw.choice([n for n in range(1, 10) if self._shape[0] % n == 0])
            return [self._ran(self._module.Average(groups), blocks)]
        return []

    @staticmethod
    def _neurons(blocks: list[Any]) -> bool:
        return any(getattr(block, "neuron", None) is not None for block in blocks)

    def _ran(self, block: Any, before: list[Any]) -> torch.nn.Module:
        """The block after its first pass, with delays and means that are not those of a beginner."""
        with torch.no_grad():
            signal = self.x
            for one in [*before, block]:
                signal = one(signal)
                signal = signal[0] if isinstance(signal, tuple) else signal
            delay = getattr(block, "delay", None)
            if delay is not None:
                delay.max_delay = self._draw.choice([None, 62, 20.5, 3])
                delay.delay.data = torch.rand(delay.delay.shape) * self._draw.choice([1, 9, 40]) - 1
            norm = getattr(getattr(block, "neuron", None), "norm", None)
            if norm is not None:
                norm.running_mean -= 0.2 * torch.rand(norm.running_mean.shape)
        self._shape = tuple(signal.shape[1:-1])
        return block.eval()


def responses(net: torch.nn.Sequential, x: torch.Tensor) -> list[torch.Tensor]:
    """What every block gives, from silence."""
    for module in net.modules():
        for name in ("current_state", "voltage_state"):
            if hasattr(module, name):
                setattr(module, name, torch.zeros(1))
        module.delay_buffer = None
        if hasattr(module, "reset_state"):
            module.reset_state()
    given = []
    with torch.no_grad():
        for block in net:
            x = block(x)
            x = x[0] if isinstance(x, tuple) else x
            given.append(x)
    return given


def check(seed: int, folder: Path) -> int:
    """Writes, reads and compares the network of a seed; the number of spikes of its blocks."""
    drawn = Drawn(seed)
    expected = responses(drawn.net, drawn.x)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write_hdf5(drawn.net, folder / "one.net")
        read = read_hdf5(folder / "one.net")
        write_hdf5(read, folder / "two.net")
    again = responses(read, drawn.x)
    for block, ours, theirs in zip(drawn.net, expected, again, strict=True):
        assert torch.equal(ours, theirs), (seed, type(block).__name__)
    given, found, back = describe(drawn.net), parse(folder / "one.net").description, describe(read)
    for one, other, third in zip(given.layers, found.layers, back.layers, strict=True):
        assert one.differs_from(other) is None, (seed, one.name, one.differs_from(other))
        assert one.differs_from(third) is None, (seed, one.name, one.differs_from(third))
    fine = [description.on_fine_clock() for description in (given, found, back)]
    for one, other, third in zip(*(description.layers for description in fine), strict=True):
        assert one.differs_from(other) is None, (seed, one.name, one.differs_from(other))
        assert one.differs_from(third) is None, (seed, one.name, one.differs_from(third))
    return sum(int((signal != 0).sum()) for signal in expected)


@pytest.mark.parametrize("seed", range(3))
def test_it_comes_back_as_it_was(seed, tmp_path) -> None:
    spikes = [check(10 * seed + i, tmp_path) for i in range(10)]
    assert sum(n > 20 for n in spikes) > 5
