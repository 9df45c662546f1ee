"""Compares what training and Lava did, and finds where they part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from lava_dt.export.alignment import Compared, binned, folded, held, placed, shifted, whole_bins
from lava_dt.export.causes import Rows, cause
from lava_dt.export.registers import Registers
from lava_dt.export.report import Divergence, LayerParity, ParityReport
from lava_dt.export.tracing import Trace

_DIFFERING = "spikes", "currents", "voltages", "outputs"
QUANTITIES = {"current": "current", "voltage": "voltage", "spikes": "spike", "output": "output"}


@dataclass(frozen=True)
class Axes:
    """The time axes of a comparison.

    Attributes:
        dt: fine steps in a step of the neurons.
        steps: of Lava's clock that training's samples have, ``lead`` included.
        trained_held, lava_held: whether training's, and Lava's, time axis is that of fine steps, with dt above 1.
        lead: steps that training's input began later (`lava_dt.export.alignment.lead_of_biases`); those are compared
            too, and are those before step 0.
    """

    dt: int
    steps: int
    trained_held: bool = False
    lava_held: bool = False
    lead: int = 0

    @property
    def needed(self) -> int:
        """Steps of Lava's clock to run: to the end of the last bin."""
        return whole_bins(self.steps, self.dt) if self.lava_held else self.steps

    @property
    def grid(self) -> np.ndarray:
        """The steps of the comparison at which neurons act."""
        if not self.lava_held:
            return np.arange(self.steps)
        return np.append(np.arange(self.dt - 1, self.steps - 1, self.dt), self.steps - 1)


def compare(
    layers: Sequence[Compared],
    trained: Sequence[Trace],
    lava: Sequence[Trace],
    axes: Axes,
    registers: Registers,
    delays_before: bool = False,
) -> ParityReport:
    """Compares traces of the same samples.

    Args:
        layers: on Lava's clock.
        trained: one entry a step of dt, as `trained_traces` returns them.
        lava: as recorded.
        axes: their time axes.
        registers: of the Lava network.
        delays_before: the Lava network is netx's own, with delays before the neurons.
    """
    parities, firsts, output = [], [], None
    for number, (entry, ours, recorded) in enumerate(zip(layers, trained, lava, strict=True)):
        ours, theirs = on_one_axis(entry, ours, recorded, axes)
        different = {
            name: getattr(ours, name) != getattr(theirs, name)
            for name in QUANTITIES
            if getattr(ours, name) is not None and getattr(theirs, name) is not None
        }
        counts = {name: int(entries.sum()) for name, entries in different.items()}
        leaving = _leaving(entry, recorded, delays_before)
        if leaving is not None:
            counts["output"] = int(leaving.sum())
        parities.append(
            LayerParity(
                name=entry.layer.name,
                neurons=int(np.prod(entry.layer.shape)),
                latency=(int(entry.latency.min()), int(entry.latency.max())),
                spikes=0 if ours.spikes is None else int(ours.spikes.sum()),
                differing_spikes=counts.get("spikes", 0),
                differing_currents=counts.get("current", 0),
                differing_voltages=counts.get("voltage", 0),
                differing_outputs=counts.get("output", 0),
                lava_spikes=0 if theirs.spikes is None else int(theirs.spikes.sum()),
                reads_out=entry.layer.kind in ("affine", "average"),
            )
        )
        output = _output(entry, recorded, theirs, axes, delays_before)
        if any(entries.any() for entries in different.values()):
            firsts.append(_first(number, entry, ours, theirs, different, axes, registers, delays_before))
        elif leaving is not None and leaving.any():
            firsts.append(_moved(number, entry, recorded, leaving, axes, registers))
    samples = len(next(array for array in vars(trained[0]).values() if array is not None))
    steps = axes.steps - axes.lead
    clock = "held" if axes.lava_held else "coarse"
    return ParityReport(samples, steps, axes.dt, tuple(parities), _earliest(firsts), 0.0, clock, output=output)


