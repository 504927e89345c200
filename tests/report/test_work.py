"""How much of the machine phases used, as reports tell it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from test_report import record, written

from featbench.report import as_html, as_markdown
from featbench.report.work import HEADINGS, work_of


def row(label: str, peaks: dict[str, float] | None, **costs: tuple[float, float]) -> dict[str, Any]:
    made = record(label, 0.6, 0.55, environment={"cpu": "x", **({"peaks": peaks} if peaks else {})})
    for phase, (operations, bytes_) in costs.items():
        made["phases"][phase]["cost"] = {"operations": operations, "bytes": bytes_}
    return made


def test_work_is_the_floor_over_the_median_beside_the_peak(tmp_path: Path) -> None:
    """A fit of one second and a prediction of a tenth, by hand."""
    peaks = {"gflop_s": 200.0, "gb_s": 10.0}
    made = row("hog → svm", peaks, fit=(50e9, 2e9), predict=(1e9, 1e8))
    fit, predict = work_of(written(tmp_path, made).datasets[0])
    assert (fit.gflop_s, fit.gb_s) == pytest.approx((50, 2))
    assert (predict.gflop_s, predict.gb_s) == pytest.approx((10, 1))
    assert dict(zip(HEADINGS[:5], fit.cells(), strict=False)) == {
        "phase": "fit", "of": "hog → svm", "s": "1.00", "GFLOP": "50.0", "GFLOP/s": "50.0"
    }  # fmt: skip
    assert fit.cells()[5:] == ["25 %", "2.00", "2.00", "20 %"]
    assert predict.cells()[5] == "5.0 %"


def test_a_peak_of_a_busy_machine_is_marked(tmp_path: Path) -> None:
    peaks = {"gflop_s": 200.0, "gb_s": 10.0, "quiet": False}
    (fit,) = work_of(written(tmp_path, row("hog → svm", peaks, fit=(50e9, 2e9))).datasets[0])
    assert (fit.cells()[5], fit.cells()[8]) == ("25 % ~", "20 % ~")


def test_an_extractors_phase_stands_there_once(tmp_path: Path) -> None:
    rows = [
        row(f"hog → {name}", None, transform_test=(1e9, 1e9), predict=(1e9, 1e9)) for name in ("svm", "knn")
    ]
    found = work_of(written(tmp_path, *rows).datasets[0])
    assert [(work.phase, work.of) for work in found] == [
        ("extract, test", "hog"),
        ("predict", "hog → svm"),
        ("predict", "hog → knn"),
    ]
    assert found[0].cells()[5] == ""


def test_reports_show_work_where_it_is_known(tmp_path: Path) -> None:
    known = written(tmp_path / "known", row("hog → svm", {"gflop_s": 200.0, "gb_s": 10.0}, fit=(50e9, 2e9)))
    assert "| fit | hog → svm | 1.00 | 50.0 | 50.0 | 25 % | 2.00 | 2.00 | 20 % |" in as_markdown(known)
    assert "<td>fit</td>" in as_html(known)
    unknown = written(tmp_path / "unknown", row("hog → svm", None))
    assert "GFLOP" not in as_markdown(unknown)
    assert "GFLOP" not in as_html(unknown)
