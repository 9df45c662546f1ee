"""Patches of lava-dl, one a file."""

from patches.lava_dl import (
    cuda_arch,
    cuda_threshold,
    decay_gradient,
    netx_close_files,
    netx_input_scalars,
    published_protocol,
    timestep,
    trapz,
    vision_stand_ins,
)

PATCHES = (
    vision_stand_ins.PATCH,
    trapz.PATCH,
    netx_input_scalars.PATCH,
    netx_close_files.PATCH,
    decay_gradient.PATCH,
    cuda_threshold.PATCH,
    cuda_arch.PATCH,
    timestep.PATCH,
    published_protocol.PATCH,
)
