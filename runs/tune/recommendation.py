"""What `tune` recommends, and the sentence that says so."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from runs.tune.paired import discordant, samples_needed
from runs.tune.result import Judged

_ROUNDING = 1e-12  # 2.9 / 100 is less than 29 / 1000
_COARSER = 4  # steps, at which a network that loses at its own is worth another look


def choose(judged: Sequence[Judged], tolerance: float) -> tuple[Judged | None, Judged | None]:
    """The coarsest within the tolerance, and the one with the least loss; None where there is none.

    Of several at the coarsest dt the one with the least loss, then the one with less training. Of several with the
    least loss the coarsest.
    """
    within = [one for one in judged if one.loss <= tolerance + _ROUNDING]
    chosen = min(within, key=lambda one: (-one.dt, one.loss, one.finetuned), default=None)
    nearest = min(judged, key=lambda one: (one.loss, -one.dt, one.finetuned), default=None)
    return chosen, nearest


def sentence(
    name: str,
    baseline: Judged,
    judged: Sequence[Judged],
    tolerance: float,
    confidence: float,
    refusals: Sequence[str] = (),
    exact: npt.NDArray[np.bool_] | None = None,
) -> str:
    """The recommendation: what to run, what it loses and how certain that is; or that there is nothing to recommend.

    Args:
        baseline: the network at its own step.
        judged: the others.
        refusals: why rules could not convert the network.
        exact: (n,), which samples the network has right in exact time, where losses are counted against that.
    """
    chosen, nearest = choose(judged, tolerance)
    trained = baseline.evaluation.correct if exact is None else exact
    where, n = "at its own step" if exact is None else "in exact time", len(trained)
    own = f"{trained.mean():.2%} of {n:,} test samples right {where}"
    comparisons = len(judged) + (exact is not None)
    before = "" if exact is None else _at_own_step(baseline, tolerance, confidence, comparisons)
    if nearest is None:
        why = f": {refusals[0]}" if refusals else ""
        nothing = f"Nothing to recommend: no rule converts {name}, which has {own}, to any of the steps asked for{why}"
        return f"{nothing}.{before}" if before else nothing
    if chosen is None:
        tried = ", ".join(map(str, sorted({one.dt for one in judged})))
        reach = (
            "which does not exclude that it is within"
            if nearest.interval.low <= tolerance
            else "which excludes that it is within"
        )
        return (
            f"Nothing to recommend: none of dt = {tried} keeps {name}, which has {own}, within a loss of "
            f"{_points(tolerance)}. The nearest is {_step(nearest)} by {nearest.how}, with "
            f"{_difference(nearest, confidence, comparisons)}, {reach}.{before}"
        )
    steps = f"{chosen.costs.steps:g} steps an inference instead of {baseline.costs.steps:g}"
    return (
        f"Run {name} at {_step(chosen)} by {chosen.how}: {steps}, and {chosen.accuracy:.2%} instead of {own}, "
        f"{_difference(chosen, confidence, comparisons)}. {_certainty(chosen, trained, tolerance)}{before}"
    )


def _at_own_step(baseline: Judged, tolerance: float, confidence: float, comparisons: int) -> str:
    """What a network in exact time has lost before any conversion, and what to do; nothing where that is tolerable."""
    if baseline.loss <= tolerance + _ROUNDING:
        return ""
    step = f"{1e3 * baseline.seconds:g} ms"
    return (
        f" At its own step of {step}, before any conversion, it has {baseline.accuracy:.2%} right, "
        f"{_difference(baseline, confidence, comparisons)}: what is measured at coarser steps starts from that. Bring "
        f"it to blocks with another step, such as --step {_COARSER * baseline.seconds:g}, or train it with --grow, so "
        "that no neuron is stopped at a limit of spikes that blocks do not have."
    )


def _certainty(chosen: Judged, trained: npt.NDArray[np.bool_], tolerance: float) -> str:
    told = f"the tolerance of {_points(tolerance)}"
    if chosen.interval.high <= tolerance:
        return f"The whole interval is within {told}."
    n = len(trained)
    needed = samples_needed(*discordant(trained, chosen.evaluation.correct), n, tolerance, chosen.interval.level)
    if needed is None:
        return f"That is within {told}, but not certain, and no number of samples like these would make it certain."
    return (
        f"That is within {told}, but not certain: it would take about {_rounded(needed):,} test samples like these to "
        "show it."
    )


def _difference(one: Judged, confidence: float, comparisons: int) -> str:
    """A loss, or a gain, with the interval of the loss."""
    corrected = f", corrected for {comparisons} comparisons" if comparisons > 1 else ""
    sure = f"with {100 * confidence:.6g}% confidence{corrected}"
    ends = f"{_signed(one.interval.low)} to {_signed(one.interval.high)}"
    if round(100 * one.loss, 2) < 0:
        return f"a gain of {_points(-one.loss)} (as a loss: {ends} {sure})"
    return f"a loss of {_points(one.loss)} ({ends} {sure})"


def _step(one: Judged) -> str:
    return f"dt = {one.dt} ({1e3 * one.seconds:g} ms)"


def _points(share: float) -> str:
    """1 point; 0.0001 points: a tolerance that is small is not 0."""
    number = round(100 * share, 2) + 0.0  # no minus before 0
    told = f"{number:g}" if number or not share else f"{100 * share:.3g}"
    return f"{told} point{'' if told == '1' else 's'}"


def _signed(share: float) -> str:
    number = f"{100 * share:.2f}"
    return "0.00" if number == "-0.00" else number.replace("-", "\N{MINUS SIGN}")


def _rounded(samples: int) -> int:
    """Up, to two digits."""
    unit = 10 ** max(0, len(str(samples)) - 2)
    return -(-samples // unit) * unit
