"""A block's weights in integers of Loihi's 8 bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from lava_dt.block.stepped import Stepped


def dense_weight(name: str, block: Any, synapse: Any, mask: torch.Tensor | None = None) -> np.ndarray:
    """(n_post, n_pre) integers of a dense synapse, as the next forward pass will use them."""
    # lava-dl multiplies the mask into a copy, which weight norm then overwrites
    overwritten = synapse.weight_norm_enabled and not isinstance(block, Stepped)
    weight = acting(synapse, None if overwritten else mask)
    if weight[0, 0].numel() != 1:
        raise ValueError(
            f"{name} takes an image of shape {tuple(weight.shape[1:-1])}: put a Flatten block before it, and give it "
            f"{weight[0].numel()} neurons"
        )
    return whole(name, "weight", weight.reshape(weight.shape[:2]), block.neuron.w_scale)


def image_weight(name: str, block: Any) -> np.ndarray:
    """Integers of a convolution's, pooling's or their transposes' kernel, without lava-dl's axis of time."""
    return whole(name, "weight", acting(block.synapse)[..., 0], block.neuron.w_scale)


def input_scalar(name: str, block: Any, part: str) -> np.ndarray | None:
    """The weight or bias of an input block, () integers; None without."""
    if block.neuron.w_scale != 64:
        raise ValueError(f"{name} has scale={block.neuron.w_scale}: an input block can be exported with scale=64 only")
    value = getattr(block, part)
    if value is None:
        return None
    return whole(name, part, block.pre_hook_fx(value.detach()).reshape(()), block.neuron.w_scale)


def whole(name: str, part: str, values: torch.Tensor, scale: int) -> np.ndarray:
    """Values in integers of ``scale``; refuses what Loihi's 8 bits would change (even integers from -256 to 254)."""
    scaled = values.cpu().double().numpy() * scale
    if not np.isfinite(scaled).all():
        raise ValueError(f"{name} has a {part} that is no finite number: its training has diverged")
    integers = np.rint(scaled / 2).astype(int) * 2
    if np.abs(scaled - integers).max(initial=0) > 1e-3:
        raise ValueError(
            f"{name} has a {part} of {scaled.flat[np.abs(scaled - integers).argmax()] / scale:g}, which is no even "
            f"multiple of 1/{scale}: Loihi's weights have 8 bits; train with pre_hook_fx=neuron.quantize_8bit, as is "
            "lava-dl's default"
        )
    if integers.min(initial=0) < -256 or integers.max(initial=0) > 254:
        raise ValueError(
            f"{name} has {part}s from {integers.min() / scale:g} to {integers.max() / scale:g}: Loihi's 8 bits end at "
            f"{-256 / scale:g} and {254 / scale:g}; scale threshold and weights down together"
        )
    return np.asarray(integers)


def acting(synapse: Any, mask: torch.Tensor | None = None) -> torch.Tensor:
    """Weights as the next forward pass will use them; ``synapse.weight`` is of the last under weight norm."""
    weight = synapse.weight.detach()
    normalised = [hook for hook in synapse._forward_pre_hooks.values() if hasattr(hook, "compute_weight")]
    with torch.no_grad():
        for hook in normalised:
            weight = hook.compute_weight(synapse).detach()
        if mask is not None:
            weight = weight * mask
        return weight if synapse.pre_hook_fx is None else synapse.pre_hook_fx(weight)
