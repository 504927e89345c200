"""Results as files of other programs."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from made_up import cell, folder

from featbench.errors import ConfigError
from featbench.records import export
from featbench.results import COLUMNS


@pytest.fixture
def run(tmp_path: Path) -> Path:
    failed = cell("hue → svm", status="failed", reason="why", test_accuracy=None, train_size=None)
    return folder(tmp_path / "run", cell("hog → svm"), failed)


def test_json_and_csv_are_those_of_the_run(run: Path, tmp_path: Path) -> None:
    assert export(run, tmp_path / "x.json") == 2
    told = json.loads((tmp_path / "x.json").read_text())
    assert [row["label"] for row in told["rows"]] == ["hog → svm", "hue → svm"]
    assert told["cells"][0]["environment"]["cpu"] == "a processor"
    export(run, tmp_path / "x.csv")
    rows = list(csv.DictReader((tmp_path / "x.csv").read_text().splitlines()))
    assert tuple(rows[0]) == COLUMNS
    assert rows[0]["test_accuracy"] == "0.6"


def test_parquet_has_every_column_typed_and_its_origin(run: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip(
        "pyarrow.parquet", reason="pyarrow, of the extra [parquet], is not installed"
    )
    export(run, tmp_path / "x.parquet")
    table = parquet.read_table(tmp_path / "x.parquet")
    assert table.column_names[: len(COLUMNS)] == list(COLUMNS)
    rows = table.to_pylist()
    assert rows[0]["test_accuracy"] == 0.6
    assert rows[0]["fit_s"] == 1.0
    assert rows[1]["test_accuracy"] is None
    assert rows[0]["cpu"] == "a processor"
    assert rows[0]["code"] == "c0de"
    assert json.loads(rows[0]["spec"]) == {"asked": "hog → svm"}
    types = {name: str(kind) for name, kind in zip(table.column_names, table.schema.types, strict=True)}
    assert (types["seed"], types["test_accuracy"], types["label"]) == ("int64", "double", "string")
    assert (types["top5_accuracy"], types["reason"]) == ("double", "string")  # also where all are missing
    assert json.loads(table.schema.metadata[b"featbench"])["run"]["name"] == "run"


def test_parquet_of_several_runs_can_be_joined(run: Path, tmp_path: Path) -> None:
    """Columns have the same types whatever the cells hold."""
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow, of the extra [parquet], is not installed")
    from pyarrow import parquet

    other = folder(tmp_path / "other", cell("raw → knn", status="skipped", reason="why"))
    export(run, tmp_path / "x.parquet")
    export(other, tmp_path / "y.parquet")
    tables = [parquet.read_table(tmp_path / f"{n}.parquet").replace_schema_metadata(None) for n in "xy"]
    assert pyarrow.concat_tables(tables).num_rows == 3


@pytest.mark.parametrize("name", ["x.xlsx", "x", "folder.csv"])
def test_a_name_that_cannot_be_written(run: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(ConfigError):
        export(run, tmp_path / name)
