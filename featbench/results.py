"""One row a cell: the columns of ``results.csv`` and how a cell's record fills them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas

__all__ = ["COLUMNS", "FAILED", "STATUSES", "frame", "rates", "to_row"]

STATUSES = ("ok", "failed", "timeout", "skipped")
FAILED = ("failed", "timeout")

COLUMNS = (
    "cell_id", "label", "dataset", "split", "seed", "train_size", "extractor", "preprocess", "classifier",
    "n_train", "n_test", "dim", "val_accuracy", "train_accuracy", "test_accuracy", "test_low", "test_high",
    "balanced_accuracy", "load_s", "fit_extractor_s", "transform_train_s", "transform_test_s", "search_s",
    "fit_s", "predict_s", "images_per_s", "latency_ms_p50", "latency_ms_p95", "peak_rss_mb", "status",
    # further ones
    "macro_f1", "top5_accuracy", "interval", "parameters", "preprocess_s", "warmup_s", "reason", "warnings", "cached",
    "noisy", "load_others", "load_stolen", "transform_gflop_s", "transform_gb_s", "fit_gflop_s", "fit_gb_s",
    "predict_gflop_s", "predict_gb_s", "peak_anonymous_mb", "peak_mapped_mb", "peak_device_mb", "start_s", "model_mb",
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
    row.update(_instrument(record.get("phases") or {}))
    chosen = (record.get("selection") or {}).get("parameters") or {}
    row["parameters"] = ", ".join(f"{k}={_number(v)}" for k, v in chosen.items())
    row["warnings"] = " | ".join(record.get("warnings") or ())
    row["cached"] = ", ".join(name for name, t in (record.get("phases") or {}).items() if t.get("cached"))
    return row


def _instrument(phases: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return how far times can be trusted, and how much of the machine phases used."""
    told: dict[str, Any] = {
        "noisy": ", ".join(name for name, timing in phases.items() if timing.get("noisy"))
    }
    loads = [timing["load"] for timing in phases.values() if timing.get("load")]
    for name in ("others", "stolen"):
        told[f"load_{name}"] = max((load[name] for load in loads), default=None)
    for name, phase in (("transform", "transform_test"), ("fit", "fit"), ("predict", "predict")):
        told[f"{name}_gflop_s"], told[f"{name}_gb_s"] = rates(phases.get(phase)) or (None, None)
    return told


def rates(timing: Mapping[str, Any] | None) -> tuple[float, float] | None:
    """Return 10⁹ operations and 10⁹ bytes a second of a phase.

    Parameters
    ----------
    timing : mapping or None
        As a record has it.

    Returns
    -------
    tuple of float, or None
        None where nobody has counted what the phase has to do.
    """
    if not timing or not timing.get("cost") or not timing["seconds"]:
        return None
    cost, nanoseconds = timing["cost"], 1e9 * timing["seconds"]
    return cost["operations"] / nanoseconds, cost["bytes"] / nanoseconds


def frame(records: Iterable[Mapping[str, Any]]) -> pandas.DataFrame:
    """Return a data frame with the columns of `COLUMNS`, a row a cell."""
    import pandas as pd

    return pd.DataFrame([to_row(r) for r in records], columns=list(COLUMNS))


def _number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
