"""Which cell of a run is meant."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from featbench.errors import ConfigError, Shown, must_be
from featbench.report.summary import summarize_run
from featbench.store import Store

__all__ = ["find_cell"]


def find_cell(path: Path) -> tuple[Store, Mapping[str, Any]]:
    """Find a finished cell that is a pipeline.

    Parameters
    ----------
    path : Path
        A cell's file, or the folder of a run, which means the row that validation recommends.

    Returns
    -------
    store : Store
    record : mapping

    Raises
    ------
    ConfigError
        Nothing is there; the run recommends nothing, or has several data sets; the cell is not a finished
        pipeline.
    """
    if path.is_dir():
        store = Store(path)
        return store, _of_all_images(_recommended(store), store)
    if not path.is_file() or path.suffix != ".json" or path.parent.name != "cells":
        constraint = "the folder of a run, or RUN/cells/<cell>.json"
        raise ConfigError(must_be("model export", "the cell", constraint, str(path)))
    store = Store(path.parent.parent)
    record = store.read_cell(path.stem)
    assert record is not None
    if record["status"] != "ok" or not record.get("extractor"):
        told = f"{record['label']}, {record['status']}"
        why = told if record.get("extractor") else f"{told}, which looks at no image"
        raise ConfigError(must_be(str(path), "the cell", "a pipeline that finished", Shown(why)))
    return store, _of_all_images(record, store)


def _of_all_images(record: Mapping[str, Any], store: Store) -> Mapping[str, Any]:
    if record["data"].get("quick"):
        raise ConfigError(
            f"{store.root}: is a quick run, of a sample of the images, from which no model is made. Run it without "
            "--quick."
        )
    return record


def _recommended(store: Store) -> Mapping[str, Any]:
    summary = summarize_run(store)
    lines = {dataset.name: dataset.recommended for dataset in summary.datasets}
    found = {name: line for name, line in lines.items() if line is not None}
    if not found:
        raise ConfigError(
            f"{store.root}: no row was validated, so none is recommended. Give the file of a cell, under "
            f"{store.root / 'cells'}."
        )
    if len(found) > 1:
        files = ", ".join(f"{line.done[0]['cell_id']}.json ({name})" for name, line in found.items())
        raise ConfigError(
            f"{store.root}: has {len(found)} data sets, each with its own recommended row. Give the file of a cell, "
            f"under {store.root / 'cells'}: {files}."
        )
    return next(iter(found.values())).done[0]
