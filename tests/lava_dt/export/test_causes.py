"""The cause of a neuron's first difference is told from its traces, for every way in which Lava can differ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from lava_dt.export.causes import STATE_LIMIT, Rows, cause
from lava_dt.export.description import Layer, NeuronDescription

STEPS = 120


@dataclass
class Cell:
    """A neuron in Loihi's integers, as training computes it, or, with ``bits``, as the register does."""

    current_decay: int = 1024
    voltage_decay: int = 123
    threshold: int = 80
    reset: str = "hard"
    bias: int = 0
    bits: bool = True
    equality: bool = False

    def run(self, drive: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        current = voltage = 0
        rows = np.zeros((3, len(drive)), np.int64)
        for step, arriving in enumerate(drive):
            current = kept(current, self.current_decay) + int(arriving)
            if self.bits and current > STATE_LIMIT:
                current -= 2 * STATE_LIMIT
            voltage = kept(voltage, self.voltage_decay) + current + (self.bias << 6)
            if self.bits:
                voltage = int(np.clip(voltage, -STATE_LIMIT + 1, STATE_LIMIT - 1))
            level = self.threshold << 6
            spike = voltage >= level if self.equality else voltage > level
            if spike:
                voltage = 0 if self.reset == "hard" else voltage - level
            rows[:, step] = current, voltage, spike
        return rows[0], rows[1], rows[2].astype(bool)


def kept(state: int, decay: int) -> int:
    return int(np.sign(state)) * ((abs(state) * (4096 - decay)) >> 12)


def told(
    trained: Cell,
    lava: Cell,
    drives: tuple[np.ndarray, np.ndarray],
    fed: np.ndarray | None = None,
    delay: int | None = None,
    **options,
) -> str:
    """The cause of the first difference of two cells, and of nothing where there is none."""
    sides = trained.run(drives[0]), lava.run(drives[1])
    pairs = dict(zip(("current", "voltage", "spikes"), zip(*sides, strict=True), strict=True))
    different = {name: pair[0] != pair[1] for name, pair in pairs.items()}
    step = int(np.logical_or.reduce(list(different.values())).argmax())
    quantity = next(name for name in ("current", "voltage", "spikes") if different[name][step])
    neuron = NeuronDescription(
        *(np.asarray(n) for n in (trained.current_decay, trained.voltage_decay, trained.threshold)), trained.reset
    )
    layer = Layer(
        0,
        "dense" if fed is None else "dense_rec",
        (1,),
        delay=None if delay is None else np.array([delay]),
        bias=np.array([trained.bias]),
        neuron=neuron,
    )
    fed = np.zeros(STEPS, bool) if fed is None else fed
    rows = Rows(layer=layer, channel=0, fed=fed, step=step, **pairs)
    return cause(rows, "spike" if quantity == "spikes" else quantity, **options)


@pytest.fixture
def drive() -> np.ndarray:
    """Even weights that arrive in every third step or so, 6 bits up."""
    rng = np.random.default_rng(3)
    return (rng.random(STEPS) < 0.3) * 2 * rng.integers(-8, 16, STEPS) << 6


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"current_decay": 1025}, "the current decay is 1025/4096 in Lava, 1024/4096 in training"),
        ({"current_decay": 700}, "the current decay is 700/4096 in Lava, 1024/4096 in training"),
        ({"voltage_decay": 122}, "the voltage decay is 122/4096 in Lava, 123/4096 in training"),
        ({"voltage_decay": 0}, "the voltage decay is 0/4096 in Lava, 123/4096 in training"),
        ({"bias": -2}, "the bias is -2 in Lava, 0 in training"),
        ({"threshold": 70}, "only one side spikes: its threshold is not 80 in Lava"),
        ({"reset": "soft"}, "Lava's reset is not training's, which zeroes it"),
    ],
)
def test_a_changed_register_is_named(changes, words, drive) -> None:
    assert words in told(Cell(), Cell(**changes), (drive, drive))


def test_a_soft_reset_that_is_hard_in_lava_is_named(drive) -> None:
    said = told(Cell(reset="soft"), Cell(), (drive, drive))
    assert "both spike" in said and "which lowers by the threshold it" in said


def test_a_decay_that_is_first_seen_behind_a_soft_reset_is_no_other_reset(drive) -> None:
    drive[:3] = 200 << 6  # a spike in each
    said = told(Cell(reset="soft"), Cell(reset="soft", voltage_decay=122), (drive, drive))
    assert "the voltage decay is 122/4096 in Lava, 123/4096 in training" in said


def test_a_changed_weight_is_told_from_a_decay(drive) -> None:
    other = drive + (np.arange(STEPS) % 7 == 3) * (drive != 0) * 128
    assert "the weights of this neuron" in told(Cell(), Cell(), (drive, other))


def test_a_spike_that_only_reaches_lava_is_told_from_a_weight(drive) -> None:
    other = drive.copy()
    other[int(np.flatnonzero(drive == 0)[5])] += 128
    assert "a spike that only reaches Lava" in told(Cell(), Cell(), (drive, other))


def test_a_changed_feedback_is_told_from_weights_of_the_input(drive) -> None:
    fed = np.zeros(STEPS, bool)
    fed[10::9] = True
    both = drive + fed * 640
    said = told(Cell(), Cell(), (both, both + fed * 128), fed)
    assert "wherever this layer was silent before: the weights of its feedback" in said
    assert "the weights of this neuron" in told(Cell(), Cell(), (both, both + (drive != 0) * 128), fed)


def test_a_current_of_more_than_24_bits_wraps_round() -> None:
    drive = np.full(STEPS, 200 * 254 << 6)
    cells = Cell(current_decay=1, threshold=131071, bits=False), Cell(current_decay=1, threshold=131071)
    assert "the current left Loihi's 24 bits and wrapped round" in told(*cells, (drive, drive))


@pytest.mark.parametrize("reset", ["hard", "soft"])
def test_a_voltage_of_more_than_24_bits_is_clipped(reset) -> None:
    drive = np.full(STEPS, -(60 * 254 << 6))
    cells = (
        Cell(current_decay=4096, voltage_decay=0, reset=reset, bits=False),
        Cell(current_decay=4096, voltage_decay=0, reset=reset),
    )
    assert "the voltage left Loihi's 24 bits and was clipped" in told(*cells, (drive, drive))


def test_a_spike_on_equality_is_lava_dls_from_a_threshold_of_64_on() -> None:
    drive = np.zeros(STEPS, np.int64)
    drive[4] = 4096 << 6
    cells = Cell(current_decay=4096, threshold=4096, equality=True), Cell(current_decay=4096, threshold=4096)
    assert "from a threshold of 64.0 on lava-dl's neuron fires on equality" in told(*cells, (drive, drive))


@pytest.mark.parametrize(
    ("delay", "words"),
    [(80, "netx cuts this neuron's delay of 80 steps to 62: to_lava does not"), (5, "the delays differ")],
)
def test_delays_before_the_neurons_that_are_not_trainings_move_its_current(delay, words, drive) -> None:
    later = np.concatenate([np.zeros(3, np.int64), drive[:-3]])
    assert words in told(Cell(), Cell(), (later, drive), delay=delay, delays_before=True)
