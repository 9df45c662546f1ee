"""lava-dl's own CUDA kernels on the CPU: the text of its leaky_integrator.cu, compiled by g++ for a test."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path
from typing import Any

import torch
from lava.lib.dl.slayer.neuron.dynamics import leaky_integrator
from torch import Tensor

BEFORE = """
#define __global__
#define __restrict__
struct Index { unsigned x; };
static Index blockIdx, blockDim, threadIdx;
"""
# The launches of the host functions, thread after thread; `threshold` becomes the kernel's int in the call, as there.
AFTER = """
static void thread(int neuron) { blockDim.x = 256; blockIdx.x = neuron / 256; threadIdx.x = neuron % 256; }
extern "C" void fwd(float* output, const float* input, const float* decay, const float* state, float threshold,
                    int w_scale, int neurons, int batch, int decays, int steps) {
    threshold *= w_scale;
    for (int i = 0; i < neurons; ++i) {
        thread(i);
        LIDynamicsFwdKernel<float>(output, input, decay, state, threshold, w_scale, neurons, neurons / batch, decays,
                                   neurons / decays / batch, steps);
    }
}
extern "C" void bwd(float* grad_input, const float* grad_output, const float* decay, int neurons, int batch,
                    int decays, int steps) {
    for (int i = 0; i < neurons; ++i) {
        thread(i);
        LIDynamicsBwdKernel<float>(grad_input, grad_output, decay, neurons, neurons / batch, decays,
                                   neurons / decays / batch, steps);
    }
}
"""


class OnCuda(torch.Tensor):
    """A tensor in the CPU's memory that says it is on a GPU."""

    is_cuda = True


def compiled_kernels(folder: Path) -> ctypes.CDLL:
    """The two kernels of the installed leaky_integrator.cu as a shared library."""
    text = Path(leaky_integrator.__file__).with_suffix(".cu").read_text(encoding="utf-8")
    kernels = text[text.index("template <class T>") : text.index("variable_list LIDynamicsFwd(")]
    source, library = folder / "kernels.cpp", folder / "kernels.so"
    source.write_text(BEFORE + kernels + AFTER)
    subprocess.run(["g++", "-O1", "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    return ctypes.CDLL(str(library))


class Extension:
    """What torch's loader returns for leaky_integrator.cu: ``dynamics``, ``fwd`` and ``bwd``."""

    def __init__(self, kernels: ctypes.CDLL) -> None:
        self._kernels = kernels

    def fwd(self, input: Tensor, decay: Tensor, state: Tensor, threshold: float, w_scale: int) -> list[Tensor]:
        output = torch.zeros_like(input)
        neurons, steps = input.numel() // input.shape[-1], input.shape[-1]
        sizes = (ctypes.c_float(threshold), w_scale, neurons, input.shape[0], decay.numel(), steps)
        self._kernels.fwd(*map(_address, (output, input, decay, state)), *sizes)
        return [output]

    def bwd(self, grad_output: Tensor, output: Tensor, decay: Tensor) -> list[Tensor]:
        grad_input = torch.zeros_like(grad_output)
        neurons, steps = grad_output.numel() // grad_output.shape[-1], grad_output.shape[-1]
        sizes = (neurons, grad_output.shape[0], decay.numel(), steps)
        self._kernels.bwd(*map(_address, (grad_input, grad_output.contiguous(), decay)), *sizes)
        product = (grad_input[..., 1:] * output[..., :-1]).transpose(0, 1)
        return [grad_input, product.sum().reshape(1) if decay.numel() == 1 else product.flatten(1).sum(1)]

    def dynamics(self, input: Tensor, decay: Tensor, state: Tensor, threshold: float, w_scale: int) -> Any:
        return _Dynamics.apply(input, decay, state, threshold, w_scale, self).as_subclass(OnCuda)


class _Dynamics(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, input: Tensor, decay: Tensor, state: Tensor, threshold: float, w_scale: int, extension: Any):
        (output,) = extension.fwd(input, decay, state, threshold, w_scale)
        ctx.save_for_backward(output, decay)
        ctx.extension = extension
        return output

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Any, ...]:
        return (*ctx.extension.bwd(grad_output, *ctx.saved_tensors), None, None, None, None)


def _address(tensor: Tensor) -> ctypes.c_void_p:
    if not tensor.is_contiguous() or tensor.dtype != torch.float32:
        raise ValueError("the kernels take contiguous float32 tensors")
    return ctypes.c_void_p(tensor.data_ptr())
