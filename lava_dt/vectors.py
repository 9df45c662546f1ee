"""How wide the vectors of the kernels' loops may be."""

from __future__ import annotations

from typing import Any

from numba import types
from numba.extending import intrinsic


@intrinsic
def with_whole_vectors(typing_context: Any) -> Any:
    """Lets the loops of the function that calls it use vectors of 512 bits where the processor has them.

    The compiler takes 256 on those of Intel, of which the first with AVX-512 slowed down when it was used.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        set.add(builder.function.attributes, '"prefer-vector-width"="512"')  # llvmlite's own `add` knows few attributes
        return context.get_dummy_value()

    return types.void(), generate
