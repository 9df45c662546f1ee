"""The correlation of output counts."""

import numpy as np
import pytest

from runs.tune.likeness import likeness


def test_it_is_pearsons_correlation_of_every_sample():
    rng = np.random.default_rng(0)
    a, b = rng.poisson(5, (20, 10)).astype(np.float32), rng.poisson(5, (20, 10)).astype(np.float32)
    assert likeness(a, b) == pytest.approx([np.corrcoef(x, y)[0, 1] for x, y in zip(a, b, strict=True)], abs=1e-12)


def test_fewer_spikes_of_all_classes_alike_make_no_difference():
    a = np.array([[1, 2, 9]], np.float32)
    assert likeness(3 * a + 2, a) == pytest.approx([1]) and likeness(-a, a) == pytest.approx([-1])


def test_silence_is_like_nothing():
    assert likeness(np.zeros((1, 3), np.float32), np.array([[1, 2, 9]], np.float32)).tolist() == [0]