def _leaving(entry: Compared, recorded: Trace, delays_before: bool) -> np.ndarray | None:
    """Where the last layer's spikes do not leave its delays as training's do, at Lava's steps."""
    if recorded.sent is None or recorded.spikes is None:
        return None
    delay = 0 if delays_before or entry.layer.delay is None else entry.layer.delay
    return np.asarray(recorded.sent != shifted(recorded.spikes, np.asarray(delay)))


def _output(entry: Compared, recorded: Trace, theirs: Trace, axes: Axes, delays_before: bool) -> np.ndarray | None:
    """What leaves a layer in Lava, at the steps at which it leaves training's."""
    if recorded.sent is None:
        sums = theirs.output if theirs.current is None else theirs.current
        return None if sums is None else sums[..., axes.lead :]
    delay = entry.layer.delay if delays_before and entry.layer.delay is not None else 0
    sent = shifted(recorded.sent, entry.layer.hop + delay - entry.latency)
    return sent[..., : axes.steps - axes.lead]


def _moved(
    number: int, entry: Compared, recorded: Trace, leaving: np.ndarray, axes: Axes, registers: Registers
) -> Divergence:
    sample, neuron, step = _where(leaving)
    at = (sample, *neuron, step)
    sent = bool(recorded.sent[at])  # type: ignore[index]
    known = registers.delays(number)
    latency = np.broadcast_to(entry.latency, leaving.shape[1:2])[neuron[0]]
    return Divergence(
        sample=sample,
        layer=entry.layer.name,
        neuron=neuron,
        step=step - int(latency) + entry.layer.hop,
        quantity="output",
        trained=int(not sent),
        lava=int(sent),
        cause="the neurons agree, but their spikes leave at other steps: the delays behind them"
        + (f" ({', '.join(known)})" if known else ""),
    )


def with_input(report: ParityReport, trained: np.ndarray, lava: np.ndarray) -> ParityReport:
    """The report with the input compared: (samples, neuron..., steps), both on Lava's clock, as the layers take it."""
    different = trained != lava
    count = int(different.sum())
    if not count:
        return report
    sample, neuron, step = _where(different)
    at = (sample, *neuron, step)
    first = Divergence(
        sample=sample,
        layer="input",
        neuron=neuron,
        step=step,
        quantity="input",
        trained=int(trained[at]),
        lava=int(lava[at]),
        cause="the first Lava layer did not receive what the first trained one did: the input's encoding, or its bins",
    )
    firsts = [first, *([] if report.first is None else [report.first])]
    return replace(report, input_differs=count, first=_earliest(firsts))


def merge(reports: Sequence[ParityReport]) -> ParityReport:
    """One report of several on samples of one network that follow each other."""
    layers = []
    for same in zip(*(report.layers for report in reports), strict=True):
        totals = {
            name: sum(getattr(layer, name) for layer in same)
            for name in ("spikes", "lava_spikes", *(f"differing_{what}" for what in _DIFFERING))
        }
        layers.append(replace(same[0], **totals))
    first, done = None, 0
    for report in reports:
        if first is None and report.first is not None:
            first = replace(report.first, sample=report.first.sample + done)
        done += report.samples
    return replace(
        reports[0],
        samples=done,
        layers=tuple(layers),
        first=first,
        seconds=sum(report.seconds for report in reports),
        input_differs=sum(report.input_differs for report in reports),
        output=np.concatenate([report.output for report in reports if report.output is not None]),
    )


