import math

import numpy as np
import pytest

from bats_dt.optimizers import GradientDescentOptimizer


def test_a_step_goes_the_learning_rate_times_the_gradient_down():
    optimizer = GradientDescentOptimizer(0.5)
    gradient = np.array([[2.0, -3.0]], np.float32)
    (none, delta) = optimizer.step([None, gradient])
    assert none is None
    np.testing.assert_array_equal(delta, [[-1.0, 1.5]])
    assert delta.dtype == np.float32
    optimizer.learning_rate = 0.25
    np.testing.assert_array_equal(optimizer.step([gradient])[0], [[-0.5, 0.75]])
    np.testing.assert_array_equal(gradient, [[2.0, -3.0]])


def test_it_remembers_nothing():
    optimizer = GradientDescentOptimizer(learning_rate=0.1)
    optimizer.step([np.ones(2)])
    assert optimizer.state_dict() == {}
    optimizer.load_state_dict({})
    with pytest.raises(
        ValueError, match=r"a state with first\.0, steps was given but GradientDescentOptimizer keeps none"
    ):
        optimizer.load_state_dict({"steps": np.array(1), "first.0": np.ones(2)})


def test_what_it_cannot_use_is_refused_in_words():
    with pytest.raises(ValueError, match="learning_rate is nan: pass a finite number, 0 or above"):
        GradientDescentOptimizer(math.nan)
    with pytest.raises(TypeError, match="learning_rate is None: pass a finite number"):
        GradientDescentOptimizer(None)
    with pytest.raises(TypeError, match="gradient 0 has dtype int64: pass a float32 or float64 array"):
        GradientDescentOptimizer(0.1).step([np.ones(2, int)])
