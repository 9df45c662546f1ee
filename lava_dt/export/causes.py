"""Why a neuron's first difference came about, as far as its two traces and Lava's registers tell.

Until that step everything agreed, so Loihi's recurrence says what should have come of it:

    u[t] = decayed(u[t-1]) + drive[t],     v[t] = decayed(v[t-1]) + u[t] + bias,     decayed toward zero

The traces go on behind the difference, and what they do there tells a decay from a weight, or a bias from both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lava_dt.export.delays import LARGEST
from lava_dt.export.description import DECAY_UNIT, Layer, NeuronDescription
from lava_dt.export.tracing import STATE_SHIFT

STATE_LIMIT = 1 << 23  # Loihi's states have 24 bits
_ENOUGH = 3  # steps that must agree on another decay or bias
_OUT_OF_RANGE = "scale threshold and weights down, or use a smaller dt"


@dataclass(frozen=True)
class Rows:
    """One neuron in training and in Lava: rows (steps of dt,), (training's, Lava's), and its first difference.

    Attributes:
        fed: (steps of dt,), whether the layer's own spikes may reach the neuron then.
        step: of the difference.
    """

    layer: Layer
    channel: int
    current: tuple[np.ndarray, np.ndarray]
    voltage: tuple[np.ndarray, np.ndarray]
    spikes: tuple[np.ndarray, np.ndarray]
    fed: np.ndarray
    step: int

    @property
    def neuron(self) -> NeuronDescription:
        if self.layer.neuron is None:
            raise ValueError(f"{self.layer.name} has no neurons")
        return self.layer.neuron

    def register(self, values: np.ndarray) -> int:
        """A register of this neuron, of those of its layer."""
        return int(values.flat[self.channel if values.size > 1 else 0])

    @property
    def bias(self) -> int:
        own = self.layer.kind != "input" and self.layer.bias is not None  # an input block's is in its input
        return self.register(np.asarray(self.layer.bias)) << STATE_SHIFT if own else 0


def cause(rows: Rows, quantity: str, registers: Sequence[str] = (), delays_before: bool = False) -> str:
    """A sentence on the first difference of a layer with neurons.

    Args:
        rows: the neuron's.
        quantity: ``current``, ``voltage`` or ``spike``.
        registers: what is known to differ between the layer in Lava and its description.
        delays_before: the Lava network is netx's own, with delays before the neurons.
    """
    found = _out_of_range(rows, quantity) or _moved(rows, delays_before) or _equality(rows, quantity)
    if found is not None:
        return found
    known = f" ({', '.join(registers)})" if registers else ""
    if quantity == "current":
        return _current(rows) + known
    if bool(rows.spikes[0][rows.step]) != bool(rows.spikes[1][rows.step]):
        return f"only one side spikes: its threshold is not {rows.register(rows.neuron.threshold)} in Lava{known}"
    return _voltage(rows) + known


def decayed(states: np.ndarray, decay: int) -> np.ndarray:
    """What one step leaves of states, rounded toward zero as Loihi does."""
    return np.sign(states) * ((np.abs(states) * (DECAY_UNIT - decay)) >> 12)


def _out_of_range(rows: Rows, quantity: str) -> str | None:
    current = int(rows.current[0][rows.step])
    if quantity == "current":
        if current > STATE_LIMIT or current <= -STATE_LIMIT:
            return f"the current left Loihi's 24 bits and wrapped round: {_OUT_OF_RANGE}"
        return None
    if abs(_expected_voltage(rows)) >= STATE_LIMIT:
        return f"the voltage left Loihi's 24 bits and was clipped: {_OUT_OF_RANGE}"
    return None


def _expected_voltage(rows: Rows) -> int:
    """Before the reset, by Loihi's recurrence from training's trace without Loihi's limits."""
    before = rows.voltage[0][: rows.step][-1:]
    kept = decayed(before, rows.register(rows.neuron.voltage_decay)).sum()
    return int(kept) + int(rows.current[0][rows.step]) + rows.bias


def _moved(rows: Rows, delays_before: bool) -> str | None:
    """Delays before the neuron, as netx puts them, that are not training's."""
    if not delays_before or not any(_same_but_moved(*rows.current, by) for by in range(-LARGEST, LARGEST + 1) if by):
        return None
    delay = 0 if rows.layer.delay is None else rows.register(rows.layer.delay)
    if delay > LARGEST:
        return f"netx cuts this neuron's delay of {delay} steps to {LARGEST}: to_lava does not"
    return "Lava's current is the same at other steps: the delays differ"


