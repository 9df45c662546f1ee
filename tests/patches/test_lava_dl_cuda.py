"""lava-dl on a GPU, without one: its own kernels compiled for the CPU, and a stand-in for torch.cuda."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import patches
from patches.lava_dl.cuda_threshold import whole_threshold

torch = pytest.importorskip("torch")
patches.apply("modern-python")
leaky_integrator = pytest.importorskip("lava.lib.dl.slayer.neuron.dynamics.leaky_integrator")
_spec = importlib.util.spec_from_file_location("cuda_stand_in", Path(__file__).with_name("cuda_stand_in.py"))
assert _spec is not None and _spec.loader is not None
stand_in = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(stand_in)
cuba = importlib.import_module("lava.lib.dl.slayer.neuron.cuba")
jitconfig = importlib.import_module("lava.lib.dl.slayer.jitconfig")

SCALE = 1 << 12  # integers per real unit in CuBa neurons


@pytest.fixture(scope="module")
def extension(tmp_path_factory: pytest.TempPathFactory) -> Any:
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed")
    return stand_in.Extension(stand_in.compiled_kernels(tmp_path_factory.mktemp("kernels")))


@pytest.fixture
def gpu(extension: Any, as_it_was: None) -> Iterator[Any]:
    """lava-dl as it is with its extension compiled, and a function that puts a tensor on the GPU."""
    patches.revert("lava-dl-fixes")
    upstream = leaky_integrator.Accelerated
    upstream.module = extension
    yield lambda tensor: tensor.as_subclass(stand_in.OnCuda)
    patches.revert("lava-dl-fixes")
    assert leaky_integrator.Accelerated is upstream
    upstream.module = None


def neuron(threshold: float = 1.25, **other: Any) -> Any:
    return cuba.Neuron(threshold, current_decay=1.0, voltage_decay=0.0, **other)


def integrated(x: Any, threshold: float | None) -> Any:
    """Without leaks and from rest: the running sum of x, reset."""
    return leaky_integrator.dynamics(x, torch.zeros(1), torch.zeros(1), SCALE, threshold)


def test_a_voltage_exactly_at_the_threshold_is_lost_on_the_gpu_and_kept_with_the_patch(gpu: Any) -> None:
    x = torch.tensor([[[1.0, 0.25, 0.25, 0.25]]])  # 1.0, 1.25 = the threshold, 1.5 above it
    on_cpu = neuron()(x)
    assert on_cpu.tolist() == [[[0, 0, 1, 0]]]
    assert neuron()(gpu(x)).tolist() == [[[0, 0, 0, 0]]]  # reset at 1.25, and silent
    with patches.applied("lava-dl-cuda-threshold"):
        assert neuron()(gpu(x)).tolist() == on_cpu.tolist()
    assert neuron()(gpu(x)).tolist() == [[[0, 0, 0, 0]]]


@pytest.mark.parametrize("scale", [1 << 6, 100, 1])
@pytest.mark.parametrize("threshold", [1 / 64, 0.3125, 1.25, 63.984375, 64.0, 70.0, 1000.0])
def test_gpu_and_cpu_spike_alike_at_every_threshold(gpu: Any, threshold: float, scale: int) -> None:
    level = max(1, int(threshold * scale))
    generator = torch.Generator().manual_seed(level)
    x = torch.randint(0, level // 2 + 2, (2, 3, 40), generator=generator) / scale
    x[0] = level / scale  # every step exactly at the threshold
    with patches.applied("lava-dl-cuda-threshold"):
        for start in (0.0, -level / scale):
            results = []
            for put in (lambda tensor: tensor, gpu):
                cell = neuron(level / scale, scale=scale)
                cell.voltage_state = torch.full((2, 3), start)
                voltage = cell.dynamics(put(x))[1]
                results.append((voltage.tolist(), cell.spike(voltage).tolist()))
            assert results[0] == results[1]


def test_the_smallest_integer_that_resets_comes_out_of_the_kernels_truncation() -> None:
    for scale in (64, 100, 4096, 6400, 1 << 18):
        for integer in (1, 2, 79, 80, 5120, 262143, 262144, 262145, 4_194_303, 8_388_544):
            passed = np.float32(whole_threshold((integer + 0.01) / scale, scale))
            resets_from = int(np.ceil(np.float32((integer + 0.01) / scale * scale)))
            assert int(passed * np.float32(scale)) == resets_from
            assert resets_from == integer + 1 if integer < 100_000 else resets_from in (integer, integer + 1)


@pytest.mark.parametrize("threshold", [None, -1, 0.0])
def test_without_a_threshold_nothing_is_reset(gpu: Any, threshold: float | None) -> None:
    x = torch.tensor([[[0.0, 1.0, 1.0, -3.0]]])
    with patches.applied("lava-dl-cuda-threshold"):
        assert integrated(gpu(x), threshold).tolist() == [[[0, 1, 2, -1]]]
        assert integrated(x, threshold).tolist() == [[[0, 1, 2, -1]]]


def test_the_other_compiled_functions_are_upstreams(gpu: Any, extension: Any) -> None:
    x = torch.tensor([[[1.25, 0.0]]])
    with patches.applied("lava-dl-cuda-threshold"):
        compiled = leaky_integrator.Accelerated.leaky_integrator
        assert compiled.bwd == extension.bwd
        kept = compiled.fwd(x, torch.zeros(1), torch.zeros(1, 1), 1.25 + 0.01 / SCALE, SCALE)[0]
        lost = extension.fwd(x, torch.zeros(1), torch.zeros(1, 1), 1.25 + 0.01 / SCALE, SCALE)[0]
        assert (kept.tolist(), lost.tolist()) == ([[[1.25, 1.25]]], [[[1.25, 0]]])


def test_gradients_of_input_and_decay_are_the_cpus(gpu: Any) -> None:
    generator = torch.Generator().manual_seed(3)
    values = torch.randint(-40, 80, (2, 3, 30), generator=generator) / 64
    cotangent = torch.randn(2, 3, 30, generator=generator)
    with patches.applied("lava-dl-fixes"):
        results = []
        for put in (lambda tensor: tensor, gpu):
            x = values.clone().requires_grad_()
            decay = torch.tensor([500.0, 1000.0, 2000.0], requires_grad=True)
            y = leaky_integrator.dynamics(put(x), decay, torch.zeros(2, 3), SCALE, 1.25 + 0.01 / SCALE)
            (y.as_subclass(torch.Tensor) * cotangent).sum().backward()
            results.append((y.detach().as_subclass(torch.Tensor), x.grad, decay.grad))
    for on_cpu, on_gpu in zip(*results, strict=True):
        torch.testing.assert_close(on_gpu, on_cpu, rtol=1e-5, atol=1e-6)  # sums in float32 of 60 terms, in two orders


def test_the_extension_is_compiled_for_the_gpus_that_are_there(
    as_it_was: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    patches.revert("lava-dl-cuda-arch")
    for capabilities, pinned, own in (
        ([(9, 0)], "8.0", "9.0"),
        ([(12, 0), (8, 6), (12, 0)], "8.0", "8.6;12.0"),
        ([(8, 0)], "8.0", "8.0"),
        ([(7, 5)], None, None),
        ([], None, None),
    ):
        monkeypatch.setattr(torch.cuda, "is_available", lambda there=bool(capabilities): there)
        monkeypatch.setattr(torch.cuda, "device_count", lambda found=capabilities: len(found))
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device, found=capabilities: found[device])
        importlib.reload(jitconfig)
        assert pinned == jitconfig.TORCH_CUDA_ARCH_LIST
        with patches.applied("lava-dl-cuda-arch"):
            assert own == jitconfig.TORCH_CUDA_ARCH_LIST
            patches.apply("lava-dl-cuda-arch")
            assert own == importlib.reload(jitconfig).TORCH_CUDA_ARCH_LIST
        assert pinned == jitconfig.TORCH_CUDA_ARCH_LIST


def test_an_architecture_set_by_hand_is_left_alone(as_it_was: None, monkeypatch: pytest.MonkeyPatch) -> None:
    patches.revert("lava-dl-cuda-arch")
    for before, during in (("7.0+PTX", None), ("8.0", "9.0")):
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (9, 0))
        monkeypatch.setattr(jitconfig, "TORCH_CUDA_ARCH_LIST", before)
        with patches.applied("lava-dl-cuda-arch"):
            assert (during or before) == jitconfig.TORCH_CUDA_ARCH_LIST
            jitconfig.TORCH_CUDA_ARCH_LIST = "8.9"
        assert jitconfig.TORCH_CUDA_ARCH_LIST == "8.9"
