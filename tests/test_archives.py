"""Arrays in files: what comes back, and that a file from elsewhere does no harm."""

from __future__ import annotations

import json
import pickle
import struct
import sys

import numpy as np
import pytest

from featbench.archives import pack_tensors, read_tensors
from featbench.errors import MissingExtraError, StoreError

ARRAYS = {
    "block.weight": np.arange(12, dtype=np.float32).reshape(3, 4).T,  # not as it lies in memory
    "n": np.array(7, dtype=np.int64),
    "empty": np.zeros((0, 3), np.float64),
    "mask": np.array([True, False]),
}


def file_of(header: bytes, content: bytes = b"", length: int | None = None) -> bytes:
    return struct.pack("<Q", len(header) if length is None else length) + header + content


def test_tensors_come_back_as_they_were(tmp_path):
    (tmp_path / "w.safetensors").write_bytes(pack_tensors(ARRAYS, "test"))
    found = read_tensors(tmp_path / "w.safetensors", "test")
    assert set(found) == set(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name], array)
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)


def test_other_programs_read_them(tmp_path):
    library = pytest.importorskip("safetensors.torch")
    tensors = library.load(pack_tensors(ARRAYS, "test"))
    np.testing.assert_array_equal(tensors["block.weight"].numpy(), ARRAYS["block.weight"])


class Harmful:
    def __reduce__(self):
        return (print, ("executed",))


def header(offsets: list[int], shape: list[int], dtype: str = "F32") -> bytes:
    return json.dumps({"a": {"dtype": dtype, "shape": shape, "data_offsets": offsets}}).encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x07",
        pickle.dumps({"a": Harmful()}),
        pack_tensors(ARRAYS, "test")[:-9],
        pack_tensors(ARRAYS, "test")[:20],
        pack_tensors(ARRAYS, "test") + b"more",
        file_of(b"{}", length=2**63),
        file_of(header([0, 2**62], [2**60])),
        file_of(header([0, 4], [2**32, 2**32]), bytes(4)),
        file_of(header([8, 4], [1]), bytes(8)),
        file_of(header([-4, 4], [1]), bytes(8)),
        file_of(header([0, 4], [1], "O"), bytes(4)),
        file_of(b"[" * 10_000),
        file_of(b'{"a": 3}'),
    ],
    ids=lambda content: f"{len(content)} bytes",
)
def test_files_that_lie_are_refused_and_nothing_is_executed(tmp_path, capsys, content):
    path = tmp_path / "w.safetensors"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"w.safetensors is no whole safetensors file: "):
        read_tensors(path, "test")
    assert capsys.readouterr().out == ""


def test_a_file_that_is_not_there_and_a_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.safetensors"):
        read_tensors(tmp_path / "none.safetensors", "test")
    with pytest.raises(StoreError, match="no whole safetensors file"):
        read_tensors(tmp_path, "test")


def test_without_safetensors_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    message = r"CNN: weights: needs safetensors, .*pip install 'featbench\[cnn\]'"
    for call in (lambda: pack_tensors(ARRAYS, "CNN"), lambda: read_tensors(tmp_path / "w", "CNN")):
        with pytest.raises(MissingExtraError, match=message):
            call()
