"""The configuration of SLAYER."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from runs.config.shared import RunConfig
from runs.config.steps import pair_steps


class SlayerConfig(RunConfig):
    """SLAYER on N-MNIST: lava-dl's CuBa network, surrogate gradients through time (EQUATIONS A.2 to A.4, A.7)."""

    undiscretised: ClassVar[str] = "dt 1"

    model: Literal["slayer"] = "slayer"
    dt: int | None = Field(None, description="step in fine steps of 1 ms, 1 to --steps; 1 (the default): undiscretised")
    bins: int | None = Field(None, description="steps a recording is cut into (dt = steps / bins)")
    steps: int = Field(300, ge=1, description="length of a recording in fine steps of 1 ms")
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

    @model_validator(mode="after")
    def _pair(self) -> SlayerConfig:
        dt, bins = pair_steps(self.dt, self.bins, self.steps)
        self.__dict__.update(dt=dt, bins=bins)
        return self

    def is_baseline(self) -> bool:
        return self.dt == 1

    def step_text(self) -> str:
        if self.dt == 1:
            return f"{self.undiscretised} ({self.bins} steps of 1 ms)"
        return f"dt {self.dt} ({self.bins} bin{'s' if self.bins != 1 else ''}), {self.clock} clock, {self.scheme}"
