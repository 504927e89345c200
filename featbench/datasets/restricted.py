"""Reading CIFAR-10's batches, which are pickles, without running anything that a pickle could ask for.

A pickle names functions and has them called. This reader knows three names, those that a pickled array needs
(``_reconstruct``, ``ndarray``, ``dtype``), and even these are not NumPy's: they take down what the file says, and
the array is then made of it by hand, after its size has been checked. What else a batch holds (dictionaries,
lists, bytes, text, integers) pickle makes without calling anything. Every other name is refused.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
from typing import Any

import numpy as np

from featbench.errors import DataError, Shown, must_be
from featbench.types import AnyArray

__all__ = ["MAX_BYTES", "load_batch"]

MAX_BYTES = 64 * 2**20  # twice a batch

_MODULES = ("numpy", "numpy.core.multiarray", "numpy._core.multiarray")


def load_batch(content: bytes, where: str) -> dict[str, Any]:
    """Read the dictionary that a batch holds.

    Parameters
    ----------
    content : bytes
        The pickle, at most `MAX_BYTES`.
    where : str
        The file, for messages.

    Returns
    -------
    dict of str to object
        Arrays of numbers (read-only), lists, bytes, text and integers.

    Raises
    ------
    DataError
        It names anything else, is damaged, too large, or no dictionary.
    """
    remedy = "The file is not CIFAR-10's: remove it and get the original."
    if len(content) > MAX_BYTES:
        got = Shown(f"{len(content):,} bytes")
        raise DataError(must_be(where, "a batch", f"at most {MAX_BYTES:,} bytes", got, remedy))
    try:
        _check_memo(content)
        value = _Reader(io.BytesIO(content), encoding="bytes").load()
        if not isinstance(value, dict):
            raise _Refused(f"holds a {type(value).__name__} where a dictionary belongs")
        return {_text(key): _plain(item) for key, item in value.items()}
    except Exception as error:  # whatever a damaged or hostile file makes pickle stumble over
        got = Shown(str(error) or type(error).__name__)
        wanted = "a pickle of arrays, bytes, numbers, lists and dictionaries alone"
        raise DataError(must_be(where, "a batch", wanted, got, remedy)) from error


class _Refused(pickle.UnpicklingError):
    """The file asks for something that no batch needs."""


def _check_memo(content: bytes) -> None:
    """Refuse memo numbers beyond the file's length: pickle would make a table of that size."""
    for opcode, argument, _ in pickletools.genops(content):
        if opcode.name in ("LONG_BINPUT", "PUT") and int(argument or 0) > len(content):
            raise _Refused(f"the memo number {argument:,}")


class _Name:
    """What the file gets in place of one of NumPy's functions; it can be called, and nothing else."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, *arguments: Any) -> _Array | _Dtype:
        if self.name == "_reconstruct" and isinstance(arguments[0], _Name) and arguments[0].name == "ndarray":
            return _Array()
        if self.name == "dtype":
            return _Dtype(_text(arguments[0]))
        raise _Refused(f"a call of {self.name}")

    def __setstate__(self, state: Any) -> None:
        raise _Refused(f"a change of {self.name}")


class _Dtype:
    """An array's kind of number, as the file tells it."""

    def __init__(self, code: str) -> None:
        if code not in ("b1", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f4", "f8"):
            raise _Refused(f"an array of {code!r}")
        self.dtype = np.dtype(code)

    def __setstate__(self, state: Any) -> None:
        order = _text(state[1])
        if order not in ("<", ">", "|", "="):
            raise _Refused(f"the byte order {order!r}")
        self.dtype = self.dtype.newbyteorder(order)  # type: ignore[arg-type]


class _Array:
    """An array, as the file tells it."""

    array: AnyArray | None = None

    def __setstate__(self, state: Any) -> None:
        _, shape, kind, fortran, data = state
        if not isinstance(kind, _Dtype) or not isinstance(data, bytes):
            raise _Refused("an array without plain data")
        if not all(isinstance(side, int) and side >= 0 for side in shape):
            raise _Refused(f"an array of shape {shape!r}")
        if math.prod(shape) * kind.dtype.itemsize != len(data):
            raise _Refused(f"an array of shape {shape!r} with {len(data):,} bytes")
        self.array = np.frombuffer(data, kind.dtype).reshape(shape, order="F" if fortran else "C")


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if module in _MODULES and name in ("_reconstruct", "ndarray", "dtype"):
            return _Name(name)
        raise _Refused(f"the name {module}.{name}")

    def persistent_load(self, pid: Any) -> Any:
        raise _Refused(f"the persistent object {pid!r}")


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("ascii")
    if isinstance(value, str):
        return value
    raise _Refused(f"a {type(value).__name__} where text belongs")


def _plain(value: Any) -> Any:
    if not isinstance(value, _Array):
        return value
    if value.array is None:
        raise _Refused("an array without data")
    return value.array
