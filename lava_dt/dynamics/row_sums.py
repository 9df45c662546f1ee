"""Sums of rows of a table that stay in the processor's vector registers until the last row has been added.

The same loops in Python's words, columns within rows, would load and store the sums for every row, and the compiler
does not change that. So the loop over the rows is written down in the compiler's own language here, once.
"""

# mypy: disallow-untyped-defs=False
from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

LANE = 16  # columns of the smallest vector
BYTES = 256  # of sums at a time: half the registers of AVX2, and enough not to wait for one sum after the other
MOST_ROWS = 255  # of int8 that int16 holds the sum of: 255 * 128 < 2**15

_int16, _int64, _float = ir.IntType(16), ir.IntType(64), ir.FloatType()


def _adder(columns: int, summed: Any) -> Any:
    """The function that adds rows in a number of columns, with sums of an LLVM type."""

    @intrinsic
    def add(typing_context: Any, table: Any, first: Any, stride: Any, index: Any, low: Any, high: Any, out: Any,
            at: Any) -> Any:  # fmt: skip
        """out[at + j] += sum over e in low ... high - 1 of table[first + stride * index[e] + j].

        Arrays are contiguous, and places in them counted from their first entry (uint64).
        """

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            _, first, stride, _, low, high, _, at = arguments
            table, index, out = (
                context.make_array(signature.args[i])(context, builder, arguments[i]).data for i in (0, 3, 6)
            )
            vector = ir.VectorType(summed, columns)

            def entries(array: Any, place: Any) -> Any:
                pointer = builder.gep(array, [place])
                return builder.bitcast(pointer, ir.VectorType(pointer.type.pointee, columns).as_pointer())

            plus = builder.fadd if summed == _float else builder.add
            target = entries(out, at)
            kind = target.type.pointee
            goes_on = (
                kind == vector
            )  # from the sums so far; where those are wider, new ones are added to them at the end
            total = cgutils.alloca_once_value(
                builder, builder.load(target, align=1) if goes_on else ir.Constant(vector, None)
            )
            with cgutils.for_range_slice(builder, low, high, ir.Constant(_int64, 1), intp=_int64) as (e, _):
                row = builder.zext(builder.load(builder.gep(index, [e])), _int64)
                values = builder.load(entries(table, builder.add(first, builder.mul(row, stride))), align=1)
                builder.store(plus(builder.load(total), builder.sext(values, vector)), total)
            end = builder.load(total)
            if not goes_on:
                end = builder.add(builder.load(target, align=1), builder.sext(end, kind))
            builder.store(end, target, align=1)
            return context.get_dummy_value()

        place = types.uint64
        return types.void(table, place, place, index, types.int64, types.int64, out, place), generate

    return add


_add_wide_int8, _add_lane_int8 = (_adder(columns, _int16) for columns in (BYTES // 2, LANE))
_add_wide_float32, _add_lane_float32 = (_adder(columns, _float) for columns in (BYTES // 4, LANE))


@njit(nogil=True, cache=True)
def add_weights(x, table, k, index, low, high):
    """x += the rows index[low:high] of block k of the table.

    x: (width or more,) int32 or int64. table: (blocks, rows, width) int8, the width a multiple of `LANE`.
    """
    width = np.uint64(table.shape[2])
    first = k * np.uint64(table.shape[1]) * width
    for e in range(low, high, MOST_ROWS):
        end, j = e + MOST_ROWS if e + MOST_ROWS < high else high, np.uint64(0)
        while j + np.uint64(BYTES // 2) <= width:
            _add_wide_int8(table, first + j, width, index, e, end, x, j)
            j += np.uint64(BYTES // 2)
        while j < width:
            _add_lane_int8(table, first + j, width, index, e, end, x, j)
            j += np.uint64(LANE)


@njit(nogil=True, cache=True)
def add_rows(total, row, column, n, table, first, at, index, low, high):
    """total[row, column : column + n] += table[first + index[e], at : at + n] for e in low ... high - 1.

    One row after the other; both (rows, columns) float32, contiguous. Places are uint64.
    """
    stride = np.uint64(table.shape[1])
    begin = first * stride + at
    out = row * np.uint64(total.shape[1]) + column
    j = np.uint64(0)
    while j + np.uint64(BYTES // 4) <= n:
        _add_wide_float32(table, begin + j, stride, index, low, high, total, out + j)
        j += np.uint64(BYTES // 4)
    while j + np.uint64(LANE) <= n:
        _add_lane_float32(table, begin + j, stride, index, low, high, total, out + j)
        j += np.uint64(LANE)
    if j < n:
        for e in range(low, high):
            _add_rest(total, row, column + j, n - j, table, first + np.uint64(index[e]), at + j)


@njit(nogil=True, cache=True, inline="always")
def _add_rest(total, row, column, n, table, from_row, at):
    for j in range(n):
        total[row, column + j] += table[from_row, at + j]
