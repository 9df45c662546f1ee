"""Checks of arguments, one a kind; each refuses in a sentence that ends with ``needed``: what to pass."""

from __future__ import annotations

from typing import Any

import numpy as np


def real_number(name: str, value: Any, needed: str) -> float:
    """``value`` as a float. Raises TypeError if it is no number."""
    if not isinstance(value, str):
        try:
            return float(value)
        except (TypeError, ValueError):
            pass
    raise TypeError(f"{name} is {_shown(value)}: {needed}")


def whole_number(name: str, value: Any, needed: str) -> int:
    """``value`` as an int. Raises TypeError if it is no number, ValueError if it is not whole or below 1."""
    number = real_number(name, value, needed)
    if not (number.is_integer() and number >= 1):
        raise ValueError(f"{name} is {value}: {needed}")
    return int(number)


def instance(name: str, value: Any, kind: Any, needed: str) -> None:
    """Raise TypeError if ``value`` is not of ``kind``."""
    if not isinstance(value, kind):
        raise TypeError(f"{name} is {_shown(value)}: {needed}")


def finite(name: str, array: np.ndarray, needed: str) -> None:
    """Raise ValueError if ``array`` holds inf or nan."""
    if not np.isfinite(array).all():
        raise ValueError(f"{name} hold inf or nan as {array.dtype}: {needed}")


def _shown(value: Any) -> str:
    return f"an array of shape {value.shape}" if isinstance(value, np.ndarray) and value.ndim else repr(value)
