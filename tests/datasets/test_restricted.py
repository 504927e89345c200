"""The unpickler that knows arrays, bytes, numbers, lists and dictionaries."""

import collections
import io
import os
import pickle
import pickletools
import struct

import numpy as np
import pytest

from featbench.datasets import restricted
from featbench.datasets.restricted import load_batch
from featbench.errors import DataError

PIXELS = np.arange(12, dtype=np.uint8).reshape(2, 6)


@pytest.mark.parametrize("protocol", [3, 4])
@pytest.mark.parametrize("kind", ["?", "u1", "<i4", ">i4", "<i8", "<f4", "<f8"])
def test_arrays_of_numbers_come_back(protocol, kind):
    array = np.array([[0, 1, 1], [1, 0, 1]]).astype(kind)
    content = pickle.dumps({"data": array, "labels": [1, 2], "name": "b", "raw": b"\xff"}, protocol=protocol)
    batch = load_batch(content, "here")
    assert batch["data"].dtype == np.dtype(kind)
    assert (batch["data"] == array).all()
    assert (batch["labels"], batch["name"], batch["raw"]) == ([1, 2], "b", b"\xff")


def test_fortran_order():
    array = np.asfortranarray(PIXELS)
    assert (load_batch(pickle.dumps({"data": array}, protocol=4), "here")["data"] == PIXELS).all()


def test_a_batch_of_python_2():
    # {b"data": array([[7, 8]], dtype=uint8), b"labels": [3]}, as Python 2 and NumPy 1 wrote it, byte by byte.
    content = (
        b"\x80\x02}q\x01(U\x04dataq\x02cnumpy.core.multiarray\n_reconstruct\nq\x03cnumpy\nndarray\nq\x04"
        b"K\x00\x85U\x01b\x87Rq\x05(K\x01K\x01K\x02\x86cnumpy\ndtype\nq\x06U\x02u1K\x00K\x01\x87Rq\x07"
        b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x02\x07\x08tbU\x06labelsq\x08]q\x09K\x03au."
    )
    batch = load_batch(content, "here")
    assert batch["data"].tolist() == [[7, 8]]
    assert batch["data"].dtype == np.uint8
    assert batch["labels"] == [3]


class Malicious:
    """Calls a function when it is unpickled."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def raw(*pieces):
    return b"\x80\x02" + b"".join(pieces) + b"."


HOSTILE = {
    "a command": (pickle.dumps({"data": Malicious(os.system, "touch owned")}), "the name posix.system"),
    "code": (pickle.dumps(Malicious(eval, "1")), "the name builtins.eval"),
    "a class of the library": (pickle.dumps({"x": collections.OrderedDict()}), "the name collections.OrderedDict"),
    "another function of numpy": (raw(b"cnumpy\nload\n"), "the name numpy.load"),
    "a path through an attribute": (
        raw(b"cnumpy\nndarray.tofile\n"), "the name numpy.ndarray.tofile"),
    "an array of objects": (pickle.dumps({"data": np.array([{}, []], dtype=object)}), "an array of 'O8'"),
    "an array of records": (pickle.dumps({"data": np.zeros(1, "i4,f4")}), "an array of 'V8'"),
    "a call of ndarray": (raw(b"cnumpy\nndarray\nK\x05\x85R"), "a call of ndarray"),
    "a new ndarray": (raw(b"cnumpy\nndarray\n)\x81"), ""),
    "a change of dtype": (raw(b"cnumpy\ndtype\n}U\x01aK\x01sb"), "a change of dtype"),
    "a huge shape": (
        pickle.dumps({"data": PIXELS}, protocol=4).replace(b"K\x02K\x06\x86", b"K\xffK\xff\x86"),
        r"an array of shape \(255, 255\) with 12 bytes",
    ),
    "an array without data": (
        raw(b"}U\x04datacnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87Rs"),
        "an array without data"),
    "a huge memo": (raw(b"}r" + struct.pack("<I", 2**32 - 1)), "the memo number 4,294,967,295"),
    "a huge memo in text": (raw(b"}p4294967295\n"), "the memo number 4,294,967,295"),
    "a huge string": (raw(b"T" + struct.pack("<i", 2**31 - 1)), ""),
    "a persistent object": (raw(b"Psecret\n"), "the persistent object"),
    "a list": (pickle.dumps([1]), "holds a list where a dictionary belongs"),
    "a number as key": (pickle.dumps({1: 2}), "a int where text belongs"),
    "nothing": (b"", ""),
    "no pickle": (b"\x00\x01\x02", ""),
    "half a pickle": (pickle.dumps({"data": PIXELS})[:-9], ""),
}  # fmt: skip


@pytest.mark.parametrize("attack", HOSTILE)
def test_everything_else_is_refused_and_nothing_runs(attack, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content, reason = HOSTILE[attack]
    with pytest.raises(
        DataError, match=f"(?s)batch_7: a batch must be a pickle of arrays, .*; got .*{reason}"
    ) as caught:
        load_batch(content, "batch_7")
    assert "The file is not CIFAR-10's: remove it and get the original." in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_hostile_files_leave_no_trace_in_the_reader():
    """BUILD with slots would set attributes on whatever a name stands for."""
    state = b"N}U\x04nameU\x04loads\x86"  # (None, {"name": "load"})
    with pytest.raises(DataError):
        load_batch(raw(b"cnumpy\nndarray\n", state, b"b"), "here")
    assert load_batch(pickle.dumps({"data": PIXELS}, protocol=4), "here")["data"].tolist() == PIXELS.tolist()


def test_a_large_file_is_not_looked_at(monkeypatch):
    monkeypatch.setattr(restricted, "MAX_BYTES", 10)
    with pytest.raises(DataError, match="a batch must be at most 10 bytes; got 11 bytes"):
        load_batch(b"x" * 11, "here")


def test_the_test_pickles_are_pickles():
    """The hand-written ones parse up to the point that is refused."""
    pickletools.dis(HOSTILE["a call of ndarray"][0], out=io.StringIO())
    pickletools.dis(HOSTILE["a change of dtype"][0], out=io.StringIO())
