"""The benchmark of a million images, tried out on few: what it makes, watches and predicts."""

import json
import os
import time
from contextlib import ExitStack

import numpy as np
import pytest

from featbench.datasets import open_dataset
from featbench.datasets.npz import Npz
from featbench.imagesets import ImageSet


@pytest.fixture
def million(repository, monkeypatch):
    monkeypatch.syspath_prepend(str(repository))
    import benchmarks.million

    return benchmarks.million


def made(million, images, n, **seed):
    return np.concatenate(list(million.tiled(images, n, **seed)))


def test_copies_are_changed_and_keep_their_place(million, rng, monkeypatch):
    monkeypatch.setattr(million, "_CHUNK", 4)
    images = rng.integers(0, 256, (10, 32, 32, 3)).astype(np.uint8)
    many = made(million, images, 35)
    assert len(many) == 35
    np.testing.assert_array_equal(many[:10], images)
    np.testing.assert_array_equal(made(million, images, 23), many[:23])
    assert not np.array_equal(made(million, images, 23, seed=1)[10:], many[10:23])
    assert len(np.unique(many, axis=0)) == 35, "no copy equals another"
    flat = np.repeat(np.arange(20, 220, 20, dtype=np.uint8), 4 * 4 * 3).reshape(10, 4, 4, 3)
    shades = made(million, flat, 100).reshape(10, 10, -1)
    assert (shades.min(axis=2) == shades.max(axis=2)).all(), "shifted and mirrored, a flat image stays flat"
    factors = shades[1:, :, 0] / flat[:, 0, 0, 0]
    assert 0.75 < factors.min() < 0.9 < 1.1 < factors.max() < 1.25
    assert set(np.unique(made(million, np.full((3, 4, 4, 3), 255, np.uint8), 30))) <= set(range(200, 256))


def test_an_archive_is_a_data_set(million, rng, tmp_path, monkeypatch):
    parts = [ImageSet(rng.integers(0, 256, (n, 8, 8, 3)).astype(np.uint8), np.arange(n) % 3) for n in (20, 6)]
    million.write_archive(tmp_path / "set.npz", *parts, 56)
    dataset = open_dataset("npz", {"path": str(tmp_path / "set.npz")})
    np.testing.assert_array_equal(dataset.train.images, made(million, parts[0].images, 50))
    np.testing.assert_array_equal(
        dataset.train.labels, [*np.arange(20) % 3, *np.arange(20) % 3, *np.arange(10) % 3]
    )
    np.testing.assert_array_equal(dataset.test.images, parts[1].images)
    assert dataset.official_split
    monkeypatch.setattr("featbench.datasets.npz._MAPPED", 0)
    mapped = Npz(path=str(tmp_path / "set.npz")).load().train.images
    np.testing.assert_array_equal(mapped.read(np.arange(50)), dataset.train.images)


def test_predictions_are_lines(million, monkeypatch):
    assert million.predicted("search", (100, 300, 1100), (2.0, 3.0)) == pytest.approx(7.0)
    assert million.predicted("load", (100, 300, 1100), (3.0, 2.0)) == 3.0, "nothing grows shorter"
    monkeypatch.setattr(million, "_LEARNED", 500)
    assert million.predicted("fit_extractor", (100, 300, 1100), (2.0, 3.0)) == pytest.approx(4.0)


def test_what_is_watched_is_anonymous_and_of_all_processes(million):
    """A process that holds 80 MB, and beside it one that holds 40 MB."""
    hold = "x = bytearray({}); import time; time.sleep(20)"
    sizes = {"large": 80, "small": 40}
    with million._watch() as watched, ExitStack() as stack:
        for kind, size in sizes.items():
            command = ["timeit", "-n1", "-r1", hold.format(size * 10**6)]
            stack.enter_context(watched.started(kind, command, os.environ))
        deadline = time.monotonic() + 18
        while time.monotonic() < deadline:
            if all(watched.parts.get(kind, 0) > size for kind, size in sizes.items()):
                break
            time.sleep(0.1)
        time.sleep(3 * million._EVERY_S)
    interpreter = 40  # MB, at the most
    for kind, size in sizes.items():
        assert size < watched.parts[kind] < size + interpreter
    assert 120 < watched.anonymous_mb < 120 + 2 * interpreter
    assert watched.mapped_mb > 0


@pytest.mark.long
@pytest.mark.parametrize("dask", [False, True])
def test_a_run_of_few_images(million, tmp_path, monkeypatch, dask):
    """The whole of it on 32 × 32 crops of photographs; a cluster gives the same row."""
    if dask:
        pytest.importorskip("distributed")
    monkeypatch.setattr(million, "_WORKERS", 1)
    photos = open_dataset("photos", {})
    archive, output = tmp_path / "set.npz", tmp_path / "run"
    million.write_archive(archive, photos.train, photos.test, 300 + len(photos.test))
    found = million.measure(archive, output, dask=dask)
    assert {"fit_extractor", "transform_train", "search", "fit", "rest"} <= set(found.seconds)
    assert all(seconds >= 0 for seconds in found.seconds.values())
    assert found.processor_s > 0
    assert 0.3 < found.accuracy <= 1
    assert found.anonymous_mb > 100
    assert set(found.parts) == ({"run", "scheduler", "worker"} if dask else {"run"})
    told = [json.loads(path.read_text()) for path in (output / "cells").glob("*.json")]
    (row,) = (record for record in told if record["extractor"])
    assert row["n_train"] == 300
    assert row.get("executor", {}).get("spread_over") == (1 if dask else None)
    compared = list(million._compared(1000, (100, 200, 1000), [found] * 3))
    assert [row.work.partition(", ")[2] for row in compared] == [*found.seconds, "in all", "processor time"]
