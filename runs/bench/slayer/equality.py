"""Whether the contestants' spikes are lava-dl's, bit for bit: looked at before anything is timed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from runs.bench.results import one_line
from runs.bench.slayer.cases import UPSTREAM, Case, Entry
from runs.bench.slayer.contestants import build, forget, make_loss
from runs.bench.slayer.inputs import labels, spike_train


class SpikesDifferError(RuntimeError):
    """A contestant's spikes are not lava-dl's; there is nothing to compare the speed of."""


@dataclass(frozen=True)
class Outcome:
    """What a network gives on a case: the spikes of its layers and, of a training case, its weights' gradients."""

    layers: list[Tensor]
    gradients: dict[str, Tensor]


def check_spikes(case: Case, seed: int) -> dict[str, Any]:
    """Compares the spikes of every layer of every lava-dt entry with lava-dl's, as the case computes them.

    At dt = 1 the reference is lava-dl as it is. Above, it is lava-dl with the decays and the threshold of the coarser
    step, fed the re-binned input; the held clock's spikes are binned for the comparison. The plain torch loop computes
    in floating point and is not compared. On a GPU the reference is computed on the CPU.

    Returns:
        ``spikes`` and ``rate`` (share of neurons and steps) of each layer at the reference's steps; the names
        ``compared``; of a training case at dt = 1 the largest ``gradient_difference`` of any weight, relative to the
        largest gradient of its tensor (lava-dl's own gradients of recurrent layers ignore the leaks, so there it is
        large); and why an entry has ``failed``: one that cannot run the case at all is told, not raised.

    Raises:
        SpikesDifferError: some spike differs, in one sentence that says where.
    """
    at_home = case.with_device("cpu") if case.device == "cuda" else case
    reference = UPSTREAM if case.dt == 1 else Entry(library="lava-dl", clock="coarse")
    wanted = _run(at_home, reference, seed)
    compared: list[str] = []
    failed: dict[str, str] = {}
    differences = []
    for entry in case.entries:
        if entry.library != "lava-dt":
            continue
        try:
            found = _run(case, entry, seed)
        except Exception as error:  # whatever it is, the others can go on
            failed[entry.name] = one_line(error)
            continue
        compared.append(entry.name)
        held = entry.clock == "held" and case.dt > 1
        layers = [_binned(layer, case.dt) for layer in found.layers] if held else found.layers
        compare(wanted.layers, layers, f"{entry.name} ({case.title})")
        differences += [_difference(wanted.gradients[name], ours) for name, ours in found.gradients.items()]
    return {
        "case": case.title,
        "spikes": [int(torch.count_nonzero(layer)) for layer in wanted.layers],
        "rate": [float((layer != 0).double().mean()) for layer in wanted.layers],
        "compared": compared,
        "gradient_difference": max(differences, default=None),
        "failed": failed,
    }


def compare(wanted: list[Tensor], found: list[Tensor], who: str) -> None:
    """Raises SpikesDifferError where two networks' layers are not the same, shape and every entry."""
    for number, (theirs, ours) in enumerate(zip(wanted, found, strict=True), 1):
        if theirs.shape != ours.shape:
            raise SpikesDifferError(
                f"layer {number} of {who} gives {tuple(ours.shape)}, lava-dl {tuple(theirs.shape)}: nothing was timed"
            )
        differing = int(torch.count_nonzero(theirs != ours))
        if differing:
            raise SpikesDifferError(
                f"{differing:,} entries of layer {number} of {who} differ from lava-dl's, which has "
                f"{int(torch.count_nonzero(theirs)):,} spikes there: nothing was timed"
            )


def _run(case: Case, entry: Entry, seed: int) -> Outcome:
    training = case.mode == "training"
    network = build(case, entry, seed).to(case.device).train(training)
    forget(network)
    with torch.set_grad_enabled(training):
        layers = list(network.outputs(spike_train(case, entry, seed)))
    gradients = {}
    if training and case.dt == 1:
        make_loss()(layers[-1], labels(case, seed)).backward()
        named = network.named_parameters()
        gradients = {name: value.grad.cpu() for name, value in named if value.grad is not None}
    return Outcome([layer.detach().cpu() for layer in layers], gradients)


def _binned(spikes: Tensor, dt: int) -> Tensor:
    """Sums of dt steps, written out once more here so that the check does not lean on what it checks."""
    return torch.stack([part.sum(-1) for part in spikes.split(dt, -1)], -1)


def _difference(theirs: Tensor, ours: Tensor) -> float:
    largest = float(theirs.abs().max())
    return float((theirs - ours).abs().max()) / largest if largest else float(ours.abs().max())
