"""What is known after some samples, and how sure it is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

_NORMAL = 1.959963984540054  # quantile of the normal distribution for 95 %


@dataclass(frozen=True)
class Outcome:
    """One sample in Lava.

    Attributes:
        label, predicted: classes.
        spikes, operations: of the input, then of every layer; operations are spikes times the synapses behind them.
    """

    label: int
    predicted: int
    spikes: tuple[int, ...]
    operations: tuple[int, ...]


@dataclass
class Scores:
    """Sums over samples."""

    seen: int = 0
    correct: int = 0
    spikes: list[int] = field(default_factory=list)
    operations: list[int] = field(default_factory=list)
    running: float = 0.0
    """seconds in which Lava ran"""

    def add(self, outcome: Outcome, seconds: float) -> None:
        self.seen += 1
        self.correct += outcome.label == outcome.predicted
        self.running += seconds
        self.spikes = _sums(self.spikes, outcome.spikes)
        self.operations = _sums(self.operations, outcome.operations)

    @property
    def accuracy(self) -> float:
        return self.correct / self.seen if self.seen else math.nan


def _sums(before: Sequence[int], new: Sequence[int]) -> list[int]:
    return [one + other for one, other in zip(before, new, strict=True)] if before else list(new)


def wilson(correct: int, seen: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share: that of all samples, where `seen` of them were drawn and `correct` were right.

    The shares p with |correct / seen - p| <= z sqrt(p (1 - p) / seen), z = 1.96; it stays in [0, 1] and is right also
    near its ends and for few samples.
    """
    share, square = correct / seen, _NORMAL**2 / seen
    middle = (share + square / 2) / (1 + square)
    half = _NORMAL * math.sqrt(share * (1 - share) / seen + square / (4 * seen)) / (1 + square)
    return max(0.0, middle - half), min(1.0, middle + half)
