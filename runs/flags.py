"""Command-line flags made from the configuration models: one flag a field, and only those typed are passed on."""

from __future__ import annotations

import types
from typing import Annotated, Any, TypedDict, Union, get_args, get_origin

import tyro

from runs.config import MODELS


def flags_of(model: str) -> Any:
    """A TypedDict type with a key for every field of the model's configuration; tyro leaves out what was not typed."""
    fields = {}
    for name, field in MODELS[model].model_fields.items():
        if name == "model":
            continue
        note = "" if field.default is None else f"(default: {_shown(field.default)})"
        described = tyro.conf.arg(help=field.description, help_behavior_hint=note)
        fields[name] = Annotated[_without_none(field.annotation), described]
    return TypedDict(f"{model.capitalize()}Flags", fields, total=False)  # type: ignore[operator]


def _shown(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _without_none(annotation: Any) -> Any:
    if get_origin(annotation) not in (Union, types.UnionType):
        return annotation
    return Union[tuple(kind for kind in get_args(annotation) if kind is not type(None))]  # noqa: UP007
