import numpy as np
import pytest

import bats_dt
from bats_dt import get_backend, set_backend
from bats_dt.kernels.event_lists import event_lists


def test_cpu_is_the_default():
    assert get_backend() == "cpu"


def test_cuda_is_refused_with_what_to_do_instead():
    with pytest.raises(RuntimeError, match=r"no CUDA kernels yet, .* GPU; call set_backend\('cpu'\)"):
        set_backend("cuda")
    assert get_backend() == "cpu"


def test_an_unknown_backend_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="backend is 'tpu': pass 'cpu' or 'reference'"):
        set_backend("tpu")
    with pytest.raises(ValueError, match=r"backend is \[1\]: pass"):
        set_backend([1])


def test_the_reference_can_be_chosen():
    trains = np.array([[[0.2], [0.1]]]), np.ones((1, 2), np.int32)
    fast = event_lists(*trains)
    set_backend("reference")
    np.testing.assert_array_equal(event_lists(*trains).neurons, fast.neurons)


def test_the_public_names_are_there():
    for name in bats_dt.__all__:
        assert hasattr(bats_dt, name)
