"""What the thesis on the step size claims, beside what was measured."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from runs.estimate import Estimate
from runs.observables.fits import SILENT, fit_of
from runs.observables.measured import Group, Measured
from runs.observables.spectra import high_share, spectral_centroid

HOLDS, PARTLY, NOT, UNKNOWN = "holds", "holds in part", "does not hold", "not measured"
_CHANCE = 0.2  # an accuracy above which something has been learnt; guessing gives 0.1
_ALIKE = 0.005  # accuracies that are closer than this are the same
_UNTRAINED = f"{NOT}: no step trains beyond chance"
_THESIS_EPOCH = 7200.0  # seconds
_IMAGES = 60_000  # of MNIST, in an epoch of the thesis


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
    return [
        claim(group) for claim in (accuracy_claim, loss_claim, norm_claim, factor_claim, product_claim, decay_claim)
    ] + [
        spectrum_claim(group, "voltage"),
        spectrum_claim(group, "current"),
        magnitude_claim(group, high=True),
        magnitude_claim(group, high=False),
        time_claim(group),
    ]


def accuracy_claim(group: Group) -> Claim:
    """Accuracy falls with dt, and at the smallest, too."""
    values = _accuracies(group)
    best = int(np.argmax(values))
    near = [value > values[best] - _ALIKE for value in values]
    falling = all(later <= earlier + _ALIKE for earlier, later in itertools.pairwise(values[best:]))
    rising = all(later >= earlier - _ALIKE for earlier, later in itertools.pairwise(values[: best + 1]))
    if not np.isfinite(values).all():
        verdict = UNKNOWN
    elif max(values) < _CHANCE:
        verdict = _UNTRAINED
    elif all(near):
        verdict = f"{NOT}: all steps train alike"
    elif near[-1]:
        verdict = f"{NOT}: the coarsest step trains as well as any"
    elif not falling:
        verdict = f"{NOT}: beyond the best step, {group.steps[best].label}, accuracy does not fall steadily"
    elif near[0]:
        verdict = f"{PARTLY}: the smallest step is the best; too little time is not reached"
    elif not rising:
        verdict = f"{PARTLY}: below the best step, {group.steps[best].label}, accuracy does not fall steadily"
    else:
        verdict = HOLDS
    return Claim(
        "Smaller steps train better, until too little time is simulated (test accuracy; 95 % intervals from the seeds)",
        _by_step(group.steps, lambda step: _share(step.entry.last("test_accuracy"))),
        verdict,
    )


def loss_claim(group: Group) -> Claim:
    """The loss of the first epoch rises with dt."""
    values = [float(np.mean([curve[0] for curve in step.entry.curves("train_loss")])) for step in group.steps]
    verdict = _rising(values, "the loss does not rise steadily with dt")
    return Claim(
        "Smaller steps reduce the loss faster in the beginning (mean loss of the first epoch)",
        _by_step(group.steps, lambda step: f"{values[group.steps.index(step)]:.3g}"),
        _UNTRAINED if max(_accuracies(group)) < _CHANCE else verdict,
    )


def norm_claim(group: Group) -> Claim:
    """The first gradient of the first layer grows with dt, where there is one."""
    norms = [_norms(step) for step in group.steps]
    values = [float(found[found > 0].mean()) if (found > 0).any() else math.nan for found in norms]
    spikes = [float(step.mean("initial.errors.hidden1.spikes")) for step in group.steps]
    factors = [_factor(step) for step in group.steps]
    smaller = [n for n in range(1, len(values)) if values[n] < values[n - 1]]
    explained = all(spikes[n] < spikes[n - 1] and factors[n] > factors[n - 1] for n in smaller)
    why = "where spikes get fewer, gradients get smaller, though each spike multiplies them by more"

    def told(step: Measured) -> str:
        n = group.steps.index(step)
        silent = int((norms[n] == 0).sum())
        if math.isnan(values[n]):
            return SILENT
        return f"{values[n]:.3g}" + (f" (none with {silent} of {len(norms[n])} seeds)" if silent else "")

    return Claim(
        "Gradients explode as dt grows (norm of the first layer's first gradient; none where the output is silent)",
        _by_step(group.steps, told),
        _rising(values, why if explained else "the norm does not rise steadily with dt"),
    )


def factor_claim(group: Group) -> Claim:
    """What a spike multiplies dL/du by grows with dt."""

    def told(step: Measured) -> str:
        passed, share = step.mean("initial.errors.hidden1.passed"), float(step.mean("initial.errors.hidden1.exploding"))
        if not np.isfinite(passed).all():
            return "no spikes"
        clamped = float(step.mean("initial.errors.hidden1.clamped"))
        return f"{passed[4]:.3g}, 99 %: {passed[7]:.3g}, above 2: {100 * share:.3g} %, clamped: {100 * clamped:.2g} %"

    values = [_factor(step) for step in group.steps]
    return Claim(
        "Gradients explode as dt grows (factor by which an error grows through a spike: median and 99 % quantile; "
        "share of factors above 2; share clamped)",
        _by_step(group.steps, told),
        _rising(values, "the 99 % quantile does not rise steadily with dt"),
    )


def product_claim(group: Group) -> Claim:
    """What all steps together multiply dL/du by grows with dt."""
    found = [step.mean("initial.errors.hidden1.through") for step in group.steps]
    medians, largest = ([float(one[n]) if one.ndim else math.nan for one in found] for n in (4, 8))
    verdict, of_largest = _rising(medians, ""), _rising(largest, "")
    if verdict not in (HOLDS, UNKNOWN):
        vanishes = "for most neurons errors vanish over the steps, as du/du between spikes is below 1"
        verdict = f"{NOT if of_largest.startswith(NOT) else PARTLY}: {vanishes}"
    return Claim(
        "Gradients explode as dt grows (factor of dL/du over all steps: median and largest of the neurons, log10)",
        tuple(f"{median:.2g}, largest {most:.2g}" for median, most in zip(medians, largest, strict=True)),
        verdict,
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
        in_hertz = _rising([-centre / step.dt for centre, step in zip(centroids, group.steps, strict=True)], "")
        verdict = f"{NOT} by steps, " + (
            f"in which a fine one sees a slow ramp of the {what}, and with a coarse one it forgets from step to step. "
            "In Hz it holds, as a step of dt shows nothing above 1/(2 dt)"
            if in_hertz == HOLDS
            else "nor in Hz"
        )
    return Claim(
        f"Larger steps move the hidden layer's {what} to low frequencies (centroid of the power of the batch's mean, "
        "in cycles a step; share of the power in the upper half of the frequencies)",
        _by_step(group.steps, told),
        verdict,
    )


def magnitude_claim(group: Group, high: bool) -> Claim:
    """The power of the voltage itself, at the upper or the lower half of the frequencies."""
    values, others = [], []
    for step in group.steps:
        power = step.mean("initial.voltage.hidden1.power")
        moving = power[1:] if power.ndim else np.full(2, np.nan)
        half = len(moving) // 2
        low, up = float(moving[:half].sum()), float(moving[half:].sum())
        values.append(up if high else low)
        others.append(low if high else up)
    alike = all((b > a) == (d > c) for (a, b), (c, d) in zip(*map(itertools.pairwise, (values, others)), strict=True))
    claim = "Smaller steps have larger high frequencies" if high else "Larger steps have larger low frequencies"
    return Claim(
        f"{claim} (power of the batch's mean voltage in the {'upper' if high else 'lower'} half, initial weights)",
        _by_step(group.steps, lambda step: f"{values[group.steps.index(step)]:.2g}"),
        _rising(
            [-value for value in values] if high else values,
            "the whole signal grows and shrinks with dt" if alike else "it does not change steadily with dt",
        ),
    )


def lbfgs_claim(group: Group) -> Claim:
    """L-BFGS on one batch: whether it gets through, and where it ends beside Adam."""
    fits = {step.label: fit for step in group.steps if (fit := fit_of(step)) is not None}
    tried = [fit for fit in fits.values() if fit.evaluations > 1]
    failed = [fit for fit in tried if fit.failed]
    leaps = any(fit.leap > 1 for fit in tried if not fit.failed)
    probes = "its losses leap in probes of the line search only, which it does not go on from"
    if not tried:
        verdict = UNKNOWN
    elif not failed:
        verdict = f"{NOT}: {probes}" if leaps else NOT
    elif len(failed) < len(tried):
        verdict = f"{PARTLY}: it fails with {len(failed)} of the {len(tried)} steps that have output spikes" + (
            f"; elsewhere {probes}" if leaps else ""
        )
    elif any(fit.loss < fit.adam for fit in tried):
        verdict = f"{PARTLY}: it fails with every step, but not before it is below Adam with some"
    else:
        verdict = HOLDS
    return Claim(
        "L-BFGS is unstable, even when it fits a single batch (loss of 50 images, from one start; it fails where its "
        "line search gives up, a loss is undefined, or no output neuron spikes any more; Adam: as many steps as "
        "evaluations)",
        _by_step(group.steps, lambda step: fits[step.label].text() if step.label in fits else ""),
        verdict,
    )


def time_claim(group: Group) -> Claim:
    """How long an epoch takes."""
    seconds = [float(np.median([np.median(run.series("seconds")) for run in step.entry.runs])) for step in group.steps]
    config = group.steps[0].entry.config
    samples = min(config.train_samples or _IMAGES, config.epoch_samples or _IMAGES)
    whole = max(seconds) * _IMAGES / samples
    if samples == _IMAGES:
        verdict = "here it does not" if whole < _THESIS_EPOCH else HOLDS
    else:
        verdict = f"here it would{'' if whole >= _THESIS_EPOCH else ' not'}: {whole:.0f} s at most for all {_IMAGES}"
    return Claim(
        f"An epoch takes two hours (seconds of an epoch{f' of {samples} images' if samples < _IMAGES else ''})",
        _by_step(group.steps, lambda step: f"{seconds[group.steps.index(step)]:.0f}"),
        verdict,
    )


def _share(found: Estimate) -> str:
    interval = f" ± {100 * found.margin:.1f}" if found.margin >= 0 else ""
    return f"{100 * found.mean:.1f}{interval} %"


def _accuracies(group: Group) -> list[float]:
    return [step.entry.last("test_accuracy").mean for step in group.steps]


def _norms(step: Measured) -> npt.NDArray[np.float64]:
    """Of every run that has been observed, 0 where nothing was there to have a gradient."""
    name = "initial.gradient.hidden1.norm"
    return np.array([float(arrays[name]) for arrays in step.observed if name in arrays])


def _factor(step: Measured) -> float:
    """The 99 % quantile of what a spike multiplies dL/du by, nan without spikes."""
    return float(np.atleast_1d(step.mean("initial.errors.hidden1.passed"))[-2:][0])


def _centroid(step: Measured, stage: str, what: str) -> float:
    power = step.mean(f"{stage}.{what}.hidden1.power")
    return spectral_centroid(power, step.entry.config.bins or 1) if power.ndim else math.nan


def _by_step(steps: Sequence[Measured], told: Callable[[Measured], str]) -> tuple[str, ...]:
    return tuple(told(step) for step in steps)


def _rising(values: Sequence[float], why: str) -> str:
    """The verdict on a claim that values rise with dt, between those that were measured and are there."""
    known = [value for value in values if math.isfinite(value)]
    if len(known) < 2:
        return UNKNOWN
    rises = [later > earlier for earlier, later in itertools.pairwise(known)]
    if all(rises):
        return HOLDS if len(known) == len(values) else f"{PARTLY}: of {len(values)} steps only {len(known)} have it"
    told = f": {why}" if why else ""
    return (PARTLY if known[-1] > known[0] else NOT) + told
