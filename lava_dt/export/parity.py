"""`verify`: the trained network against its Lava process, step by step."""

from __future__ import annotations

import math
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lava_dt.export.blocks import describe
from lava_dt.export.comparison import compare, merge
from lava_dt.export.description import Description
from lava_dt.export.hdf5 import write_hdf5
from lava_dt.export.lava_network import MESSAGE_BITS, to_lava
from lava_dt.export.processes import Network
from lava_dt.export.report import ParityReport
from lava_dt.export.runnable import check_runnable, lead_of_biases
from lava_dt.export.simulation import simulate
from lava_dt.export.trained import trained_traces

_ENTRIES = 8_000_000  # (sample, step, neuron) held at once, some 50 bytes each


def verify(
    net: Any,
    spikes: torch.Tensor | np.ndarray,
    lava: str | os.PathLike[str] | Network | None = None,
    *,
    timeout: float = 600.0,
) -> ParityReport:
    """Compares every layer's spikes, currents and voltages in training and in Lava, step by step.

    Both run on the same samples, each from silence; a network with biases is given as many silent steps before them in
    training as Lava's biases begin early (`lava_dt.export.runnable.lead_of_biases`).

    Args:
        net: as `write_hdf5` takes it. It runs in evaluation mode and from silence, and is left as it was.
        spikes: (batch, neuron..., time), what the network takes: on the coarse clock bins, `lava_dt.rebin`; analog
            values where it begins with an input block.
        lava: what to compare it with: the file that will be shipped, or a fresh network of `to_lava`; None: the
            network as `write_hdf5` would write it now.
        timeout: seconds that Lava may take for the samples of one run.

    Returns:
        A report; ``report.identical`` is the verdict, ``str(report)`` says it in words.

    Raises:
        TypeError, ValueError: a network or input that cannot travel, as `write_hdf5` and `Network.encode`.
        RuntimeError, TimeoutError: Lava failed.
    """
    description = describe(net)
    check_runnable(description)
    lead = lead_of_biases(description)
    samples = torch.as_tensor(spikes).detach()
    if samples.dim() < 3 or 0 in samples.shape:
        raise ValueError(f"spikes has shape {tuple(samples.shape)}: pass (batch, neuron..., time), none of them empty")
    reports, done, seconds = [], 0, 0.0
    with tempfile.TemporaryDirectory() as folder:
        if lava is None:
            lava = Path(folder) / "network.net"
            write_hdf5(net, lava)
        for chunk in _chunks(samples, description, one=isinstance(lava, Network)):
            later = torch.nn.functional.pad(chunk, (lead, 0))
            traces = trained_traces(net, description, later.to(*_kind(net)))
            network = lava if isinstance(lava, Network) else _network(lava, chunk)
            _check_layers(network, description)
            values = network.encode(chunk.cpu().numpy())
            latencies = description.latencies(delays_before=True)
            period = chunk.shape[-1] + max(0, *(int(latency.max()) for latency in latencies))
            started = time.monotonic()
            lava_traces = simulate(network, values, period, timeout)
            seconds += time.monotonic() - started
            reports.append(compare(description, traces, lava_traces, first_sample=done, lead=lead))
            done += len(chunk)
    return replace(merge(reports), seconds=seconds)


def _chunks(samples: torch.Tensor, description: Description, one: bool) -> Iterator[torch.Tensor]:
    neurons = sum(math.prod(layer.shape) for layer in description.layers if layer.neuron is not None)
    fits = max(1, _ENTRIES // (samples.shape[-1] * max(neurons, math.prod(samples.shape[1:-1]))))
    yield from samples.split(len(samples) if one else fits)


def _network(path: str | os.PathLike[str], chunk: torch.Tensor) -> Network:
    shape = {"input_shape": tuple(chunk.shape[-2:0:-1])} if chunk.dim() == 5 else {}
    return to_lava(path, input_message_bits=MESSAGE_BITS if chunk.max() > 1 else 0, **shape)


def _kind(net: Any) -> tuple[torch.device, torch.dtype]:
    """Where the network computes, and in what."""
    modules = net if isinstance(net, (list, tuple)) else [net]
    for module in modules:
        for parameter in module.parameters():
            return parameter.device, parameter.dtype
    return torch.device("cpu"), torch.float32


def _check_layers(network: Network, description: Description) -> None:
    sizes = [math.prod(layer.neuron.s_out.shape) for layer in network.layers]
    wanted = [math.prod(layer.shape) for layer in description.layers if layer.neuron is not None]
    if sizes != wanted:
        raise ValueError(
            f"the Lava network has layers of {sizes} neurons but the trained one of {wanted}: it is not its export"
        )
