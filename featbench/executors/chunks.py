"""Features of many images, made in chunks on other machines by an extractor that was fitted here.

A chunk goes out as a description, with the files that `featbench.saved` writes of the extractor; its rows come home.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from featbench.base import Extractor
from featbench.base.extractor import images_at_once
from featbench.config import Cell
from featbench.config.described import read_cell
from featbench.images import ImageBatch, augmented, image_shape, take
from featbench.jobs import alone, made_by, refuse_others, sealed_data
from featbench.saved import load_plugin, save_plugin, why_not
from featbench.sealed import SealedDataset
from featbench.types import FeatureMatrix, Indices

__all__ = ["Chunk", "describe_chunks", "do_chunk", "pack"]

_A_WORKER = 4  # chunks a worker has to do, so that one slow machine does not hold up the rest
_AT_ONCE = 16 * 1024  # images of a chunk at the most: features of a chunk are in memory twice

Chunk = tuple[int, str]
"""The first row of a chunk, and its description."""


def describe_chunks(
    cell: Cell, data: SealedDataset, batches: Sequence[ImageBatch], n_workers: int, at_once: int
) -> list[Chunk] | None:
    """Describe the chunks of training or test images.

    Parameters
    ----------
    cell : Cell
        Says which images, and how training images are augmented.
    data : SealedDataset
    batches : sequence of ImageBatch
        As `featbench.spill.transform_all` is given them.
    n_workers : int
        That share the work.
    at_once : int
        How many of them share a machine.

    Returns
    -------
    list of (int, str) or None
        None where these are others than all training images with what was made of them, or all test images.
    """
    whole = {"train": data.train.images, "test": data.test_images}
    part = next((name for name, images in whole.items() if batches[0] is images), None)
    if part is None:
        return None
    common = {
        "cell": cell.spec(),
        "name": data.name,
        "fingerprint": data.summary["fingerprint"],
        "made_by": made_by(),
        "at_once": at_once,
        "part": part,
    }
    # Whole steps of the extractor's own, so that rows are the same to the last bit.
    step = images_at_once(image_shape(batches[0]))
    wanted = sum(map(len, batches)) // (_A_WORKER * n_workers)
    size = step * max(1, min(wanted, _AT_ONCE) // step)
    chunks, first = [], 0
    for number, images in enumerate(batches):
        for start in range(0, len(images), size):
            rows = [start, min(start + size, len(images))]
            chunks.append((first + start, json.dumps({**common, "batch": number, "rows": rows})))
        first += len(images)
    return chunks


def pack(extractor: Extractor) -> dict[str, bytes] | None:
    """Return the files of a fitted extractor, or None where it cannot be saved."""
    if why_not(extractor) is not None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        save_plugin(extractor, Path(folder))
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def do_chunk(text: str, files: dict[str, bytes]) -> FeatureMatrix:
    """Extract the features of a chunk from its description.

    Parameters
    ----------
    text : str
        Of `describe_chunks`.
    files : dict of str to bytes
        Of `pack`.

    Returns
    -------
    ndarray, (n, d)
        Of the extractor's dtype.

    Raises
    ------
    InputError, DataError
        As from `featbench.jobs.do_job`.
    StoreError
        The files are no fitted extractor.
    """
    job = json.loads(text)
    with alone(job["at_once"]):
        refuse_others(job["made_by"])
        which = (job["name"], job["fingerprint"], job["part"], job["batch"])
        images = _images(json.dumps(job["cell"]), *which)
        rows: Indices = np.arange(*job["rows"], dtype=np.int64)
        return _extractor(tuple(sorted(files.items()))).transform(take(images, rows))


@lru_cache(maxsize=1)
def _images(spec: str, name: str, fingerprint: str, part: str, batch: int) -> ImageBatch:
    cell = read_cell(json.loads(spec))
    data = sealed_data(cell, name, fingerprint)
    if part == "test":
        return data.test_images
    assert cell.extractor is not None
    return augmented(data.train.images, cell.extractor.augment, cell.seed)[batch]


@lru_cache(maxsize=1)
def _extractor(files: tuple[tuple[str, bytes], ...]) -> Extractor:
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files:
            (Path(folder) / Path(name).name).write_bytes(content)
        return load_plugin(Path(folder), Extractor)  # type: ignore[type-abstract]
