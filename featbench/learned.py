"""What a record tells of what was learned: the loss on the way there, and how large the model is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from featbench.model.states import state_of
from featbench.saved import fitted_bytes
from featbench.types import Float64Array

__all__ = ["loss_curve", "model_size", "size_of_parts"]

POINTS = 200  # of a loss curve at the most: more than a chart is wide enough for
_DIGITS = 7  # as many as sums of float32 are good for


def loss_curve(classifier: Any, extractor: Any = None) -> list[list[float]] | None:
    """Return the loss over the final fit, as far as what was fitted has kept it.

    Parameters
    ----------
    classifier, extractor : estimator
        Fitted. The classifier's curve is taken, that of the extractor where the classifier has none, as a network's
        own head.

    Returns
    -------
    list of [int, float], or None
        The number of an iteration, epoch or try, and the loss that goes with it; 0 is the loss of the first weights.
        At most 200 points, evenly spaced, the first and the last among them; a loss that is no number is left out.
        None where fewer than two losses are known.
    """
    around = (extractor, getattr(extractor, "extractor_", None), getattr(extractor, "extractor", None))
    for fitted in (classifier, *around):
        losses = _losses(fitted)
        if len(losses) > 1:
            # Who counts iterations has the loss of the first weights before those.
            first = 0 if hasattr(fitted, "n_iter_") else 1
            shown = np.unique(np.linspace(0, len(losses) - 1, POINTS).round().astype(np.int64))
            return [
                [int(first + i), float(f"{losses[i]:.{_DIGITS}g}")] for i in shown if np.isfinite(losses[i])
            ]
    return None


def _losses(fitted: Any) -> Float64Array:
    losses = np.asarray(getattr(fitted, "loss_curve_", ()), dtype=np.float64)
    return losses if losses.ndim == 1 else np.empty(0)


def model_size(extractor: Any, preprocess: Any, classifier: Any) -> dict[str, Any]:
    """Return how large a fitted pipeline is: the arrays of a model that is exported.

    Parameters
    ----------
    extractor, preprocess, classifier : estimator
        Fitted.

    Returns
    -------
    dict
        ``model_bytes``, by part, None of one that cannot be saved, such as scikit-learn's own fitted objects; and
        ``model_mb`` of `size_of_parts`.
    """
    return size_of_parts(
        {
            "extractor": fitted_bytes(extractor),
            "preprocess": sum(array.nbytes for array in state_of(preprocess).values()),
            "classifier": fitted_bytes(classifier),
        }
    )


def size_of_parts(parts: Mapping[str, int | None]) -> dict[str, Any]:
    """Return ``model_bytes``, by part, and ``model_mb``, all parts in 10⁶ bytes; None where one is not known."""
    known = [size for size in parts.values() if size is not None]
    whole = len(known) == len(parts)
    return {"model_bytes": dict(parts), "model_mb": sum(known) / 1e6 if whole else None}
