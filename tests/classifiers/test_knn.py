"""k nearest neighbours: votes and ties against counting by hand and scikit-learn, paths against fits."""

from __future__ import annotations

import copy
import pickle
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from featbench.base import Fold
from featbench.classifiers import KNN, knn
from featbench.classifiers.knn import count_votes
from featbench.errors import InputError, MissingExtraError
from featbench.numerics.device_neighbors import DeviceNeighbors
from featbench.saved import load_plugin, save_plugin


def vote_by_hand(distances, labels, k, weights, n_classes):
    votes = np.zeros(n_classes)
    for distance, label in list(zip(distances, labels, strict=True))[:k]:
        if weights == "uniform":
            votes[label] += 1
        elif weights == "kernel":
            width = distances[k - 1]
            votes[label] += np.exp(-((distance / width) ** 2) / 2) if width > 0 else 1
        elif distances[0] == 0:
            votes[label] += distance == 0
        else:
            votes[label] += distances[0] / distance
    return votes


@given(
    seed=st.integers(0, 10**6),
    k=st.integers(1, 12),
    weights=st.sampled_from(["uniform", "distance", "kernel"]),
)
def test_votes_by_hand(seed, k, weights):
    rng = np.random.default_rng(seed)
    distances = np.sort(rng.integers(0, 4, (5, 12)), axis=1).astype(float)
    labels = rng.integers(0, 3, (5, 12))
    *_, votes = count_votes(distances, labels, [1, k] if k > 1 else [1], weights, 3)
    for row in range(5):
        expected = vote_by_hand(distances[row], labels[row], k, weights, 3)
        np.testing.assert_allclose(votes[row], expected, rtol=1e-15 if weights == "kernel" else 0)


def test_a_tie_goes_to_the_first_class_and_a_zero_distance_takes_all():
    X, y = np.array([[0.0], [2.0], [9.0]]), np.array(["b", "a", "a"])
    assert KNN(n_neighbors=2).fit(X, y).predict([[0.5]]) == ["a"]
    by_distance = KNN(n_neighbors=3, weights="distance").fit(X, y)
    assert by_distance.predict([[0.0], [1.2]]).tolist() == ["b", "a"]
    np.testing.assert_array_equal(by_distance.predict_proba([[0.0]]), [[0.0, 1.0]])
    np.testing.assert_allclose(
        by_distance.predict_proba([[1.0]]), [[(1 + 1 / 8) / (2 + 1 / 8), 1 / (2 + 1 / 8)]]
    )


def test_kernel_votes_by_hand():
    """Distances 1, 2, 2 and the kernel as wide as the farthest: exp(−1/8), exp(−1/2) twice."""
    X, y = np.array([[1.0], [2.0], [-2.0], [9.0]]), ["a", "b", "b", "a"]
    shares = KNN(n_neighbors=3, weights="kernel").fit(X, y).predict_proba([[0.0]])
    near, far = np.exp(-1 / 8), np.exp(-1 / 2)
    np.testing.assert_allclose(shares, [[near / (near + 2 * far), 2 * far / (near + 2 * far)]])
    same = KNN(n_neighbors=2, weights="kernel").fit(np.zeros((3, 1)), ["a", "b", "b"])
    np.testing.assert_array_equal(same.predict_proba([[0.0]]), [[0.5, 0.5]])


def test_distances_too_small_to_invert():
    X, y = np.array([[5e-324], [1.0]]), [0, 1]
    shares = KNN(n_neighbors=2, weights="distance").fit(X, y).predict_proba([[0.0]])
    np.testing.assert_allclose(shares, [[1, 0]])


def free_of_ties(model, X, k):
    """Rows whose k-th and next neighbour are not equally far: only there the neighbours are one set."""
    distances = model.kneighbors(X, k + 1)[0]
    return distances[:, k - 1] < distances[:, k]


