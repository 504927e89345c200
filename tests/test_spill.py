"""Features beyond memory: the same rows, out of a file that nobody sees."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from featbench import spill
from featbench.errors import StoreError
from featbench.extractors import HOG, RawPixels
from featbench.images import ImageSource, mirrored
from featbench.spill import memory_for_features, transform_all


@pytest.fixture
def images(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (7, 16, 16, 3), dtype=np.uint8)


class Source(ImageSource):
    def __init__(self, images: np.ndarray) -> None:
        self.images = images
        self.image_shape = images.shape[1:]

    def __len__(self) -> int:
        return len(self.images)

    def read(self, indices: np.ndarray) -> np.ndarray:
        return self.images[indices]


def is_mapped(rows: np.ndarray) -> bool:
    base: Any = rows
    while base is not None:
        if isinstance(base, np.memmap):
            return True
        base = getattr(base, "base", None)
    return False


@pytest.mark.parametrize("extractor", [HOG(cell=4), RawPixels(dtype="uint8")], ids=repr)
@pytest.mark.parametrize("lazily", [False, True])
def test_rows_from_a_file_are_those_from_memory(
    images: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, extractor: Any, lazily: bool
) -> None:
    monkeypatch.setattr(spill, "_CHUNK", 3)
    extractor.fit(images)
    batches: list[Any] = [Source(images) if lazily else images, mirrored(images)]
    monkeypatch.setenv("FEATBENCH_MEMORY_MB", "100")
    held = transform_all(extractor, batches, tmp_path)
    monkeypatch.setenv("FEATBENCH_MEMORY_MB", "0")
    mapped = transform_all(extractor, batches, tmp_path)
    assert (is_mapped(held), is_mapped(mapped)) == (False, True)
    assert type(mapped) is np.ndarray
    assert mapped.flags.c_contiguous
    np.testing.assert_array_equal(held, np.concatenate([extractor.transform(b) for b in batches]))
    np.testing.assert_array_equal(mapped, held)
    assert mapped.dtype == held.dtype
    assert list(tmp_path.iterdir()) == []


def test_one_batch_that_fits_is_what_transform_makes(images: np.ndarray) -> None:
    extractor = HOG().fit(images)
    np.testing.assert_array_equal(transform_all(extractor, [images]), extractor.transform(images))


def test_no_images_need_no_file(images: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEATBENCH_MEMORY_MB", "0")
    extractor = HOG().fit(images)
    assert transform_all(extractor, [images[:0]]).shape == (0, extractor.n_features_out_)


def test_a_quarter_of_what_is_available_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    import psutil

    monkeypatch.delenv("FEATBENCH_MEMORY_MB", raising=False)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: type("Memory", (), {"available": 8_000})())
    assert memory_for_features() == 2_000
    monkeypatch.setenv("FEATBENCH_MEMORY_MB", "3")
    assert memory_for_features() == 3e6
    monkeypatch.setenv("FEATBENCH_MEMORY_MB", "much")
    assert memory_for_features() == 2_000


def test_a_disk_without_room_is_told(
    images: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEATBENCH_MEMORY_MB", "0")
    extractor = RawPixels().fit(images)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, hard))
    try:
        with pytest.raises(StoreError, match=r"cannot hold features of 0 MB.*Free space"):
            transform_all(extractor, [images], tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


def test_a_run_beyond_memory_gives_the_same_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from featbench.config import Document, read_experiment
    from featbench.runner import run

    plan = {
        "dataset": "digits",
        "evidence": False,
        "extractors": [{"name": "hog", "cell": 4, "block": 1}],
        "classifier": {"name": "knn", "search": {"n_neighbors": [1, 3]}},
        "selection": {"folds": 2},
        "timing": {"repeats": 1},
    }
    made = []
    mapped = spill._mapped
    monkeypatch.setattr(
        spill, "_mapped", lambda *arguments: (made.append(arguments[2]), mapped(*arguments))[1]
    )
    results = []
    for megabytes in ("1000", "0"):
        monkeypatch.setenv("FEATBENCH_MEMORY_MB", megabytes)
        done = run(
            read_experiment(Document("digits", plan), "digits"), output=tmp_path / megabytes, cache=False
        )
        results.append(done.to_frame()[["label", "val_accuracy", "test_accuracy"]])
    assert results[0].equals(results[1])
    assert made == [tmp_path / "0"] * 2, "the training rows and the test rows, on the disk of the run"
    assert not list((tmp_path / "0").glob(".features*"))
