"""What an inference costs: spikes, operations, updates, memory, under NeuroBench's names (arXiv:2304.04640)."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runs.config import AnyConfig, SlayerConfig
from runs.estimate import estimate
from runs.results.energy import Prices
from runs.results.reading import Run
from runs.results.weights import Weights, read_weights

_FINE_STEP = 1e-3  # of SLAYER's recordings [s]
_N_CLASSES = 10  # of the runs of old, whose rows do not tell all of their spikes


@dataclass(frozen=True, kw_only=True)
class Costs:
    """Of one inference: means over the test set and the seeds; nan where the runs did not count it.

    path: a run, whose checkpoint tells of the weights. steps: time steps of a sample; nan in exact time.
    simulated_seconds: what they last [s]. spikes: of all neurons. input_spikes: that enter. operations: synapses that
    a spike reaches, of the input or of a neuron. neuron_updates: times that a neuron's state is computed.
    activation_sparsity: 1 - spikes / (neurons x steps), which is 0 where every neuron spikes at every step.
    effective_macs: those of the operations that multiply, as their input is a number: SLAYER's coarse bins hold counts.
    """

    path: Path
    steps: float
    simulated_seconds: float
    spikes: float
    input_spikes: float
    operations: float
    neuron_updates: float
    activation_sparsity: float
    effective_macs: float

    @property
    def synaptic_operations(self) -> dict[str, float]:
        """Operations by their kind, a sample's sum over its time steps.

        Effective_MACs: a weight times an input that is a number. Effective_ACs: a weight added for a spike. Dense: what
        a machine does that skips no zeros; nan in exact time. Synapses whose weight is zero count as any other here;
        `connection_sparsity` tells how many these are.
        """
        return {
            "Effective_MACs": self.effective_macs,
            "Effective_ACs": self.operations - self.effective_macs,
            "Dense": self.weights.synapses * self.steps,
        }

    @property
    def operations_per_second(self) -> float:
        """Synaptic operations a second of simulated time [1/s]."""
        return self.operations / self.simulated_seconds

    @property
    def spikes_per_second(self) -> float:
        """Spikes of all neurons a second of simulated time [1/s]."""
        return self.spikes / self.simulated_seconds

    @property
    def updates_per_second(self) -> float:
        """Neuron updates a second of simulated time [1/s]."""
        return self.neuron_updates / self.simulated_seconds

    @functools.cached_property
    def weights(self) -> Weights:
        """Sizes and zeros of one run's weights, read when they are asked for."""
        return read_weights(self.path)

    @property
    def footprint(self) -> float:
        """Bytes of the parameters."""
        return self.weights.size

    @property
    def parameter_count(self) -> float:
        """How many parameters are trained."""
        return self.weights.count

    @property
    def connection_sparsity(self) -> float:
        """Share of the weights that are zero."""
        return self.weights.zeros / self.weights.connections if self.weights.connections else math.nan

    def energy(self, prices: Prices) -> float:
        """What these operations would take at such prices [J]: a proxy, see runs.results.energy."""
        return prices.of(
            accumulates=self.operations - self.effective_macs,
            multiply_accumulates=self.effective_macs,
            updates=self.neuron_updates,
        )


def costs_of(runs: Sequence[Run], epoch: int) -> Costs:
    """The costs of runs of one configuration after an epoch, from 1."""
    config = runs[0].config
    rows = [run.rows[epoch - 1] for run in runs]

    def mean(name: str) -> float:
        return estimate(_number(row, name) for row in rows).mean

    steps = _steps(config)
    seconds, inputs = mean("test_simulated_seconds"), mean("test_input_spikes")
    activity = estimate(_activity(row, config) for row in rows).mean
    return Costs(
        path=runs[0].path,
        steps=steps,
        simulated_seconds=simulated_seconds(config) if math.isnan(seconds) else seconds,
        spikes=estimate(_spikes(row, config) for row in rows).mean,
        input_spikes=inputs,
        operations=mean("test_synaptic_operations"),
        neuron_updates=mean("test_neuron_updates"),
        activation_sparsity=1 - activity / steps,
        effective_macs=inputs * config.hidden[0] if _is_graded(config) else 0.0,
    )


def simulated_seconds(config: AnyConfig) -> float:
    """The time that a sample is simulated for [s]."""
    return config.steps * _FINE_STEP if isinstance(config, SlayerConfig) else float(config.duration)


def _steps(config: AnyConfig) -> float:
    """Time steps of a test sample; nan in exact time."""
    if isinstance(config, SlayerConfig) and config.protocol == "published":
        fine = config.test_fine or not config.prebinned
        return float(config.steps // (1 if fine else config.dt or 1))  # lava-dl drops a last bin that is shorter
    return math.nan if config.bins is None else float(config.bins)


def _is_graded(config: AnyConfig) -> bool:
    """Whether the network takes numbers, of spikes in a bin, and not spikes."""
    if not isinstance(config, SlayerConfig) or config.dt == 1:
        return False
    if config.protocol == "published":
        return config.binning == "count" and config.prebinned and not config.test_fine
    return config.clock == "coarse"


def _spikes(row: Mapping[str, Any], config: AnyConfig) -> float:
    """Spikes of all neurons, a sample's mean."""
    if "test_spikes" in row:
        return _number(row, "test_spikes")
    layers = _layers(config)
    return math.fsum(n * _number(row, f"test_spikes_{name}") for name, n in layers.items()) if layers else math.nan


def _activity(row: Mapping[str, Any], config: AnyConfig) -> float:
    """Spikes of a neuron, the mean over all neurons and samples."""
    if "test_activity" in row:
        return _number(row, "test_activity")
    layers = _layers(config)
    return _spikes(row, config) / sum(layers.values()) if layers else math.nan


def _layers(config: AnyConfig) -> dict[str, int]:
    """Neurons of each layer; {} where convolutions make them."""
    if getattr(config, "filters", ()):
        return {}
    return {**{f"hidden{i}": n for i, n in enumerate(config.hidden, 1)}, "output": _N_CLASSES}


def _number(row: Mapping[str, Any], name: str) -> float:
    value = row.get(name)
    return math.nan if value is None else float(value)
