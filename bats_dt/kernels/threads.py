"""How the Numba kernels run in parallel."""

from __future__ import annotations

# Only explicit prange loops are made parallel: looking for more in array expressions takes seconds to compile.
PRANGE_ONLY = {
    "prange": True,
    "comprehension": False,
    "fusion": False,
    "inplace_binop": False,
    "numpy": False,
    "reduction": False,
    "setitem": False,
    "stencil": False,
}
