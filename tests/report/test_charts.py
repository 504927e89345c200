"""What charts are made of: the front, folds, matrices; checked against values by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from test_report import record

from featbench.report import as_html, summarize_run
from featbench.report.charts import Chart, charts_of
from featbench.report.charts.cost import front
from featbench.report.charts.failures import confusions
from featbench.report.embedded import Images
from featbench.report.seen import seen_of
from featbench.report.summary import Line
from featbench.store import Store
from featbench.text import clipped


def charts(tmp_path: Path, *records: dict[str, Any], **arrays: Any) -> dict[str, Chart]:
    store = Store(tmp_path)
    store.write_run({"name": "study", "cells": [r["cell_id"] for r in records], "command": "x"})
    for i, r in enumerate(records):
        store.write_cell(r, {name: array[i] for name, array in arrays.items()} or None)
    summary = summarize_run(store)
    as_html(summary)
    dataset = summary.datasets[0]
    found: dict[str, Chart] = charts_of(dataset, seen_of(dataset, store), Images())
    json.dumps([chart.to_json() for chart in found.values()], allow_nan=False)
    return found


def values(chart: Chart, choice: int = 0) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = chart.choices[choice][1]["data"]["values"]
    return found


def test_the_front_is_what_no_other_beats() -> None:
    # By hand: (2, 50) is beaten by (1, 60); (3, 70) and (4, 80) cost more and are better; (4, 79) is not.
    assert front([(3, 70), (2, 50), (1, 60), (4, 79), (4, 80)]) == [2, 0, 4]
    assert front([(1, 5), (1, 5)]) == [0]
    assert front([]) == []


def test_the_front_equals_a_search_of_all_pairs() -> None:
    rng = np.random.default_rng(0)
    points = [(float(x), float(y)) for x, y in rng.integers(0, 12, (40, 2))]
    beaten = [any((c <= x and b > y) or (c < x and b >= y) for c, b in points) for x, y in points]
    kept = {point for point, lost in zip(points, beaten, strict=True) if not lost}
    assert {points[i] for i in front(points)} == kept


def test_rows_stand_over_what_they_cost(tmp_path: Path) -> None:
    slow = record("raw → knn", 0.5, 0.7, latency_ms_p50=5.0)
    cost = charts(tmp_path, record("hog → svm", 0.6, 0.55), slow, record("chance", None, 0.1, extractor=""))[
        "cost"
    ]
    assert [name for name, _ in cost.choices][:2] == ["training time", "latency"]
    first, second = values(cost, 1)
    assert (first["row"], first["cost"], first["accuracy"], first["kind"]) == (
        "hog → svm",
        0.5,
        55.0,
        "recommended",
    )
    assert (second["cost"], second["front"]) == (5.0, True)


def test_every_fold_is_a_dot_and_the_deviation_is_that_of_the_folds(tmp_path: Path) -> None:
    found = values(charts(tmp_path, record("hog → svm", 0.6, 0.5))["selection"])
    assert len(found) == 8
    of_three = [v for v in found if v["x"] == 3]
    assert [v["y"] for v in of_three] == [30.0, 40.0]
    assert all(v["chosen"] and v["mean"] == 35.0 for v in of_three)
    assert np.isclose(of_three[0]["deviation"], np.std([30, 40], ddof=1))


def test_metrics_of_neighbours_share_a_curve(tmp_path: Path) -> None:
    rows = [
        record(f"raw → knn{more}", 0.5, 0.5, spec={"classifier": {"name": "knn"}})
        for more in ("", "(metric=l1)")
    ]
    (choice,) = charts(tmp_path, *rows)["selection"].choices
    assert choice[0] == "raw → knn: k"
    assert {v["series"] for v in choice[1]["data"]["values"]} == {"raw → knn", "raw → knn(metric=l1)"}
    both = record("raw → knn", 0.5, 0.5, cell_id="x")
    both["selection"] = {
        **both["selection"],
        "candidates": [{"k": k, "metric": m} for m in ("l1", "l2") for k in (1, 3)],
    }
    by_k, by_metric = charts(tmp_path / "two", both)["selection"].choices
    assert {v["series"] for v in by_k[1]["data"]["values"]} == {"metric = l1", "metric = l2"}
    assert {v["x"] for v in by_metric[1]["data"]["values"]} == {"l1", "l2"}


def test_nothing_searched_no_curve(tmp_path: Path) -> None:
    plain = record("hog → svm", 0.6, 0.5)
    plain["selection"] = {"candidates": [{}], "scores": [[]], "chosen": 0, "parameters": {}, "folds": 0}
    assert "selection" not in charts(tmp_path, plain)


def test_matrices_hold_the_counts(tmp_path: Path) -> None:
    found = charts(tmp_path, record("hog → svm", 0.6, 0.5))
    counts = {(v["t"], v["p"]): (v["n"], v["s"]) for v in values(found["confusion"])}
    assert counts == {
        ("a", "a"): (10, 0.4),
        ("a", "b"): (15, 0.6),
        ("b", "a"): (5, 0.2),
        ("b", "b"): (20, 0.8),
    }
    assert [v["a"] for v in values(found["per_class"])] == [50.0, 50.0]
    line = Line("x", (record("hog → svm", 0.6, 0.5),))
    assert confusions(line, ["a", "b"]) == [("a", "b", 15, 25), ("b", "a", 5, 25)]


def test_rows_agree_where_they_say_the_same(tmp_path: Path) -> None:
    predictions = [np.array([0, 1, 1, 0]), np.array([0, 1, 0, 1])]
    rows = record("hog → svm", 0.6, 0.5), record("raw → knn", 0.5, 0.4)
    found = charts(tmp_path, *rows, predictions=predictions, truth=[np.array([1, 1, 1, 0])] * 2)
    told = values(found["agreement"])
    assert [(v["s"], v["w"]) for v in told] == [(50.0, 33.33)] * 2, "one wrong of three that either has wrong"


def test_sizes_and_losses_are_curves(tmp_path: Path) -> None:
    rows = [
        record(
            f"hog → svm · {n} images",
            0.6,
            n / 1000,
            pipeline="hog → svm",
            n_train=n,
            train_size=n,
            drawn=True,
        )
        | {"loss_curve": [[0, 2.0], [1, 1.0]]}
        for n in (100, 500)
    ]
    found = charts(tmp_path, *rows)
    assert {(v["n"], v["a"]) for v in values(found["sizes"])} == {(100, 10.0), (500, 50.0)}
    assert [v["loss"] for v in values(found["losses"])] == [2.0, 1.0]


def test_names_on_an_axis_are_short_clean_and_apart() -> None:
    names = clipped(["x" * 99, "x" * 99, "\x1b[31m"], 10)
    assert len(set(names)) == 3
    assert names[0] == "x" * 9 + "…"
    assert "\x1b" not in names[2]
