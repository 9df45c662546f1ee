"""What one run is: two pydantic models, read from TOML, overridden by name.

A configuration holds everything that decides a run's numbers, and nothing else. Unknown keys are refused. Where dt or
bins is given, the other is computed; both are stored.
"""

from __future__ import annotations

import difflib
import sys
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field, ValidationError, model_validator

from runs.bats_config import BatsConfig
from runs.run_config import ConfigError, RunConfig
from runs.steps import pair_steps

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


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


__all__ = [
    "MODELS",
    "AnyConfig",
    "BatsConfig",
    "ConfigError",
    "SlayerConfig",
    "load_config",
    "make_config",
    "saved_config",
]

AnyConfig = BatsConfig | SlayerConfig
MODELS: dict[str, type[BatsConfig] | type[SlayerConfig]] = {"bats": BatsConfig, "slayer": SlayerConfig}


def make_config(model: str, values: dict[str, Any], source: str = "the configuration") -> AnyConfig:
    """A checked configuration of `model` ("bats" or "slayer").

    Raises:
        ConfigError: an unknown key or a value out of range, in one sentence that names `source`.
    """
    if model not in MODELS:
        raise ConfigError(f"{source} asks for model = {model!r}, but there are only: {', '.join(MODELS)}")
    kind = MODELS[model]
    try:
        return kind(**{**values, "model": model})
    except ValidationError as error:
        raise ConfigError(_sentence(error, kind, source)) from None


def saved_config(model: str, values: dict[str, Any], source: str) -> AnyConfig:
    """A configuration as a run saved it, perhaps before some of today's keys existed."""
    return make_config(model, {**(MODELS[model].before if model in MODELS else {}), **values}, source)


def load_config(model: str, file: Path | None, overrides: dict[str, Any]) -> AnyConfig:
    """The configuration of `file` (TOML, flat keys; None: the defaults) with `overrides` on top.

    Keys may be spelt with hyphens, as the flags are. A path in the file is relative to the file. An overriding dt or
    bins replaces both of the file's.

    Raises:
        ConfigError: a file that cannot be read, is no TOML, or holds what make_config refuses.
    """
    values = {} if file is None else {key.replace("-", "_"): value for key, value in _read(file).items()}
    named = values.pop("model", model)
    if named != model:
        raise ConfigError(f"{file} is a configuration for model = {named!r}, not for {model!r}")
    if file is not None and isinstance(values.get("data"), str):
        values["data"] = file.parent / Path(values["data"]).expanduser()
    if "dt" in overrides or "bins" in overrides:
        values = {key: value for key, value in values.items() if key not in ("dt", "bins")}
    values.update(overrides)
    if values.get("data") is not None and isinstance(values["data"], str | Path):
        values["data"] = Path(values["data"]).expanduser().resolve()
    return make_config(model, values, str(file) if file else "the configuration")


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"the configuration {file} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"the configuration {file} is not valid TOML: {error}") from None


def _sentence(error: ValidationError, kind: type[BatsConfig] | type[SlayerConfig], source: str) -> str:
    first = error.errors(include_url=False)[0]
    key = ".".join(map(str, first["loc"][:1]))
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(key, kind.model_fields, n=1)
        others = ", ".join(name for name in kind.model_fields if name != "model")
        hint = f"did you mean {near[0]!r}?" if near else f"known keys are {others}"
        return f"{source} has an unknown key {key!r} for {kind.model_fields['model'].default}: {hint}"
    if first["type"] == "value_error":
        return str(first["ctx"]["error"])
    about = kind.model_fields[key].description
    return f"{key} = {first['input']!r} will not do ({about}): {first['msg'][:1].lower()}{first['msg'][1:]}"
