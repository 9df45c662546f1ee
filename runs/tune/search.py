"""Successive halving: which of several candidates is best, without measuring the hopeless ones in full.

All candidates are measured on a first part of the samples; the better half of them on a part twice as large, which
begins with the first; and so on, until the last two are measured on all samples. (Where there are too few samples for
so many parts, the last ones are more than two.) Nothing is measured twice: a rung adds to what the rung below it knows.
Nine candidates cost as much as three and a half of them measured in full.

Better is who answers more as the network did before (`runs.tune.likeness`); of these, who has more samples right; of
these, who comes first in the order of the candidates.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Protocol

from runs.tune.result import Rung, Score

LEAST = 50  # samples of the first rung, below which an order is chance


class Refused(ValueError):
    """A rule cannot convert the network to this step; the text says why."""


class Watcher(Protocol):
    """Sees how a `tune` goes on."""

    def stage(self, text: str, samples: int) -> None:
        """A stage begins, in which so many samples will be evaluated, those kept from an earlier session included."""

    def advance(self, samples: int) -> None:
        """So many more of the stage's samples are done; also of samples that were kept."""

    def tick(self, samples: int, total: int) -> None:
        """So many of the samples of the evaluation, or of the epoch, that is under way are done."""

    def line(self, text: str) -> None:
        """A sentence to stay on the screen."""

    def warn(self, sentence: str) -> None:
        """Something was found damaged and is repaired, or cannot be had."""


class Silent:
    """A watcher that says nothing."""

    def stage(self, text: str, samples: int) -> None: ...

    def advance(self, samples: int) -> None: ...

    def tick(self, samples: int, total: int) -> None: ...

    def line(self, text: str) -> None: ...

    def warn(self, sentence: str) -> None: ...


def schedule(candidates: int, samples: int) -> tuple[tuple[int, int], ...]:
    """The rungs: how many candidates are measured, on how many samples in all; the last ones on all of them.

    Raises:
        ValueError: no candidate, or no sample.
    """
    if candidates < 1 or samples < 1:
        raise ValueError(f"{candidates} candidates on {samples} samples: a search needs one of each or more")
    halvings = max(0, (candidates - 1).bit_length() - 1)
    while halvings and -(-samples >> halvings) < LEAST:
        halvings -= 1
    return tuple((-(-candidates >> i), -(-samples >> (halvings - i))) for i in range(halvings + 1))


def search(
    dt: int,
    rules: Sequence[str],
    samples: int,
    measure: Callable[[str, int, int], tuple[int, float]],
    announce: Callable[[Sequence[str], int, int], None] = lambda rules, start, stop: None,
) -> list[Score]:
    """Successive halving among the rules at one dt.

    Args:
        rules: in order of preference.
        samples: how many there are.
        measure: of a rule, on the samples start ... stop - 1: how many are right, and the sum of their likeness; raises
            Refused.
        announce: is told which rules are measured next, and on which samples.

    Returns:
        A score a rule, the best first; those that were given up earlier later, those refused last.
    """
    totals: dict[str, list[Rung]] = {rule: [] for rule in rules}
    refused: dict[str, str] = {}
    order = {rule: place for place, rule in enumerate(rules)}
    alive = list(rules)
    rungs = schedule(len(rules), samples)
    starts = [start for start, _ in pairwise((0, *(part for _, part in rungs)))]
    for (survivors, stop), start in zip(rungs, starts, strict=True):
        alive = alive[:survivors]
        if not alive:
            break
        announce(alive, start, stop)
        for rule in sorted(alive, key=order.__getitem__):
            try:
                correct, alike = measure(rule, start, stop)
            except Refused as error:
                refused[rule] = str(error)
                continue
            before = totals[rule][-1] if totals[rule] else Rung(0, 0, 0.0)
            totals[rule].append(Rung(stop, before.correct + correct, before.alike + alike))
        alive = sorted((rule for rule in alive if rule not in refused), key=lambda rule: _rank(totals, order, rule))
    listed = sorted(rules, key=lambda rule: (rule in refused, -len(totals[rule]), _rank(totals, order, rule)))
    return [Score(dt, rule, tuple(totals[rule]), refused.get(rule)) for rule in listed]


def _rank(totals: dict[str, list[Rung]], order: dict[str, int], rule: str) -> tuple[float, int, int]:
    last = totals[rule][-1] if totals[rule] else Rung(0, 0, 0.0)
    return -last.alike, -last.correct, order[rule]
