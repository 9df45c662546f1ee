import math

import numpy as np
import pytest

from bats_dt import set_backend
from bats_dt.backend import array_module, to_numpy
from bats_dt.optimizers import AdamOptimizer, NAdamOptimizer


def test_two_steps_follow_the_formula():
    optimizer = AdamOptimizer(beta_1=0.8, beta_2=0.9, epsilon=1e-3, learning_rate=0.1)
    rng = np.random.default_rng(0)
    m = v = np.zeros((3, 4))
    for t in (1, 2):
        gradient = rng.normal(size=(3, 4))
        m, v = 0.8 * m + 0.2 * gradient, 0.9 * v + 0.1 * gradient**2
        expected = -0.1 * (m / (1 - 0.8**t)) / (np.sqrt(v / (1 - 0.9**t)) + 1e-3)
        (delta,) = optimizer.step([gradient])
        np.testing.assert_allclose(delta, expected, rtol=1e-12)


def test_two_steps_of_nadam_follow_the_formula():
    optimizer = NAdamOptimizer(beta_1=0.8, beta_2=0.9, epsilon=1e-3, learning_rate=0.1)
    rng = np.random.default_rng(0)
    m = v = np.zeros((3, 4))
    for t in (1, 2):
        gradient = rng.normal(size=(4, 3)).T  # the layout of a layer's weights
        m, v = 0.8 * m + 0.2 * gradient, 0.9 * v + 0.1 * gradient**2
        ahead = 0.8 * m / (1 - 0.8**t) + 0.2 * gradient / (1 - 0.8**t)
        expected = -0.1 / (np.sqrt(v / (1 - 0.9**t)) + 1e-3) * ahead
        kept = gradient.copy()
        (delta,) = optimizer.step([gradient])
        np.testing.assert_allclose(delta, expected, rtol=1e-12)
        np.testing.assert_array_equal(gradient, kept)
        assert delta.strides == gradient.strides


def test_the_first_step_goes_the_learning_rate_against_the_gradient():
    (none, delta) = AdamOptimizer(learning_rate=0.5).step([None, np.array([[2.0, -3.0]], np.float32)])
    assert none is None
    np.testing.assert_allclose(delta, [[-0.5, 0.5]], rtol=1e-6)
    assert delta.dtype == np.float32


def test_a_zero_gradient_moves_nothing():
    (delta,) = AdamOptimizer().step([np.zeros((2, 2), np.float32)])
    assert not delta.any()


def test_the_learning_rate_can_be_changed_between_steps():
    optimizer = AdamOptimizer(learning_rate=1.0)
    optimizer.learning_rate = 0.25
    np.testing.assert_allclose(optimizer.step([np.ones(1)])[0], [-0.25], rtol=1e-6)


@pytest.mark.parametrize("optimizer", [AdamOptimizer, NAdamOptimizer])
def test_a_restored_optimizer_continues_as_if_nothing_had_happened(optimizer):
    rng = np.random.default_rng(1)
    gradients = rng.normal(size=(4, 6, 5)).astype(np.float32)
    straight, stopped = optimizer(), optimizer()
    expected = [straight.step([None, g.T, None])[1] for g in gradients][-1]  # of an input, a dense and a pooling layer
    for g in gradients[:2]:
        stopped.step([None, g.T, None])
    continued = optimizer()
    continued.load_state_dict({name: np.ascontiguousarray(value) for name, value in stopped.state_dict().items()})
    for g in gradients[2:]:
        (_, delta, _) = continued.step([None, g.T, None])
    np.testing.assert_array_equal(delta, expected)
    assert delta.strides == expected.strides == gradients[0].T.strides


@pytest.mark.parametrize("optimizer", [AdamOptimizer, NAdamOptimizer])
def test_a_state_of_the_gpu_is_kept_on_the_host_and_continues_there_or_here(cuda, optimizer):
    gradients = np.random.default_rng(2).normal(size=(3, 5, 4)).astype(np.float32)
    on_gpu, continued, expected = optimizer(), optimizer(), optimizer()
    asarray = array_module().asarray
    for g in gradients[:2]:
        on_gpu.step([None, asarray(g)])
    state = on_gpu.state_dict()
    assert all(isinstance(array, np.ndarray) for array in state.values())
    continued.load_state_dict(state)
    found = [to_numpy(each.step([None, asarray(gradients[2])])[1]) for each in (on_gpu, continued)]
    np.testing.assert_array_equal(*found)
    set_backend("cpu")
    for g in gradients:
        (_, delta) = expected.step([None, g])
    np.testing.assert_allclose(found[0], delta, rtol=1e-4)  # float32 sums in another order of operations


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"beta_1": 1.0}, "beta_1 is 1.0: pass a number from 0 to below 1"),
        ({"beta_2": -0.1}, "beta_2 is -0.1"),
        ({"epsilon": 0.0}, "epsilon is 0.0: pass a number above 0"),
        ({"epsilon": math.inf}, "epsilon is inf: pass a number above 0"),
        ({"learning_rate": math.nan}, "learning_rate is nan: pass a finite number"),
        ({"learning_rate": -1.0}, "learning_rate is -1.0"),
    ],
)
def test_arguments_out_of_range_are_refused_in_words(arguments, message):
    with pytest.raises(ValueError, match=message):
        AdamOptimizer(**arguments)


@pytest.mark.parametrize("name", ["beta_1", "beta_2", "epsilon", "learning_rate"])
def test_arguments_that_are_no_numbers_are_refused_in_words(name):
    with pytest.raises(TypeError, match=f"{name} is 'x': pass a"):
        AdamOptimizer(**{name: "x"})


@pytest.mark.parametrize("gradients", [[None, np.ones((3, 2))], [None, np.ones((2, 3)), np.ones(2)], [None, None], []])
def test_gradients_of_another_network_are_refused(gradients):
    optimizer = AdamOptimizer()
    optimizer.step([None, np.ones((2, 3))])
    with pytest.raises(ValueError, match="use one optimizer a network"):
        optimizer.step(gradients)


@pytest.mark.parametrize("missing", ["steps", "second.1"])
def test_a_state_that_is_not_whole_is_refused_in_words_and_changes_nothing(missing):
    optimizer = AdamOptimizer(learning_rate=1.0)
    optimizer.step([None, np.ones((2, 3))])
    state = optimizer.state_dict()
    kept = optimizer.state_dict()
    del state[missing]
    with pytest.raises(ValueError, match=f"the state has no '{missing}': pass what AdamOptimizer.state_dict gave"):
        optimizer.load_state_dict(state)
    for name, array in optimizer.state_dict().items():
        np.testing.assert_array_equal(array, kept[name])


@pytest.mark.parametrize(
    ("gradient", "shown"),
    [(np.ones((2, 3), int), "has dtype int64"), (np.ones(2, np.float16), "has dtype float16"), ([1.0], r"is \[1\.0\]")],
)
def test_gradients_that_are_no_floating_point_arrays_are_refused_in_words(gradient, shown):
    with pytest.raises(TypeError, match=f"gradient 1 {shown}: pass a float32 or float64 array, or None"):
        AdamOptimizer().step([None, gradient])
