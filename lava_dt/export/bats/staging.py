"""`stages`: what a network of `bats_dt` loses on its way to Loihi, step by step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from bats_dt import Network, TimeGrid
from bats_dt.backend import to_numpy
from bats_dt.checks import class_labels
from bats_dt.losses import AbstractLoss, SpikeCountLoss
from lava_dt.export.bats.conversion import FromBATS, from_bats
from lava_dt.export.bats.forms import Ran, own_form, run, with_grid
from lava_dt.export.bats.layers import Connected, connected
from lava_dt.export.bats.measuring import measure, pieces_of
from lava_dt.export.bats.quantisation import LARGEST_STATE
from lava_dt.export.bats.report import table
from lava_dt.export.report import ParityReport

_CALIBRATION = 256  # samples on which states are measured where no others are given


@dataclass(frozen=True)
class Stage:
    """One form of the network on the samples.

    Attributes:
        name: what it is.
        samples: how many.
        accuracy: share of right predictions.
        unchanged: share of predictions that are those of the network as it was trained.
        spikes: of each layer of neurons, a sample.
        lost: spikes of each layer that its buffer (``max_n_spike``) had no room for, a sample.
        shared: spikes of each layer that are not the first of their neuron in a step of dt, a sample; Loihi's neurons
            send one a step.
    """

    name: str
    samples: int
    accuracy: float
    unchanged: float
    spikes: tuple[float, ...]
    lost: tuple[float, ...]
    shared: tuple[float, ...]


@dataclass(frozen=True)
class Stages:
    """`stages`' answer; ``str()`` is a table, and what is to be known beside it.

    Attributes:
        layers: names of the layers of neurons.
        rows: the stages, from training to Lava.
        exported: the network of blocks, and what its rounding changed.
        parity: what `verify` found in Lava; None where nothing was run there.
        state_bits: of the largest state of the quantised network on all samples. Loihi has 23 and a sign.
    """

    layers: tuple[str, ...]
    rows: tuple[Stage, ...]
    exported: FromBATS
    parity: ParityReport | None
    state_bits: float

    def __str__(self) -> str:
        head = "", "samples", "accuracy", "unchanged", f"spikes a sample of {', '.join(self.layers)}"
        cells = (
            (row.name, f"{row.samples:,}", f"{row.accuracy:.2%}", f"{row.unchanged:.2%}", _listed(row.spikes))
            for row in self.rows
        )
        return "\n".join([*table([head, *cells]), *self._notes()])

    def _notes(self) -> list[str]:
        notes = []
        for row in self.rows:
            if any(row.lost):
                notes.append(f"{row.name}: {_listed(row.lost)} more spikes had no room in max_n_spike, a sample")
            if any(row.shared):
                dt = f"{self.exported.dt * 1e3:.4g} ms"
                notes.append(
                    f"{row.name}: {_listed(row.shared)} spikes come within {dt} of another of their neuron, which "
                    "sends one a step, a sample"
                )
        over = ", which overflow: calibrate on more samples" if self.state_bits > math.log2(LARGEST_STATE) else ""
        notes.append(f"quantised: states of up to {self.state_bits:.1f} of 23 bits and a sign{over}")
        return notes if self.parity is None else [*notes, f"Lava: {self.parity}"]


def stages(
    network: Network,
    times: Any,
    counts: Any,
    labels: Any,
    dt: float,
    *,
    duration: float,
    loss: AbstractLoss | None = None,
    lava: int = 100,
    calibration: Any = None,
    weight_bits: int = 8,
    timeout: float = 1800.0,
) -> Stages:
    """The accuracy of a trained network in exact time, on the grid, in Loihi's integers and in Lava.

    The network runs in exact time; as it was trained, if that was on a grid; by the rule ``detect`` on the grid of dt,
    which is what its export computes before rounding, with the buffers it was trained with and, if those of hidden
    neurons were ever full, without limit; as the blocks of `from_bats`; and on the first samples in Lava, step by step
    against those blocks. One with clocked layers runs as it is, as blocks and in Lava. It is not changed.

    Args:
        network: as `from_bats` takes it.
        times: inputs (batch, n, slots) [s], inf where there is no spike; in exact time: every stage but that puts them
            on its own grid.
        counts: (batch, n) spikes of each input; None for all that are finite.
        labels: (batch,) classes.
        dt: [s].
        duration: end of the simulation [s].
        loss: whose ``predict`` decides; None: the neuron with the most spikes.
        lava: how many of the samples to run in Lava, the first ones; 0 for none.
        calibration: other input times on which it is measured how large states become; None: 256 of the samples.
        weight_bits: as `from_bats`.
        timeout: seconds that Lava may take for a run.

    Raises:
        TypeError, ValueError: as `from_bats` and `Network.forward`; labels that do not fit.
        RuntimeError, TimeoutError: as `verify`.
    """
    times = to_numpy(times)
    counts = np.isfinite(times).sum(-1, dtype=np.int32) if counts is None else to_numpy(counts)
    loss = SpikeCountLoss() if loss is None else loss
    _, layers = connected(network)
    truth = to_numpy(class_labels(labels, len(times), layers[-1].layer.n_neurons))
    known = {"samples": times[:_CALIBRATION], "counts": counts[:_CALIBRATION]}
    if calibration is not None:
        known = {"samples": calibration}
    exported = from_bats(network, dt, weight_bits=weight_bits, duration=duration, **known)
    trained, found = _before(network, times, counts, duration, exported.dt, loss)
    quantised, largest = _quantised(exported, layers, times, counts, duration, loss)
    rows = [_row(name, ran, truth, trained.predicted) for name, ran in [*found, ("quantised", quantised)]]
    parity = None
    if lava > 0:
        from lava_dt.export.parity import verify  # with it comes Lava's runtime

        some = slice(lava)
        parity = verify(exported.net, exported.encode(times[some], counts[some], duration), timeout=timeout)
        rows.append(_row("Lava", _in_lava(parity, exported, loss), truth[some], trained.predicted[some]))
    names = tuple(layer.title for layer in layers)
    return Stages(names, tuple(rows), exported, parity, math.log2(max(largest, 1)))


def _before(
    network: Network, times: np.ndarray, counts: np.ndarray, duration: float, dt: float, loss: AbstractLoss
) -> tuple[Ran, list[tuple[str, Ran]]]:
    """What the network does as it was trained; and its stages before any rounding, by name."""

    def ran(form: Network) -> Ran:
        return run(form, times, counts, duration, dt, loss)

    name, own = own_form(network)
    trained = ran(own)
    found = [(name, trained)]
    if name.startswith("clocked"):
        return trained, found
    if not name.startswith("exact"):
        found.insert(0, ("exact time", ran(with_grid(network, None))))
    grid = TimeGrid(dt, "detect")
    detected = f"detect, {dt * 1e3:.4g} ms"
    if not name.startswith(detected):
        found.append((detected, ran(with_grid(network, grid))))
    if any(found[-1][1].lost[:-1]):
        found.append((f"{detected}, without max_n_spike", ran(with_grid(network, grid, unlimited=True))))
    return trained, found


def _quantised(
    exported: FromBATS, layers: list[Connected], times: np.ndarray, counts: np.ndarray, duration: float,
    loss: AbstractLoss,
) -> tuple[Ran, int]:  # fmt: skip
    """What the blocks do, and their largest state."""
    pieces = pieces_of(times, counts, exported.input_shape, layers, exported.steps, duration)
    measured, sent = measure(exported.net, layers, pieces)
    nothing = (0.0,) * len(layers)
    spikes = tuple(seen.spikes for seen in measured)
    predicted = to_numpy(loss.predict(*exported.decode(sent)))
    largest = max(max(seen.states.current, seen.states.voltage) for seen in measured)
    return Ran(predicted, spikes, nothing, nothing), largest


def _in_lava(parity: ParityReport, exported: FromBATS, loss: AbstractLoss) -> Ran:
    """What Lava's own spikes say."""
    spikes = tuple(layer.lava_spikes / parity.samples for layer in parity.layers)
    predicted = to_numpy(loss.predict(*exported.decode(parity.output)))
    return Ran(predicted, spikes, *((0.0,) * len(spikes),) * 2)


def _row(name: str, ran: Ran, truth: np.ndarray, trained: np.ndarray) -> Stage:
    accuracy, unchanged = (float((ran.predicted == other).mean()) for other in (truth, trained))
    return Stage(name, len(truth), accuracy, unchanged, ran.spikes, ran.lost, ran.shared)


def _listed(numbers: tuple[float, ...]) -> str:
    return ", ".join(f"{number:.1f}" for number in numbers)
