"""One row a configuration: what its seeds say together."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from statistics import median
from typing import Any

from runs.comparison import Entry
from runs.estimate import Estimate, bootstrap, middle
from runs.results.energy import CMOS_45NM, LOIHI

THRESHOLD = 0.9


def summary_lines(entries: Iterable[Entry]) -> Iterator[str]:
    """Each entry as a line of JSON; what is not known is null."""
    for entry in entries:
        yield json.dumps({name: _finite(value) for name, value in summarise(entry).items()}) + "\n"


def summarise(entry: Entry) -> dict[str, Any]:
    """A row of the table `summary`.

    experiment, model, step and every key of the configuration but the seed; n: seeds. Of the convergence rate (CR, area
    under training accuracy, as published) and of its change against the baseline, paired by seed: mean, median, margin
    (half of Student's 95 % interval), low and high (bootstrap interval). normalised_rate: CR an interval between
    epochs. test_...: of test accuracy. epochs_to_90: the median seed's first epoch with a test accuracy of 90 %;
    reached_90: how many seeds got there. The rest is after the last epoch, the mean over the seeds; costs are those of
    an inference, with NeuroBench's names (runs.results.costs), energies are proxies [J] (runs.results.energy). seconds:
    of an epoch, the median.
    """
    config = entry.config.model_dump(mode="json", exclude={"seed"})
    train, test = entry.rates(), entry.rates("test_accuracy")
    reached = entry.epochs_to(THRESHOLD)
    return {
        "experiment": entry.experiment,
        "model": config.pop("model"),
        "step": entry.config.step_text(),
        "is_reference": entry.is_reference,
        **config,
        "n": len(entry.runs),
        "epochs_done": entry.epochs,
        "finished": entry.finished,
        **_statistics("rate", entry.rate, train),
        "normalised_rate": entry.normalised_rate.mean,
        **_statistics("test_rate", entry.test_rate, test),
        "normalised_test_rate": entry.normalised_test_rate.mean,
        "pairs": len(entry.pairs),
        **_statistics("change", entry.change, entry.changes()),
        **_statistics("test_change", entry.test_change, entry.changes("test_accuracy")),
        **_last(entry),
        "epochs_to_90": reached.median,
        "reached_90": reached.reached,
        **_costs(entry),
        "seconds": median(seconds for run in entry.runs for seconds in run.series("seconds")),
    }


def _statistics(name: str, value: Estimate, values: list[float]) -> dict[str, float]:
    interval = bootstrap(values)
    return {
        name: value.mean,
        f"{name}_median": middle(values),
        f"{name}_margin": value.margin,
        f"{name}_low": interval.low,
        f"{name}_high": interval.high,
    }


def _last(entry: Entry) -> dict[str, float]:
    found = {}
    for name in ("train_accuracy", "test_accuracy"):
        value = entry.last(name)
        found.update({name: value.mean, f"{name}_margin": value.margin})
    for name in ("train_loss", "test_loss", "test_silent_labels", "test_dead_classes"):
        found[name] = entry.last(name).mean
    return found


def _costs(entry: Entry) -> dict[str, float]:
    costs = entry.costs
    return {
        "spikes": costs.spikes,
        "spikes_per_second": costs.spikes_per_second,
        "input_spikes": costs.input_spikes,
        "synaptic_operations": costs.operations,
        "synaptic_operations_per_second": costs.operations_per_second,
        "effective_macs": costs.effective_macs,
        "effective_acs": costs.operations - costs.effective_macs,
        "neuron_updates": costs.neuron_updates,
        "neuron_updates_per_second": costs.updates_per_second,
        "activation_sparsity": costs.activation_sparsity,
        "simulated_seconds": costs.simulated_seconds,
        "energy_45nm": costs.energy(CMOS_45NM),
        "energy_loihi": costs.energy(LOIHI),
    }


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
