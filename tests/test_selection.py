from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from featbench.base import Fold
from featbench.classifiers import KNN, SVM
from featbench.config import Folds, Holdout
from featbench.errors import DataError, InputError
from featbench.preprocessing import make_preprocess
from featbench.selection import make_folds, select


@pytest.fixture
def problem(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    y = np.arange(120) % 3
    return (rng.normal(size=(120, 6)) + y[:, None]).astype(np.float32), y


def test_scores_equal_those_of_grid_search(problem: Any) -> None:
    """The same folds, preparation and candidates through scikit-learn, one fit at a time."""
    X, y = problem
    folds = make_folds(y, None, Folds(folds=4), seed=3)
    where = np.empty(len(y), dtype=int)
    for number, fold in enumerate(folds):
        where[fold.validation] = number
    values = [1, 3, 7]
    ours = select(KNN(), X, y, folds, [{"n_neighbors": k} for k in values], make_preprocess("standardize"))
    search = GridSearchCV(
        make_pipeline(StandardScaler(), KNN()), {"knn__n_neighbors": values}, cv=PredefinedSplit(where)
    )
    search.fit(X, y)
    theirs = np.array([search.cv_results_[f"split{i}_test_score"] for i in range(4)]).T
    np.testing.assert_allclose(ours.scores, theirs, rtol=0, atol=1e-12)
    assert ours.selected.parameters["n_neighbors"] == search.best_params_["knn__n_neighbors"]
    assert ours.accuracy == pytest.approx(search.best_score_)


def test_of_equal_means_the_first_wins() -> None:
    X, y = np.repeat([[0.0], [9.0]], 10, axis=0), np.repeat([0, 1], 10)
    folds = make_folds(y, None, Folds(folds=2), seed=0)
    outcome = select(KNN(), X, y, folds, [{"n_neighbors": k} for k in (3, 1)])
    assert outcome.chosen == 0


def test_a_best_value_at_the_edge_is_a_warning_with_advice(problem: Any) -> None:
    X, y = problem
    folds = make_folds(y, None, Folds(folds=3), seed=0)
    outcome = select(SVM(), X, y, folds, [{"reg": r} for r in (1e3, 1e4, 1e5)])
    edge = [w for w in outcome.warnings if "widen search.reg" in w]
    assert len(edge) == 1
    assert "smallest" in edge[0] or "largest" in edge[0]


def test_one_neighbour_is_no_edge(rng: np.random.Generator) -> None:
    """Below one neighbour there is nothing to try."""
    X = np.repeat(rng.normal(size=(30, 4)), 2, axis=0)
    y = np.repeat(rng.integers(0, 2, 30), 2)
    folds = [Fold(np.arange(0, 60, 2), np.arange(1, 60, 2))]
    outcome = select(KNN(), X, y, folds, [{"n_neighbors": k} for k in (1, 15, 25)])
    assert outcome.selected.parameters == {"n_neighbors": 1}
    assert outcome.warnings == ()


def test_candidates_that_do_not_fit_the_folds_are_left_out_and_named(problem: Any) -> None:
    X, y = problem
    folds = make_folds(y, None, Folds(folds=3), seed=0)
    outcome = select(KNN(), X, y, folds, [{"n_neighbors": k} for k in (1, 3, 81)])
    assert [c["n_neighbors"] for c in outcome.candidates] == [1, 3]
    assert "n_neighbors = 81, more than the 80 training rows of a fold" in outcome.warnings[0]
    with pytest.raises(InputError, match="no candidate can be used"):
        select(KNN(), X, y, folds, [{"n_neighbors": 100}])


def test_folds_are_stratified_shuffled_and_the_seed_s(problem: Any) -> None:
    _, y = problem
    folds = make_folds(y, None, Folds(folds=5), seed=0)
    assert sorted(np.concatenate([f.validation for f in folds])) == list(range(120))
    for fold in folds:
        assert np.bincount(y[fold.validation]).tolist() == [8, 8, 8]
    again = make_folds(y, None, Folds(folds=5), seed=0)
    other = make_folds(y, None, Folds(folds=5), seed=1)
    assert all((a.validation == b.validation).all() for a, b in zip(folds, again, strict=True))
    assert any((a.validation != b.validation).any() for a, b in zip(folds, other, strict=True))


def test_a_number_of_images_may_be_held_out(problem: Any) -> None:
    _, y = problem
    (fold,) = make_folds(y, None, Holdout(holdout=30), seed=0)
    assert len(fold.validation) == 30
    assert not set(fold.train) & set(fold.validation)
    with pytest.raises(DataError, match="less than the 120 training images"):
        make_folds(y, None, Holdout(holdout=120), seed=0)


def test_a_class_with_too_few_images_is_named() -> None:
    y = np.array([0] * 10 + [1] * 2)
    with pytest.raises(DataError, match=r"at least 5 in every class.*got 2.*fewer folds"):
        make_folds(y, None, Folds(folds=5), seed=0)
    with pytest.raises(DataError, match="groups of images"):
        make_folds(np.repeat([0, 1], 10), np.repeat(np.arange(4), 5), Folds(folds=5), seed=0)


def test_without_folds_nothing_is_validated(problem: Any) -> None:
    X, y = problem
    outcome = select(KNN(), X, y, [], [{"n_neighbors": 3}])
    assert outcome.accuracy is None
    assert outcome.selected.parameters == {"n_neighbors": 3}
