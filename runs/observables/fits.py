"""How L-BFGS fitted one batch, beside Adam."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from runs.observables.measured import Measured

SILENT = "none: the output is silent"


@dataclass(frozen=True)
class Fit:
    """How L-BFGS fitted a batch.

    start, loss: at the beginning, and the least. right: predictions there, of `adam_right` that Adam got at its best
    loss, `adam`. iterations: evaluations that it went on from, None where that was not recorded; the others are probes
    of its line search. leap: the largest loss of an evaluation over the best one before it, a probe's: what it goes on
    from never rises. undefined: evaluations without a finite loss. abnormal: whether the line search gave up. silenced:
    whether it ended where no output neuron spikes and no gradient is left.
    """

    start: float
    loss: float
    right: int
    iterations: int | None
    leap: float
    undefined: int
    abnormal: bool
    silenced: bool
    evaluations: int
    adam: float
    adam_right: int

    @property
    def failed(self) -> bool:
        """Whether it gave up, fell silent or met an undefined loss. A probe that leaps is none of its steps."""
        return self.abnormal or self.silenced or self.undefined > 0

    def text(self) -> str:
        """In words."""
        if self.evaluations == 1:
            return SILENT
        n = self.iterations
        steps = "" if n is None else f"{n} iteration{'' if n == 1 else 's'}, "
        given_up = (", then gives up" if self.abnormal else "") + (", in silence" if self.silenced else "")
        probes = f"; probes of the line search up to {self.leap:.3g} times the best so far" if self.leap > 1 else ""
        undefined = f", {self.undefined} undefined" if self.undefined else ""
        return (
            f"{self.start:.3g} to {self.loss:.3g} ({self.right} right) in {steps}{self.evaluations} evaluations"
            f"{given_up}{probes}{undefined}; Adam: {self.adam:.3g} ({self.adam_right} right)"
        )


def fit_of(step: Measured) -> Fit | None:
    """The fit of a step's first run; None where none was made."""
    names = [f"fit.{one}.{what}" for one in ("lbfgs", "adam") for what in ("losses", "correct")]
    found = [step.first(name) for name in names]
    if any(one is None or not len(one) for one in found):
        return None
    losses, correct, adam, adam_correct = (one for one in found if one is not None)
    known, accepted = np.where(np.isfinite(losses), losses, np.inf), step.first("fit.lbfgs.accepted")
    return Fit(
        start=float(losses[0]),
        loss=float(known.min()),
        right=int(correct[np.argmin(known)]),
        iterations=None if accepted is None else len(accepted) - 1,
        leap=_leap(known),
        undefined=int(np.count_nonzero(~np.isfinite(losses))),
        abnormal=bool(step.first("fit.lbfgs.abnormal")),
        silenced=step.first("fit.lbfgs.spikes") == 0,
        evaluations=len(losses),
        adam=float(adam.min()),
        adam_right=int(adam_correct[np.argmin(adam)]),
    )


def _leap(losses: npt.NDArray[np.float64]) -> float:
    """The largest finite loss over the best one before it, 1 where none is above; inf above a loss of 0."""
    best, later = np.minimum.accumulate(losses)[:-1], losses[1:]
    risen = np.isfinite(later) & (later > best)
    if not risen.any():
        return 1.0
    with np.errstate(divide="ignore"):
        return float((later[risen] / best[risen]).max())
