"""The configuration of the clock-driven model."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from runs.config.shared import RunConfig


class ClockedConfig(RunConfig):
    """Clock-driven LIF neurons on rate-coded MNIST, trained through their spike times (EQUATIONS B)."""

    undiscretised: ClassVar[str] = "none"  # there is no clocked run without a step; the smallest one is compared with

    model: Literal["clocked"] = "clocked"
    dt: float = Field(0.01, gt=0, description="step [s]")
    steps: int = Field(50, ge=1, description="steps a sample is simulated for, whatever they last")
    epochs: int = Field(4, ge=1, description="passes over the training set; a longer run continues a shorter one")
    batch: int = Field(50, ge=1, description="samples a training step")
    rate: float = Field(1.0, gt=0, description="input rate of a white pixel; others in proportion to their value")
    rate_per: Literal["step", "second"] = Field(
        "step", description="unit of the rate: the chance of a spike in a step, or spikes a second (Poisson)"
    )
    redraw: bool = Field(True, description="draw the input spikes of a sample anew in every epoch")
    init: Literal["normal", "uniform"] = Field("normal", description="Kaiming initialisation, by fan in: distribution")
    init_gain: float = Field(math.sqrt(2), gt=0, description="gain of the initialisation; sqrt(2) is that of ReLU")
    tau_mem: float = Field(0.8, gt=0, description="membrane time constant [s]")
    tau_syn: float = Field(0.6, gt=0, description="synaptic time constant [s]")
    resistance: float = Field(1.2, gt=0, description="R of EQUATIONS B.1")
    threshold: float = Field(1.5, gt=0, description="threshold of all neurons")
    v_reset: float = Field(1.0, description="potential behind a spike, below the threshold")
    reset: Literal["hard", "soft"] = Field("hard", description="to v_reset, or by the threshold less v_reset")
    scheme: Literal["backward_euler", "forward_euler", "exponential", "bilinear"] = Field(
        "backward_euler", description="how a step is made (EQUATIONS B.2)"
    )
    drive: Literal["impulse", "pulse"] = Field(
        "impulse", description="what a spike is: a charge whatever dt is, or 1 for one step, as B14 is printed"
    )
    estimator: Literal["continuous", "discrete"] = Field("continuous", description="of the weights' gradient (B40)")
    clamp: float | None = Field(
        None, gt=0, description="largest |dt/du| of a spike [s]; without it, 1000 tau_mem / threshold"
    )
    loss: Literal["van_rossum", "count", "first_spike"] = Field("van_rossum", description="on the output spike trains")
    loss_tau: float | None = Field(
        None, gt=0, description="time constant of the loss [s] (van_rossum, first_spike); without it, half the duration"
    )
    target_true: int = Field(10, ge=0, description="spikes wanted of the label's neuron")
    target_false: int = Field(0, ge=0, description="spikes wanted of the others")
    silent_labels: float = Field(
        0.1, ge=0, description="strength of the remedy for samples whose label's neuron is silent; 0: none"
    )
    optimizer: Literal["adam", "lbfgs"] = Field("adam", description="L-BFGS (SciPy's) is here as a counter-example")
    iterations: int = Field(20, ge=1, description="iterations of L-BFGS on each batch")

    @property
    def bins(self) -> int:
        """The steps, by the name that the other models have for them."""
        return self.steps

    @property
    def duration(self) -> float:
        """Simulated time [s]."""
        return self.steps * self.dt

    @model_validator(mode="after")
    def _check(self) -> ClockedConfig:
        if self.v_reset >= self.threshold:
            raise ValueError(
                f"v_reset = {self.v_reset:g} with threshold = {self.threshold:g}: a spike must leave the potential "
                "below the threshold"
            )
        limit = 2 * min(self.tau_mem, self.tau_syn)
        if self.scheme == "forward_euler" and self.dt >= limit:
            raise ValueError(
                f"dt = {self.dt:g} s, but forward Euler is unstable from 2 min(tau_mem, tau_syn) = {limit:g} s on: "
                "take a smaller dt, or scheme backward_euler, exponential or bilinear"
            )
        if self.rate_per == "step" and self.rate > 1:
            raise ValueError(
                f"rate = {self.rate:g} a step, but a chance is at most 1; rate_per second has no such bound"
            )
        most = max(self.target_true, self.target_false)
        if most > self.steps:
            raise ValueError(
                f"{most} spikes are wanted of a neuron in {self.steps} steps, but it spikes once a step at most"
            )
        self._check_idle()
        return self

    def _check_idle(self) -> None:
        """Refuses what is asked for and would count for nothing."""
        usual = self.defaults()
        for name in sorted(self.idle()):
            if getattr(self, name) != usual[name]:
                reason = f"optimizer {self.optimizer}" if name in _OF_OPTIMIZERS else f"loss {self.loss}"
                raise ValueError(f"{name} = {getattr(self, name)}, but {reason} has no use for it")

    def idle(self) -> set[str]:
        idle = {"learning_rate"} if self.optimizer == "lbfgs" else {"iterations"}
        if self.loss == "count":
            idle |= {"loss_tau"}
        elif self.loss == "first_spike":
            idle |= {"target_true", "target_false"}
        return idle

    def is_baseline(self) -> bool:
        return False

    def step_text(self) -> str:
        return f"dt {self.dt:g} s ({self.steps} steps), {self.scheme}"

    def neuron(self) -> dict[str, Any]:
        """What a `bats_dt.layers.ClockedLIFLayer` takes of it."""
        return {
            "dt": self.dt,
            "tau_s": self.tau_syn,
            "tau_mem": self.tau_mem,
            "theta": self.threshold,
            "resistance": self.resistance,
            "v_reset": self.v_reset,
            "reset": self.reset,
            "scheme": self.scheme,
            "drive": self.drive,
            "estimator": self.estimator,
            "clamp": self.clamp,
        }


_OF_OPTIMIZERS = {"learning_rate", "iterations"}
