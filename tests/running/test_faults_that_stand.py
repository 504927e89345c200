"""Failures are reported every time, repeated when that may help or is asked for, and never taken for results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from featbench.classifiers.svm import SVM
from featbench.config import Document, read_experiment
from featbench.errors import MissingExtraError, StoreError
from featbench.extractors import RawPixels
from featbench.runner import run

pytestmark = pytest.mark.long

THREE: dict[str, Any] = {
    "dataset": "digits",
    "evidence": False,
    "extractor": "raw",
    "classifiers": [
        {"name": "knn", "n_neighbors": 1},
        {"name": "svm", "reg": 0.01},
        {"name": "knn", "n_neighbors": 3},
    ],
    "selection": {"folds": 2},
    "timing": {"repeats": 1},
}


def plan(**changes: Any) -> Any:
    return read_experiment(Document("x.yaml", {**THREE, **changes}), "x")


def broken(error: BaseException) -> Any:
    def fit(*_: Any, **__: Any) -> None:
        raise error

    return fit


@pytest.fixture
def failed(tmp_path: Path) -> Any:
    """A run of which the third row failed by a bug that is mended by now."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SVM, "fit", broken(ZeroDivisionError("a bug in a plug-in")))
        return run(plan(), output=tmp_path)


def statuses(result: Any) -> list[str]:
    return [record["status"] for record in result.records]


def test_a_failure_stands_while_nothing_it_is_made_of_changes(failed: Any) -> None:
    assert statuses(failed) == ["ok", "ok", "ok", "failed", "ok"]
    again = run(plan(), output=failed.root)
    assert statuses(again) == statuses(failed)
    assert again.records == failed.records, "with its traceback"
    assert (again.n_reused, again.n_standing, again.n_failed) == (4, 1, 1), "it is no result"


def test_it_is_run_again_where_that_is_asked_for(failed: Any) -> None:
    again = run(plan(), output=failed.root, retry_failed=True)
    assert statuses(again) == ["ok"] * 5
    assert (again.n_reused, again.n_standing) == (4, 0)


def test_or_where_the_code_is_another(failed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from featbench import keys

    monkeypatch.setattr(keys, "code_fingerprint", lambda: "another")
    again = run(plan(), output=failed.root)
    assert statuses(again) == ["ok"] * 5
    assert again.n_standing == 0


def test_what_featbench_refuses_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An extra that was missing may have been installed."""
    with monkeypatch.context() as patch:
        patch.setattr(SVM, "fit", broken(MissingExtraError("svm", "torch", "cnn")))
        first = run(plan(), output=tmp_path)
    assert first.records[3]["failure"] == "refused"
    assert first.records[3]["reason"].startswith("svm: needs torch")
    assert statuses(run(plan(), output=tmp_path)) == ["ok"] * 5


@pytest.mark.parametrize("error", [MemoryError("Unable to allocate 8 EiB"), SystemExit(3)])
def test_memory_and_leaving_are_failures_of_the_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    monkeypatch.setattr(SVM, "fit", broken(error))
    result = run(plan(), output=tmp_path)
    assert statuses(result) == ["ok", "ok", "ok", "failed", "ok"]
    record = result.records[3]
    if isinstance(error, MemoryError):
        assert record["failure"] == "memory"
        assert "Unable to allocate 8 EiB" in record["reason"]
        assert "Take fewer images" in record["reason"]
    else:
        assert (record["failure"], record["reason"]) == ("exception", "SystemExit: 3")


def test_an_extractor_that_leaves_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def leave(*_: Any) -> None:
        asked.append(1)
        raise SystemExit

    monkeypatch.setattr(RawPixels, "_extract", leave)
    result = run(plan(), output=tmp_path)
    assert statuses(result) == ["ok", "ok", "failed", "failed", "failed"]
    assert len(asked) == 1


def test_the_first_failure_may_end_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(SVM, "fit", broken(ZeroDivisionError()))
        first = run(plan(), output=tmp_path, fail_fast=True)
    assert statuses(first) == ["ok", "ok", "ok", "failed"]
    assert "1 row of the run not there yet" in (tmp_path / "results.md").read_text()
    assert statuses(run(plan(), output=tmp_path, fail_fast=True)) == statuses(first), "it stands"
    assert statuses(run(plan(), output=tmp_path)) == ["ok", "ok", "ok", "failed", "ok"]
    mended = run(plan(), output=tmp_path, retry_failed=True, fail_fast=True)
    assert statuses(mended) == ["ok"] * 5


def test_two_runs_into_one_folder_are_refused_and_the_first_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = []
    fit = SVM.fit

    def meanwhile(self: Any, *arguments: Any) -> Any:
        if not told:
            with pytest.raises(StoreError, match="another run is writing here") as caught:
                run(plan(), output=tmp_path)
            told.append(str(caught.value))
        return fit(self, *arguments)

    monkeypatch.setattr(SVM, "fit", meanwhile)
    assert statuses(run(plan(), output=tmp_path)) == ["ok"] * 5
    assert "--output" in told[0]


def test_a_changed_experiment_adds_rows_and_loses_none(failed: Any) -> None:
    other = run(plan(classifiers=[{"name": "knn", "n_neighbors": 5}]), output=failed.root)
    assert statuses(other) == ["ok"] * 3
    assert other.n_failed == 0, "the failure is another experiment's"
    assert list(other.to_frame()["label"]) == ["chance", "majority", other.records[-1]["label"]]
    back = run(plan(), output=failed.root)
    assert back.records == failed.records
    assert (back.n_reused, back.n_standing) == (4, 1)


def test_a_row_counts_its_labels_once(failed: Any) -> None:
    """A row that failed before it predicted has opened none."""
    from featbench.store import Store

    opened = [line["cell_id"] for line in Store(failed.root).openings()]
    assert sorted(opened) == sorted(r["cell_id"] for r in failed.records if r["status"] == "ok")
    assert len(np.unique(opened)) == 4
