"""The bottleneck as a classifier: what it learns, repeats, keeps and refuses, on the processor and by torch."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning

from featbench.base import Classifier
from featbench.classifiers import Bottleneck, bottleneck
from featbench.classifiers.shared_map import SharedMap, first_point, objective
from featbench.errors import InputError
from featbench.numerics.first_order import nesterov

# Training in float32: sums in another order, over some hundred steps.
DEVICE = 1e-4


@pytest.fixture(scope="module")
def digits():
    """The quadrants of digits, 4 cells of 16 pixels, shuffled and standardized."""
    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    X, y = X[order].reshape(-1, 2, 4, 2, 4).transpose(0, 1, 3, 2, 4).reshape(-1, 64), y[order]
    X = ((X - X.mean(axis=0)) / (X.std(axis=0) + 1e-9)).astype(np.float32)
    return X[:1200], y[:1200], X[1200:], y[1200:]


@pytest.mark.parametrize("method", ["nesterov", "adam"])
def test_it_learns_digits(digits, method):
    X, y, X_new, y_new = digits
    model = Bottleneck(channels=8, method=method).fit(X, y)
    assert np.mean(model.predict(X_new) == y_new) > 0.9
    assert model.shared_.shape == (16, 8)
    assert model.shared_.dtype == np.float32
    assert model.weights_.shape == (32, 10)
    assert (model.coef_.shape, model.coef_.dtype) == ((10, 64), np.float64)
    assert model.loss_curve_.shape == (31,)
    assert model.loss_curve_[0] == pytest.approx(np.log(10), rel=0.05)  # and the penalty of the first map
    assert model.loss_curve_[-1] < 0.3 * model.loss_curve_[0]
    assert not model.diverged_


def test_no_more_than_its_channels_pass(digits):
    """Whatever the cells, the scores of one cell's numbers go through so many numbers."""
    X, y, _, _ = digits
    model = Bottleneck(channels=3, epochs=2).fit(X, y)
    cells = model.coef_.reshape(10, 4, 16).transpose(1, 0, 2).reshape(40, 16)
    assert np.linalg.matrix_rank(cells, tol=1e-6) == 3
    joined = np.einsum("lc,jck->kjl", model.shared_.astype(float), model.weights_.reshape(4, 3, 10))
    np.testing.assert_allclose(model.coef_, joined.reshape(10, 64), rtol=0, atol=1e-12)


