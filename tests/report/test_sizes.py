"""Learning curves and quick looks in the tables, from records made by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from featbench.report import as_html, as_markdown, summarize_run
from featbench.report.summary import DatasetSummary
from featbench.report.table import caption, verdict
from featbench.store import Store


def record(pipeline: str, size: int | None, val: float | None, **more: Any) -> dict[str, Any]:
    label = pipeline if size is None else f"{pipeline} · {size:,} images"
    test = more.pop("test", 0.5)
    return {
        "cell_id": f"{pipeline}-{size}-{more.get('split', 0)}".replace(" → ", "-"),
        "label": label, "pipeline": pipeline, "train_size": size or 5000, "drawn": size is not None,
        "dataset": "set", "split": 0, "seed": 0, "extractor": pipeline.split(" ")[0], "status": "ok", "dim": 8,
        "n_train": size or 5000, "n_test": 50, "val_accuracy": val, "test_accuracy": test, "test_low": test - 0.1,
        "test_high": test + 0.1, "data": {"classes": ["a", "b"], "n_train": 5000, "n_test": 50, "source": "made up",
        "fingerprint": "f" * 64}, "selection": {"parameters": {}, "candidates": [{}], "scores": [[]], "chosen": 0},
        "scores": {"interval": "wilson", "confusion": [[1, 2], [3, 4]]}, "phases": {}, **more,
    }  # fmt: skip


def summary(tmp_path: Path, *records: dict[str, Any]) -> DatasetSummary:
    store = Store(tmp_path)
    store.write_run({"name": "study", "cells": [r["cell_id"] for r in records], "command": None})
    for r in records:
        store.write_cell(r)
    (dataset,) = summarize_run(store).datasets
    return dataset


def labels(dataset: DatasetSummary) -> list[str]:
    return [line.label for line in dataset.lines]


def test_the_largest_size_recommends_even_where_a_smaller_validates_better(tmp_path: Path) -> None:
    dataset = summary(
        tmp_path,
        record("hog → svm", 100, 0.9),
        record("hog → svm", 1000, 0.5),
        record("raw → svm", 100, 0.95),
        record("raw → svm", 1000, 0.6),
        record("majority", None, None, extractor=""),
    )
    assert dataset.recommended is not None
    assert dataset.recommended.label == "raw → svm · 1,000 images"
    assert labels(dataset) == [
        "raw → svm · 1,000 images",
        "raw → svm · 100 images",
        "hog → svm · 1,000 images",
        "hog → svm · 100 images",
        "majority",
    ]
    assert verdict(dataset).startswith("Validation recommends raw → svm · 1,000 images: ")


def test_all_images_are_the_largest_size_whatever_their_number_in_a_split(tmp_path: Path) -> None:
    """Splits differ by an image or two, and rows may stand on some of them only."""
    dataset = summary(
        tmp_path,
        record("hog → svm", 4000, 0.9),
        record("hog → svm", None, 0.7, train_size=3999),
        record("raw → svm", None, 0.6, train_size=4001),
    )
    assert dataset.recommended is not None
    assert dataset.recommended.label == "hog → svm"


def test_where_the_largest_failed_the_next_recommends(tmp_path: Path) -> None:
    failed = {**record("hog → svm", None, None), "status": "failed", "reason": "memory"}
    dataset = summary(tmp_path, failed, record("hog → svm", 100, 0.4), record("raw → svm", 10, 0.8))
    assert dataset.recommended is not None
    assert dataset.recommended.label == "hog → svm · 100 images"
    assert labels(dataset) == ["hog → svm · 100 images", "hog → svm", "raw → svm · 10 images"]


def test_of_equals_the_first_alone_is_recommended(tmp_path: Path) -> None:
    dataset = summary(tmp_path, record("raw → svm", None, 0.6), record("hog → svm", None, 0.6))
    assert [line.recommended for line in dataset.lines] == [True, False]
    assert labels(dataset) == ["raw → svm", "hog → svm"]


def test_records_that_know_no_sizes_are_of_all_images(tmp_path: Path) -> None:
    old = record("hog → svm", None, 0.6)
    old = {key: value for key, value in old.items() if key not in ("pipeline", "drawn")}
    dataset = summary(tmp_path, old, record("hog → svm", 100, 0.7))
    assert labels(dataset) == ["hog → svm", "hog → svm · 100 images"]


def quick(pipeline: str, val: float) -> dict[str, Any]:
    made = record(pipeline, None, val, train_size=300, n_train=300)
    made["data"]["quick"] = 300
    return {key: v for key, v in made.items() if not key.startswith("test_") and key != "scores"}


def test_a_quick_look_shows_what_validation_found_and_that_labels_stay_closed(tmp_path: Path) -> None:
    dataset = summary(
        tmp_path, quick("raw → svm", 0.4), quick("hog → svm", 0.6), quick("majority", 0.1) | {"extractor": ""}
    )
    assert labels(dataset) == ["hog → svm", "raw → svm", "majority"]
    assert caption(dataset) == "set: a sample of 300 of 5,000 training images of 2 classes"
    assert verdict(dataset) == (
        "Best on the folds of the sample: hog → svm, 60.0 %. "
        "Quick: a sample of 300 images; test labels stay closed."
    )
    whole = summarize_run(Store(tmp_path))
    for text in (as_markdown(whole), as_html(whole)):
        assert "set: quick: a sample of 300 images; test labels stay closed" in text
        assert "were opened" not in text
        assert "on the test images, 95" not in text.split("Columns")[0]
    table = [line for line in as_markdown(whole).splitlines() if line.startswith("| ★")]
    assert "| closed |" in table[0]
