"""A sample through the blocks of lava_dt or, under the published protocol, of lava-dl."""

from __future__ import annotations

from typing import Any

import numpy as np

from runs.config import SlayerConfig
from runs.report.traces.recording import Floats, Recording, output_counts, strongest_other
from runs.training.loop import Learner

_FINE_STEP = 1e-3


def record_slayer(config: SlayerConfig, learner: Learner, label: int) -> Recording:
    """The recording of the one sample that `learner` tests; voltages are those before a reset."""
    blocks: Any = vars(learner)["blocks"]
    entered: list[Any] = []
    left: list[Any] = []
    voltage: list[Any] = []
    last = len(blocks) - 1

    def see(place: int) -> Any:
        def hook(block: Any, inputs: tuple[Any, ...], spikes: Any) -> None:
            entered.append(inputs[0])
            left.append(spikes)
            if place == last:
                voltage.append(_voltage(block, inputs[0]))

        return hook

    hooks = [block.register_forward_hook(see(place)) for place, block in enumerate(blocks)]
    try:
        learner.test()
    finally:
        for hook in hooks:
            hook.remove()
    layers = [_dense(entered[0])[0], *(_dense(spikes)[0] for spikes in left)]
    seconds = config.steps * _FINE_STEP
    width = _FINE_STEP * (config.dt or 1) if layers[-1].shape[-1] < config.steps else _FINE_STEP
    spikes = [_listed(layer, width) for layer in layers]
    other = strongest_other(output_counts(spikes[-1], len(layers[-1])), label)
    potentials = _dense(voltage[0])[0] / config.threshold
    return Recording(
        seconds=seconds,
        sizes=tuple(len(layer) for layer in layers),
        label=label,
        other=other,
        spikes=np.concatenate(spikes),
        layer=np.concatenate([np.full(len(found), i) for i, found in enumerate(spikes)]),
        times=width * (1 + np.arange(potentials.shape[-1])),
        label_voltage=potentials[label],
        other_voltage=potentials[other],
    )


def _voltage(block: Any, x: Any) -> Any:
    """What a block's neurons integrate from its input, before they are reset: (batch, neuron, time)."""
    x = x.to_dense() if x.is_sparse else x
    drive = block.drive(x) if hasattr(block, "drive") else block.synapse(x)
    return block.neuron.dynamics(drive)[1]


def _dense(tensor: Any) -> Floats:
    tensor = tensor.to_dense() if tensor.is_sparse else tensor
    found: Floats = tensor.detach().cpu().numpy()
    return found


def _listed(spikes: Floats, width: float) -> Floats:
    """(neuron, time) as (n, 2): the end of each spike's step [s], and its neuron."""
    neurons, steps = np.nonzero(spikes)
    return np.stack([(steps + 1) * width, neurons.astype(float)], axis=1)
