"""Weights and thresholds as large as Loihi's registers allow."""

from __future__ import annotations

import numpy as np
import pytest

from lava_dt.export.bats.quantisation import (
    LARGEST_STATE,
    largest_scale,
    measured_scale,
    quantise,
    unmeasured_scale,
    weight_range,
)


@pytest.mark.parametrize(
    ("weight", "level", "largest"),
    [([1.0, -0.5], 10.0, 254), ([0.5, -1.0], 10.0, 256), ([1.0, -1.0], 1000.0, 131), ([0.0, 0.0], 1000.0, 0)],
)
def test_weights_fill_8_bits_unless_the_threshold_fills_its_17_first(weight, level, largest):
    weight = np.array(weight)
    found = quantise("a", weight, level, largest_scale(weight, level, 8), 8)
    assert found.threshold == int(found.scale * level + 0.5) <= 131071
    assert abs(found.largest - largest) <= 2
    assert not found.weight.size or (found.weight % 2 == 0).all()


def test_the_threshold_is_exact_at_the_scale_that_is_told():
    weight = np.random.default_rng(0).normal(0, 0.6, (40, 50))
    found = quantise("a", weight, 21.1865, largest_scale(weight, 21.1865, 8), 8)
    assert found.threshold / found.scale == pytest.approx(21.1865, rel=1e-12)
    np.testing.assert_allclose(found.weight / found.scale, weight, atol=1.001 / found.scale)  # half of a step of 2
    assert found.weight_error == pytest.approx(
        np.linalg.norm(found.weight / found.scale - weight) / np.linalg.norm(weight)
    )


def test_fewer_bits_are_coarser_steps_of_the_same_range():
    weight = np.linspace(-1, 1, 201)
    found = quantise("a", weight, 10.0, largest_scale(weight, 10.0, 4), 4)
    assert weight_range(4) == (-256, 224)
    assert (found.weight % 32 == 0).all()
    assert found.weight.max() == 224


def test_states_get_room_as_measured_or_for_32_thresholds():
    assert 32 * 20.0 * unmeasured_scale(20.0) * 64 == pytest.approx(LARGEST_STATE)
    assert measured_scale(2.0 * LARGEST_STATE, 100.0) == pytest.approx(40)  # a margin of a quarter
    assert measured_scale(0, 100.0) == 100


def test_a_layer_of_which_nothing_would_be_left_is_refused():
    weight = np.array([[0.001, -0.001]])
    with pytest.raises(ValueError, match=r"layer 'a' has at this dt a threshold of 2e\+07 times its largest weight"):
        quantise("layer 'a'", weight, 20000.0, largest_scale(weight, 20000.0, 8), 8)
    with pytest.raises(ValueError, match=r"a threshold of 0\.1 beside weights of up to 1e\+03, and Loihi's 8 bits"):
        quantise("layer 'a'", weight * 1e6, 0.1, largest_scale(weight * 1e6, 0.1, 8), 8)
