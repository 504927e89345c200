"""What tables and notes say of times that cannot be trusted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from test_report import record, written

from featbench.report import as_csv, as_markdown
from featbench.report.steadiness import notes_of_machine
from featbench.report.summary import Summary
from featbench.report.table import COLUMNS
from featbench.results import COLUMNS as CSV_COLUMNS


def changed(phase: str, **more: Any) -> dict[str, Any]:
    row = record("hog → svm", 0.6, 0.55)
    row["phases"][phase] |= more
    return row


def cells(summary: Summary) -> dict[str, str]:
    (line,) = summary.datasets[0].lines
    return {column.heading: column.show(line) for column in COLUMNS}


@pytest.mark.parametrize(
    ("phase", "headings"),
    [
        ("fit", {"train s", "fit s"}),
        ("search", {"train s"}),
        ("transform_train", {"train s"}),
        ("predict", {"images/s"}),
    ],
)
@pytest.mark.parametrize(
    "said",
    [{"noisy": True}, {"load": {"others": 0.3, "stolen": 0.0}}, {"load": {"others": 0.0, "stolen": 0.1}}],
)
def test_an_unsteady_phase_marks_the_figures_that_it_is_in(
    tmp_path: Path, phase: str, headings: set[str], said: dict[str, Any]
) -> None:
    summary = written(tmp_path, changed(phase, **said))
    assert {heading for heading, text in cells(summary).items() if text.endswith(" ~")} == headings
    (note,) = notes_of_machine(summary)
    assert note.startswith("~: ")
    assert note in as_markdown(summary)


def test_a_steady_row_is_not_marked(tmp_path: Path) -> None:
    steady = changed("fit", noisy=False, load={"others": 0.05, "stolen": 0.0})
    assert not [text for text in cells(written(tmp_path, steady)).values() if "~" in text]
    assert notes_of_machine(written(tmp_path, steady)) == []


def test_a_file_tells_which_phases_were_noisy_and_what_others_took(tmp_path: Path) -> None:
    row = changed("fit", noisy=True, load={"others": 0.05, "stolen": 0.01})
    row["phases"]["predict"] |= {"noisy": True, "load": {"others": 0.2, "stolen": 0.0}}
    row["phases"]["predict"]["cost"] = {"operations": 3e9, "bytes": 1e8}
    names = as_csv(written(tmp_path, row)).splitlines()[0].split(",")
    assert len(names) == len(CSV_COLUMNS)
    text = as_csv(written(tmp_path, row))
    assert '"fit, predict"' in text
    told = dict(zip(names, text.splitlines()[1].replace('"fit, predict"', "both").split(","), strict=True))
    assert (told["noisy"], told["load_others"], told["load_stolen"]) == ("both", "0.2", "0.01")
    assert float(told["predict_gflop_s"]) == pytest.approx(30)
    assert float(told["predict_gb_s"]) == pytest.approx(1)
    assert told["fit_gflop_s"] == ""


@pytest.mark.parametrize(
    ("machine", "said"),
    [
        ({"loop_ms": [1.0, 1.05]}, None),
        ({"loop_ms": [1.0, 1.25]}, "The machine was 25 % slower after the run than before it"),
        ({"loop_ms": [1.5, 1.0]}, "The machine was 50 % faster after the run than before it"),
        ({"loop_ms": [1.0, 1.0], "load": {"others": 0.05, "stolen": 0.01}}, None),
        (
            {"loop_ms": [1.0, 1.0], "load": {"others": 0.4, "stolen": 0.05}},
            "Other processes took 40 % of the processors' time during the run, and its host 5 % for other guests",
        ),
    ],
)
def test_what_the_machine_did_is_a_note(tmp_path: Path, machine: dict[str, Any], said: str | None) -> None:
    summary = written(tmp_path, record("hog → svm", 0.6, 0.55))
    summary = Summary(**{**vars(summary), "run": {**summary.run, "machine": machine}})
    notes = notes_of_machine(summary)
    assert [note[: len(said or "")] for note in notes] == ([said] if said else [])
