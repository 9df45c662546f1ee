"""Compares what training and Lava did, and finds where and why they part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lava_dt.export.description import Description, Layer, NeuronDescription
from lava_dt.export.report import Divergence, LayerParity, ParityReport
from lava_dt.export.simulation import Trace
from lava_dt.export.trained import STATE_SHIFT, shifted

STATE_LIMIT = 1 << 23  # Loihi's states have 24 bits
DECAY_BITS = 12
STRICT_UNTIL = 4096  # lava-dl's float32 loses its margin above the threshold from this mantissa on


def compare(
    description: Description, trained: Sequence[Trace], lava: Sequence[Trace], first_sample: int = 0, lead: int = 0
) -> ParityReport:
    """Compares traces of the same samples, sample numbers from ``first_sample`` on.

    Training's input began ``lead`` steps later (`lava_dt.export.runnable.lead_of_biases`); those steps are compared
    too, and are those before step 0.
    """
    layers = [layer for layer in description.layers if layer.neuron is not None]
    latencies = [latency - lead for latency in description.latencies(delays_before=True)]
    parities, firsts = [], []
    for layer, ours, theirs, latency in zip(layers, trained, lava, latencies, strict=True):
        ours, theirs = _aligned(layer, ours, theirs, latency)
        different = {name: getattr(ours, name) != getattr(theirs, name) for name in ("current", "voltage", "spikes")}
        parities.append(
            LayerParity(
                name=layer.name,
                neurons=int(np.prod(layer.shape)),
                latency=(int(latency.min()) + lead, int(latency.max()) + lead),
                spikes=int(ours.spikes.sum()),
                differing_spikes=int(different["spikes"].sum()),
                differing_currents=int(different["current"].sum()),
                differing_voltages=int(different["voltage"].sum()),
            )
        )
        first = _first(layer, ours, theirs, different, first_sample, lead)
        if first is not None:
            firsts.append(first)
    samples, steps = trained[0].spikes.shape[0], trained[0].spikes.shape[-1]
    return ParityReport(samples, steps, description.timestep.dt, tuple(parities), _earliest(firsts), 0.0)


def merge(reports: Sequence[ParityReport]) -> ParityReport:
    """One report of several on different samples of one network."""
    layers = []
    for same in zip(*(report.layers for report in reports), strict=True):
        totals = [
            sum(getattr(layer, name) for layer in same)
            for name in ("spikes", "differing_spikes", "differing_currents", "differing_voltages")
        ]
        layers.append(LayerParity(same[0].name, same[0].neurons, same[0].latency, *totals))
    firsts = [report.first for report in reports if report.first is not None]
    return ParityReport(
        samples=sum(report.samples for report in reports),
        steps=reports[0].steps,
        dt=reports[0].dt,
        layers=tuple(layers),
        first=firsts[0] if firsts else None,
        seconds=sum(report.seconds for report in reports),
    )


def _aligned(layer: Layer, ours: Trace, theirs: Trace, latency: np.ndarray) -> tuple[Trace, Trace]:
    """Both at the steps of training, voltages after the reset."""
    steps, shape = ours.spikes.shape[-1], ours.spikes.shape[:-1]
    moved = [
        shifted(array.reshape(*shape, -1), -latency)[..., :steps]
        for array in (theirs.spikes, theirs.current, theirs.voltage)
    ]
    return Trace(ours.spikes, ours.current, after_reset(layer.neuron, ours)), Trace(*moved)


def after_reset(neuron: NeuronDescription | None, trace: Trace) -> np.ndarray:
    """lava-dl's voltage is from before the reset, Lava's from after it."""
    if neuron is None or neuron.reset == "hard":
        return np.where(trace.spikes, 0, trace.voltage)
    return np.where(trace.spikes, trace.voltage - _level(neuron, trace.voltage.ndim), trace.voltage)


def _level(neuron: NeuronDescription, dimensions: int) -> np.ndarray:
    """Threshold in the voltage's integers, broadcast to (batch, channel, ..., time)."""
    return (neuron.threshold << STATE_SHIFT).reshape(-1, *(1,) * (dimensions - 2))


