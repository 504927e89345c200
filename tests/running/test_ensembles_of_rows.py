"""Rows that vote: averages worked out by hand, what is opened, timed, reused, and what fails."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from scipy.special import softmax

from featbench import blocks
from featbench.classifiers import SVM, Softmax
from featbench.config.document import parse
from featbench.config.reading import read_experiment
from featbench.runner import run
from featbench.selection import make_folds
from featbench.stages import extract, load
from featbench.store import Store
from featbench.timing import ONCE

pytestmark = pytest.mark.long

TEXT = """\
dataset: {name: digits, test_size: 0.5}
extractors: [raw, {name: hog, cell: 4, block: 1}]
classifiers: [{name: softmax, search: {reg: [0.1, 1.0]}}, {name: svm, reg: 1.0}]
selection: {folds: 3}
timing: {repeats: 1}
"""
BOTH = "{cells: [raw -> softmax, hog -> svm]}"

ROUNDING = 1e-12  # of sums in another order


def plan(ensembles: str, text: str = TEXT) -> Any:
    return read_experiment(parse(f"{text}ensembles: {ensembles}\n", "e.yaml"), "e")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Any:
    asked = f"[{BOTH}, {{best: 2}}, {{cells: [raw -> svm, raw -> softmax, hog -> svm], vote: hard}}]"
    return run(plan(asked), output=tmp_path_factory.mktemp("run"))


def by_label(result: Any) -> dict[str, dict[str, Any]]:
    return {record["label"]: record for record in result.records}


def said(fit_rows, fit_labels, rows, classifier):
    """Standardize and fit, then probabilities, or scores over their deviation turned into shares."""
    mean, scale = fit_rows.mean(axis=0), fit_rows.std(axis=0)
    scale[scale == 0] = 1
    fitted = classifier.fit((fit_rows - mean) / scale, fit_labels)
    prepared = (rows - mean) / scale
    if hasattr(fitted, "predict_proba"):
        return fitted.predict_proba(prepared)
    deviation = fitted.decision_function((fit_rows - mean) / scale).std()
    return softmax(fitted.decision_function(prepared) / deviation, axis=1)


def test_the_mean_is_that_of_the_members_worked_out_by_hand(finished: Any) -> None:
    records = by_label(finished)
    record = records["ensemble(raw → softmax, hog → svm)"]
    reg = records["raw → standardize → softmax"]["selection"]["parameters"]["reg"]
    experiment = plan(f"[{BOTH}]")
    (data,), _ = load(experiment.datasets[0], None, 0)
    y = data.train.labels
    X, X_new = {}, {}
    for component in experiment.extractors:
        features = extract(component, data, experiment.selection, 0, ONCE)
        X[component.name], X_new[component.name] = features.train.astype(float), features.test.astype(float)
    makers = {"raw": lambda: Softmax(reg=reg), "hog": lambda: SVM(reg=1.0)}
    mean = sum(said(X[name], y, X_new[name], makers[name]()) for name in makers) / 2
    arrays = Store(finished.root).read_arrays(record)
    assert np.mean(arrays["predictions"] == mean.argmax(axis=1)) >= 0.999  # ours fits float32 rows
    accuracies = []
    for fold in make_folds(y, None, experiment.selection, 0):
        votes = sum(
            said(X[name][fold.train], y[fold.train], X[name][fold.validation], makers[name]())
            for name in makers
        )
        accuracies.append(np.mean(votes.argmax(axis=1) == y[fold.validation]))
    np.testing.assert_allclose(record["selection"]["scores"][0], accuracies, rtol=0, atol=2 / 299)
    assert record["val_accuracy"] == pytest.approx(np.mean(record["selection"]["scores"]), abs=ROUNDING)
    assert record["test_accuracy"] == np.mean(arrays["predictions"] == arrays["truth"])


def test_a_hard_vote_is_that_of_the_members_labels(finished: Any) -> None:
    records, store = by_label(finished), Store(finished.root)
    record = records["ensemble(raw → svm, raw → softmax, hog → svm, vote=hard)"]
    labels = [
        store.read_arrays(records[label])["predictions"]
        for label in ("raw → standardize → svm(reg=1.0)", "raw → standardize → softmax",
                      "hog(cell=4, block=1) → standardize → svm(reg=1.0)")
    ]  # fmt: skip
    counts = np.stack([np.sum([each == c for each in labels], axis=0) for c in range(10)], axis=1)
    np.testing.assert_array_equal(store.read_arrays(record)["predictions"], counts.argmax(axis=1))


def test_the_best_are_those_of_validation(finished: Any) -> None:
    records = by_label(finished)
    pipelines = [r for r in finished.records if r["extractor"] and r["classifier"] != "ensemble"]
    best = sorted(pipelines, key=lambda r: -r["val_accuracy"])[:2]
    record = records["ensemble(best 2)"]
    assert {m["cell_id"] for m in record["selection"]["members"]} == {r["cell_id"] for r in best}
    assert all(r["label"] in record["selection"]["parameters"]["members"] for r in best)


def test_test_labels_are_opened_once_a_row_and_after_the_members(finished: Any) -> None:
    openings = Store(finished.root).openings()
    assert Counter(o["cell_id"] for o in openings) == {r["cell_id"]: 1 for r in finished.records}
    assert [o["label"] for o in openings[-3:]] == [r["label"] for r in finished.records[-3:]]


def test_a_row_like_the_others(finished: Any) -> None:
    table = finished.to_frame().set_index("label")
    record = by_label(finished)["ensemble(raw → softmax, hog → svm)"]
    members = [by_label(finished)[m["label"]] for m in record["selection"]["members"]]
    row = table.loc[record["label"]]
    told_of_phases = [
        name for name in row.index if name.endswith(("flop_s", "gb_s")) or name.startswith(("load_", "peak_"))
    ]
    empty = ["parameters", "reason", "warnings", "noisy", "start_s", *told_of_phases]
    assert not row.drop(empty).isna().any()
    assert row["classifier"] == "ensemble"
    assert row["extractor"] == "raw, hog(cell=4, block=1)"
    assert row["test_low"] < row["test_accuracy"] < row["test_high"]
    assert row["dim"] == sum(m["dim"] for m in members)
    for phase in ("fit", "predict", "fit_extractor", "transform_test"):
        total = sum(m["phases"][phase]["seconds"] for m in members)
        assert record["phases"][phase]["seconds"] == pytest.approx(total)
        assert record["phases"][phase]["shared"]
    assert record["phases"]["search"]["seconds"] > sum(m["phases"]["search"]["seconds"] for m in members)
    assert "★" in (finished.root / "results.md").read_text()
    order = (finished.root / "results.md").read_text()
    ranked = sorted((r for r in finished.records if r["extractor"]), key=lambda r: -r["val_accuracy"])
    places = [order.index(f" {r['label'].replace('_', chr(92) + '_')} |".replace("  ", " ")) for r in ranked]
    assert places == sorted(places), "the table is in the order of validation, ensembles among the rest"


def test_what_members_share_is_counted_once(finished: Any) -> None:
    record = by_label(finished)["ensemble(raw → svm, raw → softmax, hog → svm, vote=hard)"]
    members = [by_label(finished)[m["label"]] for m in record["selection"]["members"]]
    raw, _, hog = sorted(members, key=lambda m: m["extractor"], reverse=True)
    assert record["dim"] == raw["dim"] + hog["dim"]
    for phase in ("transform_train", "transform_test"):
        both = raw["phases"][phase]["seconds"] + hog["phases"][phase]["seconds"]
        assert record["phases"][phase]["seconds"] == pytest.approx(both)
    fits = sum(m["phases"]["fit"]["seconds"] for m in members)
    assert record["phases"]["fit"]["seconds"] == pytest.approx(fits)


def test_features_of_named_rows_are_made_once(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made, real = [], blocks.extract
    monkeypatch.setattr(
        blocks, "extract", lambda c, *a: (made.append(c.name if c else "none"), real(c, *a))[1]
    )
    run(plan(f"[{BOTH}]"), output=tmp_path)
    assert made == ["none", "raw", "hog"]
    made.clear()
    again = run(plan(f"[{BOTH}]"), output=tmp_path)
    assert made == []
    assert again.n_reused == len(again.records)


def test_an_ensemble_may_be_asked_for_later(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run(read_experiment(parse(TEXT, "e.yaml"), "e"), output=tmp_path)
    with monkeypatch.context() as patched:
        made: list[Any] = []
        patched.setattr(blocks, "extract", lambda *a: made.append(a))
        spent = run(plan(f"[{BOTH}, {{best: 2}}]"), output=tmp_path, budget_s=0.0)
        assert made == [], "no row is there to vote when the time is over"
    assert [r["status"] for r in spent.records[-2:]] == ["skipped", "skipped"]
    second = run(plan("[{best: 2}]"), output=tmp_path)
    assert second.n_reused == len(first.records) == len(second.records) - 1
    assert second.records[-1]["status"] == "ok"
    assert len(Store(tmp_path).openings()) == len(second.records)


def test_a_member_that_failed_makes_it_a_failed_row(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("a bug in a plug-in")

    asked = f"[{BOTH}, {{cells: [raw -> softmax, hog -> softmax]}}, {{best: 2}}, {{best: 3}}]"
    monkeypatch.setattr(SVM, "fit", broken)
    result = run(plan(asked), output=tmp_path)
    statuses = {r["label"]: r["status"] for r in result.records}
    assert [statuses[label] for label in list(statuses)[-4:]] == ["failed", "ok", "ok", "failed"]
    reason = by_label(result)["ensemble(raw → softmax, hog → svm)"]["reason"]
    assert "hog(cell=4, block=1) → standardize → svm(reg=1.0): failed: ZeroDivisionError: a bug" in reason
    reason = by_label(result)["ensemble(best 3)"]["reason"]
    assert reason == (
        "only 2 rows can vote. raw → standardize → svm(reg=1.0) and 1 more row: failed: ZeroDivisionError: a bug in a plug-in"
    )
    assert len(Store(tmp_path).openings()) == sum(s == "ok" for s in statuses.values())
    monkeypatch.undo()
    mended = run(plan(asked), output=tmp_path, retry_failed=True)
    assert {r["status"] for r in mended.records} == {"ok"}
    reused = {r["label"] for r in mended.records} - {
        r["label"] for r in mended.records if "svm" in r["label"]
    }
    assert mended.n_reused == len(reused) - 2  # both of the best are chosen anew: another row may be
    assert "ensemble(raw → softmax, hog → softmax)" in reused


def test_votes_that_are_not_those_of_the_row_make_no_ensemble(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(read_experiment(parse(TEXT, "e.yaml"), "e"), output=tmp_path)
    predict = SVM.predict
    monkeypatch.setattr(SVM, "predict", lambda self, X: (predict(self, X) + 1) % 10)
    record = run(plan(f"[{BOTH}]"), output=tmp_path).records[-1]
    assert record["status"] == "failed"
    assert "labels test images otherwise than its row did. Run with --force." in record["reason"]


def test_a_member_that_was_skipped_skips_it(tmp_path: Any) -> None:
    text = TEXT.replace("{name: hog, cell: 4, block: 1}", "hue")
    result = run(plan("[{cells: [raw -> softmax, hue -> svm]}]", text), output=tmp_path)
    assert result.records[-1]["status"] == "skipped"
    assert "hue → standardize → svm(reg=1.0): skipped: " in result.records[-1]["reason"]
    spent = run(plan(f"[{BOTH}]"), output=tmp_path / "b", budget_s=0.0)
    assert spent.records[-1]["reason"] == "the time budget was spent"
    assert run(plan(f"[{BOTH}]"), output=tmp_path / "b").records[-1]["status"] == "ok"


def test_no_row_votes_again_for_an_ensemble_that_was_skipped(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = plan(
        "[{cells: [raw -> softmax, hue -> svm]}]", TEXT.replace("{name: hog, cell: 4, block: 1}", "hue")
    )
    run(asked, output=tmp_path)
    made: list[Any] = []
    monkeypatch.setattr(blocks, "extract", lambda *a: made.append(a))
    again = run(asked, output=tmp_path)
    assert made == []
    assert again.n_reused == len(again.records)


def test_without_validation_it_is_a_row_that_is_not_recommended(tmp_path: Any) -> None:
    text = TEXT.replace("search: {reg: [0.1, 1.0]}", "reg: 0.1").replace("{folds: 3}", "none")
    record = run(plan(f"[{BOTH}]", text), output=tmp_path).records[-1]
    assert record["status"] == "ok"
    assert record["val_accuracy"] is None
    assert record["selection"]["folds"] == 0


def test_flips_and_splits(tmp_path: Any) -> None:
    text = TEXT.replace("[raw,", "[{name: raw, augment: flip},") + "splits: 2\n"
    result = run(plan("[{cells: [raw + flips -> softmax, hog -> svm]}, {best: 2}]", text), output=tmp_path)
    ensembles = [r for r in result.records if r["classifier"] == "ensemble"]
    assert [r["split"] for r in ensembles] == [0, 0, 1, 1]
    assert {r["status"] for r in result.records} == {"ok"}
    assert sum(r["n_test"] for r in ensembles) == 2 * 1797
    assert all(len(r["selection"]["scores"][0]) == 3 for r in ensembles)
