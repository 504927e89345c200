"""Loops over float64 lanes that numba does not find itself, in LLVM's own vectors, which every processor has.

A vector of LLVM is as wide as it is told to be: where registers are narrower, LLVM takes several. Sums are therefore
the same bits everywhere. Kernels that use what is here are cached by the date of their own file, `candidates`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

__all__ = ["NEAR", "chi2_sum", "l1_sum", "l2_sum", "near", "product_sum", "square_sum"]

NEAR = 64
"""Pairs that `near` looks at."""

_cgutils: Any = cgutils  # has no types
_I8, _I32, _I64, _F32, _F64 = ir.IntType(8), ir.IntType(32), ir.IntType(64), ir.FloatType(), ir.DoubleType()
_LANES = 16  # two of the widest registers: one addition need not wait for the other
_F64S = ir.VectorType(_F64, _LANES)
_BYTES = {_I8: 1, _I32: 4, _F32: 4, _F64: 8}


def _spread(builder: Any, value: Any, kind: Any) -> Any:
    """Return a number in all lanes of a kind."""
    if kind == _F64:
        return value
    one = builder.insert_element(ir.Constant(kind, ir.Undefined), value, _I32(0))
    return builder.shuffle_vector(one, one, ir.Constant(ir.VectorType(_I32, kind.count), None))


def _load(builder: Any, row: Any, at: Any, kind: Any) -> Any:
    """Load as many columns of a row as a kind has lanes, as float64."""
    pointer = builder.gep(row, [at])
    entry = pointer.type.pointee
    loaded = entry if kind == _F64 else ir.VectorType(entry, kind.count)
    values = builder.load(builder.bitcast(pointer, loaded.as_pointer()), align=_BYTES[entry])
    if entry == _F64:
        return values
    if entry == _F32:
        return builder.fpext(values, kind)
    return builder.uitofp(values, kind) if entry == _I8 else builder.sitofp(values, kind)


# Terms of float64 columns, one or a vector of them.


def _l2(builder: Any, a: Any, b: Any) -> Any:
    difference = builder.fsub(a, b)
    return builder.fmul(difference, difference)


def _l1(builder: Any, a: Any, b: Any) -> Any:
    difference = builder.fsub(a, b)
    name = "llvm.fabs.f64" if difference.type == _F64 else f"llvm.fabs.v{_LANES}f64"
    kind = ir.FunctionType(difference.type, [difference.type])
    return builder.call(_cgutils.get_or_insert_function(builder.module, kind, name), [difference])


def _product(builder: Any, a: Any, b: Any) -> Any:
    return builder.fmul(a, b)


def _square(builder: Any, _a: Any, b: Any) -> Any:
    return builder.fmul(b, b)


def _chi2(builder: Any, a: Any, b: Any) -> Any:
    difference, both = builder.fsub(a, b), builder.fadd(a, b)
    zero = ir.Constant(both.type, None)
    quotient = builder.fdiv(builder.fmul(difference, difference), both)
    return builder.select(builder.fcmp_ordered(">", both, zero), quotient, zero)


def _sum_of(term: Callable[..., Any]) -> Any:
    """Make the intrinsic that sums a term of a float64 row and of one of any dtype, times two numbers, in one order."""

    def build(builder: Any, a: Any, b: Any, length: Any, factors: Any) -> Any:
        def terms(at: Any, kind: Any) -> Any:
            left, right = _load(builder, a, at, kind), _load(builder, b, at, kind)
            for factor in factors:
                right = builder.fmul(right, _spread(builder, factor, kind))
            return term(builder, left, right)

        def steps(start: Any, stop: Any, step: int) -> Any:
            return _cgutils.for_range_slice(builder, start, stop, _I64(step), _I64)

        whole = builder.sub(length, builder.srem(length, _I64(_LANES)))
        sums = _cgutils.alloca_once_value(builder, ir.Constant(_F64S, None))
        with steps(_I64(0), whole, _LANES) as (at, _):
            builder.store(builder.fadd(builder.load(sums), terms(at, _F64S)), sums)
        lanes = [builder.extract_element(builder.load(sums), _I32(lane)) for lane in range(_LANES)]
        while len(lanes) > 1:
            lanes = [builder.fadd(x, y) for x, y in zip(lanes[::2], lanes[1::2], strict=True)]
        total = _cgutils.alloca_once_value(builder, lanes[0])
        with steps(whole, length, 1) as (at, _):
            builder.store(builder.fadd(builder.load(total), terms(at, _F64)), total)
        return builder.load(total)

    @intrinsic
    def sum_of(typing, a, b, scale, factor):  # type: ignore[no-untyped-def]  # noqa: ARG001
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            rows = [
                context.make_array(kind)(context, builder, value)
                for kind, value in zip(signature.args[:2], arguments[:2], strict=True)
            ]
            length = builder.extract_value(rows[0].shape, 0)
            return build(builder, rows[0].data, rows[1].data, length, arguments[2:])

        return types.float64(a, b, types.float64, types.float64), generate

    return sum_of


l2_sum = _sum_of(_l2)
l1_sum = _sum_of(_l1)
product_sum = _sum_of(_product)
square_sum = _sum_of(_square)
chi2_sum = _sum_of(_chi2)


def _near(typing, ends, sums, start, slope, limit):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """Return a bit for each of `NEAR` pairs from `start` on: whether end + slope · sum is within a limit."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        ends, sums = (
            context.make_array(kind)(context, builder, value).data
            for kind, value in zip(signature.args[:2], arguments[:2], strict=True)
        )
        start, slope, limit = arguments[2:]
        bits = _I64(0)
        for lane in range(0, NEAR, _LANES):
            at = builder.add(start, _I64(lane))
            scaled = builder.fmul(_load(builder, sums, at, _F64S), _spread(builder, slope, _F64S))
            lower = builder.fadd(_load(builder, ends, at, _F64S), scaled)
            within = builder.fcmp_ordered("<=", lower, _spread(builder, limit, _F64S))
            some = builder.zext(builder.bitcast(within, ir.IntType(_LANES)), _I64)
            bits = builder.or_(bits, builder.shl(some, _I64(lane)))
        return bits

    return types.uint64(ends, sums, types.int64, types.float64, types.float64), generate


near: Any = intrinsic(_near)
