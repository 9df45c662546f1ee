import itertools

import numpy as np
import pytest

from bats_dt.clocked_neuron import ESTIMATORS, RESETS, ClockedNeuron
from bats_dt.discretization import SCHEMES
from bats_dt.kernels.clocked_gradients import cpu, reference
from bats_dt.kernels.clocked_spikes import cpu as forward
from bats_dt.kernels.event_lists import event_lists
from bats_dt.kernels.threads import use_threads

DT, STEPS = 0.02, 25
# Relative to the largest entry. float64: roundings only. float32: rounding of some 1e-7 in every slope, times the
# factors (up to some ten here) by which errors grow from spike to spike
TOLERANCE = {np.float64: 1e-12, np.float32: 1e-4}


def neuron_with(**given):
    return ClockedNeuron(
        **{"dt": DT, "tau_syn": 0.1, "tau_mem": 0.2, "threshold": 0.3, "resistance": 0.2, "v_reset": 0.1, **given}
    )


def assert_close(found, expected, tolerance):
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        assert one.dtype == other.dtype
        assert np.abs(other).max(initial=0) > 0
        assert np.abs(one - other).max() <= tolerance * np.abs(other).max()


def lively(rng, random_trains, dtype=np.float64, batch=4, n_post=7, largest=0.8):
    times, counts = random_trains(rng, batch, 10, 3, dtype)
    return event_lists(6 * times, counts), rng.uniform(-0.4, largest, (10, n_post)).astype(dtype)


@pytest.mark.parametrize("module", [cpu, reference], ids=["cpu", "reference"])
@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("reset", RESETS)
def test_the_case_worked_by_hand_has_these_gradients(module, reset, estimator):
    """The case of the forward pass: backward Euler, dt = tau_s = tau_mem = R = 1, weight 16 at t = 0; i[0] = x/2.

    Hard, a spike in step 0: dt/dU = -1/4, so dL/dU[0] = -3/4 for e = 3; U[0] takes i[0]/2.
    Soft, spikes in steps 0 and 1: the second, e = 5, has dt/dU = -1, dL/dU[1] = -5 and dL/du[0] = -5/2; dL/dt of the
    first is 3 + 5/2 * 2 = 8, so dL/dU[0] = -5/2 - 8/4 = -9/2. U[1] takes i[1]/2 beside what it has from step 0.
    A later input gives a current larger by 1/tau_s of itself, and a potential lower by q R/tau_mem = 1/2 of it.
    The continuous estimator has exp(-1) where backward Euler has 1/2.
    """
    neuron = ClockedNeuron(1.0, 1.0, 1.0, 3.0, v_reset=1.0, reset=reset, estimator=estimator)
    inputs, weights = event_lists(np.array([[[0.0]]]), np.array([[1]])), np.array([[16.0]])
    spikes = forward.clocked_spikes(inputs, weights, neuron, 4, 9)
    kept = 1 / 2 if estimator == "discrete" else np.exp(-1)
    if reset == "hard":
        errors, by_potential, sums = [3.0], -3 / 4, -3 / 4 * kept / 2
    else:
        errors, by_potential, sums = [3.0, 5.0], -9 / 2, -9 / 2 * kept / 2 - 5 * kept**2 / 2
    gradient, input_errors = module.clocked_gradients(np.array(errors), spikes, inputs, weights, neuron, 4, 1, True)
    np.testing.assert_allclose(gradient, [[[sums]]], rtol=1e-14)
    np.testing.assert_allclose(input_errors, [16 * (sums - by_potential / 2)], rtol=1e-14)


@pytest.mark.parametrize(("scheme", "reset", "estimator"), [*itertools.product(SCHEMES, RESETS, ESTIMATORS)])
@pytest.mark.parametrize("largest", [0.5, 1.5], ids=["lively", "firing in every step"])
def test_gradients_are_those_of_the_reference(random_trains, scheme, reset, estimator, largest):
    rng = np.random.default_rng(1)
    inputs, weights = lively(rng, random_trains, largest=largest)
    for clamp, max_spikes in ((None, STEPS), (0.5, 3)):
        neuron = neuron_with(scheme=scheme, reset=reset, estimator=estimator, clamp=clamp)
        spikes = forward.clocked_spikes(inputs, weights, neuron, STEPS, max_spikes)
        assert spikes.lost.any() == (max_spikes == 3)
        assert spikes.bounded.any() == (clamp is not None)
        if largest > 1:  # only a soft reset leaves a neuron above theta
            assert (spikes.slopes == 0).any() == (reset == "soft")
        errors = rng.normal(size=len(spikes.events.times))
        for parts in (1, 2, 4):
            arguments = errors, spikes, inputs, weights, neuron, STEPS, parts, True
            found, expected = cpu.clocked_gradients(*arguments), reference.clocked_gradients(*arguments)
            assert_close(found, expected, TOLERANCE[np.float64])


