"""Votes worked out by hand, members checked before anything is fitted, saving."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import make_classification

from featbench.base import Classifier
from featbench.classifiers import KNN, MLP, SVM, Ensemble, Majority, Softmax
from featbench.config import Component
from featbench.config.document import parse
from featbench.config.reading import read_experiment
from featbench.errors import ConfigError, InputError

ROUNDING = 1e-12


@pytest.fixture(scope="module")
def rows():
    X, y = make_classification(300, 10, n_informative=6, n_classes=3, random_state=0)
    return (
        X[:200],
        np.array(["ant", "bee", "cat"])[y[:200]],
        X[200:],
        np.array(["ant", "bee", "cat"])[y[200:]],
    )


def test_a_soft_vote_is_the_mean_of_probabilities(rows):
    X, y, X_new, _ = rows
    fitted = Ensemble(members=["softmax", {"name": "knn", "n_neighbors": 7}]).fit(X, y)
    parts = [Softmax().fit(X, y).predict_proba(X_new), KNN(n_neighbors=7).fit(X, y).predict_proba(X_new)]
    np.testing.assert_allclose(fitted.predict_proba(X_new), np.mean(parts, axis=0), rtol=0, atol=ROUNDING)
    np.testing.assert_array_equal(
        fitted.predict(X_new), fitted.classes_[np.mean(parts, axis=0).argmax(axis=1)]
    )


def test_scores_become_shares_by_the_stated_rule(rows):
    X, y, X_new, _ = rows
    svm, majority = SVM(reg=0.1).fit(X, y), Majority().fit(X, y)
    fitted = Ensemble(members=[{"name": "svm", "reg": 0.1}, "majority"]).fit(X, y)
    scaled = np.exp(svm.decision_function(X_new) / svm.decision_function(X).std())
    expected = (scaled / scaled.sum(axis=1, keepdims=True) + majority.predict_proba(X_new)) / 2
    np.testing.assert_allclose(fitted.predict_proba(X_new), expected, rtol=0, atol=ROUNDING)
    assert fitted.deviations_[1] == 1


def test_scores_of_two_classes_count_half_for_each(rows):
    X, y, X_new, _ = rows
    two = y == "bee"
    svm = SVM().fit(X, two)
    fitted = Ensemble(members=["svm", "svm"]).fit(X, two)
    training = svm.decision_function(X)
    deviation = np.concatenate([-training / 2, training / 2]).std()
    expected = 1 / (1 + np.exp(-svm.decision_function(X_new) / deviation))
    np.testing.assert_allclose(fitted.predict_proba(X_new)[:, 1], expected, rtol=0, atol=ROUNDING)
    np.testing.assert_array_equal(fitted.predict(X_new), svm.predict(X_new))


def test_a_hard_vote_counts_labels_and_ties_go_to_the_first(rows):
    X, y, X_new, _ = rows
    members = ["softmax", {"name": "knn", "n_neighbors": 1}, "majority"]
    fitted = Ensemble(members=members, vote="hard").fit(X, y)
    labels = [m.fit(X, y).predict(X_new) for m in (Softmax(), KNN(n_neighbors=1), Majority())]
    counts = np.stack([np.sum([each == c for each in labels], axis=0) for c in ("ant", "bee", "cat")], axis=1)
    np.testing.assert_allclose(fitted.predict_proba(X_new), counts / 3, rtol=0, atol=ROUNDING)
    tied = counts.max(axis=1) == 1
    assert tied.any()
    assert (fitted.predict(X_new)[tied] == "ant").all()


def test_members_get_seeds_of_their_own(rows):
    X, y, _, _ = rows
    mlp = {"name": "mlp", "hidden": 4, "epochs": 1}
    fitted = Ensemble(members=[mlp, mlp, {**mlp, "random_state": 9}], random_state=3).fit(X, y)
    assert [m.random_state for m in fitted.members_] == [3, 4, 9]
    expected = MLP(hidden=4, epochs=1, random_state=4).fit(X, np.unique(y, return_inverse=True)[1]).coefs_[0]
    np.testing.assert_array_equal(fitted.members_[1].coefs_[0], expected)


def test_an_ensemble_may_be_a_member(rows):
    X, y, X_new, _ = rows
    inner = {"name": "ensemble", "members": ["softmax", "knn"]}
    outer = Ensemble(members=[inner, "majority"]).fit(X, y)
    expected = (
        Ensemble(members=["softmax", "knn"]).fit(X, y).predict_proba(X_new)
        + Majority().fit(X, y).predict_proba(X_new)
    ) / 2
    np.testing.assert_allclose(outer.predict_proba(X_new), expected, rtol=0, atol=ROUNDING)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (["softmax"], "list of two classifiers or more"),
        ("softmax", "list of two classifiers or more"),
        (["sofmax", "knn"], r"members\[0\]: unknown classifier 'sofmax'. Did you mean 'softmax'"),
        (
            ["knn", {"name": "svm", "regg": 1.0}],
            r"members\[1\]: unknown parameter of svm 'regg'. Did you mean 'reg'",
        ),
        (["knn", {"name": "svm", "reg": -1.0}], "reg must be a number > 0"),
        (["knn", {"reg": 1.0}], r"members\[1\]: the member must be a name such as softmax"),
        (["knn", 3], r"members\[1\]: the member must be"),
        (["knn", {"name": "svm", "search": {"reg": [1.0]}}], "a member is not searched by itself"),
        (["knn", {"name": "ensemble", "members": ["knn", "swm"]}], "Did you mean 'svm'"),
    ],
)
def test_members_that_are_none_are_refused(rows, members, message):
    with pytest.raises(InputError, match=message):
        Ensemble(members=members).fit(*rows[:2])
    assert Ensemble.written_problems({"members": members}, lambda *keys: "here")


def test_all_wrong_members_are_named_at_once():
    members = ["sofmax", "knn", {"name": "swm"}]
    problems = Ensemble.written_problems({"members": members}, lambda name, i: f"{name}[{i}]")
    assert [problem.partition(":")[0] for problem in problems] == ["members[0]", "members[2]"]
    assert Ensemble.written_problems({}, lambda *keys: "here") == []


def test_an_experiment_names_the_line_of_a_wrong_member():
    text = "dataset: digits\nextractor: raw\nclassifier:\n  name: ensemble\n  members:\n  - softmax\n  - {name: svm, rek: 1}\n  - swm\n"
    with pytest.raises(ConfigError) as refused:
        read_experiment(parse(text, "e.yaml"), "e")
    first, second = str(refused.value).splitlines()
    assert first.startswith(
        "e.yaml:7: classifier.members[1]: unknown parameter of svm 'rek'. Did you mean 'reg'"
    )
    assert second.startswith("e.yaml:8: classifier.members[2]: unknown classifier 'swm'. Did you mean 'svm'")


def test_an_experiment_builds_what_it_names():
    text = "dataset: digits\nextractor: raw\nclassifier: {name: ensemble, vote: hard, members: [softmax, {name: knn, n_neighbors: 3}]}\n"
    ((component, _),) = read_experiment(parse(text, "e.yaml"), "e").classifiers
    assert repr(component.build(7)) == repr(
        Ensemble(members=["softmax", {"name": "knn", "n_neighbors": 3}], vote="hard", random_state=7)
    )


def test_tables_name_all_members():
    inner = {"name": "ensemble", "members": ["softmax", "knn"], "vote": "hard"}
    members = ["softmax", {"name": "svm", "reg": 0.1}, {"name": "majority"}, inner]
    component = Component("classifier", "ensemble", {"members": members, "vote": "soft"})
    assert component.label == "ensemble(softmax, svm(reg=0.1), majority, ensemble(softmax, knn, vote=hard))"
    assert Component("classifier", "ensemble").label == "ensemble(softmax, svm)"


def test_too_few_rows_for_a_member():
    ensemble = Ensemble(members=["softmax", {"name": "knn", "n_neighbors": 50}])
    assert ensemble.refuses({}, 100) is None
    assert "n_neighbors = 50" in ensemble.refuses({}, 40)


def test_candidates_that_differ_in_the_vote_share_their_fits(rows, monkeypatch):
    X, y, X_new, _ = rows
    fits = []
    fit = Softmax.fit
    monkeypatch.setattr(Softmax, "fit", lambda self, *a: fits.append(self) or fit(self, *a))
    found = Ensemble(members=["softmax", "majority"])._path(X, y, X_new, [{"vote": "soft"}, {"vote": "hard"}])
    assert len(fits) == 1
    for vote, labels in zip(("soft", "hard"), found, strict=True):
        alone = Ensemble(members=["softmax", "majority"], vote=vote).fit(X, y).predict(X_new)
        np.testing.assert_array_equal(labels, alone)


def test_saved_and_loaded(rows, tmp_path):
    X, y, X_new, _ = rows
    fitted = Ensemble(members=["softmax", {"name": "svm", "reg": 0.1}, "knn"]).fit(
        X, np.unique(y, return_inverse=True)[1]
    )
    fitted.save(tmp_path / "model")
    loaded = Classifier.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict_proba(X_new), fitted.predict_proba(X_new))
