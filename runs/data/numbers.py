"""Numbers as callers pass them."""

from __future__ import annotations

import operator


def positive_whole(name: str, number: int) -> int:
    """The number, if it is whole and at least 1.

    Raises:
        TypeError: it is not whole.
        ValueError: it is less than 1.
    """
    try:
        number = operator.index(number)
    except TypeError:
        raise TypeError(f"{name} came as {number!r}: pass a whole number of 1 or more") from None
    if number < 1:
        raise ValueError(f"{name} came as {number}: pass a whole number of 1 or more")
    return number