@pytest.mark.parametrize(("scheme", "reset"), [*itertools.product(SCHEMES, RESETS)])
def test_gradients_in_float32_are_those_of_the_reference_to_rounding(random_trains, scheme, reset):
    rng, neuron = np.random.default_rng(2), neuron_with(scheme=scheme, reset=reset)
    inputs, weights = lively(rng, random_trains, np.float32)
    spikes = forward.clocked_spikes(inputs, weights, neuron, STEPS, STEPS)
    errors = rng.normal(size=len(spikes.events.times)).astype(np.float32)
    arguments = errors, spikes, inputs, weights, neuron, STEPS, 1, True
    assert_close(cpu.clocked_gradients(*arguments), reference.clocked_gradients(*arguments), TOLERANCE[np.float32])


def test_for_inputs_on_the_grid_both_estimators_of_the_exponential_scheme_agree(random_trains):
    rng = np.random.default_rng(3)
    inputs, weights = lively(rng, random_trains)
    for on_grid in (True, False):
        times = np.floor(inputs.times / DT) * DT if on_grid else inputs.times
        moved = type(inputs)(inputs.offsets, times, inputs.neurons, inputs.slots, inputs.n_neurons, inputs.n_slots)
        found = []
        for estimator in ESTIMATORS:
            neuron = neuron_with(scheme="exponential", estimator=estimator)
            spikes = forward.clocked_spikes(moved, weights, neuron, STEPS, STEPS)
            errors = np.ones(len(spikes.events.times))
            found.append(cpu.clocked_gradients(errors, spikes, moved, weights, neuron, STEPS, 1, True)[0])
        assert np.allclose(*found, rtol=1e-12) == on_grid


@pytest.mark.parametrize("n_post", [1, 31, 32, 33, 1025])
def test_neurons_side_by_side_have_the_gradients_each_has_alone(random_trains, n_post):
    rng, neuron = np.random.default_rng(n_post), neuron_with()
    inputs, weights = lively(rng, random_trains, batch=2, n_post=n_post, largest=1.0)
    spikes = forward.clocked_spikes(inputs, weights, neuron, STEPS, STEPS)
    errors = rng.normal(size=len(spikes.events.times))
    gradient, _ = cpu.clocked_gradients(errors, spikes, inputs, weights, neuron, STEPS, 1, False)
    for j in {0, n_post // 2, n_post - 1}:
        alone = weights[:, [j]].copy()
        own = forward.clocked_spikes(inputs, alone, neuron, STEPS, STEPS)
        expected, none = cpu.clocked_gradients(errors[spikes.neurons == j], own, inputs, alone, neuron, STEPS, 1, False)
        np.testing.assert_allclose(gradient[:, :, [j]], expected, rtol=1e-13)
        assert none is None


def test_the_number_of_threads_changes_no_bit(random_trains, monkeypatch):
    rng, neuron = np.random.default_rng(5), neuron_with()
    monkeypatch.setattr("bats_dt.kernels.threads.LEAST_UPDATES", 0)
    inputs, weights = lively(rng, random_trains, np.float32, batch=9, n_post=40)
    spikes = forward.clocked_spikes(inputs, weights, neuron, STEPS, STEPS)
    errors = rng.normal(size=len(spikes.events.times)).astype(np.float32)
    for parts in (1, 3, 9):
        results = []
        for threads in (1, 3):
            with use_threads(threads):
                results.append(cpu.clocked_gradients(errors, spikes, inputs, weights, neuron, STEPS, parts, True))
        for one, two in zip(*results, strict=True):
            np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("module", [cpu, reference], ids=["cpu", "reference"])
def test_an_empty_batch_and_a_silent_one_have_zero_gradients(module, random_trains):
    neuron = neuron_with()
    for batch in (0, 2):
        inputs, weights = event_lists(*random_trains(np.random.default_rng(0), batch, 5, 1)), np.full((5, 3), -1.0)
        spikes = forward.clocked_spikes(inputs, weights, neuron, 4, 4)
        for parts in (1, batch):
            gradient, input_errors = module.clocked_gradients(
                np.empty(0), spikes, inputs, weights, neuron, 4, parts, True
            )
            assert gradient.shape == (parts, 5, 3)
            assert input_errors.shape == inputs.times.shape
            assert not gradient.any()
            assert not input_errors.any()
