"""Gradient descent against the exact optimum, against torch, from files, and where it diverges."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks
from threadpoolctl import threadpool_limits

from featbench.base import Fold
from featbench.classifiers import SVM, GradientDescent, Softmax
from featbench.errors import InputError
from featbench.numerics import minibatches
from featbench.numerics.losses import softmax
from featbench.numerics.penalized import penalized_loss
from featbench.saved import load_plugin, save_plugin
from featbench.selection import select
from featbench.testing import check_classifier

# Above the optimum by at most this share of the objective, after forty epochs with a falling rate. Minibatches are
# noisy, and Adagrad and plain steps slow: the exact solvers are there for more.
NEAR = 0.03

# What grouping the same float64 sums another way leaves after sixty steps.
ROUNDING = 1e-12


def blobs(rng, n=600, d=12, n_classes=4, dtype=np.float64):
    y = rng.integers(0, n_classes, n)
    X = rng.normal(size=(n, d))
    X[:, :n_classes] += 1.5 * np.eye(n_classes)[y]
    return X.astype(dtype), y


def objective(model, X, y, reg):
    point = np.hstack([model.coef_, model.intercept_[:, None]])
    codes = np.searchsorted(model.classes_, y)
    return penalized_loss(point, X.astype(np.float64), codes, GradientDescent._loss(model), reg)[0]


VARIANTS = [
    {},
    {"loss": "weston_watkins", "method": "nesterov", "batch_size": 16, "learning_rate": 1e-2},
    {"loss": "one_vs_rest", "hinge": "plain", "method": "rmsprop", "decay": "step", "batch_size": 1},
    {"method": "adagrad", "decay": "exponential", "learning_rate": 0.1, "epochs": 3},
    {"method": "momentum", "decay": "none", "reg": 0.0},
    {"method": "sgd", "learning_rate": 100.0, "batch_size": 8},
]


@pytest.mark.parametrize("parameters", VARIANTS, ids=str)
def test_it_keeps_the_laws(parameters):
    check_classifier(GradientDescent(**parameters))


@pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning"
)  # features of some checks are huge
@parametrize_with_checks(
    [GradientDescent(epochs=30, learning_rate=1e-2), GradientDescent(loss="one_vs_rest")]
)
def test_scikit_learn_check_estimator(estimator, check):
    check(estimator)


RATES = {"sgd": 0.1, "momentum": 0.02, "nesterov": 0.02, "adagrad": 0.3, "rmsprop": 0.02, "adam": 0.02}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("method", RATES)
def test_every_method_comes_near_the_optimum_of_softmax(method, dtype, rng):
    X, y = blobs(rng, dtype=dtype)
    exact = Softmax(reg=1e-2).fit(X, y)
    ours = GradientDescent(
        reg=1e-2, method=method, learning_rate=RATES[method], epochs=40, batch_size=32
    ).fit(X, y)
    reached = objective(ours, X, y, 1e-2)
    assert exact.objective_ * (1 - Softmax().tol) <= reached <= exact.objective_ * (1 + NEAR)
    assert np.mean(ours.predict(X) == exact.predict(X)) > 0.95
    np.testing.assert_allclose(ours.predict_proba(X).sum(axis=1), 1)
    assert not ours.diverged_


@pytest.mark.parametrize("loss", ["weston_watkins", "one_vs_rest"])
def test_the_squared_hinge_comes_near_the_optimum_of_the_svm(loss, rng):
    X, y = blobs(rng)
    exact = SVM(loss=loss, reg=1e-2).fit(X, y)
    ours = GradientDescent(loss=loss, reg=1e-2, learning_rate=0.02, epochs=40, batch_size=32).fit(X, y)
    assert objective(ours, X, y, 1e-2) <= exact.objective_ * (1 + NEAR)
    assert not hasattr(ours, "predict_proba")


def test_whole_batches_are_torchs_steps(rng):
    """With one batch an epoch the order of rows does not matter, and the path is that of torch."""
    torch = pytest.importorskip("torch")
    X, y = blobs(rng, n=50)
    ours = GradientDescent(
        method="adam", batch_size=50, epochs=60, learning_rate=0.05, decay="none", reg=0.1
    ).fit(X, y)
    weights = torch.zeros((4, 12), dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([weights, bias], lr=0.05)
    curve = []
    for _ in range(60):
        optimizer.zero_grad()
        scores = torch.tensor(X) @ weights.T + bias
        cost = torch.nn.functional.cross_entropy(scores, torch.tensor(y)) + 0.05 * (weights**2).sum()
        curve.append(cost.item())
        cost.backward()
        optimizer.step()
    np.testing.assert_allclose(ours.coef_, weights.detach().numpy(), atol=ROUNDING)
    np.testing.assert_allclose(ours.intercept_, bias.detach().numpy(), atol=ROUNDING)
    np.testing.assert_allclose(ours.step_curve_, curve, atol=ROUNDING)
    np.testing.assert_allclose(ours.loss_curve_, [curve[0], *curve], atol=ROUNDING)


def test_the_loss_curves_begin_at_zero_weights_and_fall(rng):
    X, y = blobs(rng)
    model = GradientDescent(batch_size=100, epochs=5, learning_rate=1e-2).fit(X, y)
    assert model.loss_curve_.shape == (6,)
    assert model.step_curve_.shape == (30,)
    assert model.loss_curve_[0] == model.step_curve_[0] == pytest.approx(np.log(4))
    assert (np.diff(model.loss_curve_[1:]) < 0).all()
    assert model.loss_curve_[1] == pytest.approx(model.step_curve_[:6].mean())
    assert model.n_iter_ == 5


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(rng):
    X, y = blobs(rng, dtype=np.float32)
    one, same, other = (GradientDescent(random_state=s, batch_size=16).fit(X, y) for s in (0, 0, 1))
    np.testing.assert_array_equal(one.coef_, same.coef_)
    np.testing.assert_array_equal(one.step_curve_, same.step_curve_)
    assert not np.array_equal(one.coef_, other.coef_)


def test_the_number_of_threads_changes_no_bit(rng):
    X = rng.standard_normal((600, 700), dtype=np.float32)
    y = rng.integers(0, 10, 600)
    fits = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            fits.append(GradientDescent(epochs=2, batch_size=300).fit(X, y).coef_)
    np.testing.assert_array_equal(*fits)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_a_mapped_file_gives_the_same_bits_and_is_not_copied(dtype, tmp_path, rng, monkeypatch):
    monkeypatch.setattr(minibatches, "_CHUNK_BYTES", 2**10)
    monkeypatch.setattr(minibatches, "_POOL_BYTES", 2**13)
    X = rng.integers(0, 256, (2000, 30)).astype(dtype)
    y = (X[:, 0] > X[:, 1]).astype(int) + (X[:, 2] > 200)
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    seen = []
    deal = minibatches.minibatches
    monkeypatch.setattr(
        "featbench.classifiers.sgd.minibatches", lambda X, size, rng: seen.append(X) or deal(X, size, rng)
    )
    settings = {"learning_rate": 1e-5, "batch_size": 64, "epochs": 3}
    fitted = GradientDescent(**settings).fit(mapped, y)
    assert len(seen) == 3
    assert all(np.shares_memory(rows, mapped) for rows in seen)
    np.testing.assert_array_equal(fitted.coef_, GradientDescent(**settings).fit(X, y).coef_)

    streams = []
    for rows in (X, mapped):
        model = GradientDescent(**settings)
        for start in range(0, 2000, 500):
            model.partial_fit(rows[start : start + 500], y[start : start + 500], classes=[0, 1, 2])
        streams.append(model.coef_)
    np.testing.assert_array_equal(*streams)


def test_partial_fit_is_an_epoch_of_fit(rng):
    X, y = blobs(rng)
    whole = GradientDescent(decay="none", epochs=3, batch_size=50).fit(X, y)
    model = GradientDescent(decay="none", epochs=3, batch_size=50)
    for _ in range(3):
        assert model.partial_fit(X, y) is model
    np.testing.assert_array_equal(model.coef_, whole.coef_)
    np.testing.assert_array_equal(model.loss_curve_, whole.loss_curve_)
    assert model.n_iter_ == 3
    np.testing.assert_array_equal(model.fit(X, y).coef_, whole.coef_)  # from W = 0 again


def test_partial_fit_wants_to_know_the_classes(rng):
    X, y = blobs(rng)
    names = np.array(["ant", "bee", "cat", "dog"])[y]
    few = names != "dog"
    with pytest.raises(
        InputError,
        match=r"labels must be among the classes of the first call, \['ant', 'bee', 'cat'\]; got \['dog'\]",
    ):
        GradientDescent().partial_fit(X[few], names[few]).partial_fit(X, names)
    model = GradientDescent().partial_fit(X[few], names[few], classes=["dog", "cat", "bee", "ant"])
    assert model.classes_.tolist() == ["ant", "bee", "cat", "dog"]
    assert set(model.partial_fit(X, names).predict(X)) <= set(names)
    with pytest.raises(InputError, match="classes must be those of the first call"):
        model.partial_fit(X, names, classes=["ant", "bee"])
    with pytest.raises(InputError, match="classes must be at least 2 labels; got one class, 'ant'"):
        GradientDescent().partial_fit(X[:3], ["ant"] * 3)
    with pytest.raises(InputError, match="12 features"):
        model.partial_fit(X[:, 1:], names)
    with pytest.raises(InputError, match="X must be finite"):
        model.partial_fit(np.full((1, 12), np.nan), names[:1])


@pytest.mark.parametrize(
    ("parameters", "factor"),
    [
        ({"method": "sgd", "learning_rate": 30.0}, 1.0),  # far beyond 2 / curvature, but finite
        ({"method": "momentum", "learning_rate": 1e6, "loss": "weston_watkins"}, 1.0),
        ({"method": "sgd", "learning_rate": 1e3, "loss": "weston_watkins"}, 1e30),  # overflows at once
        ({"method": "adam", "learning_rate": 1e12}, 1e30),
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_descent_that_diverges_warns_and_keeps_the_best(parameters, factor, dtype, rng):
    X, y = blobs(rng, d=200)
    with pytest.warns(ConvergenceWarning, match=r"diverged in epoch 1 of 10.*Lower learning_rate"):
        model = GradientDescent(**parameters, batch_size=32).fit((X * factor).astype(dtype), y)
    assert model.diverged_
    assert model.n_iter_ == 0
    assert len(model.loss_curve_) == 2
    assert not model.coef_.any()
    assert set(model.predict(X)) == {0}


def test_a_late_divergence_keeps_the_best_epoch(rng):
    X, y = blobs(rng)
    model = GradientDescent(decay="none", batch_size=64)
    for _ in range(3):
        model.partial_fit(X, y)
    before = model.coef_.copy()
    with pytest.warns(ConvergenceWarning):
        model.set_params(learning_rate=1e6).partial_fit(X, y)
    np.testing.assert_array_equal(model.coef_, before)
    assert model.diverged_
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.set_params(learning_rate=1e-3).partial_fit(X, y)
    assert not model.diverged_
    assert objective(model, X, y, model.reg) < objective_at(before, model, X, y)


def objective_at(coef, model, X, y):
    older = clone(model)
    older.coef_, older.intercept_, older.classes_ = coef, np.zeros(len(coef)), model.classes_
    return objective(older, X, y, model.reg)


def test_a_noisy_cost_of_single_rows_is_no_divergence(rng):
    """One row may cost more than three times the mean of all at first; a thousand rows do not."""
    X, y = blobs(rng, n=300)
    y[:15] = (y[:15] + 1) % 4  # some labels are wrong
    X *= 3
    model = GradientDescent(loss="weston_watkins", batch_size=1, learning_rate=1e-2, epochs=2).fit(X, y)
    assert model.step_curve_.max() > 3 * model.loss_curve_[0]
    assert not model.diverged_
    assert model.loss_curve_[-1] < model.loss_curve_[0]


def test_in_a_search_a_diverged_candidate_is_the_worst(rng):
    X, y = blobs(rng, d=200)
    folds = [Fold(np.arange(400), np.arange(400, 600))]
    rates = [{"learning_rate": rate} for rate in (1e-2, 1e6)]
    with pytest.warns(ConvergenceWarning):
        outcome = select(GradientDescent(method="sgd"), X, y, folds, rates)
    assert outcome.chosen == 0
    assert outcome.scores[1, 0] == np.mean(y[400:] == 0)


def test_huge_features_overflow_nothing_in_silence(rng):
    X, y = blobs(rng)
    with pytest.warns(ConvergenceWarning, match="standardize the features"):
        model = GradientDescent(method="sgd").fit(X * 1e300, y)
    assert np.isfinite(model.coef_).all()


def test_a_fitted_model_can_be_saved_and_goes_on_where_it_was(tmp_path, rng):
    X, y = blobs(rng)
    model = GradientDescent(method="adam", batch_size=32).partial_fit(X, y)
    save_plugin(model, tmp_path)
    copies = [load_plugin(tmp_path, GradientDescent), pickle.loads(pickle.dumps(model))]
    model.partial_fit(X, y)
    for copy in copies:
        np.testing.assert_array_equal(copy.partial_fit(X, y).coef_, model.coef_)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"learning_rate": 0.0}, "learning_rate must be a number > 0"),
        ({"method": "adamm"}, "method must be one of 'sgd', 'momentum'"),
        ({"momentum": 1.0}, "momentum must be a number ≥ 0 and < 1"),
        ({"decay_factor": 1.5}, "decay_factor must be a number > 0 and ≤ 1"),
        ({"batch_size": 0}, "batch_size must be an integer ≥ 1"),
    ],
)
def test_parameters_out_of_bounds_are_refused(parameters, said, rng):
    with pytest.raises(InputError, match=said):
        GradientDescent(**parameters).fit(*blobs(rng))
    with pytest.raises(InputError, match=said):
        GradientDescent(**parameters).partial_fit(*blobs(rng))


def test_the_objective_of_the_tests_is_the_models_own(rng):
    X, y = blobs(rng)
    model = Softmax(reg=0.1).fit(X, y)
    point = np.hstack([model.coef_, model.intercept_[:, None]])
    assert penalized_loss(point, X, y, softmax, 0.1)[0] == pytest.approx(model.objective_, rel=1e-12)