def _same_but_moved(ours: np.ndarray, theirs: np.ndarray, by: int) -> bool:
    """Whether, as far as both are known, and for half of them at least, theirs is ours ``by`` steps earlier."""
    early, late = (theirs, ours) if by > 0 else (ours, theirs)
    both = len(ours) - abs(by)
    return 2 * both >= len(ours) and bool(early[:both].any()) and np.array_equal(early[:both], late[abs(by) :])


def _equality(rows: Rows, quantity: str) -> str | None:
    """lava-dl's float32 loses its margin above the threshold from 64.0 on."""
    level = rows.register(rows.neuron.threshold) << STATE_SHIFT
    only_trained = bool(rows.spikes[0][rows.step]) and not bool(rows.spikes[1][rows.step])
    if quantity == "current" or not only_trained or _expected_voltage(rows) != level:
        return None
    return (
        "only one side spikes: from a threshold of 64.0 on lava-dl's neuron fires on equality, Loihi only above; "
        "lava_dt's blocks fire as Loihi does"
    )


def _current(rows: Rows) -> str:
    decay = rows.register(rows.neuron.current_decay)
    ours, theirs = rows.current
    drives = [row - decayed(_before(row), decay) for row in (ours, theirs)]
    quiet = drives[0] == 0
    known = quiet & (np.arange(len(quiet)) > 0)  # Lava may have had a step before
    other = _other_decay(_before(theirs)[known], theirs[known], decay)
    if other is not None:
        return f"all agrees until here: the current decay is {other}/4096 in Lava, {decay}/4096 in training"
    if quiet[rows.step]:
        return "nothing arrives at this step in training: a spike that only reaches Lava, or the current decay"
    if rows.layer.kind == "dense_rec" and rows.fed[rows.step] and np.array_equal(*(d[~rows.fed] for d in drives)):
        return "all agrees until here, and wherever this layer was silent before: the weights of its feedback"
    if not _before(ours)[rows.step]:
        return "there was no current before: the weights of this neuron, or the spikes that reach it"
    return "all agrees until here: the weights of this neuron, or the spikes that reach it"


def _voltage(rows: Rows) -> str:
    if rows.spikes[0][rows.step] and (rows.neuron.reset == "hard" or not rows.voltage[1][rows.step]):
        kind = "zeroes" if rows.neuron.reset == "hard" else "lowers by the threshold"
        return f"both spike, and the voltage after it differs: Lava's reset is not training's, which {kind} it"
    decay = rows.register(rows.neuron.voltage_decay)
    theirs = rows.voltage[1]
    silent = ~rows.spikes[1].astype(bool)
    silent[0] = False  # Lava may have had a step before
    without_bias = (theirs - rows.current[1])[silent]
    rest = without_bias - decayed(_before(theirs)[silent], decay)
    if rest.size >= _ENOUGH and (rest == rest[0]).all():
        here, there = rest[0] / (1 << STATE_SHIFT), rows.bias >> STATE_SHIFT
        return f"the currents agree until here: the bias is {here:g} in Lava, {there} in training"
    other = _other_decay(_before(theirs)[silent], without_bias - rows.bias, decay)
    if other is not None:
        return f"the currents agree until here: the voltage decay is {other}/4096 in Lava, {decay}/4096 in training"
    return "the currents agree until here: the voltage decay, the reset, or a bias"


def _before(row: np.ndarray) -> np.ndarray:
    """Every entry's predecessor, 0 before the first."""
    return np.concatenate([row[:1] * 0, row[:-1]])


def _other_decay(before: np.ndarray, after: np.ndarray, decay: int) -> int | None:
    """The decay that leads from all states before to those after, if it is one, and not ``decay``."""
    worth = np.abs(before) > 0
    before, after = before[worth], after[worth]
    if before.size < _ENOUGH or np.array_equal(decayed(before, decay), after):
        return None
    largest = int(np.abs(before).argmax())
    near = DECAY_UNIT - round(DECAY_UNIT * abs(int(after[largest])) / abs(int(before[largest])))
    for candidate in sorted(range(near - 2, near + 3), key=lambda other: abs(other - decay)):
        if np.array_equal(decayed(before, candidate), after):
            return candidate
    return None
