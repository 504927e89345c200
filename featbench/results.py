"""One row a cell: the columns of ``results.csv`` and how a cell's record fills them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas

__all__ = ["COLUMNS", "STATUSES", "frame", "to_row"]

STATUSES = ("ok", "failed", "timeout", "skipped")

COLUMNS = (
    "cell_id", "label", "dataset", "split", "seed", "train_size", "extractor", "preprocess", "classifier",
    "n_train", "n_test", "dim", "val_accuracy", "train_accuracy", "test_accuracy", "test_low", "test_high",
    "balanced_accuracy", "load_s", "fit_extractor_s", "transform_train_s", "transform_test_s", "search_s",
    "fit_s", "predict_s", "images_per_s", "latency_ms_p50", "latency_ms_p95", "peak_rss_mb", "status",
    # further ones
    "macro_f1", "top5_accuracy", "interval", "parameters", "preprocess_s", "warmup_s", "reason", "warnings",
)  # fmt: skip

_PHASES = {
    "load_s": "load",
    "fit_extractor_s": "fit_extractor",
    "transform_train_s": "transform_train",
    "transform_test_s": "transform_test",
    "search_s": "search",
    "fit_s": "fit",
    "predict_s": "predict",
    "preprocess_s": "preprocess",
}


def to_row(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return one row of the results table.

    Parameters
    ----------
    record : mapping
        A cell as the store keeps it.

    Returns
    -------
    dict
        Every column of `COLUMNS`; None where the cell has no such figure.
    """
    row: dict[str, Any] = dict.fromkeys(COLUMNS)
    scores = record.get("scores") or {}
    for column in COLUMNS:
        for source in (record, scores):
            if column in source:
                row[column] = source[column]
    for column, phase in _PHASES.items():
        timing = (record.get("phases") or {}).get(phase)
        row[column] = timing["seconds"] if timing else None
    warm = [t["seconds"] for phase, t in (record.get("phases") or {}).items() if phase.startswith("warmup")]
    row["warmup_s"] = sum(warm) if warm else None
    chosen = (record.get("selection") or {}).get("parameters") or {}
    row["parameters"] = ", ".join(f"{k}={_number(v)}" for k, v in chosen.items())
    row["warnings"] = " | ".join(record.get("warnings") or ())
    return row


def frame(records: Iterable[Mapping[str, Any]]) -> pandas.DataFrame:
    """Return a data frame with the columns of `COLUMNS`, a row a cell."""
    import pandas as pd

    return pd.DataFrame([to_row(r) for r in records], columns=list(COLUMNS))


def _number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
