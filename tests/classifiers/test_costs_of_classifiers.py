"""What classifiers say that they cannot do without, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from featbench.base import Cost
from featbench.classifiers import KNN, SVM, Softmax


@pytest.fixture
def rows(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Twenty rows of two numbers, of three classes."""
    y = np.arange(20) % 3
    return (rng.normal(size=(20, 2)) + y[:, None]).astype(np.float32), y


@pytest.mark.parametrize(
    ("metric", "a_pair"), [("l2", 2), ("cosine", 2), ("l1", 3), ("chi2", 5), ("intersection", 2)]
)
def test_neighbours_by_hand(metric: str, a_pair: int) -> None:
    """Three queries, two training rows of four numbers; a byte each where all are whole, a label of eight for each."""
    whole = np.arange(8).reshape(2, 4)
    bytes_ = KNN(metric=metric, n_neighbors=1).fit(whole, [0, 1])  # type: ignore[arg-type]
    assert bytes_.cost(3, (4,)) == Cost(3 * 2 * 4 * a_pair, (2 + 3) * 4 + 3 * 8)
    floats = KNN(metric=metric, n_neighbors=1).fit((whole + 0.5).astype(np.float32), [0, 1])  # type: ignore[arg-type]
    assert floats.cost(3, (4,)) == Cost(3 * 2 * 4 * a_pair, (2 + 3) * 4 * 4 + 3 * 8)
    assert floats.fit_cost(2, (4,)) is None


@pytest.mark.parametrize("classifier", [SVM(), Softmax()])
def test_a_linear_prediction_by_hand(classifier: SVM | Softmax, rows: tuple[np.ndarray, np.ndarray]) -> None:
    """Five rows of two numbers, three classes: two products and sums, a bias, for each; two comparisons."""
    fitted = classifier.fit(*rows)
    assert fitted.cost(5, (2,)) == Cost(5 * (3 * (4 + 1) + 2), 4 * 5 * 2 + 8 * 3 * (2 + 1) + 8 * 5)


@pytest.mark.parametrize("classifier", [SVM(), Softmax()])
def test_a_linear_fit_by_hand(classifier: SVM | Softmax, rows: tuple[np.ndarray, np.ndarray]) -> None:
    """The second moment's three different numbers, a product and a sum a row; its factor, 2³ / 3; gradients."""
    fitted = classifier.fit(*rows)
    gradients = fitted.n_iter_ + 2
    told = fitted.fit_cost(20, (2,))
    assert told is not None
    assert told.operations == pytest.approx(20 * 3 * 2 + 8 / 3 + gradients * 20 * 2 * 3 * 4)
    assert told.bytes == 20 * 2 * 4 * (gradients + 1)


@pytest.mark.parametrize(
    "classifier", [SVM(hinge="plain", max_iter=5, tol=0.5), Softmax(penalty="l1", tol=0.1)]
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_other_solvers_are_not_counted(
    classifier: SVM | Softmax, rows: tuple[np.ndarray, np.ndarray]
) -> None:
    assert classifier.fit(*rows).fit_cost(20, (2,)) is None


def test_more_columns_than_rows_are_not_counted(rows: tuple[np.ndarray, np.ndarray]) -> None:
    assert SVM().fit(*rows).fit_cost(20, (30,)) is None
