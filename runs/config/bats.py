"""The configuration of BATS: what the network and its loss are decides what is usual for the rest."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from runs.config.datasets import (
    DatasetName,
    EncodingName,
    check_encoding,
    fill_encoding,
    idle_encoding,
    usual_encoding,
)
from runs.config.shared import RunConfig, shown
from runs.config.steps import pair_seconds

_CONV: dict[str, Any] = {
    "batch": 20,
    "hidden": (300,),
    "filters": (15, 40),
    "duration": 0.2,
    "halve_every": 10,
    "hidden_threshold": (0.04, 0.8, 0.6),
    "output_threshold": 0.3,
    "max_spikes": (1, 3, 10, 30),
    "target_true": 30.0,
}
_TTFS: dict[str, Any] = {"max_spikes": (1,), "weight_range": (0.0, 1.0)}
# What differs from the fields' own defaults, which are those of a dense network that counts spikes.
USUAL: dict[tuple[str, str], dict[str, Any]] = {
    ("dense", "count"): {},
    ("conv", "count"): _CONV,
    ("dense", "ttfs"): {
        **_TTFS,
        "batch": 50,
        "learning_rate": 2e-3,
        "hidden": (800,),
        "duration": 1.0,
        "hidden_threshold": (0.7,),
        "output_threshold": 2.0,
    },
}


def _several(value: Any) -> Any:
    """One number is a list of one."""
    return value if isinstance(value, list | tuple) else (value,)


_Positive = Annotated[float, Field(gt=0)]
_Room = Annotated[int, Field(ge=1)]


class BatsConfig(RunConfig):
    """BATS: exact, event-driven backpropagation through spike times (EQUATIONS A.5 to A.7)."""

    undiscretised: ClassVar[str] = "exact time"
    before: ClassVar[dict[str, Any]] = {"silent_labels": 0.0}

    model: Literal["bats"] = "bats"
    dataset: DatasetName = Field("mnist", description="what the network learns")
    encoding: EncodingName | None = Field(None, description="how images become spikes; without it, latency")
    peak_rate: float = Field(100.0, gt=0, le=1000, description="spikes a second of a white pixel (rate)")
    loss: Literal["count", "ttfs"] = Field("count", description="trained on numbers of spikes, or on the first one")
    network: Literal["dense", "conv"] = Field("dense", description="dense layers, or convolutions below them")
    dt: float | None = Field(None, description="step [s], above 0 and at most the duration; without it, exact time")
    bins: int | None = Field(None, description="steps the duration is cut into (dt = duration / bins)")
    rule: Literal["snap", "detect", "published"] = Field("snap", description="how a spike meets the grid")
    grid_inputs: bool = Field(True, description="put the input spikes on the same grid; the published code does not")
    published_pixels: bool = Field(
        False, description="distort pixels as the published loader does at a dt above 1 ms: black ones spike, too"
    )
    duration: float = Field(0.3, gt=0, description="simulated time [s]")
    window: float = Field(0.1, gt=0, description="time in which a pixel spikes, brightest first [s]")
    learning_rate: float = Field(3e-3, gt=0, description="of Adam")
    halve_every: int | None = Field(None, ge=1, description="halve the learning rate every so many epochs")
    least_learning_rate: float = Field(1e-4, gt=0, description="where the halving ends")
    filters: tuple[_Room, ...] = Field((), description="5 x 5 filters of each convolution, followed by 2 x 2 pooling")
    tau_syn: float = Field(0.13, gt=0, description="synaptic time constant [s]")
    tau_mem: float | None = Field(None, gt=0, description="membrane time constant [s]; without it, twice the synaptic")
    hidden_threshold: Annotated[tuple[_Positive, ...], BeforeValidator(_several)] = Field(
        (0.2,), description="threshold of the layers below the output, one for all or one each"
    )
    output_threshold: float = Field(1.25, gt=0, description="threshold of the output neurons")
    max_spikes: Annotated[tuple[_Room, ...], BeforeValidator(_several)] = Field(
        (30,), description="spikes a neuron can store, one number for all layers or one each, the output last"
    )
    grow: bool = Field(False, description="store more spikes than that where they come")
    weight_range: Annotated[tuple[float, ...], BeforeValidator(_several)] = Field(
        (-1.0, 1.0), description="initial weights are uniform in [low, high]; one number r: [-r, r]"
    )
    target_true: float = Field(15.0, ge=0, description="spikes wanted of the label's neuron (count)")
    target_false: float = Field(3.0, ge=0, description="spikes wanted of the others (count)")
    loss_tau: float = Field(0.005, gt=0, description="time scale in which first spikes are told apart [s] (ttfs)")
    silent_labels: float = Field(
        0.1, ge=0, description="strength of the remedy for samples whose label's neuron is silent; 0: none"
    )

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, values: dict[str, Any]) -> dict[str, Any]:
        usual = _usual(values.get("network", "dense"), values.get("loss", "count"))
        return fill_encoding({**usual, **values}, "mnist")

    @model_validator(mode="after")
    def _check(self) -> BatsConfig:
        dt, bins = pair_seconds(self.dt, self.bins, self.duration)
        low, high = _interval(self.weight_range)
        self.__dict__.update(dt=dt, bins=bins, weight_range=(low, high))
        check_encoding(self.dataset, self.encoding)
        if self.encoding == "latency" and self.window > self.duration:
            raise ValueError(f"window = {self.window:g} s is longer than the simulated {self.duration:g} s")
        if self.network == "conv" and self.encoding not in ("latency", "rate"):
            raise ValueError(
                f"network = conv with dataset {self.dataset}, encoding {self.encoding}: convolutions take images, "
                "encoded by latency or rate"
            )
        if bool(self.filters) != (self.network == "conv"):
            wrong = "a network of convolutions needs some" if self.network == "conv" else "they need --network conv"
            raise ValueError(f"filters = {list(self.filters)}, but {wrong}")
        below = len(self.filters) + len(self.hidden)
        for name, layers in (("hidden_threshold", below), ("max_spikes", below + 1)):
            given = getattr(self, name)
            if len(given) not in (1, layers):
                there = (
                    f"are {layers} layers: give one value or {layers}" if layers > 1 else "is 1 layer: give one value"
                )
                raise ValueError(f"{name} = {shown(given)}, but there {there}")
        if self.rule == "published" and self.tau_mem not in (None, 2 * self.tau_syn):
            raise ValueError(
                f"tau_mem = {self.tau_mem:g} s with rule published, which is defined for twice tau_syn "
                f"({2 * self.tau_syn:g} s): leave tau_mem out, or take rule snap or detect"
            )
        if self.published_pixels and self.encoding != "latency":
            raise ValueError(f"published_pixels with encoding {self.encoding}: the published loader encodes by latency")
        if self.published_pixels and dt is None:
            raise ValueError("published_pixels without dt, by which the published loader distorts them: give dt, too")
        self._check_idle()
        return self

    def _check_idle(self) -> None:
        """Refuses what is asked for and would count for nothing."""
        usual = self.defaults()
        for name in sorted(self.idle()):
            value = getattr(self, name)
            if value == usual[name]:
                continue
            if name == "least_learning_rate":
                raise ValueError(f"{name} = {value:g}, but without halve_every nothing is halved: give that, too")
            if name in idle_encoding(self.encoding):
                raise ValueError(
                    f"{name} = {value:g} says nothing of {self.dataset}, encoding {self.encoding}: drop it"
                )
            wanted = "first spikes" if self.loss == "ttfs" else "numbers of spikes"
            raise ValueError(f"{name} = {value}, but training on {wanted} (loss {self.loss}) has no use for it")

    def defaults(self) -> dict[str, Any]:
        encoding = {"encoding": usual_encoding(self.dataset)}
        return {**super().defaults(), **_usual(self.network, self.loss), **encoding}

    def idle(self) -> set[str]:
        others = {"target_true", "target_false"} if self.loss == "ttfs" else {"loss_tau"}
        others |= idle_encoding(self.encoding)
        return others if self.halve_every is not None else {*others, "least_learning_rate"}

    @classmethod
    def default_texts(cls) -> dict[str, str]:
        texts = super().default_texts()
        for (network, loss), usual in USUAL.items():
            for name, value in usual.items():
                kind = network if loss == "count" else loss
                texts[name] = f"{texts[name]}; " if texts.get(name) else ""
                texts[name] += f"{kind}: {shown(value)}"
        return texts

    def kind(self) -> str:
        words = [
            (self.network, self.network == "conv"),
            (self.loss, self.loss == "ttfs"),
            (self.dataset, self.dataset != "mnist"),
        ]
        return " ".join(["bats", *(word for word, said in words if said)])

    def is_baseline(self) -> bool:
        return self.dt is None

    def step_text(self) -> str:
        if self.dt is None:
            return self.undiscretised
        return f"dt {self.dt:.4g} s ({self.bins} bin{'s' if self.bins != 1 else ''}), {self.rule}"

    def thresholds(self) -> tuple[float, ...]:
        """One a layer with weights, the output last."""
        below = len(self.filters) + len(self.hidden)
        given = self.hidden_threshold
        return (*(given * below if len(given) == 1 else given), self.output_threshold)

    def buffers(self) -> tuple[int, ...]:
        """Spikes a neuron can store, one number a layer with weights, the output last."""
        layers = len(self.filters) + len(self.hidden) + 1
        return self.max_spikes * layers if len(self.max_spikes) == 1 else self.max_spikes

    def rate(self, epoch: int) -> float:
        """Adam's learning rate in an epoch, from 1."""
        halvings = 0 if self.halve_every is None else (epoch - 1) // self.halve_every
        return max(self.learning_rate * 0.5**halvings, min(self.learning_rate, self.least_learning_rate))


def _usual(network: Any, loss: Any) -> dict[str, Any]:
    """The defaults of a kind of run that are its own; those of convolutions with ttfs have been tried by nobody."""
    return USUAL.get((network, loss), {**_CONV, **_TTFS} if network == "conv" else {})


def _interval(weight_range: tuple[float, ...]) -> tuple[float, float]:
    both = (-weight_range[0], weight_range[0]) if len(weight_range) == 1 else weight_range
    if len(both) != 2 or not both[0] < both[1]:
        raise ValueError(
            f"weight_range = {shown(weight_range)}, but initial weights need a low end and a higher one, or one "
            "number above 0 for both signs"
        )
    return both[0], both[1]
