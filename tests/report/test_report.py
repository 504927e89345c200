"""Reports from records made by hand: what they say, and that nothing in them is taken for markup."""

from __future__ import annotations

import csv
import io
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from featbench.errors import ConfigError
from featbench.report import as_csv, as_html, as_json, as_markdown, summarize_run, write_results
from featbench.report.summary import Summary
from featbench.report.table import COLUMNS, figure, verdict
from featbench.store import Store

SCRIPTS = 4  # images, the data of figures, their library, the page's own
HOSTILE = [
    "</script>",
    "<!--",
    "</script>\u2028<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    "[/red]",
    "=cmd()",
    "../../x",
    "\x1b[31m",
    "a|b",
    "a&b",
]


def record(label: str, val: float | None, test: float, **more: Any) -> dict[str, Any]:
    extractor, _, classifier = label.rpartition(" → ")
    phases = {"fit": 1.0, "search": 2.0, "transform_train": 0.5, "transform_test": 0.1, "predict": 0.1}
    return {
        "cell_id": label.replace(" → ", "-") + f"-{more.get('split', 0)}",
        "label": label, "dataset": "set", "split": 0, "seed": 0, "extractor": extractor, "preprocess": "none",
        "classifier": classifier, "status": "ok", "n_train": 100, "train_size": 100, "n_test": 50, "dim": 8,
        "val_accuracy": val, "train_accuracy": 0.9, "test_accuracy": test, "test_low": test - 0.1,
        "test_high": test + 0.1, "images_per_s": 1234.5, "latency_ms_p50": 0.5, "latency_ms_p95": 0.9,
        "peak_rss_mb": 321.0, "warnings": [], "top5_accuracy": None,
        "data": {"classes": ["a", "b"], "n_train": 100, "n_test": 50, "source": "made up", "fingerprint": "f" * 64,
                 "notes": [], "duplicates": {"exact": 0, "near": 0}},
        "selection": {"candidates": [{"k": k} for k in (1, 3, 5, 8)], "chosen": 1, "parameters": {"k": 3},
                      "scores": [[0.1, 0.2], [0.3, 0.4], [0.2, 0.3], [0.1, 0.3]], "folds": 2},
        "scores": {"interval": "wilson", "balanced_accuracy": test, "macro_f1": test, "per_class": [0.5, 0.5],
                   "confusion": [[10, 15], [5, 20]]},
        "phases": {k: {"seconds": v, "samples": [v], "shared": False} for k, v in phases.items()},
        **more,
    }  # fmt: skip


def written(tmp_path: Path, *records: dict[str, Any], missing: int = 0) -> Summary:
    store = Store(tmp_path)
    cells = [r["cell_id"] for r in records] + [f"missing-{i}" for i in range(missing)]
    store.write_run(
        {"name": "study", "cells": cells, "command": "featbench run x.yaml", "environment": {"cpu": "x"}}
    )
    for r in records:
        store.write_cell(r)
    store.enter_opening({"dataset": "set"})
    return summarize_run(store)


def test_validation_recommends_even_where_another_row_tests_better(tmp_path: Path) -> None:
    summary = written(
        tmp_path,
        record("hog → svm", 0.6, 0.55),
        record("raw → knn", 0.5, 0.7),
        record("majority", None, 0.9, extractor=""),
    )
    (dataset,) = summary.datasets
    assert [line.label for line in dataset.lines] == ["hog → svm", "raw → knn", "majority"]
    assert dataset.recommended is dataset.lines[0]
    assert verdict(dataset) == (
        "Validation recommends hog → svm (k = 3): 55.0 % on the test images, 95 % interval 45.0 to 65.0 (Wilson's)."
    )


def test_splits_are_one_line_with_mean_and_deviation(tmp_path: Path) -> None:
    summary = written(
        tmp_path, *(record("hog → svm", 0.6, t, split=i) for i, t in enumerate((0.5, 0.6, 0.7)))
    )
    (line,) = summary.datasets[0].lines
    assert line.mean("test_accuracy") == pytest.approx(0.6)
    assert line.deviation("test_accuracy") == pytest.approx(0.1)
    assert "60.0 ± 10.0 % on the test images, mean and deviation of 3 runs" in verdict(summary.datasets[0])