def _first(
    layer: Layer, ours: Trace, theirs: Trace, different: dict[str, np.ndarray], first_sample: int, lead: int
) -> Divergence | None:
    anywhere = different["current"] | different["voltage"] | different["spikes"]
    if not anywhere.any():
        return None
    sample = int(anywhere.reshape(len(anywhere), -1).any(1).argmax())
    step = int(anywhere[sample].reshape(-1, anywhere.shape[-1]).any(0).argmax())
    neuron = tuple(int(i) for i in np.argwhere(anywhere[sample, ..., step])[0])
    at = (sample, *neuron, step)
    name = next(name for name in ("current", "voltage", "spikes") if different[name][at])
    return Divergence(
        sample=first_sample + sample,
        layer=layer.name,
        neuron=neuron,
        step=step - lead,
        quantity="spike" if name == "spikes" else name,
        trained=int(getattr(ours, name)[at]),
        lava=int(getattr(theirs, name)[at]),
        cause=_cause(layer, ours, theirs, at, name),
    )


def _earliest(firsts: Sequence[Divergence]) -> Divergence | None:
    """Of one a layer, lowest first: the earliest sample and step."""
    return min(firsts, key=lambda first: (first.sample, first.step), default=None)


def _cause(layer: Layer, ours: Trace, theirs: Trace, at: tuple[int, ...], name: str) -> str:
    if layer.neuron is None:
        return "unknown"
    before: Any = (*at[:-1], slice(None, at[-1]))
    current, voltage = int(ours.current[at]), int(ours.voltage[at])
    level = int(np.broadcast_to(layer.neuron.threshold, layer.shape[:1])[at[1]]) << STATE_SHIFT
    if name == "current" and abs(current) >= STATE_LIMIT:
        return (
            "the current left Loihi's 24 bits and wrapped round: scale threshold and weights down, or use a smaller dt"
        )
    if name == "voltage" and abs(voltage) >= STATE_LIMIT:
        return "the voltage left Loihi's 24 bits and was clipped: scale threshold and weights down, or use a smaller dt"
    if _same_but_moved(ours.current[at[:-1]], theirs.current[at[:-1]]):
        return "Lava's current is the same at other steps: the delays differ"
    if name == "current":
        return _current_cause(layer.neuron, ours.current[before], current, at)
    if name == "voltage":
        if bool(ours.spikes[at]) != bool(theirs.spikes[at]):
            return _threshold_cause(layer, level, at)
        return "the currents agree until here: the voltage decay, the reset, or a bias"
    return _threshold_cause(layer, level, at)


def _current_cause(neuron: NeuronDescription, past: np.ndarray, current: int, at: tuple[int, ...]) -> str:
    before = int(past[-1]) if past.size else 0
    if not before:
        return "there was no current before: the weights of this neuron, or the spikes that reach it"
    decay = int(neuron.current_decay.flat[at[1] if neuron.current_decay.ndim else 0])
    kept = (abs(before) * ((1 << DECAY_BITS) - decay)) >> DECAY_BITS
    if current == (kept if before > 0 else -kept):
        return "nothing arrives at this step in training: the current decay, or a spike that only reaches Lava"
    return "all agrees until here: the weights of this neuron, its current decay, or the spikes that reach it"


def _threshold_cause(layer: Layer, level: int, at: tuple[int, ...]) -> str:
    if level >> STATE_SHIFT >= STRICT_UNTIL:
        return (
            "only one side spikes: from a threshold of 64.0 on lava-dl's neuron fires on equality, Loihi only above; "
            "lava_dt's blocks fire as Loihi does"
        )
    return f"only one side spikes: its threshold is not {level >> STATE_SHIFT} in Lava"


def _same_but_moved(ours: np.ndarray, theirs: np.ndarray) -> bool:
    """Whether two rows (time,) are the same but for a delay, which moves the first entry that is not 0."""
    if not ours.any() or not theirs.any():
        return False
    later = int(theirs.astype(bool).argmax()) - int(ours.astype(bool).argmax())
    early, late = (ours, theirs) if later > 0 else (theirs, ours)
    return later != 0 and np.array_equal(early[: len(early) - abs(later)], late[abs(later) :])
