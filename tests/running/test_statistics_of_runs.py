"""What a run leaves for the statistics of its report: groups beside predictions, and what rows are to reproduce."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from featbench.config import Document, read_experiment
from featbench.report import summarize_run
from featbench.report.claims import check_claims
from featbench.runner import run
from featbench.store import Store

pytestmark = pytest.mark.long

N, TOGETHER = 120, 4


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run two neighbours on grouped noise that leans to a class: they are right on much the same images."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(2), N)
    images = (
        rng.normal(100 + 8 * labels[:, None, None, None], 40, (2 * N, 8, 8, 3)).clip(0, 255).astype(np.uint8)
    )
    groups = np.arange(2 * N) // TOGETHER
    np.savez(folder / "noise.npz", images=images, labels=labels, groups=groups)
    asked: dict[str, Any] = {
        "dataset": {"name": "npz", "path": str(folder / "noise.npz")},
        "extractor": "raw",
        "preprocess": "none",
        "classifiers": [{"name": "knn", "search": {"n_neighbors": [9, 11]}}, {"name": "knn", "metric": "l1", "n_neighbors": 9}],
        "selection": {"folds": 2},
        "timing": {"repeats": 1},
        "reproduces": {"cs231n-1nn-l1": {"classifier": "knn(metric=l1*"}},
    }  # fmt: skip
    return run(read_experiment(Document("x.yaml", asked), "x"), output=folder / "run", cache=False).root


def test_rows_on_groups_are_compared_by_groups(finished: Path) -> None:
    store = Store(finished)
    (dataset,) = summarize_run(store).datasets
    (line,) = [line for line in dataset.lines if line.versus]
    assert line.versus is not None
    assert line.versus.test.method == "cluster bootstrap"
    groups = store.read_arrays(line.done[0])["groups"]
    assert len(groups) == line.versus.n_images == line.done[0]["n_test"]
    assert len(np.unique(groups)) == line.versus.n_groups
    assert line.versus.n_groups == pytest.approx(line.versus.n_images / TOGETHER)
    assert line.versus.tie
    assert "cluster bootstrap of the difference" in (finished / "results.md").read_text()


def test_the_run_tells_what_it_is_to_reproduce(finished: Path) -> None:
    told = json.loads((finished / "run.json").read_text())
    (cell_id,) = told["reproduces"]
    assert told["reproduces"] == {cell_id: "cs231n-1nn-l1"}
    assert cell_id in told["cells"]
    assert "reproduces" not in json.dumps(Store(finished).read_cell(cell_id))
    held, (failed,) = check_claims(summarize_run(Store(finished)))
    assert held == []
    assert "it is a figure of cifar10" in failed
