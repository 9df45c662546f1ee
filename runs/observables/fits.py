"""How L-BFGS fitted one batch, beside Adam."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from runs.observables.measured import Measured

SILENT = "none: the output is silent"
_LEAP = 2.0  # a loss that is so many times the best one before is a leap


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
            return SILENT
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
