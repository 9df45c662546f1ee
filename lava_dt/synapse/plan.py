"""`Plan`: one synapse for one shape of input, in the layout of the kernels: time before neurons, channels last.

Plans exist where the sums are whole numbers in float32 whatever their order, that is for 8-bit weights and whole
spikes, so that following spikes gives lava-dl's bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F
from lava.lib.dl.slayer import synapse as upstream
from torch import Tensor

from lava_dt.synapse import connections, tensor_cores
from lava_dt.synapse.connections import Connections, Window
from lava_dt.synapse.order import Order
from lava_dt.synapse.product import product

_SIZES = ("in_channels", "out_channels", "groups", "kernel_size", "stride", "padding", "dilation", "output_padding")


@dataclass(frozen=True)
class Plan:
    """A synapse laid out for the kernels.

    Args:
        connections: what a spike adds where.
        inputs: neurons of the input, (channel, height, width) or (neuron,).
        outputs: the same of the output.
    """

    connections: Connections
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    @property
    def largest_density(self) -> float:
        """The share of non-zero entries above which a product is faster than following spikes, as measured on CPUs."""
        raise NotImplementedError

    def rows(self, weight: Tensor) -> Tensor:
        """The weights as the rows of the connections, a view where possible: (n_rows, width)."""
        raise NotImplementedError

    def weight_gradient(self, rows: Tensor) -> Tensor:
        """The inverse of `rows`, for gradients: (n_rows, width) -> the weight's shape."""
        raise NotImplementedError

    def drive(self, x: Tensor, weight: Tensor) -> Tensor:
        """What the synapse delivers, as a product that ignores sparsity.

        Args:
            x: (batch, neuron..., time). Gradient: *exact*, also of the weight.
            weight: as the synapse holds it.

        Returns:
            (batch, time, n_out), contiguous.
        """
        raise NotImplementedError

    def whole_drive(self, x: Tensor, weight: Tensor, unit: float) -> Tensor | None:
        """`drive` with the bits of every order of the sums; None where x is not in whole numbers.

        Args:
            x: as `drive`.
            weight: whole multiples of ``unit`` in 8 bits. Gradient: *straight-through* the rounding of a GPU.
        """
        if not whole(x):
            return None
        drive = self.drive(x, weight)
        return snapped(drive, unit) if drive.is_cuda else drive

    def input_gradient(self, grad_drive: Tensor, weight: Tensor) -> Tensor:
        """The gradient of x in `drive`: (batch, time, n_out) -> (batch, neuron..., time)."""
        raise NotImplementedError

    @cached_property
    def order(self) -> Order:
        """Of the neurons that receive the drive."""
        return Order(self.outputs, channels_last=len(self.outputs) == 3)


class _Dense(Plan):
    def rows(self, weight: Tensor) -> Tensor:
        return weight.flatten(1).t()

    def weight_gradient(self, rows: Tensor) -> Tensor:
        return rows.t().reshape(rows.shape[1], rows.shape[0], 1, 1, 1)

    def drive(self, x: Tensor, weight: Tensor) -> Tensor:
        time_first = x.transpose(1, 2).contiguous()  # one order of memory, hence of the sums, for every x
        return torch.matmul(time_first, weight.reshape(weight.shape[0], -1).t())

    def whole_drive(self, x: Tensor, weight: Tensor, unit: float) -> Tensor | None:
        if x.is_cuda and tensor_cores.AVAILABLE:
            spikes = tensor_cores.narrowed(x.detach())
            if spikes is not None:
                return tensor_cores.product(x, weight.reshape(weight.shape[0], -1), spikes)
        return self.drive(x, weight) if whole(x) else None

    def input_gradient(self, grad_drive: Tensor, weight: Tensor) -> Tensor:
        multiply = product if grad_drive.device.type == "cpu" else torch.matmul
        return multiply(grad_drive, weight.reshape(weight.shape[0], -1)).transpose(1, 2)

    @property
    def largest_density(self) -> float:
        return 0.2 if self.connections.n_out < 64 else 0.4


