"""Which data a network takes, and how they are cut into its steps."""

from __future__ import annotations

import math
from pathlib import Path

from lava_dt.export.description import IMAGES, SYNAPTIC, Description, image_shape
from runs.config import ConfigError
from runs.deploy.encoding import Encoding
from runs.deploy.samples import Samples, Split, images, recordings

USUAL_SECONDS = 0.3  # that a recording lasts
SHAPES = {"events": (2, 34, 34), "latency": (1, 28, 28)}
_NAMES = {"events": "N-MNIST recordings", "latency": "MNIST images"}


def encoding_of(
    description: Description, known: Encoding | None, steps: int | None = None, *, fine_step: float
) -> Encoding:
    """How the network's input is made: as it says itself, else as its number of inputs tells.

    Args:
        steps: fine steps of a sample, instead of what is known or usual.
        fine_step: seconds.

    Raises:
        ConfigError: nobody says it.
    """
    if known is None:
        fitting = [kind for kind, shape in SHAPES.items() if takes(description, shape)]
        if not fitting:
            sizes = " or ".join(f"{math.prod(SHAPES[kind])} inputs ({name})" for kind, name in _NAMES.items())
            raise ConfigError(
                f"the network does not take {sizes}, which are the data that are read here: run it from Python, or "
                "check it on spikes of yours by lava-dt export NET --verify SPIKES.npy"
            )
        if fitting[0] == "latency":
            raise ConfigError(
                "the network takes images of 28 x 28 pixels but does not say when a pixel spikes: write its file with "
                "lava-dt export RUN, which adds that, or pass the run's directory"
            )
        known = Encoding(input="events", steps=max(1, round(USUAL_SECONDS / fine_step)))
    elif not takes(description, SHAPES[known.input]):
        raise ConfigError(f"the network says that it takes {_NAMES[known.input]}, but it has another number of inputs")
    return known if steps is None else Encoding(**{**vars(known), "steps": steps})


def takes(description: Description, shape: tuple[int, int, int]) -> bool:
    """Whether a network's first layer takes (channel, height, width), as an image or as so many neurons."""
    first = next(layer for layer in description.layers if layer.kind != "input" or layer.neuron is not None)
    if first is not description.layers[0]:
        return math.prod(description.layers[0].shape) == math.prod(shape)
    if first.kind in IMAGES:
        return image_shape(first, shape) == tuple(first.shape)
    if first.kind in SYNAPTIC and first.weight is not None:
        return bool(first.weight.shape[1] == math.prod(shape))
    return math.prod(first.shape) == math.prod(shape)


def input_shape(description: Description, image: tuple[int, int, int]) -> tuple[int, ...]:
    """(neuron,) or (channel, height, width) of what the network takes, which `takes` such an image."""
    first = description.layers[0]
    as_image = first.kind in IMAGES or (first.kind in ("input", "flatten") and len(first.shape) == 3)
    return image if as_image else (math.prod(image),)


def samples_of(encoding: Encoding, folder: Path | None, split: Split, *, dt: int, fine_step: float) -> Samples:
    """The data set, in bins of dt fine steps."""
    if encoding.window is None:
        return recordings(folder, split, steps=encoding.steps, dt=dt, fine_step=fine_step)
    window, distorted = encoding.window, encoding.published_dt
    return images(folder, split, steps=encoding.steps, step=fine_step, window=window, published_dt=distorted, dt=dt)
