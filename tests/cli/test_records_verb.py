"""``featbench records`` in this process, on folders made by hand."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from featbench.cli import _code

sys.path.append(str(Path(__file__).parent.parent / "records"))
from made_up import cell, folder

pytestmark = pytest.mark.long


def test_merge_prints_the_table_of_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a = folder(tmp_path / "a", cell("hog → svm"))
    b = folder(tmp_path / "b", cell("hue → svm", 0.7), cell("hog → svm"))
    assert _code(["records", "merge", str(a), str(b), "--output", str(tmp_path / "both")], debug=False) == 0
    shown = capsys.readouterr()
    assert len(shown.out.splitlines()) == 3
    assert "2 rows and 3 lines of ledgers are in" in shown.err
    assert "1 row was in several folders with the same result" in shown.err
    assert (tmp_path / "both" / "report.html").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["merge", "a", "-o", "x"], "two folders or more"),
        (["merge", "a", "b", "-o", "x"], "holds no run"),
        (["merge", "a", "b"], "Missing"),
        (["export", "a", "--to", "x.xlsx"], ".json, .csv or .parquet, or mlflow:FOLDER"),
        (["export", "a", "--to", "x.json"], "holds no run"),
        (["export", "a"], "Missing"),
    ],
)
def test_what_is_wrong_is_said(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert _code(["records", *arguments], debug=False) == 2
    assert said in " ".join(capsys.readouterr().err.split())


def test_export(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = folder(tmp_path / "run", cell("hog → svm"))
    assert _code(["records", "export", str(run), "--to", str(tmp_path / "x.csv")], debug=False) == 0
    assert "1 row written to" in capsys.readouterr().err
    assert (tmp_path / "x.csv").read_text().startswith("cell_id,")


@pytest.mark.skipif(
    importlib.util.find_spec("mlflow") is None,
    reason="mlflow-skinny, of the extra [mlflow], is not installed",
)
def test_export_to_a_tracking_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = folder(tmp_path / "run", cell("hog → svm"))
    for said in ("1 row written to", "0 rows written to"):
        assert (
            _code(["records", "export", str(run), "--to", f"mlflow:{tmp_path / 'mlruns'}"], debug=False) == 0
        )
        assert said in capsys.readouterr().err
