"""A stand-in for CuPy: NumPy arrays that refuse what CuPy's would refuse.

Where there is no GPU, code written for either kind of array is run on these. Like CuPy's they mix with no NumPy array,
become none unasked, and have 0-dimensional arrays where NumPy has scalars (CuPy 13 and 14).
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

# Of NumPy's functions and of its arrays' attributes, those that CuPy 14 does not have.
NO_FUNCTIONS = {
    "asmatrix", "block", "bmat", "einsum_path", "frompyfunc", "geomspace", "histogram_bin_edges", "insert", "isnat",
    "matvec", "nanpercentile", "nanquantile", "polyder", "polydiv", "polyint", "spacing", "unstack", "vecdot", "vecmat",
}  # fmt: skip
NO_ATTRIBUTES = {"ctypes", "getfield", "resize", "setfield", "setflags", "to_device"}
FROM_HOST = ("array", "asarray", "ascontiguousarray")
FROM_NUMBERS = (*FROM_HOST, "zeros", "ones", "full", "empty", "arange", "linspace", "shape", "ndim", "isscalar")


class StrictArray(np.lib.mixins.NDArrayOperatorsMixin):
    """An array that might be on a GPU."""

    __array_priority__ = 100
    __hash__ = None

    def __init__(self, host: np.ndarray) -> None:
        self._host = host

    def __array__(self, *args: Any, **kwargs: Any) -> np.ndarray:
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. Please use `.get()` to construct a NumPy array "
            "explicitly."
        )

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        strides = None if self._host.flags.c_contiguous else self._host.strides
        return {"shape": self.shape, "strides": strides, "data": (self._host.ctypes.data, False), "version": 3}

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method not in ("__call__", "at", "reduce"):
            raise TypeError(f"CuPy has no {ufunc.__name__}.{method}")
        return _wrapped(getattr(ufunc, method)(*_bare(inputs), **_bare(kwargs)))

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return getattr(strict_cupy, function.__name__)(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name in NO_ATTRIBUTES:
            raise AttributeError(f"CuPy's arrays have no attribute {name!r}")
        value = getattr(self._host, name)
        return _guarded(value, numbers=True) if callable(value) else _wrapped(value)

    @property
    def shape(self) -> tuple[int, ...]:
        return self._host.shape

    def get(self) -> np.ndarray:
        """A copy on the host."""
        return self._host.copy()

    def __getitem__(self, key: Any) -> Any:
        return _wrapped(self._host[_bare(key, lists=True)])

    def __setitem__(self, key: Any, value: Any) -> None:
        self._host[_bare(key, lists=True)] = _bare(value)

    def __len__(self) -> int:
        return len(self._host)

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        return bool(self._host)

    def __int__(self) -> int:
        return int(self._host)

    def __float__(self) -> float:
        return float(self._host)

    def __format__(self, spec: str) -> str:
        return format(self._host.item() if self.ndim == 0 else self._host, spec)

    def __repr__(self) -> str:
        return repr(self._host)


def _wrapped(value: Any) -> Any:
    """Arrays, and the scalars that CuPy leaves on the GPU, as strict arrays."""
    if isinstance(value, tuple) and any(isinstance(part, np.ndarray) for part in value):
        return tuple(map(_wrapped, value))
    return StrictArray(np.asarray(value)) if isinstance(value, np.ndarray | np.generic) else value


def _bare(value: Any, lists: bool = False) -> Any:
    """The NumPy arrays behind strict ones; TypeError for what is no strict array and CuPy would not take."""
    if isinstance(value, StrictArray):
        return value._host
    if isinstance(value, np.ndarray):
        raise TypeError(f"Unsupported type {type(value)}: CuPy mixes with no NumPy array")
    if isinstance(value, dict):
        return {name: _bare(part, lists or name in ("shape", "axis", "axes")) for name, part in value.items()}
    if isinstance(value, list | tuple):
        if not lists and isinstance(value, list) and not all(isinstance(part, StrictArray) for part in value):
            raise TypeError(f"Unsupported type {type(value)}: CuPy takes no list of numbers here")
        return type(value)(_bare(part, lists) for part in value)
    return value


def _guarded(function: Any, numbers: bool = False) -> Any:
    def call(*args: Any, **kwargs: Any) -> Any:
        return _wrapped(function(*_bare(args, numbers), **_bare(kwargs, numbers)))

    return call


class _StrictCuPy(ModuleType):
    """The module: NumPy's functions on strict arrays."""

    ndarray = StrictArray

    def __getattr__(self, name: str) -> Any:
        value = getattr(np, name)
        if isinstance(value, type) or not callable(value):
            return value
        if name in NO_FUNCTIONS:
            raise AttributeError(f"CuPy has no {name}")
        return _guarded(value, numbers=name in FROM_NUMBERS or name in ("reshape", "transpose", "broadcast_to", "tile"))

    @staticmethod
    def asarray(value: Any, dtype: Any = None) -> StrictArray:
        host = value._host if isinstance(value, StrictArray) else np.array(value)  # from the host: a copy
        return StrictArray(np.asarray(host, dtype))

    @staticmethod
    def array(value: Any, dtype: Any = None, order: str = "K", copy: bool = True) -> StrictArray:
        host = value._host if isinstance(value, StrictArray) else np.asarray(value)
        return StrictArray(np.array(host, dtype, order=order))

    @staticmethod
    def ascontiguousarray(value: Any, dtype: Any = None) -> StrictArray:
        return StrictArray(np.ascontiguousarray(strict_cupy.asarray(value)._host, dtype))

    @staticmethod
    def asnumpy(value: Any) -> np.ndarray:
        return value.get() if isinstance(value, StrictArray) else np.asarray(value)

    @staticmethod
    def lexsort(keys: StrictArray) -> StrictArray:
        if not isinstance(keys, StrictArray) or keys.ndim > 2:
            raise TypeError("CuPy's lexsort takes an array of one or two dimensions")
        return StrictArray(np.lexsort(keys._host))

    @staticmethod
    def concatenate(arrays: Any, axis: int = 0) -> StrictArray:
        if not all(isinstance(array, StrictArray) for array in arrays):
            raise TypeError("Only cupy arrays can be concatenated")
        return StrictArray(np.concatenate([array._host for array in arrays], axis))


strict_cupy: Any = _StrictCuPy("strict_cupy")
