import numpy as np
import pytest

from bats_dt import set_backend

# Largest difference of the fast kernels from the float64 reference, which reads the same float32 weights and times.
# float64: roundings only. float32: the state carries some ten roundings of 6e-8, and a near-tangential crossing
# multiplies them by the inverse of its slope.
TIME_TOLERANCE = {np.float64: 1e-12, np.float32: 3e-6}  # [s]
GRADIENT_TOLERANCE = {np.float64: 1e-10, np.float32: 2e-3}  # relative to the largest entry


@pytest.fixture(autouse=True)
def _default_backend():
    yield
    set_backend("cpu")


@pytest.fixture
def time_tolerance():
    return TIME_TOLERANCE


@pytest.fixture
def gradient_tolerance():
    return GRADIENT_TOLERANCE


@pytest.fixture
def random_trains():
    """Spike trains (times, counts) with 0 to ``slots`` spikes a neuron in the first 0.1 s."""

    def make(rng, batch, n_neurons, slots, dtype=np.float64, grid=None):
        times = rng.uniform(0, 0.1, (batch, n_neurons, slots)).astype(dtype)
        times = np.sort(times if grid is None else grid.encode(times), axis=2)
        counts = rng.integers(0, slots + 1, (batch, n_neurons)).astype(np.int32)
        times[np.arange(slots) >= counts[..., None]] = np.inf
        return times, counts

    return make


@pytest.fixture
def one_spike_inputs():
    """Trains of one sample in which neuron i spikes at ``times[i]``."""

    def make(times, dtype=np.float64):
        times = np.asarray(times, dtype)
        return times[None, :, None], np.isfinite(times[None]).astype(np.int32)

    return make
