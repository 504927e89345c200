"""``--filter``, ``--dry-run`` and ``--quick`` as a user meets them."""

from __future__ import annotations

from pathlib import Path

import pytest

from featbench.cli import _code

GRID = """\
dataset: digits
extractors: [raw, {name: hog, cell: 4, block: 1}]
classifiers: [{name: knn, n_neighbors: 3}, {name: softmax, reg: 0.1}]
selection: {folds: 2}
timing: {repeats: 1}
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "grid.yaml").write_text(GRID)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


def test_a_quick_look_a_plan_and_a_part_of_a_grid(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        _code(
            ["run", "grid.yaml", "--quick", "--filter", "extractor=raw", "--filter", "classifier=knn*"], False
        )
        == 0
    )
    out, err = capsys.readouterr()
    assert [line.split("\t")[0] for line in out.splitlines()] == [
        "pipeline", "★ raw → standardize → knn(n_neighbors=3)", "chance", "majority"
    ]  # fmt: skip
    assert "quick: a sample of 300 images; test labels stay closed" in err
    assert {p.name for p in home.iterdir()} == {"grid.yaml", "runs"}
    assert not (home / "runs" / "grid-quick" / "ledger.jsonl").exists()

    assert _code(["run", "grid.yaml", "--dry-run", "--quick"], False) == 0
    out, err = capsys.readouterr()
    rows = [line.split("\t") for line in out.splitlines()]
    assert rows[0][:2] == ["row", "result"]
    assert [row[1] for row in rows[1:]] == ["there"] * 3 + ["missing"] * 3
    assert "3 rows are in the folder already, 3 would be run: " in err

    assert _code(["run", "grid.yaml", "--dry-run", "--filter", "extractor=raw"], False) == 0
    out, err = capsys.readouterr()
    rows = [line.split("\t") for line in out.splitlines()]
    assert [row[1] for row in rows[1:]] == ["missing"] * 4
    assert rows[3][-1].startswith("a probe of all ")
    assert float(rows[3][rows[0].index("classifier s")]) >= 0
    assert not (home / "runs" / "grid").exists()


def test_an_ensemble_that_a_filter_leaves_without_rows_is_told(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--set", "ensembles=[{best: 2}]", "--filter", "extractor=raw"]
    for further in (["--dry-run"], ["--quick"]):
        assert _code(["run", "grid.yaml", *flags, *further], False) == 0
        told = capsys.readouterr().err
        assert (
            "1 ensemble is left out, because --filter leaves out rows that vote there: ensemble(best 2)."
            in told
        )
        assert "--filter 'label=ensemble*'" in told


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--filter", "extractor=hgo*"], "--filter extractor=hgo*: leaves no row. No extractor fits 'hgo*'."),
        (["--filter", "extractr=hog*"], "unknown key 'extractr'. Did you mean 'extractor'?"),
        (["--filter", "hog"], "must be of the form key=pattern"),
        (
            ["--set", "exclude=[{classifier: knn}]"],
            "excludes nothing. No classifier fits 'knn'. Did you mean 'knn*'?",
        ),
        (
            ["--set", "train_size=[100, al]"],
            "--set train_size=[100, al]: must be an integer, or 'all'; got al.",
        ),
        (["--set", "train_sizes=100"], "unknown key 'train_sizes'. Did you mean 'train_size'?"),
        (["--dry-run", "--filter", "split=1"], "No split fits '1'. There is: 0."),
    ],
)
def test_what_is_mistyped_is_told(
    home: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert _code(["run", "grid.yaml", *arguments], False) == 2
    assert message in " ".join(capsys.readouterr().err.split())
    assert not (home / "runs").exists()
