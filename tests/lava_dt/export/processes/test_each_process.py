"""Each process by itself, in Lava, against the plain recurrence; all of them in one run for each kind of model."""

from __future__ import annotations

import numpy as np
import pytest

from lava_dt.export.processes import GroupSum, HeldLIF, Rebin, SoftResetLIF, SpikeDelay

STEPS = 40
SHAPE = (2, 1, 3)
FIXED, FLOATING = "fixed_pt", "floating_pt"
REGISTERS = {"current": np.array([4096, 1024, 300]), "voltage": np.array([0, 128, 4096]), "threshold": [5, 40, 90]}
BIAS = np.array([0, 3, -2])
DELAYS = np.array([0, 2, 30])
HELD = {"dt": 3, "offset": 1}
DROPPING = {"dt": 4, "reset": "soft", "between": "drop", "offset": -1, "sample": (10, 13)}
RESETS = {"reset_interval": 7, "reset_offset": 2}


def inputs() -> tuple[np.ndarray, np.ndarray]:
    """What neurons and their like get, and counts; the first neuron 8 in every step."""
    random = np.random.default_rng(1)
    drive = random.integers(-30, 60, (STEPS, *SHAPE))
    drive[:, 0, 0, 0] = 8
    return drive, random.integers(0, 4, (STEPS, *SHAPE))


def neurons(kind: type, tag: str, **options) -> SoftResetLIF | HeldLIF:
    current, voltage = REGISTERS["current"], REGISTERS["voltage"]
    du, dv = (current - 1, voltage) if tag == FIXED else (current / 4096, voltage / 4096)
    threshold = np.array(REGISTERS["threshold"])
    return kind(shape=SHAPE, du=du, dv=dv, vth=threshold, bias_mant=np.broadcast_to(BIAS, SHAPE), bias_exp=6, **options)


@pytest.fixture(scope="module", params=[FIXED, FLOATING])
def outcome(request, run_lava) -> tuple[str, dict[str, np.ndarray]]:
    """What every process sent in each step."""
    tag, (drive, counts) = request.param, inputs()
    processes = {
        "soft": neurons(SoftResetLIF, tag),
        "soft, resets": neurons(SoftResetLIF, tag, **RESETS),
        "held": neurons(HeldLIF, tag, **HELD),
        "held, resets": neurons(HeldLIF, tag, **HELD, **RESETS),
        "dropping": neurons(HeldLIF, tag, **DROPPING),
        "delay": SpikeDelay(shape=SHAPE, delays=DELAYS),
        "delay, resets": SpikeDelay(shape=SHAPE, delays=2, reset_interval=10),
        "rebin": Rebin(shape=SHAPE, dt=4, sample=(6, 9)),
        "saturated": Rebin(shape=SHAPE, dt=3, saturate=True),
        "sums": GroupSum(shape=(6,), groups=2),
    }
    driven = [process.a_in for process in processes.values() if hasattr(process, "a_in")]
    counting = [process.s_in for process in processes.values() if hasattr(process, "s_in")]
    given = [(drive, driven), (counts, [*counting, processes["dropping"].fed_back])]
    found = run_lava(given, [process.s_out for process in processes.values()], STEPS, tag)
    return tag, dict(zip(processes, found, strict=True))


def kept(state: np.ndarray, decay: np.ndarray, tag: str) -> np.ndarray:
    """What a step leaves of a state; in Loihi's integers toward zero."""
    if tag == FLOATING:
        return state * (1 - decay / 4096)
    state = state.astype(int)
    return np.sign(state) * (np.abs(state) * (4096 - decay) >> 12)


def recurrence(tag: str, drive: np.ndarray, acts, resets, soft: bool) -> np.ndarray:
    """Spikes for what each step adds to the current; states in 1/64 where they are integers."""
    unit = 64 if tag == FIXED else 1
    threshold = np.array(REGISTERS["threshold"]) * unit
    current, voltage = np.zeros(SHAPE), np.zeros(SHAPE)
    spikes = np.zeros((STEPS, *SHAPE), int)
    for step in range(1, STEPS + 1):
        if resets(step):
            current, voltage = np.zeros(SHAPE), np.zeros(SHAPE)
        if not acts(step):
            continue
        current = kept(current, REGISTERS["current"], tag) + unit * drive[step - 1]
        voltage = kept(voltage, REGISTERS["voltage"], tag) + current + unit * BIAS
        fired = voltage > threshold
        voltage = np.where(fired, voltage - threshold if soft else 0, voltage)
        spikes[step - 1] = fired
    return spikes


def never(step: int) -> bool:
    return False


def every_seventh(step: int) -> bool:
    return step % 7 == 2


def test_a_soft_reset_subtracts_the_threshold(outcome) -> None:
    tag, found = outcome
    drive = inputs()[0]
    assert np.array_equal(found["soft"], recurrence(tag, drive, lambda step: True, never, soft=True))
    assert np.array_equal(found["soft, resets"], recurrence(tag, drive, lambda step: True, every_seventh, soft=True))
    assert found["soft"][..., 1:].sum() > 10
    assert not np.array_equal(found["soft"], found["soft, resets"])


def test_a_soft_reset_by_hand(outcome) -> None:
    """Drive 8, all current gone in a step, no leak of the voltage, threshold 5: it is never caught up with."""
    assert outcome[1]["soft"][:, 0, 0, 0].all()


