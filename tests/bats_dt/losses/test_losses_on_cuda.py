"""Losses of arrays on a GPU, or as strict as CuPy's, are those of arrays on the host."""

import numpy as np
import pytest

from bats_dt import set_backend
from bats_dt.backend import array_module, to_numpy
from bats_dt.losses import (
    SpikeCountClassLoss,
    SpikeCountLoss,
    SpikeTimeLoss,
    TTFSSoftmaxCrossEntropy,
    VanRossumClassLoss,
    VanRossumLoss,
)

LABELS = np.array([0, 1, 2, 1, 0])
CASES = {
    "class counts": (SpikeCountClassLoss(5, 1), LABELS),
    "counts": (SpikeCountLoss(), 3.0 * np.eye(3)[LABELS]),
    "first spikes": (TTFSSoftmaxCrossEntropy(0.01), LABELS),
    "trains": (VanRossumLoss(0.1, 0.2), np.where(np.eye(3)[LABELS] > 0, 0.05, np.inf)[:, :, None]),
    "class trains": (VanRossumClassLoss(0.1, 0.2, true_times=[0.02, 0.1], false_times=[0.15]), LABELS),
    "times": (SpikeTimeLoss(), np.where(np.eye(3)[LABELS] > 0, 0.05, np.inf)),
}


def computed(loss, times, counts, targets):
    asarray = array_module().asarray
    found = [
        *loss.compute_loss_and_errors(asarray(times), asarray(counts), asarray(targets)),
        loss.predict(asarray(times), asarray(counts)),
        *loss.compute_loss_and_errors(times, counts, targets),  # arrays of the host are taken too
    ]
    assert all(isinstance(array, array_module().ndarray) for array in found)
    return [to_numpy(array) for array in found]


@pytest.mark.parametrize("case", CASES)
def test_they_agree_where_all_neurons_fire_and_where_some_or_none_do(cuda, random_trains, case):
    times, counts = random_trains(np.random.default_rng(0), 5, 3, 2, np.float32)
    times[0], counts[0] = np.inf, 0
    times[1, 1], counts[1, 1] = np.inf, 0
    results = []
    for backend in ("cuda", "cpu"):
        set_backend(backend)
        results.append(computed(CASES[case][0], times, counts, CASES[case][1]))
    for found, expected in zip(*results, strict=True):
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-12)  # one rounding of float32


def test_what_does_not_fit_is_refused_in_the_same_words(cuda):
    asarray = array_module().asarray
    times, counts = asarray(np.ones((1, 3, 1), np.float32)), asarray(np.ones((1, 3), np.int32))
    with pytest.raises(ValueError, match="labels go from 3 to 3 but the output layer has 3 neurons: pass 0 to 2"):
        TTFSSoftmaxCrossEntropy(0.1).compute_loss(times, counts, asarray(np.array([3])))
    with pytest.raises(ValueError, match="targets go to 2 s but a silent neuron counts as one that fires at 1 s"):
        SpikeTimeLoss().compute_loss(times, counts, asarray(np.full((1, 3), 2.0)))
