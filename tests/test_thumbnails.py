"""Small copies of images: their making, and their file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from featbench.errors import StoreError
from featbench.thumbnails import (
    SIDE,
    decoded,
    encoded,
    join_thumbnails,
    read_thumbnails,
    thumbnail_file,
    write_thumbnails,
)

# WebP at quality 80 on smooth pictures: a few grey levels.
LOSS = 6


def smooth(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return np.stack([255 * y // height, 255 * x // width, np.full_like(x, 90)], axis=2).astype(np.uint8)


def test_proportions_stay_and_nothing_is_enlarged() -> None:
    assert decoded(encoded(smooth(200, 100))).shape == (SIDE, SIDE // 2, 3)
    small = smooth(20, 30)
    back = decoded(encoded(small))
    assert back.shape == small.shape
    assert np.abs(back.astype(int) - small).mean() < LOSS


def test_lossless_keeps_each_pixel() -> None:
    image = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)
    np.testing.assert_array_equal(decoded(encoded(image, lossless=True)), image)
    grey = image[..., 0]
    np.testing.assert_array_equal(decoded(encoded(grey, lossless=True)), np.repeat(grey[..., None], 3, 2))


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "thumbnails" / "a.npz"
    assert read_thumbnails(path) == {}
    written = {("train", 7): b"one", ("test", 0): b"", ("test", 12): b"three"}
    write_thumbnails(path, written)
    assert read_thumbnails(path) == written
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(StoreError, match=r"a\.npz: cannot be read"):
        read_thumbnails(path)


def test_two_runs_become_one(tmp_path: Path) -> None:
    for name, (row, other) in {"a": (1, 2), "b": (2, 3)}.items():
        held = {("test", row): bytes([row]), ("test", other): bytes([other])}
        write_thumbnails(tmp_path / name / "thumbnails" / "same.npz", held)
        join_thumbnails(tmp_path / name, tmp_path / "both")
    join_thumbnails(tmp_path / "none", tmp_path / "both")
    both = read_thumbnails(tmp_path / "both" / "thumbnails" / "same.npz")
    assert both == {("test", i): bytes([i]) for i in (1, 2, 3)}


def test_splits_have_files_of_their_own(tmp_path: Path) -> None:
    record = {"data": {"fingerprint": "ab" * 32}, "split": 0, "seed": 1, "train_size": 50}
    names = {
        thumbnail_file(tmp_path, {**record, **change}).name for change in ({}, {"split": 1}, {"seed": 2})
    }
    assert len(names) == 3
