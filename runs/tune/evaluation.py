"""What a network makes of samples at a step: the classes it names, and what that takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from runs.tune.data import Labelled

_ENTRIES = 6_000_000  # (sample, neuron, step) of a batch's largest layer
_SMALLEST, _LARGEST = 8, 100  # samples in a batch


class Ticker(Protocol):
    """Is told how an evaluation goes."""

    def tick(self, samples: int, total: int) -> None:
        """So many samples of the total have been seen."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Evaluation:
    """A network on samples, in the order in which they were asked for.

    Attributes:
        predicted, labels: classes, (n,) int64.
        counts: spikes of each output neuron, (n, classes) float32.
        names, neurons: of the layers that have neurons or sums, and how many of these.
        spike_totals: of each layer, over all samples.
        operation_totals: synapses with a weight that spikes reach, over all samples: of the input, then of each layer.
        event_totals: spikes of the input, over all samples.
        message_totals: entries (neuron, step of dt) of the input with spikes, over all samples: a count is one message.
        graded_totals: of these entries those with more than one spike.
        graded_operations: synapses that these reach.
        steps: of dt, in a sample.
        seconds: that a sample lasts.
    """

    predicted: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]
    counts: npt.NDArray[np.float32]
    names: tuple[str, ...]
    neurons: tuple[int, ...]
    spike_totals: tuple[int, ...]
    operation_totals: tuple[int, ...]
    event_totals: int
    message_totals: int
    graded_totals: int
    graded_operations: int
    steps: int
    seconds: float

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def correct(self) -> npt.NDArray[np.bool_]:
        """Which samples were named rightly, (n,)."""
        return self.predicted == self.labels

    @property
    def accuracy(self) -> float:
        """Share of them."""
        return float(self.correct.mean())

    @property
    def spikes(self) -> tuple[float, ...]:
        """Of each layer, a sample's mean."""
        return tuple(total / len(self) for total in self.spike_totals)

    @property
    def operations(self) -> tuple[float, ...]:
        """Synaptic operations of the input and of each layer, a sample's mean."""
        return tuple(total / len(self) for total in self.operation_totals)

    @property
    def input_events(self) -> float:
        """Spikes that enter, a sample's mean."""
        return self.event_totals / len(self)

    @property
    def input_messages(self) -> float:
        """Entries that enter, a sample's mean: spikes of one neuron in one step of dt are one."""
        return self.message_totals / len(self)


