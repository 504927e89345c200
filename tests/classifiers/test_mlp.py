"""The two-layer network as a classifier: what it learns, repeats, keeps and refuses."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning

from featbench.base import Classifier
from featbench.classifiers import MLP
from featbench.classifiers.two_layer import Layers, he_initial, objective
from featbench.errors import InputError
from featbench.numerics.first_order import adam


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    X, y = X[order], y[order]
    X = ((X - X.mean(axis=0)) / (X.std(axis=0) + 1e-9)).astype(np.float32)
    return X[:1200], y[:1200], X[1200:], y[1200:]


def test_it_learns_digits(digits):
    X, y, X_new, y_new = digits
    model = MLP(hidden=64, epochs=20).fit(X, y)
    assert np.mean(model.predict(X_new) == y_new) > 0.95
    assert model.coefs_[0].dtype == np.float32
    assert [c.shape for c in model.coefs_] == [(64, 64), (64, 10)]
    assert model.loss_curve_.shape == (21,)
    assert model.loss_curve_[-1] < 0.2 * model.loss_curve_[0]


def test_it_overfits_20_rows_of_noise(rng):
    X, y = rng.normal(size=(20, 30)), np.arange(20) % 4
    model = MLP(hidden=50, epochs=200, reg=0, dropout=0, decay="none").fit(X, y)
    assert np.array_equal(model.predict(X), y)
    assert model.loss_curve_[-1] < 0.05


def test_one_step_is_adam_on_the_objective(rng):
    X, y = rng.normal(size=(30, 4)), np.arange(30) % 3
    fitted = MLP(hidden=6, epochs=1, batch_size=30, dropout=0, decay="none", random_state=5).fit(X, y)
    point = he_initial(4, 6, 3, np.dtype(np.float64), np.random.default_rng(5))
    cost, gradient = objective(point, (4, 6, 3), X, y, 1e-3)
    adam(point, gradient, 1e-3, {})
    # The fit takes the rows in a drawn order, which only the rounding of sums can tell.
    np.testing.assert_allclose(fitted.coefs_[0], Layers.of(point, 4, 6, 3).W1, rtol=1e-9)
    np.testing.assert_allclose(fitted.loss_curve_, [cost, cost], rtol=1e-12)


@pytest.mark.parametrize("method", ["sgd", "momentum", "nesterov", "adam"])
def test_same_seed_same_bits_on_any_number_of_threads(digits, method, monkeypatch):
    X, y, X_new, _ = digits
    found = []
    for threads in ("1", "2"):
        monkeypatch.setenv("FEATBENCH_NUM_THREADS", threads)
        found.append(MLP(hidden=16, epochs=2, method=method).fit(X, y).decision_function(X_new))
    np.testing.assert_array_equal(*found)
    other = MLP(hidden=16, epochs=2, method=method, random_state=1).fit(X, y).decision_function(X_new)
    assert not np.array_equal(found[0], other)


def test_dropout_is_of_training_alone(digits):
    X, y, X_new, _ = digits
    model = MLP(hidden=32, epochs=1, dropout=0.9).fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X_new), model.predict_proba(X_new))


def test_two_classes_have_one_score_a_row(digits):
    X, y, X_new, _ = digits
    model = MLP(hidden=8, epochs=3).fit(X, y > 4)
    scores, shares = model.decision_function(X_new), model.predict_proba(X_new)
    assert scores.shape == (len(X_new),)
    np.testing.assert_allclose(1 / (1 + np.exp(-scores)), shares[:, 1], rtol=1e-9)


def test_a_training_that_diverges_says_so_and_keeps_the_epoch_before(digits):
    X, y, X_new, _ = digits
    with pytest.warns(ConvergenceWarning, match=r"diverged in epoch 1 of 30.*Lower learning_rate"):
        model = MLP(hidden=16, method="sgd", learning_rate=1e12).fit(X, y)
    assert model.diverged_
    assert model.n_iter_ == 0
    assert np.isfinite(model.predict_proba(X_new)).all()


def test_rows_that_overflow_are_refused(digits):
    X, y, _, _ = digits
    with pytest.raises(InputError, match=r"X must be small enough for sums in float32.*standardize"):
        MLP(hidden=16).fit(np.clip(X, -1, 1) * np.float32(3e38), y)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"hidden": 0}, "hidden must be an integer ≥ 1"),
        ({"dropout": 1.0}, "dropout"),
        ({"method": "adan"}, "method"),
    ],
)
def test_parameters_out_of_bounds_are_refused(digits, wrong, message):
    with pytest.raises(InputError, match=message):
        MLP(**wrong).fit(*digits[:2])


def test_one_class_is_refused(digits):
    with pytest.raises(InputError, match="at least 2 classes"):
        MLP().fit(digits[0], np.zeros(1200, dtype=int))


def test_saved_and_loaded(digits, tmp_path):
    X, y, X_new, _ = digits
    model = MLP(hidden=16, epochs=1).fit(X, y)
    model.save(tmp_path / "model")
    loaded = Classifier.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict_proba(X_new), model.predict_proba(X_new))


@pytest.mark.slow
@pytest.mark.data
def test_the_course_s_figure_on_cifar10(cifar10_root, tmp_path, monkeypatch):
    """HOG and hue before this network: at least 55 % of the test images, with the packaged experiment."""
    from featbench.runner import run

    monkeypatch.setenv("FEATBENCH_DATA", str(cifar10_root.parent))
    record = run("cifar10/hog_hue_mlp", output=tmp_path).records[-1]
    assert record["test_accuracy"] >= 0.55
