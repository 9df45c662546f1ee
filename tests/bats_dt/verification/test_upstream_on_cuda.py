"""What patches.bats puts into upstream, on arrays as upstream has them: CuPy's, or those that stand in for them."""

import numpy as np
import pytest

from bats_dt import TimeGrid
from bats_dt.backend import array_module, to_numpy
from bats_dt.grid import RULES
from patches.bats.spikes_on_grid import hand_errors_on, spikes_on_grid


@pytest.mark.parametrize("rule", RULES)
def test_arrays_of_a_gpu_stay_there_and_hold_what_the_host_computes(on_cuda, rule):
    rng = np.random.default_rng(7)
    times = np.sort(rng.uniform(0, 0.1, (3, 40)).astype(np.float32), axis=1)
    times[1, 25:] = np.inf
    weights = rng.uniform(-0.5, 1.5, (3, 10, 40)).astype(np.float32)
    errors = rng.normal(size=(3, 10, 20)).astype(np.float32)

    def compute(times, weights, errors):
        results = spikes_on_grid(times, weights, 0.77, 0.77, 0.26, 0.3, 20, TimeGrid(0.01, rule))
        assert all(type(array) is type(times) for array in results)
        assert all(isinstance(array, array_module().ndarray) for array in results)
        hand_errors_on(results[2], results[4], errors)
        return (*results, errors)

    device, host = on_cuda(compute, times, weights, errors), compute(times, weights, errors.copy())
    assert device[0].sum() > 50
    for one, other in zip(device, host, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(to_numpy(one), other, rtol=1e-4)