def test_nothing_validated_nothing_recommended(tmp_path: Path) -> None:
    summary = written(tmp_path, record("raw → knn", None, 0.4))
    assert summary.datasets[0].recommended is None
    assert "nothing is recommended" in as_markdown(summary)


def test_an_unfinished_run_and_a_failure_make_a_report_too(tmp_path: Path) -> None:
    failed = {
        k: v
        for k, v in record("hog → svm", 0.6, 0.5).items()
        if k not in ("scores", "phases", "selection", "test_accuracy")
    }
    summary = written(
        tmp_path,
        {**failed, "status": "failed", "reason": "it broke"},
        record("raw → knn", 0.5, 0.4),
        missing=2,
    )
    for text in (as_markdown(summary), as_html(summary)):
        assert "failed" in text
        assert "it broke" in text
        assert "2 rows of the run" in text
    assert len(list(csv.DictReader(io.StringIO(as_csv(summary))))) == 2


def test_training_seconds_are_the_sum_of_the_phases_before_prediction(tmp_path: Path) -> None:
    summary = written(tmp_path, record("hog → svm", 0.6, 0.5))
    assert summary.datasets[0].lines[0].training_seconds == pytest.approx(3.5)


def test_rows_that_share_a_note_share_its_line(tmp_path: Path) -> None:
    records = [record(f"{name} → svm", 0.6, 0.5, warnings=["slow"]) for name in ("raw", "hue", "hog")]
    text = as_markdown(written(tmp_path, *records))
    assert text.count("slow") == 1
    assert "set: raw → svm and 2 more rows: slow" in text


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_harmless(tmp_path: Path, name: str) -> None:
    hostile = record(f"{name} → svm", 0.6, 0.5, dataset=name, warnings=[name], cell_id="x-1")
    hostile["data"] = {**hostile["data"], "classes": [name, "b"], "source": name, "notes": [name]}
    summary = written(tmp_path, hostile)
    page = as_html(summary)
    parser = Tags()
    parser.feed(page)
    assert parser.tags.count("script") == SCRIPTS
    assert not [a for a in parser.attributes if a[0].startswith("on")]
    assert "\x1b" not in page + as_csv(summary) + as_markdown(summary)
    (row,) = csv.DictReader(io.StringIO(as_csv(summary)))
    assert not row["dataset"].startswith(("=", "+", "-", "@"))
    table = [line for line in as_markdown(summary).splitlines() if line.startswith("|")]
    assert len({line.replace("\\|", "").count("|") for line in table}) == 1
    assert json.loads(as_json(summary))["rows"][0]["dataset"] == name


def test_the_page_asks_for_nothing_from_outside(tmp_path: Path) -> None:
    page = as_html(written(tmp_path, record("hog → svm", 0.6, 0.5)))
    parser = Tags()
    parser.feed(page)
    assert parser.tags.count("script") == SCRIPTS
    assert not {"link", "img", "iframe"} & set(parser.tags)
    (policy,) = [v for k, v in parser.attributes if k == "content" and v and "default-src" in v]
    assert policy.startswith(
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-"
    )
    assert not [v for k, v in parser.attributes if k in ("src", "href") and v and v.startswith("http")]


def test_every_column_says_what_it_means() -> None:
    assert all(column.meaning for column in COLUMNS)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.00123, "0.0012"), (0.0512, "0.051"), (1.234, "1.23"), (56.78, "56.8"), (12345.6, "12,346")],
)
def test_figures_have_three_digits(value: float, text: str) -> None:
    assert figure(value) == text


def test_files_are_written_and_a_foreign_folder_is_refused(tmp_path: Path) -> None:
    written(tmp_path / "a", record("hog → svm", 0.6, 0.5))
    write_results(Store(tmp_path / "a"))
    assert {p.name for p in (tmp_path / "a").iterdir()} >= {
        "results.csv",
        "results.json",
        "results.md",
        "report.html",
    }
    (tmp_path / "b").mkdir()
    with pytest.raises(ConfigError, match="holds no run"):
        write_results(Store(tmp_path / "b"))
    assert list((tmp_path / "b").iterdir()) == []