@pytest.mark.parametrize("metric", ["l1", "l2"])
@pytest.mark.parametrize("weights", ["uniform", "distance"])
@pytest.mark.parametrize("k", [1, 4, 9])
def test_scikit_learn_on_digits(metric, weights, k):
    X, y = load_digits(return_X_y=True)
    train, test = slice(0, 900), slice(900, 1300)
    ours = KNN(n_neighbors=k, metric=metric, weights=weights).fit(X[train], y[train])
    theirs = KNeighborsClassifier(k, metric=metric, weights=weights, algorithm="brute").fit(
        X[train], y[train]
    )
    clear = free_of_ties(ours, X[test], k)
    assert clear.mean() > 0.5
    rows = X[test][clear]
    np.testing.assert_array_equal(ours.predict(rows), theirs.predict(rows))
    np.testing.assert_allclose(ours.predict_proba(rows), theirs.predict_proba(rows), rtol=1e-12)


@pytest.mark.parametrize("metric", ["l1", "l2"])
def test_a_path_scores_as_grid_search_does(metric):
    """The same folds, preparation and k; standardized floats, so that no k-th boundary ties."""
    X, y = load_digits(return_X_y=True)
    X, y = (X[:600] + np.random.default_rng(0).normal(size=(600, 64))).astype(np.float32), y[:600]
    part = np.arange(600) % 3
    folds = [Fold(np.flatnonzero(part != p), np.flatnonzero(part == p)) for p in range(3)]
    grid = {"n_neighbors": [1, 3, 8, 20], "weights": ["uniform", "distance"]}
    candidates = [{"n_neighbors": k, "weights": w} for k in grid["n_neighbors"] for w in grid["weights"]]
    predictions = KNN(metric=metric).fit_path(X, y, candidates, folds, StandardScaler())
    scores = [
        [
            np.mean(predicted[c] == y[fold.validation])
            for fold, predicted in zip(folds, predictions, strict=True)
        ]
        for c in range(len(candidates))
    ]
    for p, fold in enumerate(folds):
        scaler = StandardScaler().fit(X[fold.train])
        split = PredefinedSplit(np.where(part == p, 0, -1))
        theirs = KNeighborsClassifier(metric=metric, algorithm="brute")
        search = GridSearchCV(theirs, grid, cv=split, refit=False).fit(scaler.transform(X), y)
        order = [search.cv_results_["params"].index(candidate) for candidate in candidates]
        np.testing.assert_array_equal(
            [row[p] for row in scores], search.cv_results_["split0_test_score"][order]
        )


def test_one_search_for_neighbours_serves_a_metric(monkeypatch, rng):
    X, y = rng.normal(size=(40, 3)), np.arange(40) % 2
    asked = []

    class Counting(knn.Neighbors):
        def nearest(self, X_query, k):
            asked.append((self.metric, k))
            return super().nearest(X_query, k)

    monkeypatch.setattr(knn, "Neighbors", Counting)
    folds = [Fold(np.arange(30), np.arange(30, 40))]
    candidates = [
        {"n_neighbors": k, "weights": w, "metric": m}
        for k in (1, 5, 9)
        for w in ("uniform", "distance")
        for m in ("l1", "l2")
    ]
    KNN().fit_path(X, y, candidates, folds)
    assert sorted(asked) == [("l1", 9), ("l2", 9)]


@pytest.mark.parametrize("metric", ["cosine", "chi2", "intersection"])
def test_other_metrics_in_a_path_and_alone(metric):
    X, y = load_digits(return_X_y=True)
    X, y = X[:400].astype(np.float32) / 16, y[:400]
    part = np.arange(400) % 4
    folds = [Fold(np.flatnonzero(part != p), np.flatnonzero(part == p)) for p in range(4)]
    candidates = [
        {"metric": metric, "n_neighbors": k, "weights": w}
        for k in (1, 7)
        for w in ("uniform", "distance", "kernel")
    ]
    for fold, predicted in zip(folds, KNN().fit_path(X, y, candidates, folds), strict=True):
        for candidate, labels in zip(candidates, predicted, strict=True):
            alone = KNN(**candidate).fit(X[fold.train], y[fold.train])
            np.testing.assert_array_equal(labels, alone.predict(X[fold.validation]))
            assert np.mean(labels == y[fold.validation]) > 0.85


