"""Several folders into one: nothing lost, nothing mixed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up import MACHINE, cell, folder

from featbench.errors import ConfigError, StoreError
from featbench.records import merge
from featbench.report import summarize_run
from featbench.store import Store


def files(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def test_cells_arrays_and_ledgers_become_one(tmp_path: Path) -> None:
    a = folder(tmp_path / "a", cell("hog → svm"), cell("hog → knn", 0.7))
    b = folder(tmp_path / "b", cell("hue → svm", 0.8), environment={**MACHINE, "cpu": "another"})
    before = files(a), files(b)
    done = merge([b, a], tmp_path / "both")
    assert (done.n_cells, done.n_shared, done.n_openings) == (3, 0, 3)
    assert (files(a), files(b)) == before
    for root in (a, b):
        for path in (root / "cells").iterdir():
            assert (tmp_path / "both" / "cells" / path.name).read_bytes() == path.read_bytes()
    summary = summarize_run(Store(tmp_path / "both"))
    assert [r["label"] for r in summary.records] == ["hue → svm", "hog → svm", "hog → knn"]
    assert [o["time"] for o in summary.openings] == ["2026-a", "2026-a", "2026-b"]
    assert summary.n_missing == summary.n_foreign == 0
    assert summary.run["name"] == "b + a"
    assert [m["folder"] for m in summary.run["merged_from"]] == ["b", "a"]
    assert summary.run["environment"] == {}  # there is no one machine
    arrays = Store(tmp_path / "both").read_arrays(summary.records[0])
    assert (arrays["predictions"] == arrays["truth"]).mean() == 0.8
    assert (tmp_path / "both" / "report.html").exists()
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_merging_what_was_merged_counts_openings_once(tmp_path: Path) -> None:
    a = folder(tmp_path / "a", cell("hog → svm"))
    b = folder(tmp_path / "b", cell("hue → svm"))
    merge([a, b], tmp_path / "both")
    done = merge([tmp_path / "both", a], tmp_path / "again")
    assert (done.n_cells, done.n_shared, done.n_openings) == (2, 1, 2)


def test_openings_that_one_folder_has_twice_stay_two(tmp_path: Path) -> None:
    a = folder(tmp_path / "a", cell("hog → svm"))
    Store(a).enter_opening(Store(a).openings()[0])
    with (a / "ledger.jsonl").open("a") as file:
        file.write('{"torn": ')
    b = folder(tmp_path / "b", cell("hue → svm"))
    assert merge([a, b], tmp_path / "both").n_openings == 4
    assert sum("torn" in o for o in Store(tmp_path / "both").openings()) == 1


def test_the_same_result_with_other_times_is_the_first_folder_s(tmp_path: Path) -> None:
    a = folder(tmp_path / "a", cell("hog → svm"))
    b = folder(tmp_path / "b", cell("hog → svm", seconds={"fit": 9.0}))
    done = merge([b, a], tmp_path / "both")
    assert done.n_shared == 1
    assert summarize_run(Store(done.root)).records[0]["phases"]["fit"]["seconds"] == 9.0


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"right": 0.61}, "different predictions"),
        (
            {"selection": {"parameters": {"k": 5}, "candidates": [{"k": 5}], "scores": [[0.1]], "chosen": 0}},
            "chosen",
        ),
        ({"data": {"fingerprint": "x"}}, "made from different images"),
        ({"val_accuracy": 0.61}, "val_accuracy 0.6 against 0.61"),
    ],
)
def test_different_results_are_refused_naming_both(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    a = folder(tmp_path / "a", cell("hog → svm"))
    b = folder(tmp_path / "b", cell("hog → svm", **change))
    with pytest.raises(ConfigError) as error:
        merge([a, b], tmp_path / "both")
    for part in (
        told,
        str(a / "cells" / "hog-svm-0-0.json"),
        str(b / "cells" / "hog-svm-0-0.json"),
        "--prefer",
    ):
        assert part in str(error.value)
    assert not (tmp_path / "both").exists()
    merge([a, b], tmp_path / "both", prefer=b)
    assert Store(tmp_path / "both").read_cell("hog-svm-0-0") == Store(b).read_cell("hog-svm-0-0")
    merge([a, b], tmp_path / "other", prefer=a)
    assert Store(tmp_path / "other").read_cell("hog-svm-0-0") == Store(a).read_cell("hog-svm-0-0")


def test_a_preference_that_settles_nothing_is_refused(tmp_path: Path) -> None:
    a, b = (folder(tmp_path / name, cell("hog → svm", right)) for name, right in (("a", 0.6), ("b", 0.7)))
    c = folder(tmp_path / "c", cell("hue → svm"))
    with pytest.raises(ConfigError, match="different predictions"):
        merge([a, b, c], tmp_path / "all", prefer=c)
    with pytest.raises(ConfigError, match="one of those that are merged"):
        merge([a, b], tmp_path / "all", prefer=c)


def test_what_finished_counts_before_what_did_not(tmp_path: Path) -> None:
    failed = cell("hog → svm", status="failed", reason="out of memory")
    a, b = folder(tmp_path / "a", failed), folder(tmp_path / "b", cell("hog → svm"))
    for order, name in (([a, b], "1"), ([b, a], "2")):
        merge(order, tmp_path / name, prefer=a)
        record = Store(tmp_path / name).read_cell("hog-svm-0-0")
        assert record is not None
        assert record["status"] == "ok"
    c = folder(tmp_path / "c", cell("hog → svm", status="timeout", reason="slow"))
    merge([a, c], tmp_path / "3")
    assert (Store(tmp_path / "3").read_cell("hog-svm-0-0") or {})["status"] == "failed"


def test_rows_of_one_name_that_were_asked_differently_are_refused(tmp_path: Path) -> None:
    """Tables tell rows by their label: they would be averaged as if they were splits."""
    record, arrays = cell("hog → svm")
    a = folder(tmp_path / "a", (record, arrays))
    b = folder(tmp_path / "b", ({**record, "cell_id": "hog-svm-other"}, arrays))
    with pytest.raises(
        ConfigError, match=r"hog-svm-0-0.json and .*hog-svm-other.json: are both called hog → svm"
    ):
        merge([a, b], tmp_path / "both")


def test_quick_looks_are_merged_among_themselves_alone(tmp_path: Path) -> None:
    a = folder(tmp_path / "a", cell("hog → svm"), quick=True)
    b = folder(tmp_path / "b", cell("hue → svm"), quick=True)
    whole = folder(tmp_path / "whole", cell("hog → knn"))
    with pytest.raises(
        ConfigError, match=r"a hold quick looks at samples, the others whole runs\. Merge either"
    ):
        merge([a, whole], tmp_path / "both")
    assert not (tmp_path / "both").exists()
    assert Store(merge([a, b], tmp_path / "quick").root).read_run()["quick"] is True
    assert Store(merge([whole], tmp_path / "copy").root).read_run()["quick"] is False


def test_cells_of_an_older_experiment_stay_unlisted(tmp_path: Path) -> None:
    a = folder(tmp_path / "a", cell("hog → svm"))
    record, arrays = cell("hog → svm")
    Store(a).write_cell({**record, "cell_id": "old"}, arrays)
    b = folder(tmp_path / "b", cell("hue → svm"))
    merge([a, b], tmp_path / "both")
    summary = summarize_run(Store(tmp_path / "both"))
    assert (len(summary.records), summary.n_foreign) == (2, 1)


def test_damage_is_found_and_nothing_is_left(tmp_path: Path) -> None:
    a, b = folder(tmp_path / "a", cell("hog → svm")), folder(tmp_path / "b", cell("hue → svm"))
    next((b / "cells").glob("*.npz")).write_bytes(b"no archive")
    with pytest.raises(StoreError, match="cannot be read"):
        merge([a, b], tmp_path / "both")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b"]


def test_an_output_that_holds_something_is_refused(tmp_path: Path) -> None:
    a, b = folder(tmp_path / "a", cell("hog → svm")), folder(tmp_path / "b", cell("hue → svm"))
    with pytest.raises(ConfigError, match="holds something already"):
        merge([a, b], b)
    (tmp_path / "empty").mkdir()
    assert merge([a, b], tmp_path / "empty").n_cells == 2
    (tmp_path / "none").mkdir()
    with pytest.raises(ConfigError, match="holds no run"):
        merge([a, tmp_path / "none"], tmp_path / "both")


def test_arrays_cannot_lead_elsewhere(tmp_path: Path) -> None:
    a, b = folder(tmp_path / "a", cell("hog → svm")), folder(tmp_path / "b", cell("hue → svm"))
    path = a / "cells" / "hog-svm-0-0.json"
    record = json.loads(path.read_text())
    np.savez(tmp_path / "secret.npz", predictions=np.arange(3))
    path.write_text(json.dumps({**record, "arrays": "../../secret.npz"}))
    with pytest.raises(StoreError):
        merge([a, b], tmp_path / "both")
