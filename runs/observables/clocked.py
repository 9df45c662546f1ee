"""What is looked at in a clocked network: one batch through it as it began and as it is now.

Everything follows from the configuration, the data and the weights, so that a run that was killed while it looked
looks again and sees the same.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bats_dt import Network
from bats_dt.spikes import SpikeEvents
from runs.config import ClockedConfig
from runs.observables.gradients import EDGES, QUANTILES, explosion_statistics, gradient_statistics
from runs.observables.spectra import spectrum_statistics
from runs.tensors import Arrays
from runs.training.clocked_network import build, clocked, loss_of, simulate


def observe(config: ClockedConfig, inputs: SpikeEvents, labels: npt.NDArray[np.int64], trained: Network) -> Arrays:
    """Statistics of a batch, in arrays named stage.kind.layer.what; stage: initial or trained.

    kind: gradient (see `gradient_statistics`), errors (`explosion_statistics`), and, of every hidden layer's means
    over the batch, voltage and current (`spectrum_statistics`). edges, quantiles: what densities and quantiles are at.
    """
    found: Arrays = {"edges": EDGES, "quantiles": QUANTILES, "dt": np.array(config.dt)}
    for stage, network in (("initial", build(config, inputs.n_neurons)), ("trained", trained)):
        found.update({f"{stage}.{name}": array for name, array in _observe(config, inputs, labels, network).items()})
    return found


def _observe(config: ClockedConfig, inputs: SpikeEvents, labels: npt.NDArray[np.int64], network: Network) -> Arrays:
    simulate(network, inputs, config.duration)
    errors = loss_of(config).compute_errors(*network.output_spike_trains, labels)
    gradients = [gradient[0] for gradient in network.backward(errors) if gradient is not None]
    found: Arrays = {}
    for layer, gradient in zip(clocked(network), gradients, strict=True):
        statistics = {
            "gradient": gradient_statistics(gradient),
            "errors": explosion_statistics(layer, inputs.batch, config.steps),
        }
        for kind, arrays in statistics.items():
            found.update({f"{kind}.{layer.name}.{name}": array for name, array in arrays.items()})
    layers = clocked(network)
    for layer in layers[:-1] or layers:
        for kind, trace in zip(("current", "voltage"), layer.traces(), strict=True):
            arrays = spectrum_statistics(trace.mean(axis=0, dtype=np.float64))
            found.update({f"{kind}.{layer.name}.{name}": array for name, array in arrays.items()})
    return found