@pytest.mark.parametrize("preprocess", [None, FunctionTransformer(), StandardScaler()])
def test_pixels_in_a_path_are_compared_in_integers_once_for_all_folds(preprocess, rng, monkeypatch):
    X, y = rng.integers(0, 256, (40, 6)).astype(np.float32), np.arange(40) % 2
    dtypes = set()

    class Watching(knn.Neighbors):
        def nearest(self, X_query, k):
            dtypes.update((self.X_train.dtype.name, X_query.dtype.name))
            return super().nearest(X_query, k)

    monkeypatch.setattr(knn, "Neighbors", Watching)
    KNN().fit_path(X, y, [{"n_neighbors": 1}], [Fold(np.arange(30), np.arange(30, 40))], preprocess)
    assert dtypes == ({"float32"} if isinstance(preprocess, StandardScaler) else {"uint8"})


@pytest.mark.parametrize("metric", ["chi2", "intersection"])
def test_histograms_are_not_negative(metric, rng):
    X, y = rng.random((10, 5)), np.arange(10) % 2
    model = KNN(metric=metric, n_neighbors=1).fit(X, y)
    bad = X.copy()
    bad[:3, 1] = bad[4, 3] = -1
    message = rf"KNN: X must be nowhere negative for the metric {metric}.*; got 4 negative in column 1 \(3 rows\), column 3 \(1 rows\)\. Leave out"
    with pytest.raises(InputError, match=message):
        model.predict(bad)
    with pytest.raises(InputError, match=message):
        KNN(metric=metric).fit(bad, y)


def test_what_is_prepared_follows_the_rows(rng, tmp_path):
    X, y = rng.random((30, 4)), np.arange(30) % 3
    model = KNN(n_neighbors=1).fit(X, y)
    assert (model.predict(X) == y).all()
    assert (pickle.loads(pickle.dumps(model)).predict(X) == y).all()
    assert (copy.deepcopy(model).predict(X) == y).all()
    assert (model.fit(X, y[::-1]).predict(X) == y[::-1]).all()
    assert (model.fit(-X, y).predict(-X) == y).all()
    assert model.set_params(metric="l1").kneighbors(-X)[0].max() == 0


class Unread:
    """Rows that nobody may look at."""

    def __array__(self, *_args, **_kwargs):
        raise AssertionError("data was converted before the device was refused")


def test_a_gpu_that_is_not_there_is_refused_before_any_data_is_read(rng, monkeypatch):
    X, y = rng.random((10, 3)), np.arange(10) % 2
    fitted = KNN(n_neighbors=1).fit(X, y).set_params(device="cuda")
    fold = [Fold(np.arange(8), np.arange(8, 10))]
    calls = [
        lambda: KNN(device="cuda").fit(Unread(), y),
        lambda: fitted.predict(Unread()),
        lambda: KNN(device="cuda").fit_path(Unread(), y, [{}], fold),
    ]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for call in calls:
        with pytest.raises(InputError, match="KNN: device must be one that torch can use.*finds no GPU here"):
            call()
    monkeypatch.setitem(sys.modules, "torch", None)
    for call in calls:
        with pytest.raises(MissingExtraError, match=r"KNN: device=\"cuda\": needs torch"):
            call()
    assert fitted.set_params(device="cpu").predict(X).tolist() == y.tolist()


