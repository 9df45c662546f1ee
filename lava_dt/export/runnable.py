"""What of netx's format Lava's processes run exactly, today; the rest is refused by the layer's name."""

from __future__ import annotations

import numpy as np

from lava_dt.export.description import Description, Layer


def check_runnable(description: Description) -> None:
    """Refuses what `write_hdf5` can write and `to_lava` cannot run as trained.

    Raises:
        ValueError: by the layer's index and kind.
    """
    if description.timestep.held:
        dt = description.timestep.dt
        raise ValueError(
            f"the network runs on the held clock at dt={dt}, which Lava does not yet: give it Timestep(dt={dt}, "
            f"clock='coarse', ...), which computes the same, and its input as lava_dt.rebin(spikes, {dt})"
        )
    for layer in description.layers:
        fault = _fault(layer)
        if fault is not None:
            raise ValueError(
                f"{layer.name} {fault}: write_hdf5 and read_hdf5 keep it, but Lava cannot run it as trained; end the "
                "network before it and do its part on the host, or replace it"
            )
    lead_of_biases(description)


def lead_of_biases(description: Description) -> int:
    """Steps that Lava's biases begin before its first input, which training must be given too; 0 without biases.

    Lava's layers of synapses pass their first input on a step later, but biases act from the first step. A network
    whose biases all sit where Lava runs the same number of steps behind training does in Lava what training does on
    an input that begins so many steps later.

    Raises:
        ValueError: biases that begin at different times, by the layer's index and kind.
    """
    with_neurons = [layer for layer in description.layers if layer.neuron is not None]
    lead: int | None = None
    for layer, latency in zip(with_neurons, description.latencies(delays_before=True), strict=True):
        if layer.kind == "input" or layer.bias is None or not layer.bias.any():
            continue
        if lead is None:
            lead = int(latency.min())
        if not np.all(latency == lead) or lead < 0:
            raise ValueError(
                f"{layer.name} has biases, and Lava runs it {int(latency.min())} to {int(latency.max())} steps behind "
                f"training but another {lead}: biases then begin at other times than in training; leave out its "
                "delays, and give all layers delay_shift=True"
            )
    return lead or 0


def _fault(layer: Layer) -> str | None:
    if layer.kind in ("pool", "unpool", "convT", "average"):
        return "has no process in netx"
    if layer.kind == "affine":
        return "never spikes: its voltage is to be read"
    if layer.kind == "conv" and layer.delay is not None:
        return "has delays, which netx ignores in a convolution"
    if layer.kind == "dense_rec" and layer.delay is not None:
        return "has delays, which netx puts on its feedback too"
    soft = layer.neuron is not None and layer.neuron.reset == "soft"
    if soft and layer.kind in ("conv", "dense_rec"):
        return "resets softly, which netx's convolutions and recurrent layers do not"
    return None
