"""`verify`: the trained network against its Lava process, step by step."""

from __future__ import annotations

import math
import os
import time
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lava_dt.export.alignment import Compared, binned, compared, folded, lead_of_biases, placed
from lava_dt.export.blocks import blocks_of, describe
from lava_dt.export.comparison import Axes, compare, merge, with_input
from lava_dt.export.counterpart import Counterpart, biases_early, check_same, counterpart, encode
from lava_dt.export.registers import Registers
from lava_dt.export.report import ParityReport
from lava_dt.export.simulation import Recording, in_training_order, simulated
from lava_dt.export.tracing import driven
from lava_dt.export.trained import at_rest, trained_traces
from lava_dt.time_axis import rebin
from lava_dt.timestep import Timestep

_AT_ONCE = 3_000_000  # entries (sample, step, neuron) in memory at once, some 60 bytes each
_RECORDED = 12_000_000  # entries in files at once, some 9 bytes each


def verify(
    net: Any,
    spikes: Tensor | np.ndarray,
    lava: str | os.PathLike[str] | Any | None = None,
    *,
    clock: Literal["held", "coarse"] | None = None,
    timeout: float = 600.0,
) -> ParityReport:
    """Compares the input, and every layer's spikes, currents and voltages, in training and in Lava, step by step.

    Both run on the same samples, each from silence; a network with biases is given as many silent steps before them in
    training as Lava's biases begin early, where they do (`lava_dt.export.alignment.lead_of_biases`).

    Args:
        net: as `write_hdf5` takes it. It runs in evaluation mode and from silence, and is left as it was.
        spikes: (batch, neuron..., time), what the network takes: on the coarse clock bins, `lava_dt.rebin`; analog
            values where it begins with an input block. Where Lava runs on another clock than training: fine steps, of
            which the side on the coarse clock gets the bins.
        lava: what to compare it with: the file that will be shipped, or a fresh network, of `to_lava` or netx's own;
            None: what `to_lava` makes of ``net`` now.
        clock: of Lava where ``lava`` is no network: ``held`` or ``coarse``, whichever the network was trained on; None:
            that one.
        timeout: seconds that Lava may take for the samples of one run.

    Returns:
        A report; ``report.identical`` is the verdict, ``str(report)`` says it in words.

    Raises:
        TypeError, ValueError: a network or input that cannot travel, as `to_lava` and `Network.encode`.
        RuntimeError, TimeoutError: Lava failed.

    Notes:
        On the held clock a sample may end within a bin. Lava runs to the bin's end, and what it does there is what
        training does at the sample's last step (EQUATIONS A.3).
    """
    description = describe(net)
    samples = torch.as_tensor(spikes).detach()
    if samples.dim() < 3 or 0 in samples.shape:
        raise ValueError(f"spikes has shape {tuple(samples.shape)}: pass (batch, neuron..., time), none of them empty")
    timestep = description.timestep
    if timestep.held and timestep.between == "drop" and samples.shape[-1] % timestep.dt:
        raise ValueError(
            f"the samples have {samples.shape[-1]} steps, and the network drops what arrives between its grid steps, "
            f"every {timestep.dt} steps, which a last bin that is shorter moves: pass samples of a multiple of that"
        )
    passing = next((layer for layer in description.layers if layer.kind == "input" and layer.neuron is None), None)
    if timestep.held and passing is not None and passing.hop and samples.shape[-1] % timestep.dt:
        raise ValueError(
            f"the samples have {samples.shape[-1]} steps, and {passing.name}, which has no neurons, drops in training "
            f"what it would pass on behind a last bin that is shorter than dt: pass samples of a multiple of "
            f"{timestep.dt} steps"
        )
    lava_side = counterpart(net, description, lava, clock, samples)
    layers = compared(description.on_fine_clock() if lava_side.held else description, lava_side.delays_before)
    side_by_side = _SideBySide(net, timestep, compared(description), layers, lava_side)
    reports = []
    for run in samples.split(len(samples) if lava_side.given is not None else side_by_side.fitting(samples, _RECORDED)):
        reports += side_by_side.run(run, timeout)
    return merge(reports)


