"""Linear heads against scikit-learn on CIFAR-10: whole searches beside one fit of the peer.

Features are HOG-324 of the training images that a data set loader finds, standardized; without them there are
no rows. Times are seconds of one run, selection's as `fit_path` does it: 20 strengths of the penalty on
5 folds. The peer is one fit on all rows with C = 0.01, in the faster of its two precisions. The limit is
one gradient at each fold's model, which is the least that tells how near its optimum it is, at the speed of the matrix
products that a gradient is made of; finding the model comes on top.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from benchmarks.rows import Row
from featbench.base import Fold
from featbench.classifiers import SVM, Softmax
from featbench.classifiers.shared_folds import SharedFolds
from featbench.datasets.cifar10 import Cifar10
from featbench.extractors.hog import hog
from featbench.numerics.folded import fit_folds
from featbench.numerics.linear import fit_linear, search_aim
from featbench.numerics.losses import HINGES, SOFTMAX, Loss
from featbench.numerics.optimality import certify
from featbench.numerics.threads import n_threads
from featbench.preprocessing import Standardize
from featbench.timing import PeakMemory
from featbench.types import AnyArray, Labels

__all__ = ["rows"]

_NEAR = 1e-3  # what a search must reach of each objective
_LONG = 1e-6  # tolerance of the float64 run that says where the optimum is
_WIDE = 6400


def rows(n: int = 50_000, n_regs: int = 20, n_folds: int = 5, wide: int = _WIDE) -> Iterator[Row]:
    """Measure and yield one row after another; smaller numbers are for trying it out."""
    data = Cifar10(max_train=n, max_test=1, download=False)
    if data.find() is None:
        print(
            "no rows: CIFAR-10 is not here; set FEATBENCH_DATA to the folder that holds it", file=sys.stderr
        )
        return
    train = data.load().train
    X, y = hog(np.asarray(train.images)), np.asarray(train.labels, dtype=np.int64)
    regs = np.logspace(-5, 0, n_regs).tolist()
    work = f"HOG-324, {n_regs} regs × {n_folds} folds"
    logistic = LogisticRegression(C=0.01, tol=1e-4, max_iter=1000)
    yield _search(f"softmax, {work}", X, y, Softmax(tol=_NEAR), SOFTMAX, regs, n_folds, logistic)
    hinge = HINGES["weston_watkins"]
    yield _search(
        f"Weston-Watkins squared, {work}", X, y, SVM(tol=_NEAR), hinge, regs, n_folds, LinearSVC(C=0.01)
    )
    yield _wide(X, y, wide)


def _search(
    work: str, X: AnyArray, y: Labels, model: Any, loss: Loss, regs: Sequence[float], n_folds: int, peer: Any
) -> Row:
    part = np.random.default_rng(0).permutation(len(y)) % n_folds
    folds = [Fold(np.flatnonzero(part != p), np.flatnonzero(part == p)) for p in range(n_folds)]
    candidates = [{"reg": reg} for reg in regs]
    memory = PeakMemory()
    ours = _seconds(lambda: model.fit_path(X, y, candidates, folds, Standardize()))
    peak = memory.megabytes()
    scaled = Standardize().fit_transform(X)
    theirs = min(_seconds(lambda dtype=dtype: peer.fit(scaled.astype(dtype), y)) for dtype in ("f4", "f8"))
    excess = _excess(X, y, folds, loss, regs, model)
    train = scaled[folds[0].train]
    weights = np.ones((len(regs) * 10, X.shape[1]), dtype=X.dtype)
    products = min(_seconds(lambda: weights @ train.T) for _ in range(3))
    return Row(
        work,
        ours,
        f"one {type(peer).__name__}(C=0.01)",
        theirs,
        equality=f"within {excess:.0e} (fold 1)",
        differs=excess > _NEAR,
        peak_mb=peak,
        cores=n_threads(),
        limit=2 * products * n_folds,
        limited_by="a gradient at each model",
        bar="≥ 2",
    )


def _excess(
    X: AnyArray, y: Labels, folds: Sequence[Fold], loss: Loss, regs: Sequence[float], model: Any
) -> float:
    """Return by how much of itself an objective of fold 1 exceeds its minimum, at most, as a long run sees it.

    Ours are the models that the search finds, on its rows; they are judged in float64 on the rows of the fold,
    standardized by themselves.
    """
    n_classes = int(y.max()) + 1
    shared = SharedFolds.of(folds, y)
    assert shared is not None
    whole = Standardize().fit(X[shared.order])
    asked: dict[str, Any] = {"max_iter": model.max_iter, "tol": model.tol, "aim": search_aim(X, loss)}
    prepared = whole.transform(X[shared.order])
    ours = fit_folds(prepared, y[shared.order], n_classes, loss, regs, shared.parts, True, **asked)[0]
    rows, labels = X[folds[0].train].astype(np.float64), y[folds[0].train]
    own = Standardize().fit(rows)
    rows = own.transform(rows)
    long = fit_linear(rows, labels, n_classes, loss, regs, max_iter=10_000, tol=_LONG)
    moved = (own.mean_ - whole.mean_) / whole.scale_
    excess = []
    for reg, fit, best in zip(regs, ours, long, strict=True):
        reached = certify(
            rows,
            labels,
            loss,
            reg,
            fit.coef * (own.scale_ / whole.scale_),
            fit.intercept + fit.coef @ moved,
        )
        least = certify(rows, labels, loss, reg, best.coef, best.intercept)
        excess.append(reached.objective / least.objective - 1)
    return max(excess)


def _wide(X: AnyArray, y: Labels, d: int) -> Row:
    """Squared hinge on random rectified combinations of the features, as many as a small network has."""
    rng = np.random.default_rng(0)
    X = np.maximum(Standardize().fit_transform(X) @ rng.normal(size=(X.shape[1], d)).astype(np.float32), 0)
    X = Standardize(copy=False).fit(X).transform(X)
    model = SVM(reg=10.0, tol=_NEAR)
    memory = PeakMemory()
    ours = _seconds(lambda: model.fit(X, y))
    weights = np.ones((10, d), dtype=X.dtype)
    products = min(_seconds(lambda: weights @ X.T) for _ in range(3))
    return Row(
        f"Weston-Watkins squared, {len(X):,} × {d:,}, one reg",
        ours,
        "none; ≤ 90 s",
        None,
        equality=f"within {model.optimality_:.0e}",
        differs=model.optimality_ > _NEAR,
        peak_mb=memory.megabytes(),
        cores=n_threads(),
        limit=2 * products,
        limited_by="a gradient",
    )


def _seconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start
