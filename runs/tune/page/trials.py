"""What each rule reached at each step without training: in the search, or on the test set where all were judged."""

from __future__ import annotations

from dataclasses import dataclass

from runs.tune.result import Judged, TuneResult


@dataclass(frozen=True)
class Trial:
    """A rule at a step.

    Args:
        dt: fine steps.
        rule: its name.
        accuracy: on as many samples as it was given; nan where it was refused.
        samples: how many.
        refused: why it could not convert the network.
    """

    dt: int
    rule: str
    accuracy: float
    samples: int
    refused: str | None = None


def on_test(result: TuneResult) -> bool:
    """Whether every rule was judged on the test set, and not only the best in the search."""
    return not any(score.rungs for score in result.scores)


def trials(result: TuneResult) -> list[Trial]:
    """Of every rule and step, on the most samples it was given."""
    refused = [Trial(s.dt, s.rule, float("nan"), 0, s.refused) for s in result.scores if s.refused is not None]
    if on_test(result):
        judged = [one for one in result.judged if one.rule is not None and not one.finetuned]
        return [Trial(one.dt, one.rule or "", one.accuracy, len(one.evaluation.labels)) for one in judged] + refused
    found = [
        Trial(score.dt, score.rule, score.rungs[-1].correct / score.rungs[-1].samples, score.rungs[-1].samples)
        for score in result.scores
        if score.rungs
    ]
    return found + refused


def leaders(result: TuneResult) -> list[Judged]:
    """Of each step the best without training and the best with it, finer steps first; the chosen one always."""
    best: dict[tuple[int, bool], Judged] = {}
    for one in result.judged:
        place = (one.dt, one.finetuned > 0)
        if place not in best or one.loss < best[place].loss:
            best[place] = one
    if result.chosen is not None:
        best[result.chosen.dt, result.chosen.finetuned > 0] = result.chosen
    return [best[place] for place in sorted(best)]
