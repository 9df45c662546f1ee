import math

import numpy as np
import pytest

from bats_dt import TimeGrid


@pytest.mark.parametrize("dt", [0, -0.1, math.nan, math.inf])
def test_a_timestep_that_is_none_is_refused_in_words(dt):
    with pytest.raises(ValueError, match=r"a timestep must be finite and above 0; .* pass no grid"):
        TimeGrid(dt)


def test_an_unknown_rule_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="rule is 'round': pass one of 'snap', 'detect', 'published'"):
        TimeGrid(0.1, "round")


def test_bins_divide_the_duration():
    assert TimeGrid.from_bins(0.3, 150).dt == pytest.approx(0.002)
    assert TimeGrid.from_bins(0.3, 30, "detect") == TimeGrid(0.01, "detect")
    with pytest.raises(ValueError, match="bins is 0: at least 1"):
        TimeGrid.from_bins(0.3, 0)
    with pytest.raises(ValueError, match=r"bins is 1\.5: at least 1 is needed, a whole number"):
        TimeGrid.from_bins(0.3, 1.5)
    with pytest.raises(TypeError, match="duration is None: pass the seconds"):
        TimeGrid.from_bins(None, 3)


@pytest.mark.parametrize("dt", [None, "a", "0.1", np.ones(3)])
def test_a_timestep_that_is_no_number_is_refused_in_words(dt):
    with pytest.raises(TypeError, match=r"dt is (None|'a'|'0\.1'|an array of shape \(3,\)): a timestep must be finite"):
        TimeGrid(dt)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_encoding_moves_times_up_to_the_grid_and_leaves_those_on_it(dtype):
    grid = TimeGrid(0.1)
    times = np.array([0.0, 0.05, 0.1, 0.1000001, 0.3, 0.31, np.inf], dtype)
    expected = np.array([0.0, 0.1, 0.1, 0.2, 0.3, 0.4, np.inf], dtype)
    np.testing.assert_allclose(grid.encode(times), expected, rtol=1e-6)
    assert grid.encode(times).dtype == dtype


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("dt", [0.002, 0.01, 1 / 3, 1e-4])
def test_encoding_twice_is_encoding_once(dtype, dt):
    grid = TimeGrid(dt)
    once = grid.encode(np.random.default_rng(0).uniform(0, 1, 1000).astype(dtype))
    np.testing.assert_array_equal(grid.encode(once), once)
    np.testing.assert_array_equal(once, (np.rint(once / dt).astype(np.float64) * dt).astype(dtype))


def test_multiples_of_dt_computed_in_float32_are_on_the_grid():
    grid, n = TimeGrid(0.01), np.arange(1000)
    np.testing.assert_array_equal(grid.encode(n.astype(np.float32) * np.float32(0.01)), grid.times(n))


def test_no_encoded_time_is_earlier_or_a_whole_step_later():
    grid, times = TimeGrid(0.007), np.random.default_rng(1).uniform(0, 1, 10000)
    moved = grid.encode(times) - times
    assert moved.min() > -1e-15
    assert moved.max() < 0.007


def test_integers_are_taken_as_seconds():
    np.testing.assert_allclose(TimeGrid(0.4).encode([0, 1]), [0, 1.2])
