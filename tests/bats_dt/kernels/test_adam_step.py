import numpy as np
import pytest

from bats_dt.kernels.adam_step import cpu, reference

CONSTANTS = (0.9, 0.999, 1e-8, 0.01, 3.0)


@pytest.mark.parametrize("layout", ["rows", "columns", "1d", "empty"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_fast_kernel_is_the_reference_on_any_layout(dtype, layout):
    rng = np.random.default_rng(0)
    shape = {"rows": (5, 33), "columns": (33, 5), "1d": (1025,), "empty": (0, 3)}[layout]
    gradient, first, second = (rng.random(shape).astype(dtype) for _ in range(3))
    if layout == "columns":
        gradient, first, second = gradient.T, first.T, second.T
    moments = [(first.copy(order="K"), second.copy(order="K")) for _ in range(2)]
    deltas = [m.adam_step(gradient, *mv, *CONSTANTS) for m, mv in zip((cpu, reference), moments, strict=True)]
    tolerance = {np.float32: 1e-6, np.float64: 1e-14}[dtype]
    np.testing.assert_allclose(deltas[0], deltas[1], rtol=tolerance)
    for fast, slow in zip(*moments, strict=True):
        np.testing.assert_allclose(fast, slow, rtol=tolerance)
    assert deltas[0].shape == gradient.shape


def test_a_gradient_laid_out_otherwise_than_its_moments_gives_the_same():
    rng = np.random.default_rng(1)
    gradient, first, second = rng.random((3, 4, 6))
    expected = cpu.adam_step(gradient, first.copy(), second.copy(), *CONSTANTS)
    other = cpu.adam_step(np.asfortranarray(gradient), first.copy(), second.copy(), *CONSTANTS)
    np.testing.assert_array_equal(other, expected)