def test_a_device_changes_nothing_and_is_not_saved(rng, monkeypatch, tmp_path):
    """torch on the processor stands in for the GPU."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)

    class StandIn(DeviceNeighbors):
        def __init__(self, X_train, metric):
            super().__init__(X_train, metric, "cpu")

    monkeypatch.setattr(knn, "DeviceNeighbors", StandIn)
    X, y, Q = rng.normal(size=(60, 5)), np.arange(60) % 3, rng.normal(size=(9, 5))
    expected = KNN().fit(X, y).kneighbors(Q)
    model = KNN(device="cuda").fit(X, y)
    assert isinstance(model._searcher(), DeviceNeighbors)
    save_plugin(model, tmp_path / "model")
    loaded = load_plugin(tmp_path / "model", KNN)
    for same in (model, pickle.loads(pickle.dumps(model)), copy.deepcopy(model), loaded):
        assert same.device == "cuda"
        for found, wanted in zip(same.kneighbors(Q), expected, strict=True):
            np.testing.assert_array_equal(found, wanted)
    assert not any(isinstance(value, torch.Tensor) for value in vars(model).values())
    assert not isinstance(model.set_params(device="cpu")._searcher(), DeviceNeighbors)
    folds = [Fold(np.arange(40), np.arange(40, 60))]
    candidates = [{"n_neighbors": k, "metric": m} for k in (1, 7) for m in ("l1", "l2")]
    ours, theirs = (KNN(device=d).fit_path(X, y, candidates, folds) for d in ("cuda", "cpu"))
    np.testing.assert_array_equal(ours, theirs)


def test_pixels_stay_or_become_integers(rng):
    pixels = rng.integers(0, 256, (30, 8), dtype=np.uint8)
    y = np.arange(30) % 3
    for dtype in (np.uint8, np.float32, np.float64, np.int64):
        assert KNN().fit(pixels.astype(dtype), y).X_.dtype == np.uint8
    for other in (pixels + 0.5, pixels - 1.0, pixels * 2.0):
        assert KNN().fit(other.astype(np.float32), y).X_.dtype == np.float32


def test_integers_and_floats_in_one_batch_do_not_disturb_each_other(rng):
    pixels = rng.integers(0, 256, (60, 40), dtype=np.uint8)
    model = KNN(n_neighbors=7).fit(pixels, np.arange(60) % 3)
    rows = rng.integers(0, 256, (5, 40)).astype(np.float32)
    mixed = np.vstack([rows, rows[:1] + 0.5])
    for alone, together in zip(model.kneighbors(rows), model.kneighbors(mixed), strict=True):
        np.testing.assert_array_equal(alone, together[:5])


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), metric=st.sampled_from(["l1", "l2"]))
def test_a_permutation_of_the_training_rows_changes_only_ties(seed, metric):
    rng = np.random.default_rng(seed)
    X, y, Q = rng.normal(size=(30, 4)), np.arange(30) % 3, rng.normal(size=(5, 4))
    order = rng.permutation(30)
    shuffled = KNN(metric=metric).fit(X[order], y[order])
    np.testing.assert_array_equal(KNN(metric=metric).fit(X, y).predict(Q), shuffled.predict(Q))


def test_more_neighbours_than_rows():
    X, y = np.arange(6.0).reshape(3, 2), [0, 1, 1]
    with pytest.raises(InputError, match=r"number of training rows \(n_samples = 3\); got 5\. Choose fewer"):
        KNN(n_neighbors=5).fit(X, y)
    with pytest.raises(InputError, match="got 4"):
        KNN(n_neighbors=3).fit(X, y).kneighbors(X, 4)
    fold = [Fold(np.array([0, 1]), np.array([2]))]
    with pytest.raises(InputError, match=r"n_samples = 2\); got 3"):
        KNN().fit_path(X, np.array(y), [{"n_neighbors": 1}, {"n_neighbors": 3}], fold)
    assert KNN().refuses({"n_neighbors": 3}, 3) is None
    assert KNN().refuses({"n_neighbors": 4}, 3) == "n_neighbors = 4, more than the 3 training rows of a fold"
    assert KNN(n_neighbors=9).refuses({"metric": "l1"}, 3).startswith("n_neighbors = 9")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_neighbors": 0}, "n_neighbors must be an integer ≥ 1; got 0"),
        ({"metric": "l3"}, "metric must be one of 'l2', 'l1', 'cosine', 'chi2', 'intersection'; got 'l3'"),
        ({"weights": None}, "weights must be one of 'uniform', 'distance', 'kernel'"),
        ({"device": "gpu"}, "device must be one of 'cpu', 'cuda'; got 'gpu'"),
    ],
)
def test_bad_parameters(parameters, message, rng):
    X, y = rng.normal(size=(10, 2)), np.arange(10) % 2
    with pytest.raises(InputError, match=message):
        KNN(**parameters).fit(X, y)
    with pytest.raises(InputError, match=message):
        KNN().fit_path(X, y, [{"n_neighbors": 2}, parameters], [Fold(np.arange(8), np.arange(8, 10))])


def test_one_class_is_all_that_can_be_said(rng):
    model = KNN().fit(rng.normal(size=(6, 2)), ["only"] * 6)
    assert model.predict(rng.normal(size=(2, 2))).tolist() == ["only", "only"]
