"""L-BFGS on one batch: the thesis's counter-example of an optimizer for gradients that are not those of its loss.

The gradients are those of spike times that move with the potential (EQUATIONS B.4); the loss steps where a spike
appears or vanishes. A line search compares the two.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bats_dt.layers import ClockedLIFLayer

Evaluation = tuple[float, int, list[npt.NDArray[np.float32]]]
_ABNORMAL = 2  # SciPy's status where no step along the gradient lowers the loss enough


@dataclass(frozen=True, kw_only=True)
class Minimisation:
    """What became of a batch.

    losses, correct: of every evaluation, (evaluations,): mean loss, inf where it is undefined; right predictions.
    accepted: (iterations + 1,), which of the evaluations L-BFGS went on from, the first one to begin with. The others
    are probes of its line search, of weights that it did not keep.
    abnormal: whether the line search gave up.
    """

    losses: npt.NDArray[np.float64]
    correct: npt.NDArray[np.int64]
    accepted: npt.NDArray[np.int64]
    abnormal: bool


def minimise(layers: Sequence[ClockedLIFLayer], evaluate: Callable[[], Evaluation], iterations: int) -> Minimisation:
    """Moves the layers' weights by at most so many iterations of SciPy's L-BFGS-B, without bounds.

    Args:
        layers: those with weights. They end with the weights that SciPy returns, or as they were where these are
            not finite or have diverged.
        evaluate: the mean loss, the right predictions and dL/dw of each layer, with the weights as they are.
        iterations: of L-BFGS, each of one or more evaluations.
    """
    from scipy.optimize import minimize

    losses: list[float] = []
    correct: list[int] = []
    accepted = [0]
    start = [layer.weights.copy() for layer in layers]

    def objective(x: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        loss, right, slope = np.inf, 0, np.zeros_like(x)
        if _put(layers, x):
            try:
                loss, right, gradients = evaluate()
                slope = _flat(gradients)
            except ValueError:  # weights so large that a potential is no number
                loss = np.inf
        losses.append(loss)
        correct.append(right)
        return loss, slope

    def iterated(_: npt.NDArray[np.float64]) -> None:
        accepted.append(len(losses) - 1)  # a line search ends at the weights that it has just evaluated

    found = minimize(
        objective, _flat(start), jac=True, method="L-BFGS-B", callback=iterated, options={"maxiter": iterations}
    )
    if not (np.isfinite(found.fun) and _put(layers, found.x)):
        for layer, weights in zip(layers, start, strict=True):
            layer.weights = weights
    return Minimisation(
        losses=np.array(losses), correct=np.array(correct), accepted=np.array(accepted),
        abnormal=bool(found.status == _ABNORMAL),
    )  # fmt: skip


def _flat(arrays: Sequence[npt.NDArray[np.floating]]) -> npt.NDArray[np.float64]:
    return np.concatenate([np.asarray(array, np.float64).reshape(-1) for array in arrays])


def _put(layers: Sequence[ClockedLIFLayer], x: npt.NDArray[np.float64]) -> bool:
    """Gives the layers their parts of x; False, and nothing done, where float32 cannot hold it."""
    if not (np.abs(x) < np.finfo(np.float32).max).all():
        return False
    end = 0
    for layer in layers:
        begin, end = end, end + layer.weights.size
        layer.weights = x[begin:end].reshape(layer.weights.shape).astype(np.float32)
    return True
