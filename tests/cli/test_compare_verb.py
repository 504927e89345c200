"""``featbench compare`` in this process, on folders made by hand."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path

import pytest

from featbench.cli import _code

sys.path.append(str(Path(__file__).parent.parent / "records"))
from made_up import MACHINE, cell, folder


@pytest.fixture
def runs(tmp_path: Path) -> tuple[str, str]:
    a = folder(tmp_path / "a", cell("hog → svm"), cell("=cmd() → svm"))
    b = folder(tmp_path / "b", cell("hog → svm", 0.7), cell("=cmd() → svm"), cell("hue → svm"))
    return str(a), str(b)


@pytest.fixture
def apart(tmp_path: Path) -> tuple[str, str]:
    other = {**MACHINE, "cpu": "another processor"}
    a = folder(tmp_path / "a", cell("hog → svm"))
    b = folder(tmp_path / "b", cell("hog → svm", environment=other, seconds={"fit": 0.5}), environment=other)
    return str(a), str(b)


def test_a_table_tells_what_is_beyond_chance(
    runs: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert _code(["compare", *runs], debug=False) == 0
    shown = capsys.readouterr()
    rows = [line.split("\t") for line in shown.out.splitlines()]
    assert rows[0][4:6] == ["B − A", "chance"]
    assert rows[1][1:6] == ["hog → svm", "60.0", "70.0", "+10.0", "beyond chance"]
    assert rows[2][4:] == ["+0.0", "within chance", "3.50", "3.50", "1.00"]
    assert "Only in B: hue → svm on set" in shown.err


def test_formats(runs: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert _code(["compare", *runs, "--format", "json"], debug=False) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["rows"][0]["test_accuracy"] == {"a": 0.6, "b": 0.7}
    assert told["rows"][0]["chance"] == "beyond chance"
    assert told["rows"][0]["p_value"] < 1e-5
    assert told["only_in_b"] == [{"dataset": "set", "label": "hue → svm"}]
    assert told["failures"] == []
    assert _code(["compare", *runs, "--format", "csv"], debug=False) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert (rows[0]["test_accuracy_a"], rows[0]["test_accuracy_b"], rows[0]["fit_s_b"]) == (
        "0.6",
        "0.7",
        "1.0",
    )
    assert rows[1]["label"] == "'=cmd() → svm"
    assert _code(["compare", *runs, "--format", "md"], debug=False) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert len({line.count("|") for line in lines}) == 1
    assert _code(["compare", *runs, "--format", "xml"], debug=False) == 2


def test_a_gate_decides_the_exit_code(runs: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert _code(["compare", *runs, "--fail-if", "accuracy:-0.5,predict_s:+10%"], debug=False) == 0
    assert "The gate accuracy:-0.5,predict_s:+10% holds." in capsys.readouterr().err
    assert _code(["compare", *runs[::-1], "--fail-if", "accuracy:-0.5"], debug=False) == 1
    told = capsys.readouterr().err
    assert "set: hog → svm: accuracy fell by 10.00 points" in told
    assert "set: hue → svm: is not in the second run." in told
    assert "2 failures of the gate" in told
    assert _code(["compare", *runs, "--fail-if", "acuracy:-0.5"], debug=False) == 2
    assert "Did you mean 'accuracy'?" in capsys.readouterr().err


def test_times_of_differing_machines_are_left_out(
    apart: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert _code(["compare", *apart], debug=False) == 0
    shown = capsys.readouterr()
    assert shown.out.splitlines()[1].split("\t")[6:] == ["", "", ""]
    assert "times are left out; --across-machines compares them" in shown.err
    assert _code(["compare", *apart, "--across-machines"], debug=False) == 0
    shown = capsys.readouterr()
    assert shown.out.splitlines()[1].split("\t")[6:] == ["3.50", "3.00", "0.86"]
    assert "times are compared as they are" in shown.err
    assert _code(["compare", *apart, "--format", "json"], debug=False) == 0
    row = json.loads(capsys.readouterr().out)["rows"][0]
    assert "fit_s" not in row
    assert "test_accuracy" in row
    assert _code(["compare", *apart, "--fail-if", "fit_s:+10%"], debug=False) == 2
    assert "--across-machines" in capsys.readouterr().err
    assert _code(["compare", *apart, "--fail-if", "fit_s:+10%", "--across-machines"], debug=False) == 0


def test_times_of_a_busy_machine_are_marked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = cell("hog → svm"), cell("hog → svm")
    b[0]["phases"]["fit"]["noisy"] = True
    runs = str(folder(tmp_path / "a", a)), str(folder(tmp_path / "b", b))
    assert _code(["compare", *runs], debug=False) == 0
    shown = capsys.readouterr()
    assert shown.out.splitlines()[1].split("\t")[6:] == ["3.50", "3.50 ~", "1.00"]
    assert "~: a time that is not that of a machine at rest" in shown.err
