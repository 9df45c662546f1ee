"""What the thesis on the step size claims, beside what was measured."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from runs.observables.measured import Group, Measured
from runs.observables.spectra import high_share, spectral_centroid

HOLDS, PARTLY, NOT, UNKNOWN = "holds", "holds in part", "does not hold", "not measured"
_CHANCE = 0.2  # an accuracy above which something has been learnt; guessing gives 0.1
_ALIKE = 0.005  # accuracies that are closer than this are the same
_SILENT = "none: the output is silent"
_LEAP = 2.0  # a loss that is so many times the best one before is a leap
_THESIS_EPOCH = 7200.0  # seconds


@dataclass(frozen=True)
class Claim:
    """A claim of the thesis. measured: in words, for each step. verdict: whether it holds, and where not, why."""

    claim: str
    measured: tuple[str, ...]
    verdict: str


def claims_of(group: Group) -> list[Claim]:
    """All claims that a group of runs says something about."""
    if len(group.steps) < 2:
        return []
    if group.fitted:
        return [lbfgs_claim(group)]
    return [claim(group) for claim in (accuracy_claim, loss_claim, norm_claim, factor_claim, decay_claim)] + [
        spectrum_claim(group, "voltage"),
        spectrum_claim(group, "current"),
        magnitude_claim(group, high=True),
        magnitude_claim(group, high=False),
        time_claim(group),
    ]


def accuracy_claim(group: Group) -> Claim:
    """Accuracy falls with dt, and at the smallest, too."""
    values = [step.entry.last("test_accuracy").mean for step in group.steps]
    best = int(np.argmax(values))
    falling = all(later <= earlier + _ALIKE for earlier, later in itertools.pairwise(values[best:]))
    if max(values) < _CHANCE:
        verdict = f"{NOT}: no step trains beyond chance"
    elif not falling:
        verdict = f"{NOT}: beyond the best step, {group.steps[best].label}, accuracy does not fall steadily"
    elif best == 0:
        verdict = f"{PARTLY}: the smallest step is the best; too little time is not reached"
    else:
        verdict = HOLDS
    return Claim(
        "Smaller steps train better, until too little time is simulated (test accuracy)",
        _by_step(group.steps, lambda step: f"{100 * step.entry.last('test_accuracy').mean:.1f} %"),
        verdict,
    )


def loss_claim(group: Group) -> Claim:
    """The loss of the first epoch rises with dt."""
    values = [float(np.mean([curve[0] for curve in step.entry.curves("train_loss")])) for step in group.steps]
    return Claim(
        "Smaller steps reduce the loss faster in the beginning (mean loss of the first epoch)",
        _by_step(group.steps, lambda step: f"{values[group.steps.index(step)]:.3g}"),
        _rising(values, "the loss does not rise steadily with dt"),
    )


def norm_claim(group: Group) -> Claim:
    """The first gradient of the first layer grows with dt."""
    name = "initial.gradient.hidden1.norm"
    values = [float(step.mean(name)) or math.nan for step in group.steps]
    return Claim(
        "Gradients explode as dt grows (norm of the first layer's first gradient)",
        _by_step(group.steps, lambda step: f"{float(step.mean(name)) or math.nan:.3g}".replace("nan", _SILENT)),
        _rising(values, "where spikes get fewer, gradients get smaller, though each spike multiplies them by more"),
    )


def factor_claim(group: Group) -> Claim:
    """What a spike multiplies dL/du by grows with dt."""

    def told(step: Measured) -> str:
        passed, share = step.mean("initial.errors.hidden1.passed"), float(step.mean("initial.errors.hidden1.exploding"))
        if not np.isfinite(passed).all():
            return "no spikes"
        clamped = float(step.mean("initial.errors.hidden1.clamped"))
        return f"{passed[4]:.3g}, 99 %: {passed[7]:.3g}, above 2: {100 * share:.3g} %, clamped: {100 * clamped:.2g} %"

    values = [float(np.atleast_1d(step.mean("initial.errors.hidden1.passed"))[-2:][0]) for step in group.steps]
    return Claim(
        "Gradients explode as dt grows (factor by which an error grows through a spike: median and 99 % quantile; "
        "share of factors above 2; share clamped)",
        _by_step(group.steps, told),
        _rising(values, "the 99 % quantile does not rise steadily with dt"),
    )


def decay_claim(group: Group) -> Claim:
    """du/du between spikes goes to 1."""
    values = [float(step.mean("initial.errors.hidden1.keep")) for step in group.steps]
    distances = [1 - value for value in values]
    return Claim(
        "du/du of a step goes to 1 as dt goes to 0 (without a spike)",
        _by_step(group.steps, lambda step: f"{float(step.mean('initial.errors.hidden1.keep')):.4g}"),
        _rising(distances, "1 - du/du does not fall steadily with dt"),
    )


def spectrum_claim(group: Group, what: str) -> Claim:
    """The spectrum of the hidden layer moves to low frequencies of the signal's own clock."""
    centroids = [_centroid(step, "initial", what) for step in group.steps]

    def told(step: Measured) -> str:
        told = []
        for stage in ("initial", "trained"):
            centre, share = _centroid(step, stage, what), high_share(step.mean(f"{stage}.{what}.hidden1.power"))
            told.append(f"{stage} {centre:.3f}, upper half {100 * share:.2g} %")
        return "; ".join(told)

    verdict = _rising([-centre for centre in centroids], "")
    if verdict.startswith(NOT):
        verdict = (
            f"{NOT} by steps: with a fine step the {what} is a slow ramp, with a coarse one it forgets from step to "
            "step. In Hz it holds, as a step of dt shows nothing above 1/(2 dt)"
        )
    return Claim(
        f"Larger steps move the hidden layer's {what} to low frequencies (centroid of the power of the batch's mean, "
        "in cycles a step; share of the power in the upper half of the frequencies)",
        _by_step(group.steps, told),
        verdict,
    )


