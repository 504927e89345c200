"""Faulty plug-ins, registered for one test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from featbench.base import Extractor
from featbench.classifiers import CLASSIFIERS, GradientDescent
from featbench.classifiers.linear_scores import loss_named
from featbench.extractors import EXTRACTORS


@dataclass(kw_only=True, eq=False, repr=False)
class Faulty(Extractor):
    """Raw pixels with a fault."""

    fault: str = "constant"

    def _n_features(self, shape: Any) -> int:
        return 64

    def _extract(self, images: Any) -> Any:
        X = images.reshape(len(images), -1).astype(np.float32)
        if self.fault == "constant":
            X[:, 8:] = 3
        if self.fault == "nan":
            X[::3, 5] /= 0 * X[::3, 5]
        if self.fault == "huge":
            X[:, 9] *= 1e9
        if self.fault == "uneven":
            X[:, 9] *= 1e4
            X /= 1e3
        if self.fault == "error":
            raise ZeroDivisionError("no such luck")
        return X


@dataclass(kw_only=True, eq=False, repr=False)
class WrongGradient(GradientDescent):
    """Forgets the true class in the gradient of its loss, or to divide, or its sign."""

    fault: str = "gradient"

    def _loss(self) -> Any:
        loss = loss_named(self.loss, self.hinge)

        def wrong(scores: Any, y: Any) -> tuple[Any, Any]:
            value, gradient = loss(scores, y)
            if self.fault == "gradient":
                gradient[y, np.arange(len(y))] = 0
            if self.fault == "sum":
                value = value * len(y)
            return value, gradient

        return wrong


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the extractor in the place of ``raw`` and the classifier in that of ``sgd``."""
    monkeypatch.setitem(EXTRACTORS._classes, "raw", Faulty)
    monkeypatch.setitem(CLASSIFIERS._classes, "sgd", WrongGradient)
