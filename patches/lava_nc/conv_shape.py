"""lava-nc-conv-shape: convolutions over inputs wider than 127 run on NumPy 2.

The Python model of ``Conv`` holds stride, kernel, padding and dilation as int8. Under NumPy 2's promotion
rules (NEP 50) ``output_shape`` then computes in int8: OverflowError for an input of 128 or more, a silent
wrap near it. Here the arguments become Python integers first; upstream's function does the rest.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

from patches.change import Replacement
from patches.patch import Patch


def _ints(values: Iterable[Any]) -> tuple[int, ...]:
    return tuple(int(value) for value in values)


def _with_python_ints(original: Any) -> Any:
    @functools.wraps(original)
    def output_shape(
        input_shape: Any, out_channels: Any, kernel_size: Any, stride: Any, padding: Any, dilation: Any
    ) -> Any:
        return original(
            _ints(input_shape),
            out_channels,
            _ints(kernel_size),
            _ints(stride),
            _ints(padding),
            _ints(dilation),
        )

    return output_shape


def _not_needed() -> str | None:
    import numpy as np

    try:
        np.int8(1) + 200
    except OverflowError:
        return None
    return f"NumPy {np.__version__} widens int8 where a Python integer does not fit"


PATCH = Patch(
    name="lava-nc-conv-shape",
    reason="NumPy 2 computes the shape of a convolution in int8: OverflowError for inputs wider than 127",
    package="lava-nc",
    versions=("0.10.0",),
    changes=(Replacement("lava.proc.conv.utils", "output_shape", ("8975c1cc3bad4094",), _with_python_ints),),
    not_needed=_not_needed,
)
