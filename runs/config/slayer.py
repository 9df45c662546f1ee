"""The configuration of SLAYER: the equations as described, or the protocol that the thesis's published code follows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from runs.config.datasets import DatasetName, EncodingName, check_encoding, fill_encoding, idle_encoding, usual_encoding
from runs.config.shared import RunConfig, shown
from runs.config.steps import pair_steps

# What differs from the fields' own defaults where the published code is followed (EQUATIONS A.3, vi).
PUBLISHED: dict[str, Any] = {"hidden": (512, 512), "delay": True}
_OF_NEURON = ("threshold", "current_decay", "voltage_decay", "tau_grad", "scale_grad")
_OF_DESCRIBED = ("clock", "scheme", "reset", "gain", "between", "saturate")
_OF_COARSE = ("prebinned", "rescale", "test_fine")
_OF_PUBLISHED = ("backward", "mask", "binning", *_OF_COARSE)


class SlayerConfig(RunConfig):
    """SLAYER: a CuBa network with surrogate gradients through time (EQUATIONS A.2 to A.4, A.7).

    protocol `described`: lava_dt's blocks, which know dt. `published`: lava-dl's own blocks under the patch
    `published-protocol`, and its peculiarities, each of which can be switched off (EQUATIONS A.3, i to vi).
    """

    undiscretised: ClassVar[str] = "dt 1"

    model: Literal["slayer"] = "slayer"
    dataset: DatasetName = Field("nmnist", description="what the network learns")
    encoding: EncodingName | None = Field(None, description="how images become spikes; without it, latency")
    peak_rate: float = Field(100.0, gt=0, le=1000, description="spikes a second of a white pixel (rate)")
    window: float = Field(0.1, gt=0, description="time in which a pixel spikes, brightest first [s] (latency)")
    dt: int | None = Field(None, description="step in fine steps of 1 ms, 1 to --steps; 1 (the default): undiscretised")
    bins: int | None = Field(None, description="steps a recording is cut into (dt = steps / bins)")
    steps: int = Field(300, ge=1, description="length of a recording in fine steps of 1 ms")
    protocol: Literal["described", "published"] = Field(
        "described", description="the equations, or what the thesis's published code does"
    )
    backward: Literal["cpu", "cuda", "exact"] = Field(
        "cpu", description="which of the published code's two backward passes, or the gradient of its forward pass"
    )
    mask: bool = Field(True, description="let neurons spike in every dt-th entry of time only (published)")
    prebinned: bool = Field(True, description="bin recordings by dt before the mask counts by dt again (published)")
    binning: Literal["fill", "any", "count"] = Field(
        "fill", description="what a bin holds: 1/dt as lava-dl fills it, 1 where there are events, or their number"
    )
    rescale: bool = Field(False, description="scale decays with dt, which the published code does not")
    test_fine: bool = Field(True, description="test at dt 1 whatever dt is trained with (published)")
    clock: Literal["coarse", "held"] = Field("coarse", description="re-bin time, or hold the state")
    scheme: Literal["forward_euler", "exponential", "backward_euler", "bilinear"] = Field(
        "exponential", description="how the decays follow dt"
    )
    reset: Literal["hard", "soft"] = Field("hard", description="the voltage after a spike: zero, or less a threshold")
    gain: Literal["charge", "integral"] = Field("charge", description="what one input spike adds at a coarser dt")
    between: Literal["accumulate", "drop"] = Field("accumulate", description="input between grid steps (held clock)")
    saturate: bool = Field(False, description="allow a decay beyond the scheme's range, held at 1")
    threshold: float = Field(1.25, gt=0, description="threshold of all neurons")
    current_decay: float = Field(0.25, ge=0, le=1, description="decay of the current a fine step")
    voltage_decay: float = Field(0.03, ge=0, le=1, description="decay of the voltage a fine step")
    tau_grad: float = Field(0.03, gt=0, description="width of the surrogate gradient")
    scale_grad: float = Field(3.0, gt=0, description="height of the surrogate gradient")
    weight_norm: bool = Field(True, description="weight normalisation")
    delay: bool = Field(False, description="learn axonal delays")
    true_rate: float = Field(0.2, ge=0, le=1, description="spikes a step wanted of the label's neuron")
    false_rate: float = Field(0.03, ge=0, le=1, description="spikes a step wanted of the others")

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, values: dict[str, Any]) -> dict[str, Any]:
        return fill_encoding({**(PUBLISHED if values.get("protocol") == "published" else {}), **values}, "nmnist")

    @model_validator(mode="after")
    def _check(self) -> SlayerConfig:
        dt, bins = pair_steps(self.dt, self.bins, self.steps)
        self.__dict__.update(dt=dt, bins=bins)
        check_encoding(self.dataset, self.encoding)
        usual = self.defaults()
        if self.protocol == "published":
            self.__dict__.update(self._without_difference())
        if self.rescale and not self.prebinned:
            raise ValueError("rescale without prebinned: time is in fine steps then, and decays are theirs already")
        for name in sorted(self.idle()):
            value = getattr(self, name)
            if value != usual[name]:
                if name in idle_encoding(self.encoding):
                    given = f"{name} = {value:g}"
                    raise ValueError(f"{given} says nothing of {self.dataset}, encoding {self.encoding}: drop it")
                raise ValueError(f"{name} = {value}, but protocol {self.protocol} has no use for it: leave it out")
        return self

    def _without_difference(self) -> dict[str, Any]:
        """Settings that make no difference, at their usual values: runs that are the same have the same settings.

        Without the mask lava-dl itself is left, and its gradient; at dt 1 there is nothing to mask, to bin or to scale.
        """
        same: dict[str, Any] = {} if self.mask else {"backward": "exact"}
        if self.dt != 1:
            return same
        same.update({name: self.defaults()[name] for name in ("mask", *_OF_COARSE)})
        if self.binning == "any":
            same["binning"] = "fill"
        return same

    def defaults(self) -> dict[str, Any]:
        published = PUBLISHED if self.protocol == "published" else {}
        return {**super().defaults(), **published, "encoding": usual_encoding(self.dataset)}

    @classmethod
    def default_texts(cls) -> dict[str, str]:
        texts = super().default_texts()
        return {**texts, **{name: f"{texts[name]}; published: {shown(value)}" for name, value in PUBLISHED.items()}}

    def idle(self) -> set[str]:
        return idle_encoding(self.encoding) | set(_OF_DESCRIBED if self.protocol == "published" else _OF_PUBLISHED)

    def kind(self) -> str:
        published = ["published"] * (self.protocol == "published")
        return " ".join(["slayer", *published, *([self.dataset] * (self.dataset != "nmnist"))])

    def note(self, asked: Mapping[str, Any]) -> str | None:
        if asked.get("bins") in (None, self.bins):
            return None
        dropped = ", the last of which lava-dl drops, as it is shorter" if self.protocol == "published" else ""
        return (
            f"bins = {asked['bins']} come to {self.bins}: the nearest whole step is dt = {self.dt}, and {self.steps} "
            f"steps in bins of {self.dt} are {self.bins}{dropped}"
        )

    def is_baseline(self) -> bool:
        return self.dt == 1

    def step_text(self) -> str:
        if self.dt == 1:
            return f"{self.undiscretised} ({self.bins} steps of 1 ms)"
        how = f"{self.clock} clock, {self.scheme}"
        if self.protocol == "published":
            how = "published protocol"
        return f"dt {self.dt} ({self.bins} bin{'s' if self.bins != 1 else ''}), {how}"

    def neuron(self) -> dict[str, Any]:
        """What a CuBa neuron, lava-dl's or lava_dt's, takes of it."""
        return {name: getattr(self, name) for name in _OF_NEURON}

    def timestep(self) -> dict[str, Any]:
        """What a `lava_dt.Timestep` takes of it."""
        return {name: getattr(self, name) for name in ("dt", *_OF_DESCRIBED)}
