from types import SimpleNamespace

import numpy as np
import pytest

import bats_dt
from bats_dt import backend, get_backend, set_backend
from bats_dt.backend import array_module, as_array, check_arrays, to_numpy
from bats_dt.kernels import device
from bats_dt.kernels.event_lists import event_lists


@pytest.fixture
def undecided(monkeypatch):
    """No backend has been chosen yet, as after the import."""
    monkeypatch.setattr(backend, "_selected", [None])


def without_gpu():
    raise RuntimeError("the GPU kernels need a CUDA device, and CuPy sees none: or compute on the CPU")


def test_where_cupy_sees_no_gpu_the_default_is_the_cpu(undecided, monkeypatch):
    monkeypatch.setattr(device, "array_module", without_gpu)
    assert get_backend() == "cpu"
    assert array_module() is np


def test_where_cupy_sees_a_gpu_the_default_is_cuda_and_its_arrays_are_cupys(undecided, monkeypatch):
    cupy = object()
    monkeypatch.setattr(device, "array_module", lambda: cupy)
    assert get_backend() == "cuda"
    assert array_module() is cupy


def test_the_default_is_decided_at_first_use_and_stays(undecided, monkeypatch):
    asked = []
    monkeypatch.setattr(device, "available", lambda: bool(asked.append(1)))
    assert not asked
    assert [get_backend(), get_backend()] == ["cpu", "cpu"]
    assert len(asked) == 1


def test_cuda_without_a_gpu_is_refused_with_what_to_do_instead(monkeypatch):
    monkeypatch.setattr(device, "array_module", without_gpu)
    with pytest.raises(
        RuntimeError, match=r"set_backend\('cuda'\): .* CuPy sees none.* on the CPU: set_backend\('cpu'"
    ):
        set_backend("cuda")
    assert get_backend() == "cpu"


def test_an_unknown_backend_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="backend is 'tpu': pass 'cpu', 'cuda' or 'reference'"):
        set_backend("tpu")
    with pytest.raises(ValueError, match=r"backend is \[1\]: pass"):
        set_backend([1])


def test_the_reference_can_be_chosen():
    trains = np.array([[[0.2], [0.1]]]), np.ones((1, 2), np.int32)
    fast = event_lists(*trains)
    set_backend("reference")
    np.testing.assert_array_equal(event_lists(*trains).neurons, fast.neurons)


def test_arrays_of_the_host_are_put_where_the_backend_computes_and_come_back(cuda):
    there = as_array("times", [1.0, 2.0], np.float32)
    assert isinstance(there, array_module().ndarray)
    np.testing.assert_array_equal(to_numpy(there), np.array([1, 2], np.float32))
    np.testing.assert_array_equal(to_numpy([3, 4]), [3, 4])


def test_an_array_on_a_gpu_is_not_brought_to_the_host_unasked():
    on_gpu = SimpleNamespace(__cuda_array_interface__={})
    with pytest.raises(TypeError, match=r"times: an array on a GPU, but the backend is 'cpu': pass .*to_numpy of it"):
        as_array("times", on_gpu)
    with pytest.raises(TypeError, match="weights are on a GPU but the backend is 'cpu': a network and its spikes"):
        check_arrays(errors=np.zeros(1), weights=on_gpu)


def test_arrays_of_the_host_are_refused_by_kernels_of_the_gpu(cuda):
    check_arrays(weights=as_array("weights", [1.0]))
    with pytest.raises(
        TypeError, match=r"weights are on the host but the backend is 'cuda': .* call set_backend before"
    ):
        check_arrays(weights=np.zeros(1))


def test_what_stands_in_for_cupy_refuses_what_cupy_would(cuda):
    x = as_array("x", [1.0, 2.0])
    for mixed in (
        lambda: x + np.ones(2), lambda: np.ones(2) - x, lambda: np.asarray(x),
        lambda: array_module().where(x > 1, x, [1, 2]),
    ):  # fmt: skip
        with pytest.raises(TypeError):
            mixed()
    with pytest.raises(TypeError):
        range(x.argmax())  # CuPy's arrays are no indices of Python's
    assert isinstance(np.square(x).sum(), array_module().ndarray)
    assert [float(np.maximum(x, 1.5)[0]), int(x.argmax()), len(x), f"{x.max():.1f}"] == [1.5, 1, 2, "2.0"]


def test_the_public_names_are_there():
    for name in bats_dt.__all__:
        assert hasattr(bats_dt, name)
