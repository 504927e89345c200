"""Whether a linear classifier's loss, gradient, fit and steps are what they must be."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import numpy as np
from sklearn.base import clone

from featbench.base import Classifier
from featbench.classifiers import GradientDescent
from featbench.classifiers.linear import LinearClassifier
from featbench.classifiers.linear_scores import loss_named
from featbench.numerics.losses import LossAndGradient
from featbench.numerics.penalized import penalized_loss
from featbench.sanity.check import Finding, judged
from featbench.types import AnyArray, Float64Array, Labels

__all__ = ["training_findings"]

_FEW = 20
_ROUNDING = 1e-6  # relative, of a loss
_STEP, _GRADIENT = 1e-4, 1e-7  # central differences in float64: truncation and rounding leave about 1e-9
_PLACES = 200  # coordinates of the gradient that are looked at
_DRAWS = 5  # of weights: a kink of a hinge may lie within one's differences, but not within those of all
_NEAR_ZERO = 0.01  # share of the loss at W = 0
_FEW_EPOCHS = 1000
_WEAK = 1e-6  # a penalty that leaves a fit to few images alone, times their mean square
_MOST_STEPS = 1000
_RATIO = 1e-3
_RATIOS = 1e-4, 1e-2

Guard = Callable[[str, Callable[[], list[Finding]]], list[Finding]]


def training_findings(
    classifier: Classifier, X: AnyArray, y: Labels, n_train: int, guard: Guard
) -> list[Finding]:
    """Look at a linear classifier's training; of others nothing is known.

    Parameters
    ----------
    classifier : Classifier
        Unfitted.
    X : ndarray, (n, d)
        Prepared features of some training images.
    y : ndarray of int64, (n,)
    n_train : int
        How many training images there are in all.
    guard : callable
        Makes a check of a name, and a finding of its error.

    Returns
    -------
    list of Finding
    """
    if not isinstance(classifier, (LinearClassifier, GradientDescent)):
        return []
    few = _few(y, min(_FEW, X.shape[1] + 1))  # so many points can be told apart in any way, by planes
    rows = X[few].astype(np.float64)
    _, codes = np.unique(y[few], return_inverse=True)
    looks: dict[str, Callable[[], list[Finding]]] = {
        "loss at W = 0": lambda: [_at_zero(classifier, rows, codes)],
        "gradient": lambda: [_gradient(classifier, rows, codes)],
        "few images": lambda: _by_heart(classifier, rows, codes),
    }
    if isinstance(classifier, GradientDescent):
        looks["step / weights"] = lambda: [_step(classifier, X, y, n_train)]
    return [finding for name, look in looks.items() for finding in guard(name, look)]


def _few(y: Labels, n: int) -> Labels:
    """Return rows of some images, one of each class in turn."""
    turn = np.zeros(len(y), dtype=np.int64)
    for label in np.unique(y):
        turn[y == label] = np.arange((y == label).sum())
    return np.argsort(turn, kind="stable")[:n]


def _loss(classifier: Any) -> LossAndGradient:
    loss = classifier._loss()
    if callable(loss):
        return cast("LossAndGradient", loss)
    # A hinge with kinks is solved by its dual; of the loss itself, the subgradient can be looked at.
    function: LossAndGradient | None = getattr(loss, "value_and_gradient", None)
    return function or loss_named(classifier.loss, classifier.hinge)


def _at_zero(classifier: Classifier, X: Float64Array, y: Labels) -> Finding:
    n_classes = int(y.max()) + 1
    name = getattr(classifier, "loss", "softmax")
    by_name = {
        "softmax": (math.log(n_classes), f"log {n_classes}"),
        "weston_watkins": (n_classes - 1.0, f"{n_classes} − 1"),
        "crammer_singer": (1.0, "one margin"),
        "one_vs_rest": (float(n_classes), f"{n_classes} margins"),
    }
    expected, formula = by_name[name]
    cost, _ = penalized_loss(np.zeros((n_classes, X.shape[1] + 1)), X, y, _loss(classifier), 0.0)
    right = abs(cost - expected) <= _ROUNDING * expected
    advice = "The loss is wrong, or is not a mean over the images."
    return judged("loss at W = 0", f"{cost:.4g}", f"{expected:.4g} ({formula})", right, advice)


def _gradient(classifier: Classifier, X: Float64Array, y: Labels) -> Finding:
    """Compare with central differences at places of all weights; the best of a few draws counts."""
    X = X / max(float(np.sqrt((X**2).mean())), 1e-300)  # so that one step size suits all features
    loss, rng = _loss(classifier), np.random.default_rng(0)
    shape = (int(y.max()) + 1, X.shape[1] + 1)
    places = rng.choice(math.prod(shape), min(_PLACES, math.prod(shape)), replace=False)
    errors = []
    for _ in range(_DRAWS):
        point = rng.standard_normal(shape) / math.sqrt(shape[1])
        analytic = penalized_loss(point, X, y, loss, 0.1)[1].ravel()[places]
        numeric = np.empty(len(places))
        for i, place in enumerate(places):
            ends = []
            for sign in (1, -1):
                moved = point.copy()
                moved.flat[place] += sign * _STEP
                ends.append(penalized_loss(moved, X, y, loss, 0.1)[0])
            numeric[i] = (ends[0] - ends[1]) / (2 * _STEP)
        size = np.linalg.norm(analytic) + np.linalg.norm(numeric)
        errors.append(float(np.linalg.norm(analytic - numeric) / size) if size else 0.0)
    advice = "The gradient is not that of the loss: derive it anew, term by term."
    right = min(errors) < _GRADIENT
    return judged("gradient", f"off by {min(errors):.1e}", f"< {_GRADIENT:.0e}", right, advice)


def _by_heart(classifier: Classifier, X: Float64Array, y: Labels) -> list[Finding]:
    """Fit a few images with hardly any penalty, which must succeed, and with a strong one, which must not."""
    size = float((X**2).sum(axis=1).mean())
    if isinstance(classifier, GradientDescent):
        learner = clone(classifier).set_params(epochs=_FEW_EPOCHS, batch_size=len(X), decay="none")
        weak, strong = (
            0.0,
            min(size, 0.5 / classifier.learning_rate),
        )  # beyond it the penalty's steps overshoot
        remedy = "Raise learning_rate, or standardize the features."
    else:
        plain = {"penalty": "l2", "class_weight": None}
        known = classifier.get_params()
        learner = clone(classifier).set_params(**{k: v for k, v in plain.items() if k in known})
        weak, strong = max(_WEAK * size, 1e-12), max(size, 1e-6)
        remedy = "Standardize the features; two of these images may have the same features and other labels."
    costs, accuracies = [], []
    for reg in (weak, strong):
        fitted: Any = clone(learner).set_params(reg=reg).fit(X, y)
        point = np.hstack([fitted.coef_, fitted.intercept_[:, None]])
        costs.append(penalized_loss(point, X, y, _loss(classifier), 0.0)[0])
        accuracies.append(float(np.mean(fitted.predict(X) == y)))
    limit = _NEAR_ZERO * penalized_loss(np.zeros_like(point), X, y, _loss(classifier), 0.0)[0]
    learnt = accuracies[0] == 1 and costs[0] <= limit
    found, expected = f"{accuracies[0]:.0%}, loss {costs[0]:.2g}", f"100%, loss ≤ {limit:.2g}"
    rise, wrong = f"{costs[0]:.2g} → {costs[1]:.2g}", "The penalty has no effect, or the wrong sign."
    return [
        judged(f"{len(X)} images by heart", found, expected, learnt, remedy),
        judged("loss rises with reg", rise, "rises", costs[1] > costs[0], wrong),
    ]


def _step(classifier: GradientDescent, X: AnyArray, y: Labels, n_train: int) -> Finding:
    """Compare steps with the weights where the training ends, the learning rate being that of its start."""
    steps = min(_MOST_STEPS, classifier.epochs * math.ceil(n_train / classifier.batch_size))
    epochs = max(1, round(steps / math.ceil(len(X) / classifier.batch_size)))
    model = clone(classifier).set_params(epochs=epochs, decay="none").fit(X, y)
    ratios, rng = [], np.random.default_rng(0)
    for _ in range(10):
        if model.diverged_:
            advice = f"The descent diverges: lower learning_rate, {classifier.learning_rate:g} here."
            return Finding("step / weights", "diverged", f"near {_RATIO:g}", "fail", advice)
        before, batch = model.coef_, rng.permutation(len(X))[: classifier.batch_size]
        model.partial_fit(X[batch], y[batch])
        ratios.append(np.linalg.norm(model.coef_ - before) / np.linalg.norm(before))
    ratio = float(np.median(ratios))
    fits = _RATIOS[0] <= ratio <= _RATIOS[1]
    advice = f"Steps are small: raise learning_rate, {classifier.learning_rate:g} here."
    if ratio > _RATIO:
        advice = f"Weights still move much: lower learning_rate, {classifier.learning_rate:g} here, or more epochs."
    return judged("step / weights", f"{ratio:.1e}", f"near {_RATIO:g}", fits, advice, "advice")
