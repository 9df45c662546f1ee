"""In the limit dt -> 0 a clocked layer is the event-driven one: spike times and gradients, to first order in dt.

With R = tau_mem tau_s both have the same potential, and a hard reset to 0 is a soft one by theta where the potential is
theta. Inputs lie on all the grids, so that nothing is binned; what remains is that a spike waits for its grid point,
and the error of the scheme.
"""

import itertools

import numpy as np
import pytest

from bats_dt import Network
from bats_dt.clocked_neuron import RESETS
from bats_dt.discretization import SCHEMES
from bats_dt.layers import ClockedLIFLayer, InputLayer, LIFLayer

TAU_S, TAU_MEM, THETA, END = 0.13, 0.2, 0.2, 0.4  # [s]
INPUT_GRID, STEPS = 2e-3, (1.25e-4, 6.25e-5, 3.125e-5, 1.5625e-5)
SIZES, BATCH = (6, 8, 4), 2


def event_driven(below, weights, _):
    return LIFLayer(
        below, TAU_S, THETA, THETA, lambda *_: weights, 60, n_neurons=len(weights), dtype=np.float64, tau_mem=TAU_MEM
    )


def clocked(scheme, reset, estimator="continuous"):
    def make(below, weights, dt):
        return ClockedLIFLayer(
            below, n_neurons=len(weights), dt=dt, tau_s=TAU_S, tau_mem=TAU_MEM, theta=THETA, scheme=scheme, reset=reset,
            estimator=estimator, resistance=TAU_S * TAU_MEM, max_n_spike=60, dtype=np.float64,
            weight_initializer=lambda *_: weights,
        )  # fmt: skip

    return make


def run(makers, dt):
    """Spike times of the output layer, and the gradients of a linear functional of them."""
    rng = np.random.default_rng(7)
    network = Network()
    network.add_layer(InputLayer(SIZES[0]), input=True)
    for make, n_pre, n_post, largest in zip(makers, SIZES[:-1], SIZES[1:], (2.0, 1.0), strict=True):
        network.add_layer(make(network.layers[-1], rng.uniform(-largest / 4, largest, (n_post, n_pre)), dt))
    times = np.sort(rng.integers(0, 80, (BATCH, SIZES[0], 2)), axis=2) * INPUT_GRID
    network.forward(times, np.full(times.shape[:2], 2), END)
    found, _ = network.output_spike_trains
    gradients = network.backward(rng.normal(size=found.shape))[1:]
    return found[np.isfinite(found)], [layer.spike_trains[1] for layer in network.layers[1:]], gradients


CASES = [
    pytest.param((clocked(scheme, reset, estimator), clocked(scheme, reset, estimator)), id=f"{scheme}-{reset}-{name}")
    for (scheme, reset), (name, estimator) in itertools.product(
        itertools.product(SCHEMES, RESETS), [("continuous", "continuous"), ("discrete", "discrete")]
    )
]
MIXED = [
    pytest.param((event_driven, clocked("backward_euler", "hard")), id="event-driven below"),
    pytest.param((clocked("backward_euler", "hard"), event_driven), id="event-driven above"),
]


@pytest.fixture(scope="module")
def exact():
    return run((event_driven, event_driven), None)


def mean_order(errors):
    """Over all halvings: single ones scatter, as where a spike falls between grid points is a matter of dt."""
    return np.log2(errors[0] / errors[-1]) / (len(errors) - 1)


@pytest.mark.parametrize("makers", CASES + MIXED)
def test_spike_times_and_gradients_are_the_event_driven_ones_to_first_order(exact, makers):
    times, counts, gradients = exact
    assert len(times) > 20
    of_times, of_gradients = [], []
    for dt in STEPS:
        found, found_counts, found_gradients = run(makers, dt)
        for one, other in zip(found_counts, counts, strict=True):
            np.testing.assert_array_equal(one, other)
        of_times.append(np.abs(found - times).mean())
        of_gradients.append(
            [np.abs(one - two).max() / np.abs(two).max() for one, two in zip(found_gradients, gradients, strict=True)]
        )
    assert mean_order(of_times) == pytest.approx(1, abs=0.15)
    assert of_times[-1] < 7 * STEPS[-1]  # a wait of half a step a spike, and the scheme's error, carried on by resets
    # With the coarser steps a spike may still be on the other side of an input than the exact one, a finite error.
    assert (mean_order(np.array(of_gradients)) > 0.65).all()
    assert max(of_gradients[-1]) < 3e-3
