"""Patches of lava-nc, one a file."""

from patches.lava_nc import byte_encoder, conv_shape, reshape_port, start_method

PATCHES = (byte_encoder.PATCH, reshape_port.PATCH, conv_shape.PATCH, start_method.PATCH)