def evaluate(
    net: Any,
    samples: Labelled,
    indices: Any,
    dt: int,
    decide: Callable[[Any], Any],
    watcher: Ticker | None = None,
) -> Evaluation:
    """Runs a network on samples, each from silence.

    Args:
        net: blocks at dt fine steps, on the coarse clock or the held one; it is put into evaluation mode.
        samples: with their fine steps.
        indices: of the samples, integers, in any order.
        dt: of the network.
        decide: output spikes (batch, classes, time) -> classes (batch,).
        watcher: told after every batch.

    Raises:
        ValueError: a network at another dt, no samples, or a network that `lava_dt.export` cannot describe.

    Notes:
        Samples do not depend on each other nor on their number in a batch. The input comes in bins of dt, straight
        from events, which is what `lava_dt.rebin` makes of the fine steps; on the held clock in fine steps.
    """
    import torch

    from lava_dt.export.blocks import blocks_of, describe
    from runs.deploy.fan_out import fan_outs

    description = describe(net)
    timestep = description.timestep
    if timestep.dt != dt:
        raise ValueError(f"the network is at dt = {timestep.dt} and dt = {dt} was asked for: convert it first")
    rows = np.atleast_1d(np.asarray(indices, np.int64))
    if not len(rows):
        raise ValueError("there are no samples to evaluate: pass the indices of one or more")
    blocks, width = blocks_of(net), 1 if timestep.held else dt
    acting = [layer for layer in description.layers if acts(layer)]
    tally = _Tally(fan_outs(description, _image(samples.shape)), len(acting))
    predicted: list[npt.NDArray[np.int64]] = []
    counts: list[npt.NDArray[np.float32]] = []
    sparse = _takes_sparse(blocks[0])
    for module in blocks:
        module.eval()
    seen = 0
    with torch.no_grad():
        for batch in _batches(rows, _batch_size(tally, -(-samples.steps // width))):
            spikes = samples.batch(batch, width, sparse)
            tally.input(spikes, dt if timestep.held else 1)
            place = 0
            for layer, block in zip(description.layers, blocks, strict=True):
                spikes = _spikes(block(spikes))
                if acts(layer):
                    tally.layer(place, spikes)
                    place += 1
            predicted.append(np.asarray(decide(spikes), np.int64).reshape(-1))
            counts.append(spikes.sum(-1).flatten(1).numpy())
            seen += len(batch)
            if watcher is not None:
                watcher.tick(seen, len(rows))
    return Evaluation(
        predicted=np.concatenate(predicted),
        labels=samples.labels[rows],
        counts=np.concatenate(counts),
        names=tuple(layer.name for layer in acting),
        neurons=tuple(int(np.prod(layer.shape)) for layer in acting),
        steps=-(-samples.steps // dt),
        seconds=samples.seconds,
        **tally.totals(),
    )


def join(evaluations: Sequence[Evaluation]) -> Evaluation:
    """Evaluations of one network at one dt on different samples, one after the other, as one.

    Raises:
        ValueError: none, or of networks or samples that differ in their layers, steps or seconds.
    """
    if not evaluations:
        raise ValueError("there are no evaluations to join: pass one or more")
    first = evaluations[0]
    for name in ("names", "neurons", "steps", "seconds"):
        for other in evaluations[1:]:
            if getattr(other, name) != getattr(first, name):
                raise ValueError(
                    f"{name} is {getattr(first, name)} of one evaluation and {getattr(other, name)} of another: join "
                    "those of one network at one dt"
                )
    summed: dict[str, Any] = {
        name: sum(getattr(one, name) for one in evaluations)
        for name in ("event_totals", "message_totals", "graded_totals", "graded_operations")
    }
    by_layer: dict[str, Any] = {
        name: tuple(map(sum, zip(*(getattr(one, name) for one in evaluations), strict=True)))
        for name in ("spike_totals", "operation_totals")
    }
    return Evaluation(
        predicted=np.concatenate([one.predicted for one in evaluations]),
        labels=np.concatenate([one.labels for one in evaluations]),
        counts=np.concatenate([one.counts for one in evaluations]),
        names=first.names,
        neurons=first.neurons,
        steps=first.steps,
        seconds=first.seconds,
        **by_layer,
        **summed,
    )


class _Tally:
    """Spikes and operations, summed over batches.

    Args:
        fan_out: of the input and every layer, (neurons,) each.
        layers: how many.
    """

    def __init__(self, fan_out: list[np.ndarray], layers: int) -> None:
        self.fan_out = fan_out[: layers + 1]
        self._spikes = [0] * layers
        self._operations = [0] * (layers + 1)
        self._events = self._messages = self._graded = self._graded_operations = 0

    def input(self, spikes: Any, dt: int) -> None:
        """Adds a batch of input, (batch, neuron..., steps), whose bins of `dt` steps are what neurons are sent."""
        from lava_dt.time_axis import rebin

        binned = rebin(spikes, dt)
        if binned.is_sparse:
            binned = binned.coalesce()
            where, counts = binned.indices().numpy(), binned.values().numpy()
            sizes = tuple(binned.shape[1:-1])
            neuron = np.ravel_multi_index(tuple(where[1:-1]), sizes)
        else:
            flat = binned.flatten(1, -2)
            _, at, _ = flat.nonzero(as_tuple=True)
            neuron, counts = at.numpy(), flat[flat != 0].numpy()
        reach, several = self.fan_out[0][neuron], counts > 1
        self._events += round(float(counts.sum(dtype=np.float64)))
        self._messages += len(counts)
        self._graded += int(several.sum())
        self._operations[0] += int(reach.sum())
        self._graded_operations += int(reach[several].sum())

    def layer(self, place: int, spikes: Any) -> None:
        """Adds a batch of a layer's output."""
        counts = (spikes != 0).sum((0, -1)).flatten().numpy()
        self._spikes[place] += int(counts.sum())
        self._operations[place + 1] += int(counts @ self.fan_out[place + 1])

    def totals(self) -> dict[str, Any]:
        """As `Evaluation` takes them."""
        return {
            "spike_totals": tuple(self._spikes),
            "operation_totals": tuple(self._operations),
            "event_totals": self._events,
            "message_totals": self._messages,
            "graded_totals": self._graded,
            "graded_operations": self._graded_operations,
        }


def acts(layer: Any) -> bool:
    """Whether a layer's output is counted by `fan_outs`: neurons or sums, no mere change of shape."""
    return layer.kind != "flatten" and not (layer.kind == "input" and layer.neuron is None)


def _image(shape: tuple[int, ...]) -> tuple[int, int, int]:
    return (shape[0], shape[1], shape[2]) if len(shape) == 3 else (int(np.prod(shape)), 1, 1)


def _takes_sparse(block: Any) -> bool:
    """Whether a block follows a list of spikes, which takes no longer than they are many."""
    from lava_dt.block import cuba

    return isinstance(block, cuba.Dense)


def _spikes(output: Any) -> Any:
    """What a block returns, without its count of spikes."""
    return output[0] if isinstance(output, tuple) else output


def _batch_size(tally: _Tally, steps: int) -> int:
    widest = max(fan_out.size for fan_out in tally.fan_out[1:])
    return int(np.clip(_ENTRIES // (widest * steps), _SMALLEST, _LARGEST))


def _batches(rows: npt.NDArray[np.int64], size: int) -> Iterator[npt.NDArray[np.int64]]:
    for first in range(0, len(rows), size):
        yield rows[first : first + size]
