"""Blocks: what is done in one place, from a description, without test labels."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from featbench.blocks import Block, Split, attempt, do_block, features_of, plan
from featbench.config import Document, read_experiment
from featbench.evaluation import Evaluated, Prediction, judge
from featbench.runner import run
from featbench.stages import Skipped

pytestmark = pytest.mark.long

TWO: dict[str, Any] = {
    "dataset": "digits",
    "evidence": False,
    "extractors": ["raw", {"name": "hog", "cell": 4, "block": 1}],
    "classifiers": [{"name": "knn", "n_neighbors": 1}, {"name": "softmax", "reg": 0.01}],
    "selection": {"folds": 2},
    "timing": {"repeats": 1},
}


def silent(_: str) -> None:
    pass


def splits(**changes: Any) -> list[Split]:
    experiment = read_experiment(Document("two.yaml", {**TWO, **changes}), "two")
    return list(plan(list(experiment.cells()), experiment.splits, experiment.timing, silent))


def predictions(block: Block, split: Split, deadline: float = float("inf")) -> list[Any]:
    features = features_of(block.cells[0], split.data, block.timing, None, silent)
    return [done.outcome for done in do_block(block, split.data, features, silent, deadline)]


def test_a_block_is_the_cells_on_one_extractor() -> None:
    (split,) = splits()
    labels = [[cell.extractor.name if cell.extractor else "" for cell in b.cells] for b in split.blocks]
    assert labels == [["", ""], ["raw", "raw"], ["hog", "hog"]]


def test_splits_and_seeds_have_their_own() -> None:
    made = splits(splits=2, seeds=[0, 1])
    assert [(s.blocks[0].cells[0].seed, s.blocks[0].cells[0].split) for s in made] == [
        (0, 0), (0, 1), (1, 0), (1, 1)
    ]  # fmt: skip
    assert len({s.data.summary["fingerprint"] for s in made}) == 4


def test_what_a_description_says_is_what_was_asked(tmp_path: Path) -> None:
    """Judged at home, a block that went out as text gives the figures of the run."""
    finished = {
        r["cell_id"]: r
        for r in run(read_experiment(Document("two.yaml", TWO), "two"), output=tmp_path).records
    }
    (split,) = splits()
    for block in split.blocks:
        again = Block.read(json.loads(json.dumps(block.describe())))
        for prediction in predictions(again, split):
            record = judge(prediction, split.data, lambda: None).record
            for name in (
                "test_accuracy",
                "val_accuracy",
                "train_accuracy",
                "top5_accuracy",
                "scores",
                "spec",
            ):
                assert record[name] == finished[record["cell_id"]][name]


def test_a_block_opens_no_test_label(monkeypatch: pytest.MonkeyPatch) -> None:
    from featbench.sealed import SealedLabels

    def forbidden(*_: Any) -> None:
        raise AssertionError("test labels were opened")

    monkeypatch.setattr(SealedLabels, "open", forbidden)
    (split,) = splits()
    for block in split.blocks:
        for prediction in predictions(block, split):
            assert isinstance(prediction, Prediction)
            assert not set(prediction.record) & {"test_accuracy", "scores", "status"}


def test_the_ledger_comes_before_the_labels() -> None:
    (split,) = splits()
    prediction = predictions(split.blocks[0], split)[0]

    def full() -> None:
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        judge(prediction, split.data, full)


def test_the_five_likeliest_are_those_of_the_scores() -> None:
    (split,) = splits()
    for prediction in predictions(split.blocks[1], split):
        assert prediction.top5.shape == (len(split.data.test_labels), 5)
        assert (prediction.top5[:, 0] == prediction.refitted.predictions).mean() > 0.99, "but for ties"
        assert all(len(set(row)) == 5 for row in prediction.top5.tolist())


def test_a_deadline_begins_no_further_cell() -> None:
    (split,) = splits()
    assert predictions(split.blocks[1], split, time.perf_counter() - 1) == []


def test_what_befalls_a_cell_is_a_record() -> None:
    (split,) = splits()
    cell = split.blocks[1].cells[0]

    def skip() -> Evaluated:
        raise Skipped("does not fit")

    def fail() -> Evaluated:
        return np.zeros(3)[5]

    skipped, failed = (attempt(cell, split.data, make).record for make in (skip, fail))
    assert (skipped["status"], skipped["reason"], skipped["label"]) == ("skipped", "does not fit", cell.label)
    assert failed["status"] == "failed"
    assert failed["reason"].startswith("IndexError: ")
    assert "in fail" in failed["traceback"]
