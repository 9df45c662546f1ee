"""What an inference costs at a step: under NeuroBench's names (arXiv:2304.04640) where it has one.

    neuron updates = neurons * steps
    synaptic operations = sum over the input and the layers of spikes * fan-out
    messages = sum over the input and the layers of spikes * layers that they are sent to

A spike is an entry (neuron, step of dt) that is sent: several input spikes of one neuron in one step of dt are one
message that carries their number (a graded spike). A layer sends to the next one, a recurrent one to itself as well,
the last one to whoever reads the answer. A fan-out counts the synapses whose weight is not zero, each pixel's own in a
convolution (`runs.deploy.fan_out`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from runs.tune.evaluation import Evaluation


@dataclass(frozen=True, kw_only=True)
class Costs:
    """Of one inference, a sample's mean.

    Attributes:
        steps: of dt.
        neuron_updates: times that a neuron's state is computed.
        synaptic_operations: synapses that spikes reach, the input's among them.
        effective_macs: those of them that multiply, as their input is a number above 1; the others add.
        messages: spikes sent from one layer to another, the input's among them.
        activation_sparsity: 1 - spikes / (neurons * steps).
        latency: from the end of a sample's input until all of it has reached the answer, by the slowest way [s].
        granularity: of the answer: a step of dt [s].
        seconds: of input.
    """

    steps: int
    neuron_updates: float
    synaptic_operations: float
    effective_macs: float
    messages: float
    activation_sparsity: float
    latency: float
    granularity: float
    seconds: float

    @property
    def effective_acs(self) -> float:
        """Synaptic operations that add a weight for a spike."""
        return self.synaptic_operations - self.effective_macs

    @property
    def per_second(self) -> dict[str, float]:
        """Steps, updates, operations and messages a second of input [1/s]."""
        names = ("steps", "neuron_updates", "synaptic_operations", "messages")
        return {name: getattr(self, name) / self.seconds for name in names}


def costs_of(net: Any, evaluation: Evaluation, dt: int, fine_step: float) -> Costs:
    """The costs of what `evaluate` saw.

    Args:
        net: the network that was evaluated.
        evaluation: of it.
        dt: its step, in fine steps.
        fine_step: [s].

    Raises:
        ValueError: a network at another dt, or with other layers than the evaluation's.

    Notes:
        Latency: the last bin is complete at the grid step that ends it, ceil(T / dt) dt; then the last of the input
        passes every layer's hop and longest delay, each a whole number of steps of dt. The input's own axis has the
        evaluation's seconds, so that a bin which is longer than what is left of a sample is waited for.
    """
    from lava_dt.export.blocks import describe
    from runs.tune.evaluation import acts

    description = describe(net)
    if description.timestep.dt != dt:
        raise ValueError(f"the network is at dt = {description.timestep.dt} and costs at dt = {dt} were asked for")
    layers = [layer for layer in description.layers if acts(layer)]
    names = tuple(layer.name for layer in layers)
    if names != evaluation.names:
        raise ValueError(f"the network has {', '.join(names)} but {', '.join(evaluation.names)} were evaluated")
    spiking = [
        (neurons, spikes, 1 + (layer.weight_rec is not None))
        for neurons, spikes, layer in zip(evaluation.neurons, evaluation.spikes, layers, strict=True)
        if layer.neuron is not None
    ]
    updated = sum(neurons for neurons, _, _ in spiking)
    spikes = sum(spikes for _, spikes, _ in spiking)
    sent = sum(spikes * targets for _, spikes, targets in spiking)
    step = dt * fine_step
    return Costs(
        steps=evaluation.steps,
        neuron_updates=float(updated * evaluation.steps),
        synaptic_operations=sum(evaluation.operations),
        effective_macs=evaluation.graded_operations / len(evaluation),
        messages=evaluation.input_messages + sent,
        activation_sparsity=1 - spikes / (updated * evaluation.steps),
        latency=evaluation.steps * step - evaluation.seconds + _passing(description) * step,
        granularity=step,
        seconds=evaluation.seconds,
    )


def _passing(description: Any) -> int:
    """Steps of dt from the input to the answer, by the longest delays."""
    return sum(layer.hop + (0 if layer.delay is None else int(layer.delay.max())) for layer in description.layers)
