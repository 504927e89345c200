"""A folder of made-up rows that have kept evidence: five test images of three classes, in colours that tell them apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from test_report import record

from featbench.store import Store
from featbench.thumbnails import encoded, thumbnail_file, write_thumbnails

CLASSES = ["cat", "dog", "ship"]
TRUTH = np.array([0, 1, 2, 0, 1])
SAID = {
    "hog → softmax": np.array([0, 0, 1, 2, 1]),
    "raw → svm": np.array([0, 1, 0, 2, 2]),
}
SURE = {
    "hog → softmax": np.array([0.88, 0.55, 0.95, 0.72, 0.45], dtype=np.float32),
    "raw → svm": np.array([3.0, 1.0, 0.1, 0.2, 2.5], dtype=np.float32),
}


def coloured(number: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.full((8, 8, 3), (40 * number % 256, 90, 200 - 30 * number), dtype=np.uint8)


def evidence(label: str) -> tuple[dict[str, Any], dict[str, Any]]:
    probable = label.endswith("softmax")
    files = [encoded(coloured(20 + i), 320, lossless=True) for i in range(3)]
    ends = np.cumsum([len(file) for file in files]).tolist()
    starts = [0, *ends[:-1]]
    shown = [("strokes", "7", True), ("template", "cat", False), ("template", "dog", False)]
    told = {
        "confidence": "probability" if probable else "margin",
        "calibrated": False,
        "neighbours_among": 100,
        "occlusion": "probability" if probable else "score",
        "pictures": [
            {"name": name, "of": of, "shows_images": images, "start": start, "end": end}
            for (name, of, images), start, end in zip(shown, starts, ends, strict=True)
        ],
    }
    arrays = {
        "confidence": SURE[label],
        "pictures": np.frombuffer(b"".join(files), dtype=np.uint8),
        "pictured": np.array([7]),
        "queries": np.array([1]),
        "near_pixels": np.array([[10, 11]]),
        "near_pixels_labels": np.array([[1, 2]]),
        "near_features": np.array([[12, 10]]),
        "near_features_labels": np.array([[0, 1]]),
        "mapped": np.arange(5),
        "pca": np.arange(10, dtype=np.float32).reshape(5, 2),
        "tsne": np.arange(10, dtype=np.float32).reshape(5, 2)[::-1],
        "occluded": np.array([2]),
        "occlusion_whole": np.array([0.95], dtype=np.float32),
        "occlusion": np.array([[[0.5, 0.0], [-0.25, 0.1]]], dtype=np.float32),
    }
    return told, {f"evidence.{name}": array for name, array in arrays.items()}


def looked(folder: Path, classes: list[str] | None = None, **more: Any) -> Store:
    """Write a run of two rows with all evidence and thumbnails."""
    store, cells = Store(folder), []
    for place, (label, said) in enumerate(SAID.items()):
        right = float((said == TRUTH).mean())
        row = record(label, 0.9 - place / 10, right, **more)
        row["data"] |= {"classes": classes or CLASSES, "n_test": 5}
        row["n_test"] = 5
        counts = np.zeros((3, 3), dtype=int)
        np.add.at(counts, (TRUTH, said), 1)
        row["scores"] |= {
            "confusion": counts.tolist(),
            "per_class": (np.diag(counts) / counts.sum(axis=1)).tolist(),
        }
        row["evidence"], arrays = evidence(label)
        store.write_cell(row, {"predictions": said, "truth": TRUTH, **arrays})
        cells.append(row)
    store.write_run({"name": "study", "cells": [row["cell_id"] for row in cells], "command": "x"})
    tests = {("test", i): encoded(coloured(i)) for i in range(5)}
    trains = {("train", i): encoded(coloured(i)) for i in (7, 10, 11, 12)}
    write_thumbnails(thumbnail_file(folder, cells[0]), {**tests, **trains})
    return store
