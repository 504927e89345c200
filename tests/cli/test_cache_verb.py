"""``featbench cache``: what is listed, verified and removed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from featbench.cache import Cache
from featbench.cli import _code as featbench
from featbench.store import to_json

pytestmark = pytest.mark.long

TIMES = {"fit_extractor": {"seconds": 1.25}, "transform_train": {"seconds": 2.0}}


def put(number: int, **told: Any) -> Any:
    description = {
        "label": "hog", "dataset": "photos", "rows": {"train": [5000, 324]}, "phases": TIMES,
        "made": "2026-11-21T16:00:00+00:00", **told,
    }  # fmt: skip
    with Cache().draft() as draft:
        return draft.finish(f"{number:02x}" + 62 * "a", {"train": np.zeros(10, np.float32)}, description)


def test_ls_of_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert featbench(["cache", "ls"], debug=False) == 0
    told = capsys.readouterr()
    assert told.out == "key\tfeatures\tdata\trows\tsize\tmade in s\tmade\tused\n"
    assert "0 entries, 0 kB of 10 GB" in told.err
    assert not Cache().root.exists()


def test_ls_tells_what_an_entry_is(capsys: pytest.CaptureFixture[str]) -> None:
    made = put(1)
    assert featbench(["cache", "ls"], debug=False) == 0
    told = capsys.readouterr()
    cells = told.out.splitlines()[1].split("\t")
    assert cells[:4] == ["01aaaaaaaaaa", "hog", "photos", "train 5,000 × 324"]
    assert cells[5:7] == ["3.25", "2026-11-21 16:00"]
    assert "1 entry, " in told.err
    assert str(made.n_bytes)[:2] in told.err


@pytest.mark.parametrize(
    "hostile", ["\x1b[31mred\x1b[0m", "a\nb", "a\tb", "[bold]x[/bold]", "\u202egnp.", "\x00"]
)
def test_ls_is_not_taken_in_by_names(hostile: str, capsys: pytest.CaptureFixture[str]) -> None:
    put(1, label=hostile, dataset=hostile, made=hostile)
    assert featbench(["cache", "ls"], debug=False) == 0
    told = capsys.readouterr().out
    assert len(told.splitlines()) == 2
    assert len(told.splitlines()[1].split("\t")) == 8
    assert not set(told) & {"\x1b", "\u202e", "\x00"}


@pytest.mark.parametrize(
    "broken",
    [
        {"rows": 3},
        {"rows": {"train": [1]}},
        {"phases": None},
        {"phases": {"fit": 3}},
        {"rows": {"t": ["x", "y"]}},
    ],
)
def test_ls_lists_what_it_cannot_read(broken: Any, capsys: pytest.CaptureFixture[str]) -> None:
    put(1, **broken)
    (put(2).folder / "entry.json").write_text("{")
    (Cache().root / "03").mkdir()
    (Cache().root / "03" / "empty").mkdir()
    (Cache().root / "a file").touch()
    assert featbench(["cache", "ls"], debug=False) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("\t")[1] for line in lines[1:]] == ["cannot be read", "cannot be read"]


def test_verify_finds_and_sets_aside(capsys: pytest.CaptureFixture[str]) -> None:
    whole, broken = put(1), put(2)
    assert featbench(["cache", "verify"], debug=False) == 0
    capsys.readouterr()
    (broken.folder / "entry.json").write_text(to_json({"label": "another"}))
    assert featbench(["cache", "verify"], debug=False) == 1
    told = capsys.readouterr()
    lines = dict(line.split("\t") for line in told.out.splitlines()[1:])
    assert lines["01aaaaaaaaaa"] == "ok"
    assert "checksums differ for entry.json" in lines["02aaaaaaaaaa"]
    assert "1 damaged entry set aside" in told.err
    assert Cache().entries() == [whole]
    assert featbench(["cache", "ls"], debug=False) == 0
    assert "1 damaged entry set aside; pruning removes them" in capsys.readouterr().err


def test_prune(capsys: pytest.CaptureFixture[str]) -> None:
    import os

    old, new = put(1), put(2)
    os.utime(old.folder / "SHA256SUMS", (0, 0))
    assert featbench(["cache", "prune"], debug=False) == 0
    assert "0 entries removed, 2 left" in capsys.readouterr().err
    assert featbench(["cache", "prune", "--to", f"{new.n_bytes}B"], debug=False) == 0
    assert "1 entry removed, 1 left" in capsys.readouterr().err
    assert Cache().entries() == [new]
    assert featbench(["cache", "prune", "--to", "0"], debug=False) == 0
    assert Cache().entries() == []


def test_no_size_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert featbench(["cache", "prune", "--to", "little"], debug=False) == 2
    assert "--to: a size must be a number and a unit" in capsys.readouterr().err


def test_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FEATBENCH_CACHE", str(tmp_path / "other"))
    put(1)
    monkeypatch.setenv("FEATBENCH_CACHE", str(tmp_path / "own"))
    for verb, expected in (("ls", "1 entry"), ("verify", ""), ("prune", "1 left")):
        assert featbench(["cache", verb, "--cache", str(tmp_path / "other")], debug=False) == 0
        assert expected in capsys.readouterr().err


def test_run_keeps_features_where_it_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "plan.yaml"
    config.write_text(
        "dataset: digits\nextractor: raw\nclassifier: {name: knn, n_neighbors: 1}\nselection: {folds: 2}\n"
        "timing: {repeats: 1}\n"
    )
    command = ["run", str(config), "--output"]
    assert featbench([*command, str(tmp_path / "a"), "--no-cache"], debug=False) == 0
    assert Cache().entries() == []
    assert featbench([*command, str(tmp_path / "b"), "--cache", str(tmp_path / "kept")], debug=False) == 0
    assert Cache().entries() == []
    assert len(Cache(tmp_path / "kept").entries()) == 1
    assert featbench([*command, str(tmp_path / "d"), "--cache", "x", "--no-cache"], debug=False) == 2
    assert "--no-cache and --cache exclude each other" in capsys.readouterr().err
