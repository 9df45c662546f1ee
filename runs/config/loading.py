"""Configurations made from values: a TOML file, what was typed, what a run saved."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from runs.config.bats import BatsConfig
from runs.config.clocked import ClockedConfig
from runs.config.shared import ConfigError
from runs.config.slayer import SlayerConfig

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

AnyConfig = BatsConfig | SlayerConfig | ClockedConfig
ConfigType = type[BatsConfig] | type[SlayerConfig] | type[ClockedConfig]
MODELS: dict[str, ConfigType] = {"bats": BatsConfig, "slayer": SlayerConfig, "clocked": ClockedConfig}


def make_config(model: str, values: dict[str, Any], source: str = "the configuration") -> AnyConfig:
    """A checked configuration of `model` ("bats", "slayer" or "clocked").

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


def load_config(
    model: str, file: Path | None, overrides: dict[str, Any], tell: Callable[[str], None] = lambda sentence: None
) -> AnyConfig:
    """The configuration of `file` (TOML, flat keys; None: the defaults) with `overrides` on top.

    Keys may be spelt with hyphens, as the flags are. A path in the file is relative to the file. An overriding dt or
    bins replaces both of the file's. `tell` takes a sentence about what cannot be just as it is asked for.

    Raises:
        ConfigError: a file that cannot be read, is no TOML, or holds what make_config refuses.
    """
    values = {} if file is None else with_underscores(_read(file), str(file))
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
    config = make_config(model, values, str(file) if file else "the configuration")
    note = config.note(values)
    if note is not None:
        tell(note)
    return config


def with_underscores(values: dict[str, Any], source: str) -> dict[str, Any]:
    """Keys that may be spelt with hyphens, as the flags are, in the spelling of the models.

    Raises:
        ConfigError: a key in both spellings.
    """
    found: dict[str, Any] = {}
    for key, value in values.items():
        name = str(key).replace("-", "_")
        if name in found:
            raise ConfigError(f"{source} gives {name} twice, once spelt {name.replace('_', '-')}: give it once")
        found[name] = value
    return found


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"the configuration {file} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"the configuration {file} is not valid TOML: {error}") from None


def _sentence(error: ValidationError, kind: ConfigType, source: str) -> str:
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
