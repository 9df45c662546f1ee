"""Command-line flags made from the configuration models: one flag a field, and only those typed are passed on."""

from __future__ import annotations

import types
from typing import Annotated, Any, TypedDict, Union, get_args, get_origin

import tyro

from runs.config import MODELS


def flags_of(model: str) -> Any:
    """A TypedDict type with a key for every field of the model's configuration; tyro leaves out what was not typed."""
    fields = {}
    defaults = MODELS[model].default_texts()
    for name, field in MODELS[model].model_fields.items():
        if name == "model":
            continue
        note = f"(default: {defaults[name]})" if defaults.get(name) else ""
        described = tyro.conf.arg(help=field.description, help_behavior_hint=note)
        fields[name] = Annotated[_without_none(field.annotation), described]
    return TypedDict(f"{model.capitalize()}Flags", fields, total=False)  # type: ignore[operator]


def _without_none(annotation: Any) -> Any:
    if get_origin(annotation) not in (Union, types.UnionType):
        return annotation
    return Union[tuple(kind for kind in get_args(annotation) if kind is not type(None))]  # noqa: UP007
