"""Whether bats_dt's spikes and gradients are the literal port's: looked at before anything is timed.

The port computes in float32 with times from the start of the simulation, bats_dt relative to the last input: crossings
agree to rounding. Where the potential only just reaches the threshold, or only just before the simulation ends,
rounding decides whether there is a spike. Such a neuron is not passed over because it is rare: a float64 simulation of
it alone must give other counts for thresholds that differ by 1e-5, or show that the port lost a spike within rounding
of an input. Its sample is then left out, as is one with a crossing so flat that gradients, which are divided by the
slope, show rounding. Both are counted, and all other samples are compared.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from runs.bench.bats.cases import Case, Entry
from runs.bench.bats.contestants import END, Contestant, Outcome
from runs.bench.bats.networks import OUTPUT_THRESHOLD, SLOTS, TAU_S
from runs.bench.bats.rounding import decided_by_rounding
from runs.bench.results import one_line

Record = dict[str, Any]
MOST_TIME = 2e-4  # seconds: a spike time's error is the potential's rounding, 1e-7, over a slope that may be near 0
# Of a layer's gradient, in the 2-norm. A spike within rounding of an input takes the slope before it or after it, and
# with it changes what all neurons below are told: usually 1e-3, now and then 1e-2.
MOST_GRADIENT = 5e-2
MOST_LEFT_OUT = 1e-3  # of all spikes


class SpikesDifferError(RuntimeError):
    """bats_dt does not compute what the literal port does; there is nothing to compare the speed of."""


def check_spikes(case: Case, seed: int, data: Path | None) -> Record:
    """Compares spikes and gradients of every bats_dt entry of a case with the literal port's.

    The port has no convolutions: there the reference is bats_dt itself on one thread of the CPU.

    Returns:
        Whether the reference was the port (``with_port``); ``spikes`` of every layer with weights,
        ``spikes_per_neuron`` of the first and the ``share`` of pixels that
        spike; the names ``compared``; how many neurons were ``left_out``, with their samples;
        the largest ``time_difference`` in seconds, the largest ``gradient_difference`` of any layer in the 2-norm,
        relative; and why an entry has ``failed``: one that cannot run the case at all is told, not raised.

    Raises:
        SpikesDifferError: a difference that rounding does not explain, in one sentence that says where.
    """
    threads = max(entry.threads for entry in case.entries)
    own = Entry() if case.network == "conv" else Entry(library="literal port", threads=threads)
    port = Contestant(case, own, seed, data)
    wanted = port.outcome()
    found = Comparison(
        with_port=own.library == "literal port",
        spikes=[int(counts.sum()) for _, counts in wanted.trains],
        spikes_per_neuron=float(wanted.trains[0][1].mean()),
        share=float(port.counts.mean()),
    )
    for entry in case.entries:
        if entry.library == "bats_dt":
            try:
                ours = Contestant(case, entry, seed, data)
                theirs = ours.outcome()
            except Exception as error:  # whatever it is, the others can go on
                found.failed[entry.name] = one_line(error)
                continue
            _compare(port, wanted, ours, theirs, found, f"{entry.name} ({case.title})")
            found.compared.append(entry.name)
    return {"case": case.title, **asdict(found)}


@dataclass
class Comparison:
    """What `check_spikes` returns, but for the case's name."""

    with_port: bool
    spikes: list[int]
    spikes_per_neuron: float
    share: float
    compared: list[str] = field(default_factory=list)
    left_out: int = 0
    time_difference: float = 0.0
    gradient_difference: float = 0.0
    failed: dict[str, str] = field(default_factory=dict)


def _compare(
    port: Contestant, wanted: Outcome, ours: Contestant, found: Outcome, comparison: Comparison, who: str
) -> None:
    """Raises SpikesDifferError, or notes the largest differences in the comparison."""
    if wanted.equals(found):
        return
    left_out = _left_out(port, wanted, found, who)
    if len(left_out) > max(1, MOST_LEFT_OUT * sum(comparison.spikes)):
        raise SpikesDifferError(
            f"{len(left_out)} neurons of {who} have spikes that hang on rounding, of {sum(comparison.spikes):,} "
            "spikes: too many to leave out; nothing was timed"
        )
    comparison.left_out = max(comparison.left_out, len(left_out))
    if left_out:
        rest = np.setdiff1d(np.arange(len(port.labels)), left_out)
        if not len(rest):
            return
        batch = port.times, port.counts, port.labels
        for contestant in (port, ours):
            contestant.take(*(array[rest] for array in batch))
        wanted, found = port.outcome(), ours.outcome()
        port.take(*batch)
    for number, ((theirs, _), (mine, _)) in enumerate(zip(wanted.trains, found.trains, strict=True), 1):
        spikes = np.isfinite(theirs)
        time = float(np.abs(theirs[spikes] - mine[spikes]).max(initial=0.0))
        _refuse(time, MOST_TIME, f"a spike of layer {number} of {who}", "s")
        comparison.time_difference = max(comparison.time_difference, time)
    for number, (wanted_gradient, gradient) in enumerate(zip(wanted.gradients, found.gradients, strict=True), 1):
        size = float(np.linalg.norm(wanted_gradient))
        difference = float(np.linalg.norm(wanted_gradient - gradient)) / (size or 1.0)
        _refuse(difference, MOST_GRADIENT, f"the gradient of layer {number} of {who}", "of its size")
        comparison.gradient_difference = max(comparison.gradient_difference, difference)


def _refuse(difference: float, most: float, what: str, unit: str) -> None:
    if not difference <= most:
        raise SpikesDifferError(
            f"{what} is {difference:.1e} {unit} from the reference's, further than {most:.0e}: nothing was timed"
        )


def _left_out(port: Contestant, wanted: Outcome, found: Outcome, who: str) -> list[int]:
    """The sample of every neuron whose spikes hang on rounding; of each sample only the first layer with any."""
    left_out = {int(sample): 1 for sample in found.flat}
    for number, (theirs, mine) in enumerate(zip(wanted.trains, found.trains, strict=True)):
        fresh: Counter[int] = Counter()
        for sample, neuron in np.argwhere(theirs[1] != mine[1]):
            if sample in left_out:
                continue
            fresh[int(sample)] += 1
            if port.case.network == "dense" and not _explained(port, wanted, number, sample, neuron):
                raise SpikesDifferError(
                    f"neuron {neuron} of layer {number + 1} of {who} has {mine[1][sample, neuron]} spikes in sample "
                    f"{sample}, in the literal port {theirs[1][sample, neuron]}, and rounding does not explain it: "
                    "nothing was timed"
                )
        left_out.update(fresh)
    return [sample for sample, neurons in left_out.items() for _ in range(neurons)]


def _explained(port: Contestant, wanted: Outcome, number: int, sample: int, neuron: int) -> bool:
    """Whether a neuron of the fully connected network spikes as often as it does because of rounding."""
    times, counts = (port.times, port.counts) if number == 0 else wanted.trains[number - 1]
    threshold = (port.case.threshold, OUTPUT_THRESHOLD)[number]
    found = int(wanted.trains[number][1][sample, neuron])
    weights = port.weighted[number].weights[neuron]
    return decided_by_rounding(times[sample], counts[sample], weights, TAU_S, threshold, END, SLOTS, found)
