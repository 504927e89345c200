"""What a run would do: which rows are there, what the others will cost; and that nothing is touched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from featbench.config import Document, read_experiment
from featbench.dry_run import dry_run
from featbench.errors import ConfigError
from featbench.probing import Probe
from featbench.runner import run
from featbench.sealed import SealedLabels
from featbench.store import Store

pytestmark = pytest.mark.long

GRID: dict[str, Any] = {
    "dataset": "digits",
    "evidence": False,
    "extractors": ["raw", {"name": "hog", "cell": 4, "block": 1}],
    "classifiers": [{"name": "knn", "search": {"n_neighbors": [1, 3]}}, {"name": "softmax", "reg": 0.1}],
    "selection": {"folds": 3},
    "timing": {"repeats": 1},
}


def plan(**changes: Any) -> Any:
    return read_experiment(Document("grid.yaml", {**GRID, **changes}), "grid")


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(autouse=True)
def _sealed(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:

    def opened(*_: Any) -> None:
        raise AssertionError("test labels were opened")

    monkeypatch.setattr(SealedLabels, "open", opened)


def test_nothing_is_there_and_nothing_is_written(tmp_path: Path) -> None:
    rows = dry_run(plan(ensembles=[{"best": 2}]), output=tmp_path / "new")
    assert not (tmp_path / "new").exists()
    assert [row.there for row in rows] == [False] * 7
    pipelines = rows[2:6]
    assert [row.features is not None for row in pipelines] == [True, False, True, False], "once a block"
    assert all(row.row is not None and row.row.seconds > 0 for row in pipelines)
    assert all(row.row.source.startswith("a probe of ") for row in pipelines if row.row)
    assert all(row.megabytes and row.megabytes > 20 for row in pipelines)
    assert rows[-1].note
    assert [row.row.source for row in rows[:2] if row.row] == ["nothing to learn"] * 2


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    run(plan(train_size=[100, 400]), output=folder / "run", cache=folder / "cache")
    return folder / "run"


def test_what_is_there_is_told_and_sizes_are_scaled_from_it(made: Path) -> None:
    before = files(made)
    rows = dry_run(plan(train_size=[100, 400, "all"]), output=made)
    assert files(made) == before
    there = [row for row in rows if row.there]
    assert [row.cell.label for row in rows if not row.there] == [
        f"{e} → standardize → {c}"
        for e in ("raw", "hog(cell=4, block=1)")
        for c in ("knn", "softmax(reg=0.1)")
    ]
    assert all(row.seconds == 0 for row in there)
    missing = [row for row in rows if not row.there]
    assert {cost.source for row in missing for cost in (row.features, row.row) if cost} == {
        "records of 100 and 400 images"
    }


def test_features_that_are_kept_cost_nothing(made: Path, tmp_path: Path) -> None:
    """The run of the fixture has put those of 100 and 400 images into its cache."""
    cache = made.parent / "cache"
    new = plan(train_size=[400, "all"], classifiers=[{"name": "softmax", "reg": 0.7}], extractors=["raw"])
    first, all_images = dry_run(new, output=tmp_path / "x", cache=cache)[2:]
    assert (first.kept, all_images.kept) == (True, False)
    assert first.features is not None
    assert first.row is not None
    assert first.seconds == first.row.seconds
    assert all_images.seconds > all_images.row.seconds if all_images.row else False
    assert not any(row.kept for row in dry_run(new, output=tmp_path / "x", cache=False))
    assert not any(row.kept for row in dry_run(new, output=tmp_path / "x", cache=tmp_path / "other"))
    assert not (tmp_path / "other").exists()


def test_a_row_that_no_record_knows_is_probed_and_its_extractor_is_not(made: Path) -> None:
    (row,) = [
        r
        for r in dry_run(plan(extractors=["raw"], classifiers=[{"name": "softmax", "reg": 0.7}]), output=made)
        if r.cell.label.startswith("raw")
    ]
    assert row.features is not None
    assert row.features.source == "records of 100 and 400 images"
    assert row.row is not None
    assert row.row.source.startswith("a probe of ")


def test_images_that_come_in_groups_are_probed(tmp_path: Path) -> None:
    """Whole groups would be too few for folds in a small sample."""
    photos = plan(dataset="photos", extractors=["hue"], classifiers=[{"name": "softmax", "reg": 1.0}])
    (row,) = dry_run(photos, output=tmp_path, filters=["extractor=hue"])[2:]
    assert row.note == ""
    assert row.row is not None
    assert row.row.source.startswith("a probe of ")


def test_a_row_that_failed_is_missing(made: Path, tmp_path: Path) -> None:
    store = Store(tmp_path)
    for record in map(Store(made).read_cell, Store(made).cell_ids()):
        assert record is not None
        store.write_cell({**record, "status": "failed"} if "hog" in record["label"] else record)
    (tmp_path / "cells" / "damaged-0.json").write_text("{")
    rows = dry_run(plan(train_size=[100, 400]), output=tmp_path)
    assert [row.there for row in rows if "hog" in row.cell.label] == [False] * 4
    assert all(row.there for row in rows if "hog" not in row.cell.label)


def test_what_a_run_would_make_again_is_missing(made: Path, tmp_path: Path) -> None:
    grid = plan(train_size=[100, 400], ensembles=[{"best": 2}])
    there = dry_run(grid, output=made)
    assert [row.there for row in there if "ensemble" not in row.cell.label] == [True] * 10
    assert not any(row.there for row in dry_run(grid, output=made, force=True))
    store = Store(tmp_path)
    late = {
        "status": "timeout",
        "failure": "timeout",
        "reason": "ended after 2 s, the limit.",
        "timeout_s": 2.0,
    }
    for record in map(Store(made).read_cell, Store(made).cell_ids()):
        assert record is not None
        store.write_cell({**record, **late} if record["label"].startswith("raw") else record)

    def late_rows(**flags: Any) -> list[str]:
        return [
            row.result for row in dry_run(grid, output=tmp_path, **flags) if row.cell.label.startswith("raw")
        ]

    assert late_rows(timeout_s=2.0) == ["failed"] * 4
    assert late_rows(timeout_s=5.0) == late_rows(timeout_s=2.0, retry_failed=True) == ["missing"] * 4


def test_a_pair_that_does_not_fit_and_one_that_cannot_be_probed_say_why(tmp_path: Path) -> None:
    rows = dry_run(plan(extractors=["hue"]), output=tmp_path)
    assert {row.note.split(":")[0] for row in rows[2:]} == {"will be skipped"}
    assert all(row.row is None and row.megabytes is None for row in rows[2:])


def test_what_is_wrong_with_an_extractor_is_told_of_each_row_and_tried_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    def broken(_: Probe) -> None:
        tried.append("again")
        raise RuntimeError("out of order")

    monkeypatch.setattr(Probe, "features", broken)
    rows = dry_run(plan(extractors=["raw"]), output=tmp_path)
    assert [row.note for row in rows[2:]] == ["cannot be probed: out of order"] * 2
    assert tried == ["again"]


def test_only_what_a_filter_keeps_is_listed(tmp_path: Path) -> None:
    rows = dry_run(plan(), output=tmp_path, filters=["extractor=raw", "classifier=knn"])
    assert [row.cell.label for row in rows] == ["chance", "majority", "raw → standardize → knn"]
    with pytest.raises(ConfigError, match="leaves no row"):
        dry_run(plan(), output=tmp_path, filters=["extractor=hgo"])


def test_a_quick_run_is_listed_from_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run(plan(extractors=["raw"]), quick=True)
    rows = dry_run(plan(extractors=["raw"]), quick=True)
    assert all(row.there for row in rows)
    assert not any(row.there for row in dry_run(plan(extractors=["raw"])))