def magnitude_claim(group: Group, high: bool) -> Claim:
    """The power of the voltage itself, at the upper or the lower half of the frequencies."""
    values = []
    for step in group.steps:
        power = step.mean("initial.voltage.hidden1.power")
        moving = power[1:] if power.ndim else np.array([np.nan])
        half = len(moving) // 2
        values.append(float((moving[half:] if high else moving[:half]).sum()))
    claim = "Smaller steps have larger high frequencies" if high else "Larger steps have larger low frequencies"
    return Claim(
        f"{claim} (power of the batch's mean voltage in the {'upper' if high else 'lower'} half, initial weights)",
        _by_step(group.steps, lambda step: f"{values[group.steps.index(step)]:.2g}"),
        _rising([-value for value in values] if high else values, "the whole signal grows and shrinks with dt"),
    )


def lbfgs_claim(group: Group) -> Claim:
    """L-BFGS on one batch: leaps, and where it ends beside Adam."""
    fits = {step.label: fit for step in group.steps if (fit := fit_of(step)) is not None}
    tried = [fit for fit in fits.values() if fit.evaluations > 1]
    unstable = [fit.unstable for fit in tried]
    verdict = UNKNOWN if not tried else HOLDS if all(unstable) else PARTLY if any(unstable) else NOT
    if verdict == HOLDS and any(fit.loss < fit.adam for fit in tried):
        verdict = f"{PARTLY}: it leaps, gives up or ends in silence with every step, but ends below Adam with some"
    return Claim(
        "L-BFGS is unstable, even when it fits a single batch (loss of 50 images in as many evaluations)",
        _by_step(group.steps, lambda step: fits[step.label].text() if step.label in fits else ""),
        verdict,
    )


@dataclass(frozen=True)
class Fit:
    """How L-BFGS fitted a batch.

    start, loss: at the beginning, and the least. right: predictions there, of `adam_right` that Adam got at its best
    loss, `adam`. leap: the largest loss of an evaluation over the best one before it. undefined: evaluations without
    a finite loss. abnormal: whether the line search gave up. silenced: whether it ended
    where no output neuron spikes and no gradient is left.
    """

    start: float
    loss: float
    right: int
    leap: float
    undefined: int
    abnormal: bool
    silenced: bool
    evaluations: int
    adam: float
    adam_right: int

    @property
    def unstable(self) -> bool:
        """Whether anything went wrong on the way."""
        return self.abnormal or self.silenced or self.undefined > 0 or self.leap > _LEAP

    def text(self) -> str:
        """In words."""
        if self.evaluations == 1:
            return _SILENT
        given_up = (", then gives up" if self.abnormal else "") + (", in silence" if self.silenced else "")
        undefined = f", {self.undefined} undefined" if self.undefined else ""
        return (
            f"{self.start:.3g} to {self.loss:.3g} ({self.right} right) in {self.evaluations}{given_up}; leaps to "
            f"{self.leap:.3g} times the best so far{undefined}; Adam: {self.adam:.3g} ({self.adam_right} right)"
        )


def fit_of(step: Measured) -> Fit | None:
    """The fit of a step's first run; None where none was made."""
    names = [f"fit.{one}.{what}" for one in ("lbfgs", "adam") for what in ("losses", "correct")]
    found = [step.first(name) for name in names]
    if any(one is None or not len(one) for one in found):
        return None
    losses, correct, adam, adam_correct = (one for one in found if one is not None)
    known = np.where(np.isfinite(losses), losses, np.inf)
    best = np.minimum.accumulate(known)
    finite = known[1:][np.isfinite(known[1:])]
    leaps = finite / best[:-1][np.isfinite(known[1:])]
    return Fit(
        start=float(losses[0]),
        loss=float(known.min()),
        right=int(correct[np.argmin(known)]),
        leap=float(leaps.max(initial=1.0)),
        undefined=int(np.count_nonzero(~np.isfinite(losses))),
        abnormal=bool(step.first("fit.lbfgs.abnormal")),
        silenced=step.first("fit.lbfgs.spikes") == 0,
        evaluations=len(losses),
        adam=float(adam.min()),
        adam_right=int(adam_correct[np.argmin(adam)]),
    )


def time_claim(group: Group) -> Claim:
    """How long an epoch takes."""
    seconds = [float(np.median([np.median(run.series("seconds")) for run in step.entry.runs])) for step in group.steps]
    samples = group.steps[0].entry.config.train_samples
    return Claim(
        f"An epoch takes two hours (seconds of an epoch{f' of {samples} images' if samples else ''})",
        _by_step(group.steps, lambda step: f"{seconds[group.steps.index(step)]:.0f}"),
        "here it does not" if max(seconds) < _THESIS_EPOCH else HOLDS,
    )


def _centroid(step: Measured, stage: str, what: str) -> float:
    power = step.mean(f"{stage}.{what}.hidden1.power")
    return spectral_centroid(power, step.entry.config.bins or 1) if power.ndim else math.nan


def _by_step(steps: Sequence[Measured], told: Callable[[Measured], str]) -> tuple[str, ...]:
    return tuple(told(step) for step in steps)


def _rising(values: Sequence[float], why: str) -> str:
    """The verdict on a claim that values rise with dt; those that were not measured, or are not there, do not count."""
    known = [value for value in values if math.isfinite(value)]
    if len(known) < 2:
        return UNKNOWN
    rises = [later > earlier for earlier, later in itertools.pairwise(known)]
    if all(rises):
        return HOLDS
    told = f": {why}" if why else ""
    return (PARTLY if known[-1] > known[0] else NOT) + told
