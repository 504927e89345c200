"""``featbench report``: formats, files, and claims that are held against published figures."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from featbench.cli import _code
from featbench.report import summarize_run
from featbench.report.claims import check_claims
from featbench.report.table import columns_of
from featbench.store import Store

sys.path.append(str(Path(__file__).parent.parent / "records"))
from made_up import cell, folder

CIFAR = {"n_train": 50000, "n_test": 10000}


def claiming(
    root: Path, right: float, name: str = "coates-2011-triangle-1600", data: Any = CIFAR, **more: Any
) -> Path:
    """Write a run of CIFAR-10 whose row is to reproduce a figure."""
    made = cell("bovw → svm", right, n=1000, dataset="cifar10", data=dict(data), cell_id="row", **more)
    return folder(root, made, reproduces={"row": name})


def called(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = _code(["report", *map(str, arguments)], debug=False)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.parametrize(("right", "code"), [(0.775, 0), (0.764, 0), (0.794, 0), (0.763, 1), (0.795, 1)])
def test_claims_hold_within_their_tolerance(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], right: float, code: int
) -> None:
    """77.9 % with a tolerance of 1.5 points to either side, its ends included."""
    root = claiming(tmp_path / "a", right)
    left, _, said = called(capsys, root, "--check-references", "--format", "csv")
    assert left == code
    verdict = "not reproduced" if code else "ok"
    assert (
        f"{verdict}: cifar10: bovw → svm: {100 * right:.1f} % beside coates-2011-triangle-1600, 77.9 %"
        in said
    )
    assert ("outside" if code else "within") + " its tolerance of 1.5" in said


@pytest.mark.parametrize(
    ("data", "more", "told"),
    [
        ({"n_train": 5000, "n_test": 10000}, {}, "it is of 50,000 training images, and the row of 5,000"),
        ({"n_train": 50000, "n_test": 500}, {}, "it is of 10,000 test images, and the row of 500"),
        (CIFAR, {"status": "failed", "reason": "why"}, "the row is failed"),
        (CIFAR, {"drawn": True}, "the row learned from a part of the training images"),
        (CIFAR, {"test_accuracy": None}, "the row has no test accuracy"),
    ],
)
def test_what_cannot_be_compared_does_not_hold(tmp_path: Path, data: Any, more: Any, told: str) -> None:
    summary = summarize_run(Store(claiming(tmp_path / "a", 0.779, data=data, **more)))
    held, failed = check_claims(summary)
    assert held == []
    assert f"cannot be held against it: {told}." in failed[0]
    (dataset,) = summary.datasets
    shown = {c.heading: c.show(dataset.lines[0]) for c in columns_of([dataset])}
    assert shown["published"] == "77.9 (not compared)"


def test_other_data_and_rows_that_are_not_there(tmp_path: Path) -> None:
    other = claiming(tmp_path / "a", 0.779, name="squeezenet-caltech101-12")
    assert "it is a figure of caltech101-12" in check_claims(summarize_run(Store(other)))[1][0]
    root = folder(
        tmp_path / "b", cell("hog → svm"), reproduces={"gone": "airbench94", "hog-svm-0-0": "of-the-future"}
    )
    assert check_claims(summarize_run(Store(root))) == (
        [],
        [
            "gone: is to reproduce airbench94, and is not there yet.",
            "hog-svm-0-0: is to reproduce of-the-future, which this version does not know.",
        ],
    )


def test_a_figure_of_validation_says_so(tmp_path: Path) -> None:
    data = {"n_train": 5000, "n_test": 500}
    root = claiming(tmp_path / "a", 0.1, name="cs231n-knn-l2-folds", data=data, val_accuracy=0.27999)
    (held,), failed = check_claims(summarize_run(Store(root)))
    assert failed == []
    assert "28.0 % in validation beside cs231n-knn-l2-folds, 28 %: +0.0 points, within" in held


def test_ours_and_theirs_stand_in_the_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = claiming(tmp_path / "a", 0.795)
    code, _, said = called(capsys, root)
    assert code == 0
    assert f"Report: {root / 'report.html'}" in said
    (claim,) = json.loads((root / "results.json").read_text())["references"]
    assert (claim["ours"], claim["theirs"], claim["holds"]) == (pytest.approx(79.5), 77.9, False)
    assert claim["difference"] == pytest.approx(1.6)
    told = (root / "results.md").read_text()
    assert "77.9 (+1.6 \\!)" in told
    assert "Coates" in told
    assert "second-hand" in told


def test_a_format_leaves_the_folder_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = claiming(tmp_path / "a", 0.78)
    before = sorted(p.name for p in root.iterdir())
    for form, begins in (
        ("md", "# a"),
        ("csv", "cell_id,"),
        ("latex", "% needs"),
        ("json", "{"),
        ("html", "<!doctype"),
    ):
        code, out, _ = called(capsys, root, "--format", form)
        assert (code, out.lower().startswith(begins)) == (0, True), form
    assert sorted(p.name for p in root.iterdir()) == before
    assert called(capsys, root, "--format", "latex", "--output", tmp_path / "t.tex")[:2] == (0, "")
    assert r"\begin{tabular}" in (tmp_path / "t.tex").read_text()


def test_what_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = claiming(tmp_path / "a", 0.78)
    other = folder(tmp_path / "b", cell("hog → svm"))
    assert "--output: needs a --format" in called(capsys, root, "--output", tmp_path / "x")[2]
    code, _, said = called(capsys, root, other, "--format", "html")
    assert code == 2
    assert "a page is of one run" in said
    (tmp_path / "empty").mkdir()
    code, _, said = called(capsys, tmp_path / "empty", "--format", "md")
    assert code == 2
    assert "holds no run" in said
    code, _, said = called(capsys, other, "--check-references", "--format", "csv")
    assert code == 0
    assert "No row of these runs is to reproduce a published figure" in said
