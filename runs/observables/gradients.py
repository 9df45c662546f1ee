"""Gradients of one batch, and what made them large: how errors pass from step to step and through spikes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bats_dt.layers import ClockedLIFLayer
from runs.tensors import Arrays

EDGES = np.linspace(-12.0, 8.0, 101)  # of log10 |dL/dw|
QUANTILES = np.array([0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1])
EXPLODING = 2.0
_CELLS = (64, 98)  # of a heatmap: neurons, inputs


def gradient_statistics(gradient: npt.NDArray[np.floating]) -> Arrays:
    """Of a layer's dL/dw, (n_post, n_pre), mean over a batch.

    norm: Euclidean. largest: of |dL/dw|. density: share of the weights in each interval of `EDGES`; those that are
    0, or beyond the edges, are in none. heatmap: the root mean square in each cell of at most 64 x 98.
    """
    size = np.abs(np.asarray(gradient, np.float64))
    with np.errstate(divide="ignore"):
        counts, _ = np.histogram(np.log10(size), EDGES)
    return {
        "norm": np.array(np.sqrt((size**2).sum())),
        "largest": np.array(size.max(initial=0.0)),
        "density": counts / size.size,
        "heatmap": np.sqrt(_averaged(size**2)).astype(np.float32),
    }


def explosion_statistics(layer: ClockedLIFLayer, batch: int, steps: int) -> Arrays:
    """How dL/du passes through the steps of a layer's last forward pass (EQUATIONS B38, B39).

    Across a step without a spike it is multiplied by du/du = q, the factor kept of the potential; through a spike, by
    1 + drop/tau_mem min(1/(dU/dt), clamp), as the later reset leaves a lower potential behind (hard reset: where the
    derivative is not clamped). The quantiles are those of `QUANTILES`.

    keep: q. spikes: number of them. clamped: share of the spikes whose dt/dU is clamped. exploding: share of those that
    multiply dL/du by more than `EXPLODING`. delays: quantiles of
    |dt/dU| [s per unit of potential], unclamped. passed: quantiles of the factor of a spike. through: quantiles over
    samples and neurons of log10 of the product over all steps, dL/du at the first by dL/du at the last one.
    """
    neuron, emitted = layer.neuron, layer.emitted
    slopes, drops = emitted.slopes.astype(np.float64), emitted.drops.astype(np.float64)
    crossed = slopes > 0  # others follow the spike before them
    with np.errstate(divide="ignore"):
        delays = 1 / slopes
    moves = np.where(crossed, np.minimum(delays, neuron.clamp), 0.0)
    factors = moves * drops / neuron.tau_mem
    factors += moves * slopes if neuron.reset == "hard" else 1.0
    factors = np.where(crossed, factors, 1.0)
    keep = neuron.coefficients().keep_u
    through = np.full((batch, layer.n_neurons), steps * np.log10(abs(keep)))
    samples = np.repeat(np.arange(batch), np.diff(emitted.offsets))
    np.add.at(through, (samples, emitted.neurons), np.log10(np.maximum(factors, 1e-300)))
    return {
        "keep": np.array(keep),
        "spikes": np.array(len(slopes)),
        "clamped": np.array(layer.clamped_share),
        "exploding": np.array((factors > EXPLODING).mean() if len(factors) else 0.0),
        "delays": _quantiles(delays[crossed]),
        "passed": _quantiles(factors),
        "through": _quantiles(through),
    }


def _quantiles(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.quantile(values, QUANTILES) if values.size else np.full(len(QUANTILES), np.nan)


def _averaged(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Means over cells, on both axes."""
    for axis, cells in enumerate(_CELLS):
        n = values.shape[axis]
        if n > cells:
            starts = np.arange(cells) * n // cells
            sizes = np.diff(np.append(starts, n))
            values = np.add.reduceat(values, starts, axis) / np.expand_dims(sizes, 1 - axis)
    return values
