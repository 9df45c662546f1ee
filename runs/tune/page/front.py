"""The front of a plot of accuracy against cost: what nothing beats in both."""

from __future__ import annotations

from collections.abc import Sequence


def front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Places of the points (cost, accuracy) that nothing cheaper or as cheap equals or beats, the cheapest first.

    Of points that are equal in both the first is kept.
    """
    kept: list[int] = []
    best = float("-inf")
    for place in sorted(range(len(points)), key=lambda i: (points[i][0], -points[i][1], i)):
        if points[place][1] > best:
            kept.append(place)
            best = points[place][1]
    return kept
