"""Runs on images that need no download, and models exported from them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from model_runs import cell_of, run_text

from featbench.model import export

DIGITS = """\
dataset: digits
evidence: false
extractor: {name: hog, cell: 4}
classifiers:
- {name: softmax, search: {reg: [0.01, 0.1]}}
- {name: knn, search: {n_neighbors: [1, 3]}}
- {name: svm, reg: 0.1, search: {}}
- {name: ensemble, members: [{name: mlp, hidden: 8, epochs: 3}, knn], vote: soft}
selection: {folds: 2}
timing: {repeats: 1}
"""


@pytest.fixture(scope="session")
def digits_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_text(DIGITS, "digits", tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="session")
def _digits_model(digits_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(cell_of(digits_run, "softmax"), tmp_path_factory.mktemp("models") / "digits").folder


@pytest.fixture
def digits_model(_digits_model: Path, tmp_path: Path) -> Path:
    """A model of its own, that may be spoiled."""
    return Path(shutil.copytree(_digits_model, tmp_path / "digits"))
