"""`ParityReport`: how a Lava network compares with the network it was exported from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LayerParity:
    """Comparison of one layer, over all samples and steps.

    Attributes:
        name: its index and kind.
        neurons: how many.
        latency: steps by which Lava runs behind training here, (smallest, largest) over the neurons.
        spikes: spikes of the trained network.
        differing_spikes: entries (neuron and step) at which one side spikes and the other does not.
        differing_currents, differing_voltages: entries at which the integers differ; the voltage after its reset.
    """

    name: str
    neurons: int
    latency: tuple[int, int]
    spikes: int
    differing_spikes: int
    differing_currents: int
    differing_voltages: int


@dataclass(frozen=True)
class Divergence:
    """The first difference: the earliest step, the lowest layer there.

    Attributes:
        sample, layer, neuron, step: where; the neuron by its index in the layer's shape, the step from 0 and
            as training counts it.
        quantity: ``current``, ``voltage`` or ``spike``.
        trained, lava: its values, integers.
        cause: a sentence.
    """

    sample: int
    layer: str
    neuron: tuple[int, ...]
    step: int
    quantity: str
    trained: int
    lava: int
    cause: str

    def __str__(self) -> str:
        neuron = self.neuron[0] if len(self.neuron) == 1 else self.neuron
        return (
            f"first difference: sample {self.sample}, {self.layer}, neuron {neuron}, step {self.step}: {self.quantity} "
            f"{self.trained} in training, {self.lava} in Lava: {self.cause}"
        )


@dataclass(frozen=True)
class ParityReport:
    """Spikes, currents and voltages of every layer, in training and in Lava, compared step by step.

    Attributes:
        samples, steps: how much was compared; steps of dt.
        dt: fine steps in a step.
        layers: one entry a layer with neurons.
        first: the first difference, None if there is none.
        seconds: time spent in Lava.
    """

    samples: int
    steps: int
    dt: int
    layers: tuple[LayerParity, ...]
    first: Divergence | None
    seconds: float

    @property
    def spikes(self) -> int:
        """Spikes of the trained network that were compared."""
        return sum(layer.spikes for layer in self.layers)

    @property
    def differing_spikes(self) -> int:
        return sum(layer.differing_spikes for layer in self.layers)

    @property
    def differing_currents(self) -> int:
        return sum(layer.differing_currents for layer in self.layers)

    @property
    def differing_voltages(self) -> int:
        return sum(layer.differing_voltages for layer in self.layers)

    @property
    def entries(self) -> int:
        """Entries (sample, neuron, step) compared, of each quantity."""
        return self.samples * self.steps * sum(layer.neurons for layer in self.layers)

    @property
    def identical(self) -> bool:
        """No spike, current or voltage differs."""
        return not (self.differing_spikes or self.differing_currents or self.differing_voltages)

    def __str__(self) -> str:
        plural = "" if self.samples == 1 else "s"
        where = f"{self.samples} sample{plural} of {self.steps} steps at dt = {self.dt}"
        if self.identical:
            return (
                f"{self.differing_spikes} of {self.spikes:,} spikes differ between training and Lava, and no current "
                f"or voltage, in {len(self.layers)} layers over {where} ({self.entries:,} entries)"
            )
        lines = [
            f"training and Lava differ, over {where}:",
            f"{'layer':24}{'spikes':>12}{'differing':>12}{'currents':>12}{'voltages':>12}",
        ]
        lines += [
            f"{layer.name:24}{layer.spikes:12,}{layer.differing_spikes:12,}{layer.differing_currents:12,}"
            f"{layer.differing_voltages:12,}"
            for layer in self.layers
        ]
        return "\n".join([*lines, str(self.first)])