def test_one_step_is_nesterov_on_the_objective(rng):
    X, y = rng.normal(size=(30, 8)), np.arange(30) % 3
    fitted = Bottleneck(cells=2, channels=5, epochs=1, batch_size=30, decay="none", random_state=5).fit(X, y)
    sizes = (2, 4, 5, 3)
    point = first_point(sizes, np.dtype(np.float64), np.random.default_rng(5))
    cost, gradient = objective(point, sizes, X, y, 1e-3)
    nesterov(point, gradient, 3e-3, {})
    # The fit takes the rows in a drawn order, which only the rounding of sums can tell.
    np.testing.assert_allclose(fitted.shared_, SharedMap.of(point, *sizes).V, rtol=1e-9)
    np.testing.assert_allclose(fitted.weights_, SharedMap.of(point, *sizes).W, rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(fitted.loss_curve_, [cost, cost], rtol=1e-12)


def test_same_seed_same_bits_on_any_number_of_threads(digits, monkeypatch):
    X, y, X_new, _ = digits
    found = []
    for threads in ("1", "2"):
        monkeypatch.setenv("FEATBENCH_NUM_THREADS", threads)
        found.append(Bottleneck(epochs=1, batch_size=400).fit(X, y).decision_function(X_new))
    np.testing.assert_array_equal(*found)
    other = Bottleneck(epochs=1, batch_size=400, random_state=1).fit(X, y).decision_function(X_new)
    assert not np.array_equal(found[0], other)


@pytest.mark.parametrize("room", [0, 2**40])
@pytest.mark.parametrize("method", ["sgd", "nesterov", "adam"])
def test_the_lines_of_a_device_train_the_same(digits, method, room, monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.setattr(bottleneck, "_room", lambda torch, place: room)
    X, y, X_new, _ = digits
    here = Bottleneck(channels=8, epochs=3, method=method).fit(X, y)
    there = Bottleneck(channels=8, epochs=3, method=method, device="torch:cpu").fit(X, y)
    np.testing.assert_allclose(there.loss_curve_, here.loss_curve_, rtol=DEVICE)
    expected = here.decision_function(X_new)
    np.testing.assert_allclose(
        there.decision_function(X_new), expected, rtol=0, atol=DEVICE * np.abs(expected).max()
    )
    assert there.shared_.dtype == np.float32


@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
def test_rows_of_other_types_on_a_device(digits, dtype, monkeypatch):
    pytest.importorskip("torch")
    X = np.clip(digits[0] + 3, 0, 6).astype(dtype)
    X.flags.writeable = False
    found = []
    for room in (0, 2**40):
        monkeypatch.setattr(bottleneck, "_room", lambda torch, place, room=room: room)
        found.append(Bottleneck(channels=4, epochs=1, device="torch:cpu").fit(X, digits[1]))
    np.testing.assert_array_equal(found[0].coef_, found[1].coef_)
    assert found[0].shared_.dtype == (np.float64 if dtype == np.float64 else np.float32)


@pytest.mark.parametrize("device", ["cpu", "torch:cpu"])
def test_a_training_that_diverges_says_so_and_keeps_the_epoch_before(digits, device):
    X, y, X_new, _ = digits
    message = r"Bottleneck with method = 'sgd' and learning_rate = 1e\+12 diverged in epoch 1 of 30.*Lower learning_rate"
    with pytest.warns(ConvergenceWarning, match=message) as caught:
        model = Bottleneck(method="sgd", learning_rate=1e12, device=device).fit(X, y)
    assert caught[0].filename == __file__
    assert model.diverged_
    assert model.n_iter_ == 0
    assert np.isfinite(model.predict_proba(X_new)).all()


def test_rows_that_overflow_are_refused(digits):
    X, y, _, _ = digits
    with pytest.raises(
        InputError, match=r"Bottleneck: X must be small enough for sums in float32.*standardize"
    ):
        Bottleneck().fit(np.sign(X) * np.float32(3e38), y)


def test_columns_that_are_no_whole_cells_are_refused(digits):
    message = r"the number of columns must be a multiple of cells, which is 9; got 64\. Set cells to how many"
    with pytest.raises(InputError, match=message):
        Bottleneck(cells=9).fit(*digits[:2])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"cells": 0}, "cells must be an integer ≥ 1"),
        ({"channels": 0}, "channels must be an integer ≥ 1"),
        ({"reg": -1.0}, "reg"),
        ({"method": "adan"}, "method"),
        ({"device": "gpu"}, "device"),
    ],
)
def test_parameters_out_of_bounds_are_refused(digits, wrong, message):
    with pytest.raises(InputError, match=message):
        Bottleneck(**wrong).fit(*digits[:2])


def test_a_gpu_that_is_not_there_is_named(digits):
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(InputError, match=r"Bottleneck: device must be one that torch can use"):
        Bottleneck(device="cuda").fit(*digits[:2])


def test_two_classes_have_one_score_a_row(digits):
    X, y, X_new, _ = digits
    model = Bottleneck(channels=2, epochs=3).fit(X, y > 4)
    scores, shares = model.decision_function(X_new), model.predict_proba(X_new)
    assert scores.shape == (len(X_new),)
    np.testing.assert_allclose(1 / (1 + np.exp(-scores)), shares[:, 1], rtol=1e-9)


def test_saved_and_loaded(digits, tmp_path):
    X, y, X_new, _ = digits
    model = Bottleneck(channels=4, epochs=1).fit(X, y)
    model.save(tmp_path / "model")
    loaded = Classifier.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict_proba(X_new), model.predict_proba(X_new))
    np.testing.assert_array_equal(loaded.loss_curve_, model.loss_curve_)
