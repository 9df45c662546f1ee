"""The group ``fine`` of a file's layer: what training starts from, which must agree with the registers beside it."""

from __future__ import annotations

import math

import numpy as np

from lava_dt.export import delays
from lava_dt.export.description import DECAY_UNIT, Fine, Layer
from lava_dt.export.schema import Stored

_LARGEST_SCALE = 1 << 24


def parse_fine(stored: Stored, channels: int) -> Fine:
    """Raises NetworkFileError where it cannot be what a neuron of so many channels was trained with."""
    decays = []
    for name in ("current_decay", "voltage_decay"):
        decay = stored.numbers(name, (1,), 0, DECAY_UNIT, whole=False).astype(np.float32)
        if decay.size not in (1, channels):
            raise stored.error(f"has {decay.size} values for {channels} channels", name)
        decays.append(decay)
    delay = None
    if "delay" in stored:
        delay = stored.numbers("delay", (1,), -1e9, 1e9, whole=False).astype(np.float32)
        if delay.size != channels:
            raise stored.error(f"has {delay.size} values for {channels} channels", "delay")
    threshold, scale = stored.attribute("threshold", float, 0.0), stored.attribute("scale", int, 64)
    if not 1 <= scale <= _LARGEST_SCALE or not 0 <= threshold < _LARGEST_SCALE:
        raise stored.error(f"has a threshold of {threshold} or a scale of {scale} that cannot be used")
    tau_rho, scale_rho, max_delay = (stored.attribute(name, float) for name in ("tau_rho", "scale_rho", "max_delay"))
    if not all(number is None or math.isfinite(number) for number in (tau_rho, scale_rho)) or tau_rho == 0:
        raise stored.error(f"has a surrogate of tau_rho={tau_rho}, scale_rho={scale_rho}, which cannot be used")
    if max_delay is not None and not 0 <= max_delay < math.inf:
        raise stored.error(f"has a max_delay of {max_delay}: 0 or more fine steps are needed")
    persistent = stored.attribute("persistent_state", bool, False)
    return Fine(decays[0], decays[1], threshold, scale, tau_rho, scale_rho, delay, max_delay, persistent)


def check_delays(stored: Stored, layer: Layer) -> None:
    """Refuses delays in fine steps that are not those of dt, are longer than any network needs, or delay nothing."""
    fine, steps, dt = layer.fine, layer.delay, layer.timestep.dt
    given = None if fine is None or fine.delay is None else delays.whole(fine.delay, fine.max_delay)
    if given is not None:
        if layer.kind in ("input", "affine"):
            raise stored.error("is given for a layer that delays nothing", "fine/delay")
        if not np.array_equal(delays.ticks(given, layer.hop, dt), 0 * given if steps is None else steps):
            raise stored.error(f"is not what the layer's delays at dt={dt} come from", "fine/delay")
    elif steps is not None:
        given = delays.longest(steps, layer.hop, dt)
    if given is not None and given.max() > delays.LONGEST:
        raise stored.error(f"goes up to {given.max()} fine steps: {delays.LONGEST} are possible", "delay")
