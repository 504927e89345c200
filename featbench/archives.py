"""Arrays by name in a file, never pickle: numpy's archives, and safetensors for what other programs read as well."""

from __future__ import annotations

import errno
import io
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from featbench.errors import MissingExtraError, StoreError
from featbench.store import write_atomic
from featbench.text import first_line
from featbench.types import AnyArray

__all__ = ["pack_tensors", "read_arrays", "read_tensors", "write_arrays"]


def write_arrays(path: Path, arrays: Mapping[str, AnyArray]) -> None:
    """Write arrays to an archive, uncompressed, as `read_arrays` wants them.

    Raises
    ------
    StoreError
        The file cannot be written.
    """
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **arrays)
    write_atomic(path, content.getvalue())


def read_arrays(path: Path) -> dict[str, AnyArray]:
    """Read arrays that `write_arrays` wrote; they take no more memory than the file has bytes.

    Raises
    ------
    OSError, ValueError
        There is no such file, or it is another kind of archive: damaged, compressed (a small file could then
        fill any memory), or with objects that would have to be unpickled.
    """
    with zipfile.ZipFile(path) as archive:
        n_bytes = path.stat().st_size
        for member in archive.infolist():
            if member.compress_type != zipfile.ZIP_STORED or member.file_size > n_bytes:
                raise ValueError(f"{member.filename} is compressed, which featbench does not write")
    with np.load(path, allow_pickle=False) as loaded:
        return {name: loaded[name] for name in loaded.files}


def pack_tensors(tensors: Mapping[str, AnyArray], where: str) -> bytes:
    """Return what a ``.safetensors`` file of some arrays holds.

    Parameters
    ----------
    tensors : mapping of str to ndarray
        Numbers or truth values.
    where : str
        Who asks, for messages.

    Raises
    ------
    MissingExtraError
        safetensors is not installed.
    """
    # It writes memory as it lies, and takes an array without axes, which `ascontiguousarray` does not leave one.
    ordered = {name: np.asarray(array, order="C") for name, array in tensors.items()}
    content: bytes = _safetensors(where).save(ordered)
    return content


def read_tensors(path: Path, where: str) -> dict[str, AnyArray]:
    """Read a ``.safetensors`` file; it takes no more memory than the file has bytes.

    Raises
    ------
    MissingExtraError
        safetensors is not installed.
    FileNotFoundError
        There is no such file.
    StoreError
        It is something else, or cut off.
    """
    library = _safetensors(where)
    if not path.exists():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    try:
        found: dict[str, AnyArray] = library.load_file(path)
    except Exception as error:  # the library's own class, and those of types that numpy has not
        raise StoreError(f"{path.name} is no whole safetensors file: {first_line(error)}") from error
    return found


def _safetensors(where: str) -> Any:
    try:
        import safetensors.numpy
    except ImportError as error:
        raise MissingExtraError(f"{where}: weights", "safetensors", "cnn") from error
    return safetensors.numpy
