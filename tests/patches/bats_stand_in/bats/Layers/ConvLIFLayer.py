"""Holds the names of the wrappers as upstream's module does; the stand-in has no convolution."""

# ruff: noqa: F403
from bats.CudaKernels.Wrappers.Backpropagation import *
from bats.CudaKernels.Wrappers.Inference import *
