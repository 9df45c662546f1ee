"""Which layers of a network are compared, and which step of Lava is which of training.

Lava's layers of synapses pass their input on a step later, lava-dl's blocks their output; a Lava layer therefore runs
its ``latency`` behind training. On the held clock training's time axis is that of fine steps, and a last bin that is
shorter than dt counts as a whole one (EQUATIONS A.3): Lava runs on until its end.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lava_dt.export.description import SYNAPTIC, Description, Layer


@dataclass(frozen=True)
class Compared:
    """A layer that computes something.

    Attributes:
        layer: its description.
        latency: () or (channel,): what training computes at step t, Lava computes at t + latency, steps of the
            description's clock.
    """

    layer: Layer
    latency: np.ndarray

    @property
    def adds_only(self) -> bool:
        """Whether it has no state: sums of an average block, or of synapses without neurons."""
        return self.layer.neuron is None


def compared(description: Description, delays_before: bool = False) -> list[Compared]:
    """The layers that a Lava network has, in order: those with neurons or synapses, and average blocks.

    Args:
        description: of the clock that Lava runs on.
        delays_before: the Lava network has delays before the neurons, as netx puts them, and not behind.
    """
    found, ahead = [], 0
    for layer in description.layers:
        if layer.kind in SYNAPTIC:
            ahead += 1
        if layer.neuron is not None or layer.kind in (*SYNAPTIC, "average"):
            late = layer.delay if delays_before and layer.delay is not None else 0
            found.append(Compared(layer, np.asarray(ahead + late)))
        ahead -= layer.hop
    return found


def lead_of_biases(layers: list[Compared]) -> int:
    """Steps that Lava's biases begin before its first input, which training must be given too; 0 without biases.

    Lava's layers of synapses pass their first input on a step later, but biases act from the first step. A network
    whose biases all sit where Lava runs the same number of steps behind training does in Lava what training does on
    an input that begins so many steps later.

    Raises:
        ValueError: biases that begin at different times, by the layer's index and kind.
    """
    lead: int | None = None
    for entry in layers:
        layer, latency = entry.layer, entry.latency
        if layer.kind == "input" or layer.bias is None or not layer.bias.any():
            continue
        if lead is None:
            lead = int(latency.min())
        if not np.all(latency == lead) or lead < 0:
            raise ValueError(
                f"{layer.name} has biases, and Lava runs it {int(latency.min())} to {int(latency.max())} steps behind "
                f"training but another {lead}: biases then begin at other times than in training; give all layers the "
                "same delay_shift"
            )
    return lead or 0


def shifted(array: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """(batch, channel, ..., time), each channel later by its steps, zeros before; ``steps`` () or (channel,).

    Negative steps are earlier, zeros behind.
    """
    moved = np.zeros_like(array)
    length = array.shape[-1]
    for amount in np.unique(steps):
        channels = slice(None) if steps.ndim == 0 else np.flatnonzero(steps == amount)
        kept = max(length - abs(int(amount)), 0)
        if amount >= 0:
            moved[:, channels, ..., length - kept :] = array[:, channels, ..., :kept]
        else:
            moved[:, channels, ..., :kept] = array[:, channels, ..., length - kept :]
    return moved


def whole_bins(steps: int, dt: int) -> int:
    """Fine steps of the bins that ``steps`` begin, the last one whole."""
    return -(-steps // dt) * dt


def placed(bins: np.ndarray, dt: int, steps: int) -> np.ndarray:
    """What happens at the grid steps, on the fine steps: (..., bins) -> (..., steps), zeros in between."""
    fine = np.zeros((*bins.shape[:-1], bins.shape[-1] * dt), bins.dtype)
    fine[..., dt - 1 :: dt] = bins
    return folded(fine, steps)


def held(bins: np.ndarray, dt: int, steps: int) -> np.ndarray:
    """A state known at the grid steps, kept until the next: (..., bins) -> (..., steps), zeros before the first."""
    fine = np.zeros((*bins.shape[:-1], bins.shape[-1] * dt), bins.dtype)
    fine[..., dt - 1 :] = np.repeat(bins, dt, -1)[..., : fine.shape[-1] - dt + 1]
    return folded(fine, steps)


def folded(fine: np.ndarray, steps: int) -> np.ndarray:
    """Whole bins cut to training's steps: what their last step has, training's last step has."""
    if fine.shape[-1] == steps:
        return fine
    cut = fine[..., :steps].copy()
    cut[..., -1] = fine[..., -1]
    return cut


def binned(fine: np.ndarray, dt: int) -> np.ndarray:
    """Sums over bins of dt steps: (..., steps) -> (..., bins)."""
    missing = whole_bins(fine.shape[-1], dt) - fine.shape[-1]
    padded = np.pad(fine, [(0, 0)] * (fine.ndim - 1) + [(0, missing)])
    return padded.reshape(*fine.shape[:-1], -1, dt).sum(-1)
