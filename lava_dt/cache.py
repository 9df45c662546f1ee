"""What the kernels tell the processor's caches: where arrays begin, and what will be read next.

A vector of 16 float32 is a cache line; one that lies across two of them takes twice as long to load and to store. And
rows that are read in descending or in no order are not foreseen by the processor: a kernel waits for memory unless it
has asked for them before.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from lava_dt.room import LINE

SECOND_LEVEL = Path("/sys/devices/system/cpu/cpu0/cache/index2/size")  # on Linux, as "512K"


def second_level() -> int:
    """Bytes of a core's second-level cache; what is usual, 1 MiB, where nothing says it in KiB."""
    try:
        return int(SECOND_LEVEL.read_text().strip().removesuffix("K")) << 10
    except (OSError, ValueError):
        return 1 << 20


@njit(nogil=True, cache=True)
def aligned_zeros(n, kind):  # type: ignore[no-untyped-def]
    """A kernel's own array of zeros, (n,) of type ``kind``, that begins with a cache line."""
    array = np.zeros(n + LINE, kind)
    skipped = -array.ctypes.data % LINE // array.itemsize
    return array[skipped : skipped + n]


@intrinsic
def _ask_for(typing_context: Any, address: Any) -> Any:
    """Begins to load the cache line at an address, which need not be valid, into the second-level cache.

    Fewer lines can be on their way to the first one than it takes to keep the memory busy.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        fetch = builder.module.declare_intrinsic(
            "llvm.prefetch", [pointer], ir.FunctionType(ir.VoidType(), [pointer, number, number, number])
        )
        to_read, to_second, of_data = (ir.Constant(number, value) for value in (0, 2, 1))
        builder.call(fetch, [builder.inttoptr(arguments[0], pointer), to_read, to_second, of_data])
        return context.get_dummy_value()

    return types.void(types.uint64), generate


@njit(nogil=True, cache=True, forceinline=True)
def prefetch(array, place, n):  # type: ignore[no-untyped-def]
    """Begins to load n entries of a contiguous array from ``place`` on, counted in entries (uint64)."""
    first = np.uint64(array.ctypes.data) + np.uint64(array.itemsize) * place
    for byte in range(0, n * array.itemsize, LINE):
        _ask_for(first + np.uint64(byte))


@intrinsic
def _line_past(typing_context: Any, source: Any, target: Any) -> Any:
    """Writes the cache line at an address to another, past the caches."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        line = ir.VectorType(ir.IntType(32), LINE // 4).as_pointer()
        read, written = (builder.inttoptr(address, line) for address in arguments)
        write = builder.store(builder.load(read, align=LINE), written, align=LINE)
        write.set_metadata("nontemporal", builder.module.add_metadata([ir.Constant(ir.IntType(32), 1)]))
        return context.get_dummy_value()

    return types.void(types.uint64, types.uint64), generate


@intrinsic
def settle(typing_context: Any) -> Any:
    """Ends what was written past the caches, so that other threads see it; at the end of every kernel that does."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.void(), generate


@njit(nogil=True, cache=True, forceinline=True)
def write_past(source, n, target, row, column):  # type: ignore[no-untyped-def]
    """target[row, column : column + n] = source[:n], float32, past the caches where whole lines fit.

    Memory of a large signal is not in the caches, and is first loaded into them where it is written the usual way.
    source: begins with a cache line. row, column: uint64.
    """
    first = np.uint64(target.ctypes.data) + np.uint64(4) * (row * np.uint64(target.shape[1]) + column)
    whole = n - n % 16 if first % np.uint64(LINE) == 0 else 0
    for byte in range(0, 4 * whole, LINE):
        _line_past(np.uint64(source.ctypes.data) + np.uint64(byte), first + np.uint64(byte))
    for i in range(whole, n):
        target[row, column + np.uint64(i)] = source[np.uint64(i)]
