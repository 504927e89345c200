"""Sanity checks of sound pipelines and of faulty ones."""

from __future__ import annotations

from typing import Any

import pytest

from featbench.config import Document, read_experiment
from featbench.errors import ConfigError, SealError
from featbench.sanity import Check, check_experiment
from featbench.sealed import SealedLabels


def checked(extractor: Any, classifier: Any, preprocess: str = "standardize", **other: Any) -> list[Check]:
    plan = {"dataset": "digits", "extractor": extractor, "preprocess": preprocess, "classifier": classifier}
    return check_experiment(read_experiment(Document("test", {**plan, **other}), "test"), images=300)


def verdicts(checks: list[Check]) -> dict[str, str]:
    return {check.finding.check: check.finding.verdict for check in checks}


SOUND = [
    "svm",
    {"name": "svm", "loss": "one_vs_rest"},
    "softmax",
    {"name": "sgd", "learning_rate": 1e-3, "epochs": 40},
    {"name": "sgd", "loss": "weston_watkins", "hinge": "plain", "method": "nesterov", "learning_rate": 1e-3},
    {"name": "sgd", "loss": "one_vs_rest", "method": "adagrad", "learning_rate": 0.1},
]


@pytest.mark.parametrize("classifier", SOUND, ids=str)
@pytest.mark.parametrize("preprocess", ["standardize", "center", "l2"])
def test_a_sound_pipeline_fails_nothing(classifier: Any, preprocess: str) -> None:
    if preprocess == "l2" and classifier in SOUND[3:5]:
        classifier = {**classifier, "learning_rate": 0.1}
    if preprocess == "center" and classifier in SOUND[4:]:  # pixels from 0 to 255 want small weights
        classifier = {**classifier, "learning_rate": classifier["learning_rate"] / 100}
    found = verdicts(checked("raw", classifier, preprocess))
    assert "fail" not in found.values(), found
    told = {
        "finite",
        "dead columns",
        "range",
        "largest value",
        "scales of columns",
        "loss at W = 0",
        "gradient",
    }
    told |= {"20 images by heart", "loss rises with reg"}
    assert set(found) - {"step / weights"} == told
    assert ("step / weights" in found) == (classifier not in SOUND[:3])


def test_figures_and_names() -> None:
    checks = {c.finding.check: c for c in checked("raw", "softmax")}
    assert checks["finite"].pipeline == "raw"
    assert checks["largest value"].pipeline == "raw → standardize"
    assert checks["gradient"].pipeline == "raw → standardize → softmax"
    zero = checks["loss at W = 0"].finding
    assert (zero.found, zero.expected) == ("2.303", "2.303 (log 10)")
    dead = checks["dead columns"].finding  # the corners of the digits are empty
    assert dead.verdict == "advice"
    assert "of 64 constant" in dead.found


def test_other_classifiers_have_their_features_checked_alone() -> None:
    assert set(verdicts(checked("raw", "knn"))) == {
        "finite",
        "dead columns",
        "range",
        "largest value",
        "scales of columns",
    }


def test_no_test_label_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(*_: Any) -> None:
        raise SealError("opened")

    monkeypatch.setattr(SealedLabels, "open", opened)
    assert checked("raw", "svm")


@pytest.mark.parametrize(
    ("fault", "check", "verdict", "advice"),
    [
        ("constant", "dead columns", "fail", "Most columns are the same for every image"),
        ("nan", "finite", "fail", "divides by 0 or overflows"),
        ("huge", "largest value", "fail", "Values explode"),
        ("huge", "range", "advice", "lose digits in float32"),
        ("uneven", "scales of columns", "advice", "differ much in scale"),
        ("error", "features", "fail", "ZeroDivisionError: no such luck"),
    ],
)
def test_faulty_features_are_named(faulty: None, fault: str, check: str, verdict: str, advice: str) -> None:
    found = {c.finding.check: c.finding for c in checked({"name": "raw", "fault": fault}, "knn", "none")}
    assert found[check].verdict == verdict
    assert advice in found[check].advice
    others = {name for name, finding in found.items() if finding.verdict == "fail"} - {check}
    assert not others - {"largest value"}


@pytest.mark.parametrize(
    ("fault", "check", "advice"),
    [
        ("gradient", "gradient", "derive it anew"),
        ("sum", "loss at W = 0", "not a mean"),
    ],
)
def test_a_faulty_loss_is_named(faulty: None, fault: str, check: str, advice: str) -> None:
    found = checked({"name": "raw", "fault": "none"}, {"name": "sgd", "fault": fault})
    (finding,) = [c.finding for c in found if c.finding.check == check]
    assert finding.verdict == "fail"
    assert advice in finding.advice


def test_a_learning_rate_that_is_much_too_high_or_low_is_named() -> None:
    high = checked("raw", {"name": "sgd", "method": "sgd", "learning_rate": 1e3})
    assert verdicts(high)["step / weights"] == "fail"
    assert "lower learning_rate, 1000 here" in high[-1].finding.advice
    low = checked("raw", {"name": "sgd", "method": "sgd", "learning_rate": 1e-8})
    assert verdicts(low)["20 images by heart"] == "fail"
    (heart,) = [c.finding for c in low if c.finding.check == "20 images by heart"]
    assert "Raise learning_rate" in heart.advice


def test_an_extractor_that_cannot_take_the_images_is_no_fault() -> None:
    (check,) = checked({"name": "hog", "cell": 8}, "svm")
    assert check.finding.verdict == "advice"
    assert "at least 16 × 16 pixels" in check.finding.advice


def test_several_data_sets_are_told_apart() -> None:
    plan = {
        "datasets": ["digits", {"name": "digits", "test_size": 0.5}],
        "extractor": "raw",
        "classifier": "knn",
    }
    checks = check_experiment(read_experiment(Document("test", plan), "test"), images=100)
    assert all(check.pipeline.startswith("digits") for check in checks)


def test_a_config_that_cannot_be_run_is_refused() -> None:
    with pytest.raises(ConfigError):
        check_experiment("hog_smv")
