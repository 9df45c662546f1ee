"""Which of the candidates are judged on the test set."""

from __future__ import annotations

from collections.abc import Sequence

from runs.tune.converted import Key
from runs.tune.options import TuneOptions
from runs.tune.result import Score


def contenders(scores: Sequence[Score], rules: Sequence[str], options: TuneOptions) -> list[Key]:
    """The best rule of every dt, or every rule where all were asked for, and each again fine-tuned; by dt.

    Args:
        scores: of the search, the best of a dt before the others.
    """
    if options.all_rules:
        keys: list[Key] = [(dt, rule, 0) for dt in options.dt for rule in rules]
    else:
        best = {score.dt: score for score in reversed(scores) if score.rungs}  # the first of each dt
        keys = [(score.dt, score.rule, 0) for score in best.values()]
    if options.finetune:
        keys += [(dt, rule, options.finetune) for dt, rule, _ in keys]
    return sorted(keys, key=lambda key: key[0])
