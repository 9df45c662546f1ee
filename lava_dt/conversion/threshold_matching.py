"""Threshold matching: each layer's threshold by how well its response to calibration data follows the fine network's.

A step of k fine steps carries one spike where the fine neuron may have sent several, and what its voltage had beyond
the threshold is lost at the reset, once a spike. No pole or gain knows how often that happens; the data do. Layer by
layer in order, with the layers before already converted, the threshold theta of the layer is the integer among

    theta_rule * 2^(j/6),      j = -6 ... 12, rounded

with the largest score, of those that do equally well the one nearest to theta_rule, and none that Loihi's register
cannot hold. With S the spikes of a layer's neuron in a sample
at the coarse step, and C the fine network's,

    layers before the last    score = corr(S, C)                               over samples and neurons
    the last layer            score = corr(S - mean_i S, C - mean_i C)         S, C: spikes of neuron i in a sample

A correlation knows no scale: the next layer's own threshold takes care of that, and a step that holds one spike cannot
keep the rate anyhow. Keeping the share of bins with a spike, min(c, 1), instead keeps neurons of the last layer that
fire in each bin, which then say nothing; that layer is read by comparing its neurons, so that there it is the
differences between neurons that are kept.

Where nothing varies, as in a layer that is silent on the calibration data or fires in every step, no score says
anything, and the threshold stays the rule's. That is told, and so is a threshold at either end of those tried: then the
data may not decide it. An untrained network is often found there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lava_dt.conversion.layers import Layer
from lava_dt.conversion.responses import Responses, drive_of, emitted_by, feeds_back, sent
from lava_dt.conversion.thresholds import fine_threshold, set_fine_threshold
from lava_dt.export.description import LARGEST_THRESHOLD
from lava_dt.export.trained import at_rest
from lava_dt.time_axis import rebin
from lava_dt.timestep import Timestep

FACTORS = tuple(2 ** (j / 6) for j in range(-6, 13))
_DIGITS = 12  # of a score: what is the same but for the order of a sum counts as equal, whatever the threads


@dataclass(frozen=True)
class Matched:
    """What became of a layer's threshold.

    Attributes:
        factor: by which the rule's was multiplied.
        note: what is to be known of it, without the layer's name; empty where there is nothing.
    """

    factor: float = 1.0
    note: str = ""


def match(layers: list[Layer], responses: Responses, timestep: Timestep) -> dict[str, Matched]:
    """Sets the thresholds of converted layers; what became of them, by the layers' names.

    Args:
        layers: of the network, at ``timestep``, with the thresholds that a rule gave them.
        responses: of the same layers, before.
    """
    matched: dict[str, Matched] = {}
    dt = timestep.dt
    coarse = timestep.clock == "coarse"
    signals = [rebin(batch, dt) if coarse else batch for batch in responses.inputs]
    fine = dict(zip(responses.names, responses.spikes, strict=True))
    read_out = _read_out(layers)
    with torch.no_grad(), at_rest([layer.block for layer in layers]):
        for layer in layers:
            if layer.spikes:
                wanted = [rebin(spikes, dt).to_dense() for spikes in fine[layer.name]]
                score = difference_kept if layer is read_out else counts_kept
                matched[layer.name] = _best(layer, signals, wanted, score)
            signals = [sent(layer.block, signal) for signal in signals]
    return matched


def _read_out(layers: list[Layer]) -> Layer | None:
    """The layer whose spikes leave the network, as they are or averaged; None where an affine block follows."""
    with_neurons = [layer for layer in layers if layer.neuron is not None]
    return with_neurons[-1] if with_neurons[-1].spikes else None


def counts_kept(spikes: Tensor, counts: Tensor) -> float:
    """Correlation of the spikes of neurons in samples; 1 at best, -inf where one of both does not vary.

    Args:
        spikes, counts: (batch, neuron..., bins).
    """
    here, fine = (signal.double().sum(-1).flatten() for signal in (spikes, counts))
    return _cosine(here - here.mean(), fine - fine.mean())


def difference_kept(spikes: Tensor, counts: Tensor) -> float:
    """Correlation of the neurons' spike counts, less their mean in each sample; 1 at best, -inf where nothing differs.

    Args:
        spikes, counts: (batch, neuron..., bins).
    """
    return _cosine(_centred(spikes), _centred(counts))


def _cosine(here: Tensor, fine: Tensor) -> float:
    size = here.norm() * fine.norm()
    return round(float((here * fine).sum() / size), _DIGITS) if size > 0 else -math.inf


def _centred(signal: Tensor) -> Tensor:
    counts = signal.double().sum(-1).flatten(1)
    return counts - counts.mean(1, keepdim=True)


def _best(
    layer: Layer, signals: list[Tensor], wanted: list[Tensor], score: Callable[[Tensor, Tensor], float]
) -> Matched:
    """Sets the threshold with the best score."""
    block, start = layer.block, fine_threshold(layer.neuron)
    drives = None if feeds_back(block) else [drive_of(block, signal) for signal in signals]
    counts = torch.cat(wanted)
    found: dict[int, float] = {}
    for candidate in _candidates(layer.neuron, start):
        set_fine_threshold(layer.neuron, candidate)
        if drives is None:
            spikes = [rebin(sent(block, signal), block.timestep.dt if block.timestep.held else 1) for signal in signals]
        else:
            spikes = [emitted_by(block, drive) for drive in drives]
        found[candidate] = score(torch.cat(spikes), counts)
    best = max(found, key=lambda candidate: (found[candidate], -abs(math.log(candidate / start)), -candidate))
    set_fine_threshold(layer.neuron, best)
    return Matched(best / start, _note(best, start, found))


def _candidates(neuron: Any, start: int) -> list[int]:
    """Thresholds of a fine step, ascending; the rule's own among them, even if it is more than a register holds."""
    most = LARGEST_THRESHOLD * float(neuron.gain.min())
    wanted = {max(round(start * factor), 1) for factor in FACTORS}
    return sorted({start, *(candidate for candidate in wanted if candidate <= most)})


def _note(best: int, start: int, found: dict[int, float]) -> str:
    if found[best] == -math.inf:
        return (
            "on the calibration samples its neurons answer all alike, at dt = 1 or at every threshold that was tried; "
            "the threshold stays the rule's: calibrate on samples that make them differ"
        )
    ends = {min(found): "lowest", max(found): "highest"}
    if len(found) > 1 and best in ends:
        return (
            f"the best threshold, {best / start:.3g} times the rule's, is the {ends[best]} that was tried: the "
            "calibration samples may not decide it; an untrained network is often found there"
        )
    return ""
