"""What the benchmarks can be told, checked once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from runs.config import ConfigError

Section = Literal["training", "inference", "conv", "timestep", "recurrent", "delay", "memory", "scaling"]
BatsSection = Literal["forward", "backward", "training", "conv", "sparsity", "spikes", "scaling", "epoch", "memory"]
Scheme = Literal["forward_euler", "exponential", "backward_euler", "bilinear"]
Gain = Literal["charge", "integral"]
Network = Literal["dense", "conv", "delays", "recurrent"]
Reset = Literal["hard", "soft"]
Clock = Literal["coarse", "held"]
_Model = TypeVar("_Model", bound=BaseModel)


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Options(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class SlayerBench(_Options):
    """lava_dt beside lava-dl and a plain torch loop."""

    quick: bool = Field(False, description="about 1 minute instead of about 10")
    only: tuple[Section, ...] = Field((), description="only these sections")
    repeats: int | None = Field(None, ge=1, description="timed rounds of every case")
    threads: int = Field(default_factory=cores, ge=1, description="threads of both sides")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto: the CPU, and the GPU where there is one")
    seed: int = Field(0, ge=0, lt=2**32, description="of weights and inputs")
    out: Path | None = Field(None, description="a new directory for the results")


def usual_threads() -> tuple[int, ...]:
    """One thread, two, and all cores, as far as there are so many."""
    return tuple(sorted({min(n, cores()) for n in (1, 2, cores())}))


class BatsBench(_Options):
    """bats_dt beside a literal port of the published kernels to the CPU."""

    quick: bool = Field(False, description="about 1 minute instead of about 10")
    only: tuple[BatsSection, ...] = Field((), description="only these sections")
    repeats: int | None = Field(None, ge=1, description="timed rounds of every case")
    threads: tuple[int, ...] = Field(default_factory=usual_threads, description="numbers of threads to compare")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto: the CPU, and the GPU where there is one")
    data: Path | None = Field(None, description="folder of MNIST; None: the shipped images")
    seed: int = Field(0, ge=0, lt=2**32, description="of weights and the choice of images")
    out: Path | None = Field(None, description="a new directory for the results")

    @field_validator("threads")
    @classmethod
    def _check_threads(cls, threads: tuple[int, ...]) -> tuple[int, ...]:
        if not threads or min(threads) < 1:
            raise ValueError(f"--threads is {' '.join(map(str, threads))}: give one number or more, each 1 or above")
        return tuple(sorted(set(threads)))


class ConversionBench(_Options):
    """A network trained by lava-dl, converted to coarser steps."""

    data: Path | None = Field(None, description="folder of N-MNIST; None: the shipped recordings")
    network: Path | None = Field(None, description="a state_dict saved by torch.save, instead of training")
    epochs: int = Field(15, ge=1, description="of lava-dl's training at dt = 1")
    seed: int = Field(0, ge=0, lt=2**32, description="of weights and the order of the samples")
    hidden: tuple[int, ...] = Field((512,), description="neurons of each hidden layer")
    dts: tuple[int, ...] = Field((2, 4, 8, 10, 16), description="steps to convert to, in fine steps")
    schemes: tuple[Scheme, ...] = Field(("forward_euler", "exponential", "backward_euler", "bilinear"), min_length=1)
    gains: tuple[Gain, ...] = Field(("charge", "integral"), min_length=1)
    clock: Literal["coarse", "held"] = "coarse"
    finetune: int = Field(0, ge=0, description="epochs of training after the conversion")
    finetune_learning_rate: float = Field(1e-4, gt=0, description="Adam's, after the conversion")
    finetune_largest_rate: float = Field(0.5, gt=0, le=1, description="spikes a step wanted of a neuron at most")
    train_samples: int | None = Field(None, ge=1, description="use only so many training recordings")
    test_samples: int | None = Field(None, ge=1, description="use only so many test recordings")
    threads: int = Field(default_factory=cores, ge=1)
    out: Path | None = None

    @field_validator("dts")
    @classmethod
    def _check_dts(cls, dts: tuple[int, ...]) -> tuple[int, ...]:
        if not dts or min(dts) < 2:
            raise ValueError(f"--dts is {' '.join(map(str, dts))}: give steps of 2 or more; dt = 1 is always measured")
        return tuple(dict.fromkeys(dts))

    @field_validator("hidden")
    @classmethod
    def _check_hidden(cls, hidden: tuple[int, ...]) -> tuple[int, ...]:
        if not hidden or min(hidden) < 1:
            raise ValueError("--hidden needs at least one layer of at least one neuron")
        return hidden


class ParityBench(_Options):
    """Trained networks against their Lava processes, spike by spike."""

    data: Path | None = Field(None, description="folder of N-MNIST; None: the shipped recordings")
    recordings: int | None = Field(None, ge=1, description="to compare on; None: 100, or 5 with --quick")
    quick: bool = Field(False, description="few recordings, at dt = 1 and 10 alone")
    only: tuple[Network, ...] = Field((), description="only these networks")
    dts: tuple[int, ...] = Field((1, 2, 5, 10), description="steps, in fine steps")
    resets: tuple[Reset, ...] = Field(("hard", "soft"), min_length=1)
    clocks: tuple[Clock, ...] = Field(("coarse",), min_length=1, description="where dt is above 1")
    training_batches: int = Field(10, ge=0, description="of 16 recordings, before the weights are fixed")
    timeout: float = Field(3600.0, gt=0, description="seconds that Lava may take for one run of recordings")
    seed: int = Field(0, ge=0, lt=2**32, description="of weights, delays and the order of the recordings")
    threads: int = Field(default_factory=cores, ge=1)
    out: Path | None = None

    @field_validator("dts")
    @classmethod
    def _check_dts(cls, dts: tuple[int, ...]) -> tuple[int, ...]:
        if not dts or min(dts) < 1:
            raise ValueError(f"--dts is {' '.join(map(str, dts))}: give one step or more, each 1 or above")
        return tuple(dict.fromkeys(dts))


def checked(model: type[_Model], values: dict[str, Any]) -> _Model:
    """The options, validated.

    Raises:
        ConfigError: the first value out of range, in one sentence.
    """
    try:
        return model(**values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        if first["type"] == "value_error":
            raise ConfigError(str(first["ctx"]["error"])) from None
        flag = str(first["loc"][0]).replace("_", "-")
        said = f"{first['msg'][:1].lower()}{first['msg'][1:]}"
        raise ConfigError(f"--{flag} is {first['input']!r}: {said}") from None