@dataclass(frozen=True)
class _Image(Plan):
    window: Window
    groups: int

    @property
    def _options(self) -> dict[str, Any]:
        window = self.window
        return {
            "stride": window.stride,
            "padding": window.padding,
            "dilation": window.dilation,
            "groups": self.groups,
        }

    def _steps(self, x: Tensor) -> Tensor:
        """(batch, channel, height, width, time) -> (batch time, channel, height, width), channels last in memory."""
        return x.permute(0, 4, 2, 3, 1).contiguous().flatten(0, 1).permute(0, 3, 1, 2)

    def _flat(self, images: Tensor, batch: int) -> Tensor:
        """(batch time, channel, height, width) -> (batch, time, n)."""
        return images.permute(0, 2, 3, 1).reshape(batch, images.shape[0] // batch, -1)

    def _images(self, flat: Tensor) -> Tensor:
        """(batch, time, n_out) -> (batch time, channel, height, width)."""
        channels, height, width = self.outputs
        return flat.reshape(-1, height, width, channels).permute(0, 3, 1, 2)

    def _transposed_product(self, images: Tensor, size: tuple[int, ...], kernels: Tensor) -> Tensor:
        """The gradient of the images, (batch time, *size), of a convolution with ``kernels`` that gave ``images``."""
        shape = (images.shape[0], *size)
        like = images.new_empty(1).expand(shape).contiguous(memory_format=torch.channels_last)
        options = (self.window.stride, self.window.padding, self.window.dilation)
        return torch.ops.aten.convolution_backward(
            images, like, kernels, None, *options, False, [0, 0], self.groups, [True, False, False]
        )[0]

    def _back(self, images: Tensor, batch: int) -> Tensor:
        """(batch time, channel, height, width) -> (batch, channel, height, width, time)."""
        return images.unflatten(0, (batch, images.shape[0] // batch)).permute(0, 2, 3, 4, 1)


class _Convolution(_Image):
    largest_density = 0.07

    def rows(self, weight: Tensor) -> Tensor:
        grouped = weight.reshape(self.groups, -1, *weight.shape[1:4])
        return grouped.permute(0, 2, 3, 4, 1).reshape(self.connections.n_rows, self.connections.width)

    def weight_gradient(self, rows: Tensor) -> Tensor:
        kernel = self.window.kernel
        grouped = rows.reshape(self.groups, -1, *kernel, rows.shape[1]).permute(0, 4, 1, 2, 3)
        return grouped.reshape(self.outputs[0], -1, *kernel, 1)

    def drive(self, x: Tensor, weight: Tensor) -> Tensor:
        return self._flat(F.conv2d(self._steps(x), weight[..., 0], **self._options), x.shape[0])

    def input_gradient(self, grad_drive: Tensor, weight: Tensor) -> Tensor:
        images = self._transposed_product(self._images(grad_drive), self.inputs, weight[..., 0])
        return self._back(images, grad_drive.shape[0])


class _Transposed(_Image):
    largest_density = 0.07

    def rows(self, weight: Tensor) -> Tensor:
        return weight[..., 0].permute(0, 2, 3, 1).reshape(self.connections.n_rows, self.connections.width)

    def weight_gradient(self, rows: Tensor) -> Tensor:
        kernel = self.window.kernel
        return rows.reshape(self.inputs[0], *kernel, -1).permute(0, 3, 1, 2).unsqueeze(-1)

    def drive(self, x: Tensor, weight: Tensor) -> Tensor:
        return self._flat(F.conv_transpose2d(self._steps(x), weight[..., 0], **self._options), x.shape[0])

    def input_gradient(self, grad_drive: Tensor, weight: Tensor) -> Tensor:
        images = F.conv2d(self._images(grad_drive), weight[..., 0], **self._options)
        return self._back(images, grad_drive.shape[0])


class _Pooling(_Image):
    """One kernel for every channel: a convolution of ``groups`` channels each by itself.

    Rows and columns that do not fill a window are filled up with zeros, as lava-dl does.
    """

    largest_density = 0.2

    def rows(self, weight: Tensor) -> Tensor:
        return weight.reshape(-1, 1)

    def weight_gradient(self, rows: Tensor) -> Tensor:
        return rows.reshape(1, 1, *self.window.kernel, 1)

    def _kernels(self, weight: Tensor) -> Tensor:
        return weight[..., 0].expand(self.groups, 1, *self.window.kernel)

    @property
    def _filled(self) -> tuple[int, int]:
        return self.outputs[1] * self.window.kernel[0], self.outputs[2] * self.window.kernel[1]

    def drive(self, x: Tensor, weight: Tensor) -> Tensor:
        height, width = self._filled
        images = F.pad(self._steps(x), (0, width - self.inputs[2], 0, height - self.inputs[1]))
        return self._flat(F.conv2d(images, self._kernels(weight), **self._options), x.shape[0])

    def input_gradient(self, grad_drive: Tensor, weight: Tensor) -> Tensor:
        size = (self.inputs[0], *self._filled)
        images = self._transposed_product(self._images(grad_drive), size, self._kernels(weight))
        return self._back(images[:, :, : self.inputs[1], : self.inputs[2]], grad_drive.shape[0])


class _Unpooling(_Pooling):
    def drive(self, x: Tensor, weight: Tensor) -> Tensor:
        images = F.conv_transpose2d(self._steps(x), self._kernels(weight), **self._options)
        return self._flat(images, x.shape[0])

    def input_gradient(self, grad_drive: Tensor, weight: Tensor) -> Tensor:
        images = F.conv2d(self._images(grad_drive), self._kernels(weight), **self._options)
        return self._back(images, grad_drive.shape[0])


def whole(x: Tensor) -> bool:
    """Whether all entries are whole numbers: sample by sample, but for a GPU, each of whose answers takes a wait."""
    x = x.detach()
    return all(torch.equal(part, part.round()) for part in ([x] if x.is_cuda else x))


def snapped(drive: Tensor, unit: float) -> Tensor:
    """Sums of whole multiples of ``unit`` without the rounding of a fast convolution (cuDNN's Winograd and FFT).

    Gradient: *straight-through*.
    """
    return _Snapped.apply(drive, unit)


class _Snapped(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, drive: Tensor, unit: float) -> Tensor:
        return (drive / unit).round_().mul_(unit)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        return grad, None


def geometry_of(synapse: Any) -> tuple[Any, ...]:
    """What `plan_of` goes by."""
    plain, found = getattr(synapse, "bias", None) is None, (getattr(synapse, name, None) for name in _SIZES)
    return type(synapse), plain, *(tuple(size) if isinstance(size, list) else size for size in found)


def plan_of(synapse: Any, neurons: tuple[int, ...]) -> Plan | None:
    """The plan of a lava-dl synapse for an input of ``neurons``, (neuron,) or (channel, height, width).

    None where there is none: a pooling whose windows overlap or leave gaps, or that lava-dl fills up by another number
    of pixels than is missing, so that its windows reach across channels; a bias, an output padding, padding by name,
    or anything that mixes or leaves out steps; other classes of synapse.
    """
    kind, plain, n_in, n_out, groups, kernel, stride, padding, dilation, output_padding = geometry_of(synapse)
    if not plain or any(output_padding or ()) or isinstance(padding, str) or kernel is None:
        return None
    if kind is upstream.layer.Dense and len(neurons) == 1:
        each_by_itself = (groups, kernel, stride, padding) == (1, (1, 1, 1), (1, 1, 1), (0, 0, 0))
        return _Dense(connections.dense(n_in, n_out), neurons, (n_out,)) if each_by_itself else None
    if len(neurons) != 3 or (kernel[2], stride[2], padding[2]) != (1, 1, 0):
        return None
    window = Window(*(tuple(size[:2]) for size in (kernel, stride, padding, dilation)))
    channels, height, width = neurons
    if kind in (upstream.layer.Dense, upstream.layer.Conv, upstream.layer.ConvTranspose):
        transposed = kind is upstream.layer.ConvTranspose
        listed, outputs = connections.convolution(neurons, n_out, groups, window, transposed)
        make: Any = _Transposed if transposed else _Convolution
        return make(listed, neurons, outputs, window, groups)
    if kind in (upstream.layer.Pool, upstream.layer.Unpool):
        if window.stride != window.kernel or window.padding != (0, 0) or window.dilation != (1, 1):
            return None
        unpool = kind is upstream.layer.Unpool
        if not unpool and any(
            2 * (size % k) not in (0, k) for size, k in zip((height, width), window.kernel, strict=True)
        ):
            return None
        listed, outputs = connections.pooling(neurons, window, unpool)
        return (_Unpooling if unpool else _Pooling)(listed, neurons, outputs, window, channels)
    return None