def on_one_axis(entry: Compared, ours: Trace, theirs: Trace, axes: Axes) -> tuple[Trace, Trace]:
    """Both sides at training's steps on Lava's clock; sums where a layer has no state, by bins if the clocks differ."""
    moved = {
        name: shifted(array, axes.lead - entry.latency)[..., : axes.needed]
        for name, array in vars(theirs).items()
        if array is not None
    }
    own = {name: array for name, array in vars(ours).items() if array is not None}
    if entry.adds_only:
        moved, own = (_sums(arrays, entry, axes, trained) for arrays, trained in ((moved, False), (own, True)))
    elif axes.lava_held:
        moved = {name: folded(array, axes.steps) for name, array in moved.items()}
        own = {name: (placed if name == "spikes" else held)(array, axes.dt, axes.steps) for name, array in own.items()}
    shape = next(iter(own.values())).shape
    theirs = Trace(**{name: array.reshape(shape) for name, array in moved.items() if name in own})
    return Trace(**own), theirs


def _sums(arrays: dict[str, np.ndarray], entry: Compared, axes: Axes, trained: bool) -> dict[str, np.ndarray]:
    name = "output" if entry.layer.kind == "average" else "current"
    array, held = arrays[name], axes.trained_held if trained else axes.lava_held
    if not held:
        return {name: array}
    if axes.trained_held != axes.lava_held:
        return {name: binned(array, axes.dt)}
    last = array[..., axes.steps - 1 :].sum(-1, keepdims=True)  # a shorter last bin is a whole one
    return {name: np.concatenate([array[..., : axes.steps - 1], last], -1)}


def _first(
    number: int,
    entry: Compared,
    ours: Trace,
    theirs: Trace,
    different: dict[str, np.ndarray],
    axes: Axes,
    registers: Registers,
    delays_before: bool,
) -> Divergence:
    sample, neuron, step = _where(np.logical_or.reduce(list(different.values())))
    at = (sample, *neuron, step)
    name = next(name for name in QUANTITIES if name in different and different[name][at])
    why = _why(entry, ours, theirs, at, name, axes, registers.different(number, neuron), delays_before)
    return Divergence(
        sample=sample,
        layer=entry.layer.name,
        neuron=neuron,
        step=step - axes.lead,
        quantity=QUANTITIES[name],
        trained=int(getattr(ours, name)[at]),
        lava=int(getattr(theirs, name)[at]),
        cause=why,
    )


def _where(different: np.ndarray) -> tuple[int, tuple[int, ...], int]:
    """Sample, neuron and step of the first: the earliest step of the first sample."""
    sample = int(different.reshape(len(different), -1).any(1).argmax())
    step = int(different[sample].reshape(-1, different.shape[-1]).any(0).argmax())
    neuron = tuple(int(i) for i in np.argwhere(different[sample, ..., step])[0])
    return sample, neuron, step


def _earliest(firsts: Sequence[Divergence]) -> Divergence | None:
    """Of one a layer, lowest first: the earliest sample and step."""
    return min(firsts, key=lambda first: (first.sample, first.step), default=None)


def _why(
    entry: Compared,
    ours: Trace,
    theirs: Trace,
    at: tuple[int, ...],
    name: str,
    axes: Axes,
    registers: Sequence[str],
    delays_before: bool,
) -> str:
    if entry.layer.kind == "average":
        return "the sums over groups differ: the spikes that reach them, or their groups"
    known = f" ({', '.join(registers)})" if registers else ""
    if entry.adds_only:
        return f"the layer has no state: the weights of this neuron, or the spikes that reach it{known}"
    grid, step = axes.grid, at[-1]
    if step not in grid:
        return f"the neuron acts between its grid steps in Lava, which are every {axes.dt} fine steps"
    pairs = {
        each: (getattr(ours, each)[at[:-1]][grid], getattr(theirs, each)[at[:-1]][grid])
        for each in ("current", "voltage", "spikes")
    }
    shape = ours.spikes.shape  # type: ignore[union-attr]
    fed = np.zeros(len(grid), bool)
    for trace in (ours, theirs):
        fed[1:] |= trace.spikes[at[0]].reshape(-1, shape[-1])[:, grid[:-1]].any(0)  # type: ignore[index]
    rows = Rows(layer=entry.layer, channel=at[1], fed=fed, step=int(np.searchsorted(grid, step)), **pairs)
    return cause(rows, QUANTITIES[name], registers, delays_before)
