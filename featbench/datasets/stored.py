"""Images of an archive that are read where they are used: those of an array that stands in it uncompressed."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import numpy as np

from featbench.images import ImageSource, check_images
from featbench.types import ImageArray, Indices

__all__ = ["StoredImages", "stored_images"]

# A local header of the ZIP format: so many bytes, of which the last two pairs say how long a name and how many further
# bytes follow. https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, 4.3.7
_HEADER = struct.Struct("<4s22xHH")
_ENCRYPTED = 1


class StoredImages(ImageSource):
    """Images of a memory-mapped array, which the system reads and forgets as it likes.

    Parameters
    ----------
    pixels : ndarray of uint8, (n, h, w, 3) or (n, h, w)
    """

    def __init__(self, pixels: ImageArray) -> None:
        self._pixels = pixels
        self.image_shape = pixels.shape[1:]

    def __len__(self) -> int:
        return len(self._pixels)

    def read(self, indices: Indices) -> ImageArray:
        """Copy the images at `indices` into memory."""
        return np.asarray(self._pixels[indices])


def stored_images(path: Path, name: str, least_bytes: int) -> StoredImages | None:
    """Map the images of an archive.

    Parameters
    ----------
    path : Path
        The archive, as `numpy.savez` writes it.
    name : str
        Of the array.
    least_bytes : int
        An array of fewer is left to be read whole.

    Returns
    -------
    StoredImages or None
        None where the array is not there, is compressed, is small, or does not hold images in the order of C.

    Raises
    ------
    InputError
        The array is ``uint8`` and its shape is not that of images.
    OSError, ValueError, zipfile.BadZipFile
        The archive is damaged.
    """
    with zipfile.ZipFile(path) as archive:
        member = next((info for info in archive.infolist() if info.filename == f"{name}.npy"), None)
        if member is None or member.file_size < least_bytes:
            return None
        if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & _ENCRYPTED:
            return None
        with archive.open(member) as file:
            version = np.lib.format.read_magic(file)
            read = (
                np.lib.format.read_array_header_1_0
                if version == (1, 0)
                else np.lib.format.read_array_header_2_0
            )
            shape, fortran, dtype = read(file)
            before = file.tell()
    if fortran or dtype != np.uint8:
        return None
    with path.open("rb") as file:
        file.seek(member.header_offset)
        _, n_name, n_extra = _HEADER.unpack(file.read(_HEADER.size))
    offset = member.header_offset + _HEADER.size + n_name + n_extra + before
    pixels = np.memmap(path, dtype=np.uint8, mode="r", offset=offset, shape=shape)
    if member.file_size != before + pixels.nbytes:
        raise ValueError(f"{name} has {member.file_size - before} bytes, its header tells of {pixels.nbytes}")
    checked = check_images(pixels, f"{path}: {name}")
    assert isinstance(checked, np.ndarray)
    return StoredImages(checked)
