import dataclasses
import importlib.util
from pathlib import Path

import numpy as np
import pytest

from bats_dt import set_backend
from bats_dt.backend import as_array, to_numpy
from bats_dt.kernels import device

# Largest difference of the fast kernels from the float64 reference, which reads the same float32 weights and times.
# float64: roundings only. float32: the state carries some ten roundings of 6e-8, and a near-tangential crossing
# multiplies them by the inverse of its slope.
TIME_TOLERANCE = {np.float64: 1e-12, np.float32: 3e-6}  # [s]
GRADIENT_TOLERANCE = {np.float64: 1e-10, np.float32: 2e-3}  # relative to the largest entry


@pytest.fixture(autouse=True)
def _backend_of_the_host():
    """Tests begin with the CPU's backend, whether or not there is a GPU, and cannot change it for those after them."""
    set_backend("cpu")
    yield
    set_backend("cpu")


@pytest.fixture(params=["on the CPU", pytest.param("on a GPU", marks=pytest.mark.gpu)])
def cuda(request, monkeypatch):
    """The backend "cuda": on a GPU where there is one; without it its kernels are compiled by g++ and run on the CPU,
    on arrays that refuse what CuPy's would refuse (``tests/cuda_on_cpu``).
    """
    if request.param == "on a GPU":
        request.getfixturevalue("gpu")
    else:
        _emulate(request.getfixturevalue("cuda_on_cpu"), monkeypatch)
    set_backend("cuda")


@pytest.fixture
def on_cuda(cuda):
    """on_cuda(function, *arguments): its value under the backend "cuda", in arrays of the host like the arguments.

    Between calls the backend is that of the CPU. Arrays in dataclasses and tuples are moved, too.
    """
    set_backend("cpu")

    def call(function, *arguments):
        set_backend("cuda")
        try:
            there = [_moved(argument, lambda array: as_array("arguments", array)) for argument in arguments]
            return _moved(function(*there), to_numpy)
        finally:
            set_backend("cpu")

    return call


def _moved(value, move):
    if hasattr(value, "dtype") and hasattr(value, "shape") and not isinstance(value, np.generic):
        return move(value)
    if isinstance(value, tuple):
        return tuple(_moved(part, move) for part in value)
    if dataclasses.is_dataclass(value):
        fields = {field.name: _moved(getattr(value, field.name), move) for field in dataclasses.fields(value)}
        return type(value)(**fields)
    return value


def _emulate(_, monkeypatch):
    arrays, on_cpu = _strict_arrays(), device.launch

    def launch(source, kernel, items, arguments, *rest):
        for argument in arguments:
            device._value(kernel, 0, argument)  # refuses arrays of the host and those with gaps
        bare = [argument._host if isinstance(argument, arrays.StrictArray) else argument for argument in arguments]
        on_cpu(source, kernel, items, bare, *rest)

    monkeypatch.setattr(device, "launch", launch)
    monkeypatch.setattr(device, "array_module", lambda: arrays.strict_cupy)
    monkeypatch.setattr(device, "current", lambda: (0, 0))


def _strict_arrays():
    path = Path(__file__).parents[1] / "cuda_on_cpu" / "strict_arrays.py"
    spec = importlib.util.spec_from_file_location("strict_arrays", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def time_tolerance():
    return TIME_TOLERANCE


@pytest.fixture
def gradient_tolerance():
    return GRADIENT_TOLERANCE


@pytest.fixture
def random_trains():
    """Spike trains (times, counts) with 0 to ``slots`` spikes a neuron in the first 0.1 s."""

    def make(rng, batch, n_neurons, slots, dtype=np.float64, grid=None):
        times = rng.uniform(0, 0.1, (batch, n_neurons, slots)).astype(dtype)
        times = np.sort(times if grid is None else grid.encode(times), axis=2)
        counts = rng.integers(0, slots + 1, (batch, n_neurons)).astype(np.int32)
        times[np.arange(slots) >= counts[..., None]] = np.inf
        return times, counts

    return make


@pytest.fixture
def one_spike_inputs():
    """Trains of one sample in which neuron i spikes at ``times[i]``."""

    def make(times, dtype=np.float64):
        times = np.asarray(times, dtype)
        return times[None, :, None], np.isfinite(times[None]).astype(np.int32)

    return make
