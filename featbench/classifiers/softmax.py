"""Multinomial logistic regression."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np

from featbench.classifiers.class_weights import ClassWeight
from featbench.classifiers.linear import LinearClassifier
from featbench.numerics.losses import SOFTMAX, Loss
from featbench.parameters import Bounds
from featbench.types import AnyArray, Float64Array

__all__ = ["Softmax"]


@dataclass(kw_only=True, eq=False, repr=False)
class Softmax(LinearClassifier):
    """Softmax classifier, that is multinomial logistic regression.

    Minimizes the mean cross-entropy ``log Σ_j exp s_j − s_y``, in nats, plus a penalty on the weights, the bias
    left out, and says how near the minimum it is. For scikit-learn's C, reg is ``1 / (C · n)``.

    Parameters
    ----------
    reg : float, default=1e-3
        Strength of the penalty, above 0.
    penalty : {"l2", "l1", "elastic_net"}, default="l2"
        What is penalized: squared weights, ``reg / 2 · ‖W‖²``; absolute ones, ``reg · Σ|W|``, which makes many of
        them 0; or both.
    l1_ratio : float, default=0.5
        Share of the elastic net's penalty that is absolute, 0 to 1:
        ``reg · (l1_ratio · Σ|W| + (1 − l1_ratio) / 2 · ‖W‖²)``.
    class_weight : "balanced", mapping of label to weight, or None, default=None
        What the loss of a class's rows counts. ``"balanced"`` makes every class count the same, ``n / (n_classes ·
        rows of the class)``; a class that a mapping does not name counts 1.
    max_iter : int, default=1000
        Most iterations of the solver.
    tol : float, default=1e-4
        The solver ends where the objective is within this share of its minimum.

    Attributes
    ----------
    classes_, coef_, intercept_, objective_, gradient_norm_, optimality_, converged_, n_iter_, loss_curve_
        See `LinearClassifier`.

    References
    ----------
    C. M. Bishop, Pattern Recognition and Machine Learning, Springer 2006, section 4.3.4.
    """

    reg: Annotated[float, Bounds(gt=0, le=1e12)] = 1e-3
    penalty: Literal["l2", "l1", "elastic_net"] = "l2"
    l1_ratio: Annotated[float, Bounds(ge=0, le=1)] = 0.5
    class_weight: ClassWeight = None
    max_iter: Annotated[int, Bounds(ge=1)] = 1000
    tol: Annotated[float, Bounds(gt=0, lt=1)] = 1e-4

    # Around the best values for standardized HOG and raw pixels of 5,000 to 50,000 images.
    default_search: ClassVar[Mapping[str, Sequence[Any]]] = {"reg": [1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0]}

    def _loss(self) -> Loss:
        return SOFTMAX

    def predict_proba(self, X: AnyArray) -> Float64Array:
        """Return each class's probability, ``(m, n_classes)``, columns as in `classes_`."""
        scores = self._scores(X)
        scores -= scores.max(axis=1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=1, keepdims=True)
        return scores
