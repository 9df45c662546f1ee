"""Writes TOML: Python's standard library reads it only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def toml_text(values: Mapping[str, Any]) -> str:
    """A table as TOML: plain values first, then tables, then lists of tables. None is left out.

    Raises:
        TypeError: a value that TOML has no form for.
    """
    return "\n".join(_lines(values, ())).strip() + "\n"


def _lines(values: Mapping[str, Any], place: tuple[str, ...]) -> list[str]:
    tables = {key: value for key, value in values.items() if isinstance(value, Mapping)}
    lists = {key: value for key, value in values.items() if _is_tables(value)}
    plain = {key: value for key, value in values.items() if key not in tables and key not in lists}
    lines = [f"{key} = {_value(value)}" for key, value in plain.items() if value is not None]
    for key, table in tables.items():
        lines += ["", f"[{'.'.join((*place, key))}]", *_lines(table, (*place, key))]
    for key, several in lists.items():
        for table in several:
            lines += ["", f"[[{'.'.join((*place, key))}]]", *_lines(table, (*place, key))]
    return lines


def _is_tables(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(item, Mapping) for item in value)


def _value(value: Any) -> str:
    if isinstance(value, bool | int | str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    raise TypeError(f"{value!r} is a {type(value).__name__}, which TOML has no form for: give text, a number or a list")
