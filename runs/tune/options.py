"""What `tune` can be told, checked once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from runs.config import ConfigError

DTS = (2, 4, 8, 16)
CALIBRATION = 1000
_SHARE = re.compile(r"\s*([0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)\s*(%|points?)?\s*")


def share(value: Any, name: str = "tolerance") -> float:
    """A share of 0 to 1 of what was typed: 0.01, "0.01", "1%" or "1 point".

    Raises:
        ValueError: something else, or a bare number of 1 or more, of which nobody knows whether it is in percent.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError(f"{name} is {value!r}: give a share such as 0.01, or percent such as '1%'")
    found = _SHARE.fullmatch(str(value))
    if found is None:
        raise ValueError(f"{name} is {value!r}: give a share from 0 to below 1 such as 0.01, or percent such as 1%")
    number = float(found[1]) / (100 if found[2] else 1)
    if not found[2] and number >= 1:
        raise ValueError(f"{name} is {value}: a bare number is a share below 1; write {value}% if that is meant")
    if number >= 1:
        raise ValueError(f"{name} is {value}: give less than 100%")
    return number


def _tolerance(value: Any) -> float:
    return share(value)


def _confidence(value: Any) -> float:
    number = share(value, "confidence")
    if number < 0.5:
        raise ValueError(f"confidence is {value}: give one of 50% or more, such as 95%")
    return number


class TuneOptions(BaseModel):
    """What decides a search and what is made of it.

    Raises:
        ConfigError: by `checked_options`, in one sentence.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    tolerance: Annotated[float, BeforeValidator(_tolerance)] = Field(
        0.01, description="accuracy that may be lost: 1%, 1 point or 0.01"
    )
    dt: tuple[int, ...] = Field(DTS, description="steps to try, in steps of the network")
    rules: tuple[str, ...] | None = Field(None, description="rules of conversion to try; None: all")
    finetune: int = Field(0, ge=0, le=1000, description="epochs of training after the conversion")
    seed: int = Field(0, ge=0, lt=2**32, description="of the choice of samples and of fine-tuning")
    confidence: Annotated[float, BeforeValidator(_confidence)] = Field(
        0.95, description="at which all intervals hold together: 95% or 0.95"
    )
    calibration: int | None = Field(CALIBRATION, ge=1, description="samples to choose the rules on; None: all")
    samples: int | None = Field(None, ge=1, description="test samples to judge on; None: all")
    all_rules: bool = Field(False, description="judge every rule on the test set, without a search")
    verify: int = Field(20, ge=0, description="samples to run in Lava; 0: none")
    out: Path | None = Field(None, description="directory of the results")

    @field_validator("dt")
    @classmethod
    def _check_dt(cls, dts: tuple[int, ...]) -> tuple[int, ...]:
        if not dts or min(dts) < 2:
            told = " ".join(map(str, dts)) or "empty"
            raise ValueError(f"--dt is {told}: give steps of 2 or more; dt = 1 is always measured")
        return tuple(sorted(set(dts)))

    @field_validator("rules")
    @classmethod
    def _check_rules(cls, rules: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if rules is not None and not rules:
            raise ValueError("rules is empty: name one rule or more, or leave it out to try all")
        return None if rules is None else tuple(dict.fromkeys(rules))


def checked_options(values: dict[str, Any]) -> TuneOptions:
    """The options, validated.

    Raises:
        ConfigError: the first value out of range, in one sentence.
    """
    from runs.bench.options import checked

    return checked(TuneOptions, values)


def check_rules(asked: tuple[str, ...] | None, known: tuple[str, ...]) -> tuple[str, ...]:
    """The rules to try, in the order of `known`.

    Raises:
        ConfigError: one is not known.
    """
    if asked is None:
        return known
    for name in asked:
        if name not in known:
            raise ConfigError(f"there is no rule {name!r}: give one or more of {', '.join(known)}")
    return tuple(name for name in known if name in asked)


def check_steps(dts: tuple[int, ...], steps: int) -> None:
    """Refuses a step that is longer than a sample.

    Raises:
        ConfigError: by the step.
    """
    longest = max(dts)
    if longest > steps:
        raise ConfigError(f"dt = {longest} is longer than a sample of {steps} steps: give steps of {steps} or less")
