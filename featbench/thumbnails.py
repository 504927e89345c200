"""Small copies of images that a report may show, beside the cells that judged them.

::

    DIR/thumbnails/<data>-<split>-<seed>-<size>.npz     those of one split: encoded images, by part and row

They are written once a split; a folder without them, or from which they were deleted, is a whole run.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from featbench.errors import StoreError
from featbench.store import write_atomic
from featbench.types import AnyArray, ImageArray

__all__ = [
    "SIDE",
    "Thumbnails",
    "decoded",
    "encoded",
    "join_thumbnails",
    "read_thumbnails",
    "thumbnail_file",
    "write_thumbnails",
]

SIDE = 64
"""Pixels of the longer side of a thumbnail at the most."""

_QUALITY = 80  # of WebP: about 1.5 kB at 64 × 64, and no block is seen

Thumbnails: TypeAlias = dict[tuple[str, int], bytes]
"""WebP files by part, ``"train"`` or ``"test"``, and row in it."""


def encoded(image: ImageArray, side: int = SIDE, *, lossless: bool = False) -> bytes:
    """Return an image as a WebP file, made smaller where it is larger.

    Parameters
    ----------
    image : ndarray of uint8, (h, w, 3) or (h, w)
    side : int, optional
        Pixels of the longer side at the most.
    lossless : bool, optional
        Whether every pixel is to be kept, of an image that is not larger.

    Returns
    -------
    bytes
    """
    from PIL import Image

    picture = Image.fromarray(np.ascontiguousarray(image)).convert("RGB")
    picture.thumbnail((side, side))  # keeps proportions, never enlarges
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=_QUALITY, lossless=lossless)
    return file.getvalue()


def decoded(content: bytes) -> ImageArray:
    """Return the pixels of `encoded`, ``uint8 (h, w, 3)``."""
    from PIL import Image

    with Image.open(io.BytesIO(content)) as picture:
        return np.asarray(picture.convert("RGB"))


def thumbnail_file(root: Path, record: Mapping[str, Any]) -> Path:
    """Return where the thumbnails of a cell's split lie, be they there or not.

    Parameters
    ----------
    root : Path
        Folder of the run.
    record : mapping
        Any cell's of the split.

    Returns
    -------
    Path
    """
    images = str(record["data"]["fingerprint"])[:16]
    return root / "thumbnails" / f"{images}-{record['split']}-{record['seed']}-{record['train_size']}.npz"


def write_thumbnails(path: Path, thumbnails: Thumbnails) -> None:
    """Write thumbnails so that the old file stands or the new one, whole.

    Raises
    ------
    StoreError
        The folder cannot be written.
    """
    keys = sorted(thumbnails)
    buffer = io.BytesIO()
    np.savez(
        buffer,
        allow_pickle=False,
        tests=np.asarray([part == "test" for part, _ in keys], dtype=bool),
        rows=np.asarray([row for _, row in keys], dtype=np.int64),
        ends=np.cumsum([len(thumbnails[key]) for key in keys], dtype=np.int64),
        content=np.frombuffer(b"".join(thumbnails[key] for key in keys), dtype=np.uint8),
    )
    write_atomic(path, buffer.getvalue())


def read_thumbnails(path: Path) -> Thumbnails:
    """Read what `write_thumbnails` wrote; empty where the file is not there.

    Raises
    ------
    StoreError
        The file is damaged.
    """
    if not path.exists():
        return {}
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as file:
            arrays: dict[str, AnyArray] = {name: file[name] for name in file.files}
        content, ends = arrays["content"].tobytes(), arrays["ends"].tolist()
        parts = ["test" if test else "train" for test in arrays["tests"]]
        keys = list(zip(parts, arrays["rows"].tolist(), strict=True))
        starts = [0, *ends[:-1]]
        return {key: content[a:b] for key, a, b in zip(keys, starts, ends, strict=True)}
    except Exception as error:
        # Whatever np.load raises of broken bytes, of which there are many kinds.
        raise StoreError(f"{path}: cannot be read ({error}). Remove it; the report does without.") from error


def join_thumbnails(source: Path, target: Path) -> None:
    """Put the thumbnails of one run into another's folder; those of one split become one file.

    Parameters
    ----------
    source, target : Path
        Folders of runs.

    Raises
    ------
    StoreError
        A file is damaged, or the folder cannot be written.
    """
    for path in sorted((source / "thumbnails").glob("*.npz")):
        there = target / "thumbnails" / path.name
        write_thumbnails(there, {**read_thumbnails(path), **read_thumbnails(there)})
