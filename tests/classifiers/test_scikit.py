import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.svm import SVC

from featbench.classifiers.scikit import ScikitClassifier
from featbench.config import parse, read_experiment
from featbench.errors import ConfigError, InputError, UnknownNameError
from featbench.testing import check_classifier


@pytest.fixture
def blobs(rng):
    y = np.arange(60) % 3
    return (rng.normal(size=(60, 5)) + y[:, None]).astype(np.float32), np.array(["a", "b", "c"])[y]


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"estimator": "RandomForestClassifier", "params": {"n_estimators": 5}},
        {"estimator": "GaussianNB"},
        {"estimator": "LinearDiscriminantAnalysis"},
    ],
)
def test_it_keeps_the_laws(parameters):
    check_classifier(ScikitClassifier(**parameters))


def test_it_predicts_what_scikit_learn_does(blobs):
    X, y = blobs
    np.testing.assert_array_equal(
        ScikitClassifier(params={"C": 3}).fit(X, y).predict(X), SVC(C=3).fit(X, y).predict(X)
    )
    forest = ScikitClassifier(estimator="RandomForestClassifier", random_state=3).fit(X, y)
    expected = RandomForestClassifier(random_state=3).fit(X, y)
    np.testing.assert_array_equal(forest.predict_proba(X), expected.predict_proba(X))
    assert not hasattr(forest, "decision_function")
    assert not hasattr(ScikitClassifier(), "predict_proba")


def test_parameters_of_the_estimator_are_set_by_their_own_names():
    model = ScikitClassifier(params={"C": 1}).set_params(gamma=0.5, random_state=4)
    assert (model.params, model.random_state) == ({"C": 1, "gamma": 0.5}, 4)
    assert model.build().get_params()["gamma"] == 0.5


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"estimator": "SVCC"}, UnknownNameError, "Did you mean 'SVC'"),
        ({"estimator": "VotingClassifier"}, InputError, "not of other estimators; got VotingClassifier"),
        ({"estimator": "os.system"}, UnknownNameError, "unknown estimator"),
        ({"params": {"gama": 1}}, InputError, "SVC has no parameter 'gama'. Did you mean 'gamma'"),
        ({"params": {"kernel": print}}, InputError, "kernel must be a number, text"),
        ({"params": {"C": -1}}, InputError, "ScikitClassifier: SVC: The 'C' parameter of SVC must be"),
    ],
)
def test_what_is_refused(blobs, parameters, error, message):
    with pytest.raises(error, match=message):
        ScikitClassifier(**parameters).fit(*blobs)


def test_it_is_not_saved_and_says_so_before_it_is_fitted(blobs, tmp_path):
    assert "could only be pickled" in ScikitClassifier().unsavable()
    with pytest.raises(InputError):
        ScikitClassifier().fit(*blobs).save(tmp_path)


def run_config(text):
    return read_experiment(parse(text, "x.yaml"), "x")


BASE = "dataset: digits\nextractor: raw\n"


def test_an_experiment_searches_the_estimators_own_parameters():
    text = BASE + "classifier: {name: sklearn, params: {kernel: rbf}, search: {C: [1, 10], gamma: [scale]}}"
    ((component, candidates),) = run_config(text).classifiers
    assert component.label == 'sklearn(params={"kernel": "rbf"})'
    assert candidates == ({"C": 1, "gamma": "scale"}, {"C": 10, "gamma": "scale"})


@pytest.mark.parametrize(
    ("classifier", "message"),
    [
        ("{name: sklearn, estimator: SVCC}", "Did you mean 'SVC'"),
        ("{name: sklearn, params: {c: 1}}", "SVC has no parameter 'c'. Did you mean 'C'"),
        ("{name: sklearn, search: {c: [1]}}", "sklearn has no parameter 'c'. Did you mean 'C'"),
    ],
)
def test_typos_are_told_with_their_line(classifier, message):
    with pytest.raises(ConfigError, match=message) as caught:
        run_config(BASE + "classifier: " + classifier)
    assert str(caught.value).startswith("x.yaml:3: ")
