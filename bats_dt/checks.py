"""Checks of arguments, one a kind; each refuses in a sentence that ends with ``needed``: what to pass."""

from __future__ import annotations

from typing import Any

import numpy as np

from bats_dt.backend import as_array


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


def class_labels(labels: Any, batch: int, n_classes: int) -> Any:
    """Labels (batch,) from 0 to n_classes - 1, as an array of the backend.

    Raises TypeError if they are no integers, ValueError if they do not fit.
    """
    labels = as_array("labels", labels)
    if labels.dtype.kind not in "iu":
        raise TypeError(f"labels have dtype {labels.dtype}: pass integers")
    if labels.shape != (batch,):
        raise ValueError(f"labels have shape {labels.shape}: pass ({batch},), one a sample")
    if batch and not (labels.min() >= 0 and labels.max() < n_classes):
        raise ValueError(
            f"labels go from {int(labels.min())} to {int(labels.max())} but the output layer has {n_classes} neurons: "
            f"pass 0 to {n_classes - 1}"
        )
    return labels


def _shown(value: Any) -> str:
    return f"an array of shape {value.shape}" if getattr(value, "ndim", 0) else repr(value)
