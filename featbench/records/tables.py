"""One row a cell, as a file that other programs read: JSON, CSV, Parquet."""

from __future__ import annotations

import importlib.util
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from featbench.errors import ConfigError, MissingExtraError, StoreError, must_be
from featbench.report import as_csv, as_json, summarize_run
from featbench.report.summary import Summary
from featbench.results import to_row
from featbench.store import Store, to_json, write_atomic

__all__ = ["export", "origin"]

_WHOLE = ("split", "seed", "train_size", "n_train", "n_test", "dim")
_TEXT = (
    "cell_id", "label", "dataset", "extractor", "preprocess", "classifier", "status", "interval", "parameters",
    "reason", "warnings", "cached", "noisy",
)  # fmt: skip


def export(folder: Path, output: Path) -> int:
    """Write the cells of a run into one file.

    Parameters
    ----------
    folder : Path
        Of a run, finished or not.
    output : Path
        Ends in ``.json``, ``.csv`` or ``.parquet``; is replaced.

    Returns
    -------
    int
        How many cells it holds.

    Raises
    ------
    ConfigError
        Another ending; a folder that holds no run.
    MissingExtraError
        Parquet without pyarrow.
    StoreError
        A file is damaged, or the output cannot be written.
    """
    writers: dict[str, Callable[[Summary], str | bytes]] = {
        ".json": as_json,
        ".csv": as_csv,
        ".parquet": _as_parquet,
    }
    if output.suffix not in writers:
        constraint = "a file that ends in .json, .csv or .parquet, or mlflow:FOLDER"
        raise ConfigError(must_be("records export", "--to", constraint, str(output)))
    if output.suffix == ".parquet" and importlib.util.find_spec("pyarrow") is None:
        raise MissingExtraError(f"{output}: Parquet", "pyarrow", "parquet")
    if output.is_dir():
        raise ConfigError(f"{output}: is a folder. Give the name of a file.")
    summary = summarize_run(Store(folder))
    write_atomic(output, writers[output.suffix](summary))
    return len(summary.records)


def origin(record: Mapping[str, Any]) -> dict[str, str | None]:
    """Return by which code, data and machine a result was made; of a cell that was not run, what is known."""
    environment = record.get("environment") or {}
    return {
        "made": record.get("made"),
        "fingerprint": (record.get("data") or {}).get("fingerprint"),
        "code": environment.get("code"),
        "commit": environment.get("commit"),
        "cpu": environment.get("cpu"),
        "versions": json.dumps(environment["versions"]) if environment.get("versions") else None,
        "spec": json.dumps(record["spec"], sort_keys=True) if record.get("spec") else None,
    }


def _as_parquet(summary: Summary) -> bytes:
    """Return the columns of ``results.csv`` and those of `origin`, with the same types whatever cells hold."""
    import pyarrow
    from pyarrow import parquet

    rows = [{**to_row(record), **origin(record)} for record in summary.records]
    columns = dict.fromkeys(name for row in rows for name in row)
    schema = pyarrow.schema([(name, _type(name, rows, pyarrow)) for name in columns])
    described = {"featbench": to_json({"run": summary.run, "missing": summary.n_missing})}
    table = pyarrow.Table.from_pylist(rows, schema=schema).replace_schema_metadata(described)
    buffer = io.BytesIO()
    try:
        parquet.write_table(table, buffer)
    except pyarrow.ArrowException as error:
        raise StoreError(f"results: cannot be written as Parquet ({error}).") from error
    return buffer.getvalue()


def _type(column: str, rows: Sequence[Mapping[str, Any]], pyarrow: Any) -> Any:
    if column in _WHOLE:
        return pyarrow.int64()
    text = column in (*_TEXT, *origin({})) or any(isinstance(row[column], str) for row in rows)
    return pyarrow.string() if text else pyarrow.float64()
