"""What is said of a Lava network's registers, beside a difference."""

from __future__ import annotations

from dataclasses import replace

import torch

from lava_dt.block import cuba
from lava_dt.export.alignment import compared
from lava_dt.export.blocks import describe
from lava_dt.export.processes import Network
from lava_dt.export.registers import Registers


def test_of_sums_there_are_none_but_the_delays_before_them(parameters) -> None:
    net = torch.nn.Sequential(cuba.Dense(parameters, 6, 4, delay=True), cuba.Average(num_outputs=2))
    net(torch.zeros(1, 6, 8))
    description = describe(net)
    first, last = description.layers
    registers = Registers(Network(description), compared(description))
    assert registers.different(1, (1,)) == []
    later = replace(description, layers=(replace(first, delay=torch.tensor([0, 0, 3, 0]).numpy()), last))
    assert Registers(Network(later), compared(description)).different(1, (1,)) == [
        "the delay of channel 2 of layer 0 (dense) is 3 in Lava, 0 in training"
    ]