def test_held_neurons_act_at_grid_steps_with_what_has_arrived_since(outcome) -> None:
    tag, found = outcome
    drive = inputs()[0]

    def acts(step: int) -> bool:
        return step > 1 and (step - 1) % 3 == 0

    def summed(resets) -> np.ndarray:
        sums, waiting = np.zeros_like(drive), np.zeros(SHAPE, int)
        for step in range(1, STEPS + 1):
            waiting = (0 if resets(step) else waiting) + drive[step - 1]
            if acts(step):
                sums[step - 1], waiting = waiting, np.zeros(SHAPE, int)
        return sums

    assert np.array_equal(found["held"], recurrence(tag, summed(never), acts, never, soft=False))
    expected = recurrence(tag, summed(every_seventh), acts, every_seventh, soft=False)
    assert np.array_equal(found["held, resets"], expected)
    assert np.flatnonzero(found["held"].any(axis=(1, 2, 3))).tolist()[:3] == [3, 6, 9]  # steps 4, 7, 10
    assert not np.array_equal(found["held"], found["held, resets"])


def test_samples_begin_their_bins_anew_and_what_is_fed_back_is_never_dropped(outcome) -> None:
    """10 steps in bins of 4 every 13 steps, one step ahead: s = step + 1 is 4, 8, 12 at the steps 3, 7, 11, 16, ..."""
    tag, found = outcome
    grid = {3, 7, 11, 16, 20, 24, 29, 33, 37}
    given, fed_back = inputs()
    drive, waiting = np.zeros((STEPS, *SHAPE), int), np.zeros(SHAPE, int)
    for step in range(1, STEPS + 1):
        waiting = waiting + fed_back[step - 1]
        if step in grid:
            drive[step - 1], waiting = waiting + given[step - 1], np.zeros(SHAPE, int)
    assert np.array_equal(found["dropping"], recurrence(tag, drive, lambda step: step in grid, never, soft=True))
    assert set(np.flatnonzero(found["dropping"].any(axis=(1, 2, 3))) + 1) == grid


def test_spikes_leave_after_the_delay_of_their_channel(outcome) -> None:
    found, spikes = outcome[1], inputs()[1]
    for channel, delay in enumerate(DELAYS):
        expected = np.zeros_like(spikes[..., channel])
        expected[delay:] = spikes[: STEPS - delay, ..., channel]
        assert np.array_equal(found["delay"][..., channel], expected)
    late = np.concatenate([np.zeros_like(spikes[:2]), spikes[:-2]])
    for first in (9, 19, 29, 39):  # steps 10, 20, ... forget what is under way, of the two steps before
        late[first : first + 2] = 0
    assert np.array_equal(found["delay, resets"], late)


def test_bins_leave_at_their_last_step(outcome) -> None:
    """Samples of 6 steps in bins of 4, every 9 steps: bins end at 4, 8; 13, 17; ... and hold what came since."""
    found, counts = outcome[1], inputs()[1]
    expected, before = np.zeros_like(counts), 0
    for end in (4, 8, 13, 17, 22, 26, 31, 35, 40):
        expected[end - 1] = counts[before:end].sum(axis=0)
        before = end
    assert np.array_equal(found["rebin"], expected)
    whole = counts[:39].reshape(13, 3, *SHAPE).sum(axis=1) > 0
    assert np.array_equal(found["saturated"][2::3], whole)
    assert found["saturated"].sum() == whole.sum()


def test_groups_are_consecutive_neurons(outcome) -> None:
    counts = inputs()[1].reshape(STEPS, 6)
    assert np.array_equal(outcome[1]["sums"], np.stack([counts[:, :3].sum(1), counts[:, 3:].sum(1)], 1))


def test_a_count_above_8_bits_ends_the_run_in_words(run_lava) -> None:
    rebin = Rebin(shape=(1,), dt=2)
    with pytest.raises(RuntimeError, match="a bin has a count of 300: a graded spike carries 8 bits"):
        run_lava([(np.full((4, 1), 150), [rebin.s_in])], [rebin.s_out], 4)


@pytest.mark.parametrize(
    ("process", "options", "message"),
    [
        (HeldLIF, {"dt": 0}, "dt is 0: it must be 1 or more fine steps"),
        (HeldLIF, {"dt": 2, "reset": "none"}, "reset is 'none': pass one of 'hard', 'soft'"),
        (HeldLIF, {"dt": 2, "between": "keep"}, "between is 'keep': pass one of 'accumulate', 'drop'"),
        (HeldLIF, {"dt": 4, "sample": (9, 11)}, r"sample is \(9, 11\) at dt=4: .* a period that holds all its bins"),
        (SoftResetLIF, {"reset_interval": 0}, "reset_interval is 0: it must be 1 step or more, or None"),
        (SpikeDelay, {"delays": np.array([1, 2])}, r"delays has the shape \(2,\) for neurons of shape \(3,\): one for"),
        (SpikeDelay, {"delays": np.array([0, 1, -2])}, "delays go from -2 to 1: whole steps, 0 or more"),
        (SpikeDelay, {"delays": 1.5}, "round them as training does, downwards"),
        (Rebin, {"dt": -1}, "dt is -1"),
        (GroupSum, {"groups": 2}, "2 groups do not divide the 3 neurons before them"),
    ],
)
def test_what_a_process_cannot_be_is_refused(process, options, message) -> None:
    with pytest.raises(ValueError, match=message):
        process(shape=(3,), **options)
