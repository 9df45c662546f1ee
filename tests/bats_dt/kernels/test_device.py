import sys
from types import SimpleNamespace

import numpy as np
import pytest

from bats_dt.kernels import device


class Device:
    """What of CuPy the loader uses, recorded instead of done."""

    def __init__(self, devices=1, external=True):
        self.calls, self.compiled, self.entered = [], [], []
        recorder = self

        class Context:
            def __init__(self, *what):
                self.what = what

            def __enter__(self):
                recorder.entered.append(self.what)

            def __exit__(self, *error):
                return None

        class CUDARuntimeError(RuntimeError):
            pass

        def count():
            if devices is None:
                raise CUDARuntimeError("cudaErrorInsufficientDriver")
            return devices

        def module(code, options):
            recorder.compiled.append((code, options))
            return SimpleNamespace(get_function=lambda name: lambda *launch: recorder.calls.append((name, *launch)))

        stream = type("Stream", (Context,), {"from_external": lambda other: Context("stream", other.__cuda_stream__())})
        self.cuda = SimpleNamespace(
            Device=lambda index: Context("device", index),
            Stream=stream if external else Context,
            ExternalStream=lambda stream, index: Context("stream", stream, index),
            runtime=SimpleNamespace(
                getDeviceCount=count, runtimeGetVersion=lambda: 12090, CUDARuntimeError=CUDARuntimeError
            ),
        )
        self.RawModule = module


@pytest.fixture
def cupy(monkeypatch):
    def install(*args, **kwargs):
        fake = Device(*args, **kwargs)
        monkeypatch.setitem(sys.modules, "cupy", fake)
        return fake

    def forget():
        device._cupy.cache_clear()
        device._function.cache_clear()
        device._module.cache_clear()

    forget()
    yield install
    forget()


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "kernel.cu"
    path.write_text('extern "C" __global__ void add(float* x, long long n) {}\n')
    return path


def on_gpu(address, strides=None):
    interface = {"data": (address, False), "shape": (2, 3), "strides": strides}
    return SimpleNamespace(__cuda_array_interface__=interface)


def tensor_on_gpu(address, contiguous=True):
    return SimpleNamespace(
        is_cuda=True,
        data_ptr=lambda: address,
        is_contiguous=lambda: contiguous,
        shape=(2, 3),
        stride=lambda: (3, 1) if contiguous else (1, 2),
    )


def test_a_kernel_gets_a_thread_an_item_on_the_callers_device_and_stream(cupy, source):
    fake = cupy()
    device.launch(source, "add", 2 * device.THREADS + 1, [on_gpu(4096), np.int64(7), None], device=3, stream=99)
    [(name, grid, block, values)] = fake.calls
    assert (name, grid, block) == ("add", (3,), (device.THREADS,))
    assert values == (4096, 7, 0)
    assert [type(value) for value in values] == [np.uint64, np.int64, np.uint64]
    assert fake.entered == [("device", 3), ("stream", (0, 99))]


def test_a_tensor_of_torch_is_its_address(cupy, source):
    fake = cupy()
    device.launch(source, "add", 1, [tensor_on_gpu(4096)], device=0, stream=0)
    [(_, _, _, values)] = fake.calls
    assert values == (4096,) and type(values[0]) is np.uint64


def test_before_version_14_cupy_takes_the_streams_address(cupy, source):
    fake = cupy(external=False)
    device.launch(source, "add", 1, [], device=1, stream=99)
    assert fake.entered == [("device", 1), ("stream", 99, 1)]


@pytest.mark.parametrize("external", [True, False], ids=["from 14 on", "before 14"])
def test_where_cupy_does_not_find_the_wheel_of_nvrtc_itself_it_is_loaded(cupy, source, tmp_path, monkeypatch, external):
    library = tmp_path / "nvidia" / "cuda_nvrtc" / "lib" / "libnvrtc.so.12"
    library.parent.mkdir(parents=True)
    for name in ("libnvrtc.so.12", "libnvrtc.so.13", "libnvrtc-builtins.so.12.9"):
        library.with_name(name).touch()
    loaded = []
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.setattr(device, "ctypes", SimpleNamespace(CDLL=loaded.append))
    cupy(external=external)
    for _ in range(2):
        device.launch(source, "add", 1, [], device=0, stream=0)
    assert loaded == ([] if external else [str(library)])


def test_a_source_is_compiled_once_a_device_and_without_contraction(cupy, source):
    fake = cupy(devices=2)
    for index in (0, 1, 0):
        device.launch(source, "add", 1, [], device=index, stream=0)
    assert [code for code, _ in fake.compiled] == [source.read_text()] * 2
    assert "--fmad=false" in fake.compiled[0][1]
    assert len(fake.calls) == 3


def test_a_source_is_compiled_anew_for_other_macros(cupy, source):
    fake = cupy()
    for defines in ((), ("REAL=float",), ("REAL=double",), ("REAL=float",)):
        device.launch(source, "add", 1, [], device=0, stream=0, defines=defines)
    assert [options[len(device.OPTIONS) :] for _, options in fake.compiled] == [
        (),
        ("-DREAL=float",),
        ("-DREAL=double",),
    ]


def test_kernels_start_on_cupys_current_device_and_stream_in_the_dtype_asked_for(cupy, source, monkeypatch):
    fake, started = cupy(), []
    fake.cuda.Device = lambda: SimpleNamespace(id=2)
    fake.cuda.get_current_stream = lambda: SimpleNamespace(ptr=77)
    monkeypatch.setattr(device, "launch", lambda *call: started.append(call))
    device.start(source, "add", 5, np.float64, np.int64(7))
    assert started == [(source, "add", 5, (np.int64(7),), 2, 77, ("REAL=double",))]


def test_kernels_are_available_where_cupy_sees_a_gpu(cupy):
    cupy()
    assert device.available()
    cupy(devices=0)
    device._cupy.cache_clear()
    assert not device.available()


def test_no_items_start_nothing_and_need_no_device(source):
    device.launch(source, "add", 0, [object()], device=0, stream=0)


def test_a_missing_cupy_is_reported_with_what_to_install(cupy, source, monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(RuntimeError, match=r'CuPy, which is not installed: pip install "lava-dt\[cuda12\]" or'):
        device.launch(source, "add", 1, [], device=0, stream=0)


@pytest.mark.parametrize(
    ("devices", "reason"), [(0, "sees none: check"), (None, r"none \(cudaErrorInsufficientDriver")]
)
def test_a_missing_device_is_reported_with_what_to_check(cupy, source, devices, reason):
    cupy(devices=devices)
    with pytest.raises(RuntimeError, match=reason):
        device.launch(source, "add", 1, [], device=0, stream=0)


def test_what_a_kernel_cannot_take_is_refused_in_words(source):
    with pytest.raises(TypeError, match="argument 1 of add is a list: pass an array on a GPU, a NumPy scalar"):
        device.launch(source, "add", 1, [np.int64(1), [2]], device=0, stream=0)
    with pytest.raises(ValueError, match=r"argument 0 of add has shape \(2, 3\) and strides \(4, 8\): .* contiguous"):
        device.launch(source, "add", 1, [on_gpu(1, (4, 8))], device=0, stream=0)
    with pytest.raises(ValueError, match=r"argument 0 of add has shape \(2, 3\) and strides \(1, 2\): .* contiguous"):
        device.launch(source, "add", 1, [tensor_on_gpu(1, contiguous=False)], device=0, stream=0)
