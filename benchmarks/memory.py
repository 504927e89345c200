"""Memory of a large extraction: 100,000 JPEG photographs to HOG in a file, in under 1 GB of anonymous memory.

The photographs are the 720 of Caltech-101's twelve classes under FEATBENCH_DATA (or ../shared/data), to which a
hundred folders hold 1,000 links each; every link is decoded. Anonymous memory is what the kernel tells as RssAnon,
read every 20 ms while the extraction runs, interpreter and libraries included: it cannot be given back, unlike
the pages of the file that is written. Times are seconds an image, those of the peer of decoding alone.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.rows import Row
from featbench.datasets.decode import MAX_PIXELS, FileImages, decode_files
from featbench.datasets.listing import list_images
from featbench.extraction import extract_to
from featbench.extractors import HOG
from featbench.numerics.threads import n_threads
from featbench.timing import PeakMemory

__all__ = ["rows"]

_N = 100_000
_SIZE = 64
_MOST_MB = 1000.0


def rows() -> Iterator[Row]:
    """Measure and yield the row, or stop where there are no photographs."""
    root = (
        Path(os.environ.get("FEATBENCH_DATA") or Path(__file__).parents[2] / "shared/data") / "caltech101-12"
    )
    if not root.is_dir():
        raise SystemExit(
            f"{root}: no photographs. Set FEATBENCH_DATA to the folder that holds caltech101-12."
        )
    photographs = [entry.path for entry in list_images(root).entries]
    yield _extraction(photographs)


def _extraction(photographs: list[Path]) -> Row:
    pixels = np.empty((len(photographs), _SIZE, _SIZE, 3), dtype=np.uint8)
    start = time.perf_counter()
    decode_files(photographs, _SIZE, "squash", MAX_PIXELS, pixels)
    decoding = (time.perf_counter() - start) / len(photographs)
    del pixels
    with tempfile.TemporaryDirectory() as folder:
        _link(photographs, Path(folder) / "photographs")
        with PeakMemory() as peak:
            done = extract_to(HOG(), Path(folder) / "photographs", Path(folder) / "features.npy", size=_SIZE)
        memory = peak.memory()
        assert memory.anonymous_mb is not None, "only Linux tells"
        rows = np.load(done.output, mmap_mode="r")
        source = FileImages(photographs, _SIZE, "squash", MAX_PIXELS)
        expected = HOG().fit(source).transform(source)
        n = len(photographs)
        last = (_N // n - 1) * n
        equal = np.array_equal(rows[:n], expected) and np.array_equal(rows[last : last + n], expected)
    return Row(
        f"HOG {done.shape[1]}-d of {done.shape[0]:,} JPEG files to .npy",
        done.seconds / done.shape[0],
        "decoding alone",
        decoding,
        f"{'exact' if equal else 'rows'}; anon. {memory.anonymous_mb:.0f} MB",
        not equal or memory.anonymous_mb > _MOST_MB,
        memory.resident_mb,
        n_threads(),
        decoding,
        "decoding",
        bar=f"< {_MOST_MB:.0f} MB",
    )


def _link(photographs: list[Path], root: Path) -> None:
    """Make `_N` links to the photographs, in turn, in folders of a thousand."""
    for i in range(_N):
        folder = root / f"{i // 1000:03d}"
        if i % 1000 == 0:
            folder.mkdir(parents=True)
        (folder / f"{i:06d}.jpg").symlink_to(photographs[i % len(photographs)].resolve())