@dataclass(frozen=True)
class _SideBySide:
    """A trained network and Lava's, on the same samples.

    Attributes:
        net: the trained network.
        timestep: of its neurons, and its clock.
        trained_layers, layers: what is compared, on training's clock and on Lava's.
        lava: where Lava's networks come from.
    """

    net: Any
    timestep: Timestep
    trained_layers: list[Compared]
    layers: list[Compared]
    lava: Counterpart

    def fitting(self, samples: Tensor, entries: int) -> int:
        """How many samples have so many entries, 1 at least."""
        neurons = sum(math.prod(entry.layer.shape) for entry in self.layers)
        return max(1, entries // (samples.shape[-1] * max(neurons, math.prod(samples.shape[1:-1]))))

    def run(self, samples: Tensor, timeout: float) -> list[ParityReport]:
        """Runs the samples in Lava, in one go, and compares them, a few at a time."""
        given = self._on_lavas_clock(samples)
        axes = Axes(self.timestep.dt, given.shape[-1], self.timestep.held, self.lava.held)
        period = self.lava.period(axes.needed, max(int(entry.latency.max()) for entry in self.layers))
        network = self.lava.build((axes.needed, period))
        check_same(network, self.layers, self.timestep.dt)
        lead = lead_of_biases(self.layers) if biases_early(network, len(samples)) else 0
        axes = replace(axes, steps=axes.steps + lead, lead=lead)
        values = encode(network, F.pad(given, (0, axes.needed - axes.steps)).cpu().numpy())
        registers, reports = Registers(network, self.layers), []
        started = time.monotonic()
        with simulated(network, values, period, timeout) as recording:
            seconds = time.monotonic() - started
            size = self.fitting(given, _AT_ONCE)
            for begin in range(0, len(samples), size):
                piece = slice(begin, begin + size)
                reports.append(self._compare(samples[piece], recording, piece, axes, registers))
        reports[0] = replace(reports[0], seconds=seconds)
        return reports

    def _compare(
        self, samples: Tensor, recording: Recording, piece: slice, axes: Axes, registers: Registers
    ) -> ParityReport:
        later = self._on_trainings_clock(samples, axes.lead)
        traces = trained_traces(self.net, self.trained_layers, later)
        theirs = [recording.trace(number, piece) for number in range(len(self.layers))]
        report = compare(self.layers, traces, theirs, axes, registers, self.lava.delays_before)
        received = in_training_order(recording.received(piece))
        return with_input(report, *self._inputs(samples, later, received, axes))

    def _inputs(
        self, samples: Tensor, later: Tensor, received: np.ndarray, axes: Axes
    ) -> tuple[np.ndarray, np.ndarray]:
        """What the first layer of training got and what Lava's did, (samples, neuron..., steps) of integers."""
        dt, first = axes.dt, self.trained_layers[0].layer
        received = received[..., : axes.needed - axes.lead]
        if first.kind == "input":  # an analog value's drive
            block = blocks_of(self.net)[first.index]
            with torch.no_grad(), at_rest([block]):
                expected = driven(first, block, later)[..., axes.lead :]
            received = binned(received, dt) if axes.lava_held else received
        elif axes.lava_held and not axes.trained_held:
            expected = placed(_integers(later), dt, axes.steps)
            received = folded(received, axes.steps)
        else:
            expected = _integers(self._on_lavas_clock(samples))
        return expected, received.reshape(*expected.shape[:-1], -1)[..., : expected.shape[-1]]

    def _on_lavas_clock(self, samples: Tensor) -> Tensor:
        return self.timestep.gather(samples) if self.timestep.held and not self.lava.held else samples

    def _on_trainings_clock(self, samples: Tensor, lead: int) -> Tensor:
        if self.lava.held and not self.timestep.held:
            samples = rebin(samples, self.timestep.dt, self.lava.saturate)
        fine = self.timestep.held and not self.lava.held
        samples = F.pad(samples, (lead * (self.timestep.dt if fine else 1), 0))
        return samples.to(*_kind(self.net))


def _integers(spikes: Tensor) -> np.ndarray:
    return np.asarray(spikes.cpu().numpy()).astype(np.int32)


def _kind(net: Any) -> tuple[torch.device, torch.dtype]:
    """Where the network computes, and in what."""
    modules = net if isinstance(net, (list, tuple)) else [net]
    for module in modules:
        for parameter in module.parameters():
            return parameter.device, parameter.dtype
    return torch.device("cpu"), torch.float32
