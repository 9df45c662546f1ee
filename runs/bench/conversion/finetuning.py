"""How a converted network is trained further: one recipe for every cell, stated with the table.

Rates wanted. The loss is lava-dl's SpikeRate, which counts spikes a step. A network converted with the integral gain
keeps its drive a unit of time, so that a bin of dt fine steps sees about dt times as many spikes, but one at most; the
rates wanted at dt = 1 would first of all silence it. With the gain of a charge the response of a neuron shrinks with
dt and the spikes a step stay at best what they were, which is also what training with that gain asks for. So

    rates at dt = f * rates at dt = 1,    f = min(dt, cap / larger rate) (integral), min(1, cap / larger rate) (charge)

with one factor for the label's neuron and for the others: capping each by itself would let them meet. The cap of half
a spike a bin lies in the middle of what a neuron can do, with equal room above and below.

Learning rate. Adam's first steps move every weight by about the learning rate, whatever the gradient's size. An epoch
of 25 batches at 1e-3 can thus move all of a neuron's weights by most of lava-dl's quantum of 1/32, which is training
anew; at 1e-4 by less than a tenth of it.
"""

from __future__ import annotations

from dataclasses import dataclass

from runs.bench.conversion.cells import Cell
from runs.config import SlayerConfig


@dataclass(frozen=True)
class Finetuning:
    """Settings of the training that follows a conversion.

    Args:
        learning_rate: Adam's, > 0.
        largest_rate: spikes a step that may be wanted of a neuron, above 0 to 1.
    """

    learning_rate: float
    largest_rate: float

    def at(self, cell: Cell, base: SlayerConfig) -> SlayerConfig:
        """The settings of dt = 1 with the cell's step and the rates wanted there, in spikes a step of dt."""
        kept = cell.dt if cell.gain == "integral" else 1
        largest = max(base.true_rate, base.false_rate)
        factor = min(kept, self.largest_rate / largest) if largest else kept
        rates = {"true_rate": factor * base.true_rate, "false_rate": factor * base.false_rate}
        return base.model_copy(update={"dt": cell.dt, **rates})

    def text(self) -> str:
        """The recipe, for the notes of a table."""
        return (
            f"a fresh Adam at {self.learning_rate:g}; lava-dl's SpikeRate for the rates a step of the first training, "
            "times dt with the integral gain, which keeps the drive of a neuron, and as they are with the charge gain, "
            "which does not; both rates scaled down alike where the larger would be above "
            f"{self.largest_rate:g} spikes a step"
        )
