"""Rows beside the recommended one, and pipelines over data sets: what is tested, and what is said of it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from featbench.report import as_json, as_markdown, summarize_run
from featbench.report.apart import notes_beside, told_beside, told_price
from featbench.report.figures import critical_difference_diagram
from featbench.report.ranking import ranking_of, told_ranking
from featbench.report.right import right_of
from featbench.report.summary import DatasetSummary, Summary
from featbench.report.table import columns_of, verdict
from featbench.stats import holm, rank_over
from featbench.store import Store

sys.path.append(str(Path(__file__).parent.parent / "records"))
from made_up import cell, folder


def summary_of(tmp_path: Path, *cells: tuple[dict[str, Any], dict[str, Any]], **run: Any) -> Summary:
    return summarize_run(Store(folder(tmp_path / "run", *cells, **run)))


def dataset_of(tmp_path: Path, *cells: tuple[dict[str, Any], dict[str, Any]]) -> DatasetSummary:
    return summary_of(tmp_path, *cells).datasets[0]


def best(right: float = 0.6, **more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    return cell("hog → svm", right, val_accuracy=0.9, **more)


def grouped(made: tuple[dict[str, Any], dict[str, Any]], size: int) -> tuple[dict[str, Any], dict[str, Any]]:
    record, arrays = made
    scores = {**record["scores"], "interval": "cluster bootstrap"}
    return {**record, "scores": scores}, {**arrays, "groups": np.arange(len(arrays["truth"])) // size}


def test_ties_by_hand(tmp_path: Path) -> None:
    """Of 200 images 120 are right: 7 fewer have p = 2/2⁷ and, the larger of two, stay so; 9 fewer 2 · 2/2⁹."""
    dataset = dataset_of(
        tmp_path,
        best(),
        cell("raw → svm", 0.565),
        cell("hue → svm", 0.555),
        cell("majority", 0.5, extractor=""),
    )
    versus = {line.label: line.versus for line in dataset.lines}
    assert versus["hog → svm"] is None
    assert versus["majority"] is None
    assert versus["raw → svm"] is not None
    assert versus["hue → svm"] is not None
    assert versus["raw → svm"].adjusted == pytest.approx(2 / 2**7)
    assert versus["hue → svm"].adjusted == pytest.approx(2 * 2 / 2**9)
    assert versus["raw → svm"].difference == pytest.approx(-0.035)
    assert told_beside(dataset) == ["All 2 other rows are worse beyond chance."]


def test_holm_is_over_all_other_rows(tmp_path: Path) -> None:
    """Six fewer have p = 2/2⁶ = 0.031: beyond chance alone, not among three."""
    (one,) = [line for line in dataset_of(tmp_path / "1", best(), cell("a → x", 0.57)).lines if line.versus]
    assert one.versus is not None
    assert not one.versus.tie
    three = dataset_of(tmp_path / "3", best(), *(cell(f"{name} → x", 0.57) for name in "abc"))
    ties = [line.versus for line in three.lines if line.versus]
    assert [v.tie for v in ties] == [True] * 3
    assert [v.adjusted for v in ties] == pytest.approx(holm([2 / 2**6] * 3).tolist())
    assert told_beside(three) == ["a → x, b → x and 1 more row cannot be told from it."]
    assert "≈ a → x" in as_markdown(summarize_run(Store(tmp_path / "3" / "run")))
    (note,) = notes_beside(three)
    assert (
        "3 rows were held against the recommended one by McNemar's exact test on 200 test images, with Holm's"
        in note
    )


def test_a_row_that_validation_did_not_choose_may_be_better(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path, best(), cell("raw → knn", 0.8), cell("hue → knn", 0.61))
    assert verdict(dataset).endswith(
        "hue → knn cannot be told from it. On the test images raw → knn is better beyond chance."
    )
    assert [c.heading for c in columns_of([dataset])][4] == "vs ★"
    assert [c.show(dataset.lines[1]) for c in columns_of([dataset])][4] == "+20.0"


def trained(
    made: tuple[dict[str, Any], dict[str, Any]], seconds: float
) -> tuple[dict[str, Any], dict[str, Any]]:
    record, arrays = made
    return {**record, "phases": {"fit": {"seconds": seconds, "samples": [seconds], "shared": False}}}, arrays


def test_what_the_recommended_row_gains_and_at_what_price(tmp_path: Path) -> None:
    costly = trained(best(0.8), 60.0)
    rows = [
        trained(cell("raw → svm", 0.5, val_accuracy=0.5), 2.0),
        trained(cell("hue → svm", 0.45, val_accuracy=0.4), 0.1),
        trained(cell("lbp → svm", 0.6, val_accuracy=0.7), 30.0),
    ]
    gains = dataset_of(tmp_path / "1", costly, *rows)
    assert told_price(gains) == [
        "The recommended row gains 30.0 points over raw → svm, at 30 times its training."
    ]
    assert verdict(gains).endswith(told_price(gains)[0])
    tied = dataset_of(tmp_path / "2", costly, trained(cell("raw → svm", 0.79, val_accuracy=0.7), 2.0))
    assert told_price(tied) == ["raw → svm takes 30 times less training than the recommended row."]
    better = dataset_of(tmp_path / "3", costly, trained(cell("raw → svm", 0.95, val_accuracy=0.7), 2.0))
    assert told_price(better) == []
    assert told_price(dataset_of(tmp_path / "4", costly, rows[2])) == []


def test_groups_are_told(tmp_path: Path) -> None:
    """Twenty hits less are two of twenty groups: no more than chance."""
    alone = dataset_of(tmp_path / "1", best(), cell("raw → svm", 0.5))
    together = dataset_of(tmp_path / "2", grouped(best(), 10), grouped(cell("raw → svm", 0.5), 10))
    for dataset, tie in ((alone, False), (together, True)):
        (versus,) = [line.versus for line in dataset.lines if line.versus]
        assert versus.tie is tie
    (note,) = notes_beside(together)
    assert "a cluster bootstrap of the difference on 200 test images in 20 groups" in note
    assert "Holm" not in note


def test_only_rows_on_the_same_images_stand_beside(tmp_path: Path) -> None:
    other = cell("b → x", data={"fingerprint": "other"})
    short = cell("c → x", seed=1)
    failed = cell("d → x", status="failed", reason="why")
    without = cell("e → x")[0], {}
    dataset = dataset_of(tmp_path, best(), other, short, failed, without)
    assert [line.label for line in dataset.lines if line.versus] == []
    assert told_beside(dataset) == []
    assert notes_beside(dataset) == []
    assert "vs ★" not in [c.heading for c in columns_of([dataset])]


def test_seeds_and_splits(tmp_path: Path) -> None:
    """Means of seeds on the same images; groups of two splits are groups of their own."""
    store = Store(folder(tmp_path / "a", *(best(right, seed=i) for i, right in enumerate((0.5, 0.7)))))
    records = summarize_run(store).datasets[0].lines[0].done
    right = right_of(store, records)
    assert right is not None
    assert right.accuracy == pytest.approx(0.6)
    assert len(right.hits) == 200
    assert right.hits.max() == 2
    store = Store(folder(tmp_path / "b", *(grouped(best(split=i), 100) for i in range(3))))
    right = right_of(store, summarize_run(store).datasets[0].lines[0].done)
    assert right is not None
    assert right.groups is not None
    assert len(right.hits) == 600
    assert len(np.unique(right.groups)) == 6


def test_the_files_have_the_tests(tmp_path: Path) -> None:
    told = json.loads(as_json(summary_of(tmp_path, best(), cell("raw → svm", 0.5))))
    (row,) = told["beside_recommended"]
    assert (row["label"], row["test"], row["tie"], row["n_tests"]) == ("raw → svm", "McNemar", False, 1)
    assert told["ranking"] is None


def many(tmp_path: Path, n: int = 12) -> Summary:
    """Return a run of n data sets in which c is worst, and a and b take turns."""
    cells = []
    for i in range(n):
        for label, right in (
            ("a → x", 0.7 + 0.01 * (i % 2)),
            ("b → x", 0.705),
            ("c → x", 0.4),
            ("chance", 0.5),
        ):
            record, arrays = cell(
                label, right, dataset=f"set {i}", **({"extractor": ""} if label == "chance" else {})
            )
            cells.append(({**record, "cell_id": f"{record['cell_id']}-{i}"}, arrays))
    return summary_of(tmp_path, *cells)


def test_pipelines_are_ranked_over_data_sets(tmp_path: Path) -> None:
    summary = many(tmp_path)
    ranking = ranking_of(summary.datasets)
    assert ranking is not None
    assert (ranking.names, ranking.ranks) == (("a → x", "b → x", "c → x"), (1.5, 1.5, 3.0))
    assert ranking.ties() == [(0, 1)]
    told = told_ranking(ranking)
    assert (
        "of 3 pipelines on 12 data sets: p < 0.001; some ranks differ beyond chance; by Nemenyi's test those 0.96"
        in told
    )
    text = as_markdown(summary)
    assert "## Over 12 data sets" in text
    assert "| a → x | 1.50 |" in text
    assert json.loads(as_json(summary))["ranking"]["ranks"] == [1.5, 1.5, 3.0]


def test_few_data_sets_or_pipelines_are_not_ranked(tmp_path: Path) -> None:
    datasets = many(tmp_path, 2).datasets
    assert ranking_of(datasets[:1]) is None
    ranking = ranking_of(datasets)
    assert ranking is not None
    assert told_ranking(ranking).endswith("So few data sets show little.")
    assert ranking_of([datasets[0], datasets[0]]) is None, "the same data set twice is one"
    two = [DatasetSummary(d.name, d.data, d.lines[:2]) for d in datasets]
    assert ranking_of(two) is None


def test_the_diagram_shows_every_pipeline_and_harms_nobody() -> None:
    names = [f"<b>{i}&$x$" for i in range(5)]
    svg = critical_difference_diagram(rank_over(np.random.default_rng(0).random((9, 5)), names))
    assert svg.startswith("<svg")
    assert "<b>" not in svg
    assert "critical difference 2.03" in svg
    assert all(f"&lt;b&gt;{i}&amp;$x$" in svg for i in range(5))
