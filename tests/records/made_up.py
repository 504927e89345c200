"""Folders of results made by hand: cells with predictions, ledgers, machines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from featbench.store import Store

MACHINE = {
    "cpu": "a processor",
    "cores": 2,
    "threads": {"kernels": 2},
    "versions": {"numpy": "2"},
    "code": "c0de",
}


def cell(label: str, right: float = 0.6, n: int = 200, **more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a record and arrays of a row that labels a share of n images rightly, the first ones."""
    truth = np.arange(n) % 2
    predictions = truth.copy()
    predictions[round(right * n) :] ^= 1
    seconds = more.pop("seconds", {})
    phases = {
        "fit": 1.0,
        "search": 2.0,
        "transform_train": 0.5,
        "transform_test": 0.1,
        "predict": 0.1,
        **seconds,
    }
    split, seed = more.get("split", 0), more.get("seed", 0)
    extractor = label.rpartition(" → ")[0]
    data = {
        "classes": ["a", "b"], "n_train": 100, "n_test": n, "source": "made up", "notes": [], "duplicates": {},
        "fingerprint": f"f{seed if split else ''}" * 8, **more.pop("data", {}),
    }  # fmt: skip
    record = {
        "cell_id": f"{label.replace(' → ', '-')}-{seed}-{split}",
        "label": label, "dataset": "set", "split": split, "seed": seed, "extractor": extractor,
        "preprocess": "none", "classifier": label.rpartition(" → ")[2], "status": "ok", "n_train": 100,
        "train_size": 100, "n_test": n, "dim": 8, "val_accuracy": 0.6, "train_accuracy": 0.9,
        "test_accuracy": round(right * n) / n, "test_low": right - 0.1, "test_high": right + 0.1,
        "images_per_s": 1000.0, "latency_ms_p50": 0.5, "latency_ms_p95": 0.9, "peak_rss_mb": 300.0,
        "warnings": [], "top5_accuracy": None, "made": "2026-01-02T03:04:05+00:00", "key": "k" * 64,
        "data": data,
        "selection": {"candidates": [{"k": k} for k in (1, 3, 5)], "chosen": 1, "parameters": {"k": 3},
                      "scores": [[0.1], [0.3], [0.2]], "folds": 1},
        "scores": {"interval": "wilson", "balanced_accuracy": right, "macro_f1": right,
                   "confusion": [[10, 15], [5, 20]]},
        "phases": {k: {"seconds": v, "samples": [v], "shared": False} for k, v in phases.items()},
        "environment": MACHINE, "spec": {"asked": label},
        **more,
    }  # fmt: skip
    return record, {"predictions": predictions, "truth": truth}


def folder(root: Path, *cells: tuple[dict[str, Any], dict[str, Any]], **run: Any) -> Path:
    """Write a run."""
    store = Store(root)
    told = {"name": root.name, "command": None, "environment": MACHINE, **run}
    store.write_run({"cells": [record["cell_id"] for record, _ in cells], **told})
    for record, arrays in cells:
        store.write_cell(record, arrays if record["status"] == "ok" else None)
        if record["status"] == "ok":
            store.enter_opening({"dataset": "set", "cell_id": record["cell_id"], "time": f"2026-{root.name}"})
    return root
