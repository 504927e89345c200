"""What an experiment is to reproduce: read, refused, and no part of what decides a result."""

from __future__ import annotations

import dataclasses

import pytest

from featbench.config import claims_of, load_experiment, packaged_configs, parse, read_experiment
from featbench.config.overrides import apply_overrides
from featbench.errors import ConfigError
from featbench.quick import quick_experiment

TEXT = """
dataset: cifar10
extractors: [raw, hog]
classifiers: [{name: knn, n_neighbors: 1}, softmax]
reproduces: REPRODUCES
"""


def read(reproduces: str, *overrides: str, text: str = TEXT):
    document = parse(text.replace("REPRODUCES", reproduces), "x.yaml")
    return read_experiment(apply_overrides(document, overrides), "x")


def claims(reproduces: str, *overrides: str, text: str = TEXT) -> dict[str, str]:
    experiment = read(reproduces, *overrides, text=text)
    labels = {cell.cell_id: cell.label for cell in experiment.cells()}
    return {labels[cell]: name for cell, name in claims_of(experiment, experiment.cells()).items()}


def test_rows_are_named_by_patterns() -> None:
    told = claims(
        "{krizhevsky-2009-softmax-raw: {extractor: raw, classifier: softmax}, cs231n-1nn-l2: {label: raw*knn*}}"
    )
    assert told == {
        "raw → standardize → softmax": "krizhevsky-2009-softmax-raw",
        "raw → standardize → knn(n_neighbors=1)": "cs231n-1nn-l2",
    }


def test_a_name_alone_is_for_one_row() -> None:
    one = TEXT.replace("extractors: [raw, hog]", "extractor: hog").replace(
        "{name: knn, n_neighbors: 1}, ", ""
    )
    assert claims("scikit-learn-hog-softmax", text=one) == {
        "hog → standardize → softmax": "scikit-learn-hog-softmax"
    }
    with pytest.raises(
        ConfigError, match=r"x.yaml:5: reproduces: the rows that are meant must be one; got 4: raw"
    ):
        read("scikit-learn-hog-softmax")


@pytest.mark.parametrize(
    ("reproduces", "told"),
    [
        ("coates-2011-triangel-1600", "unknown published figure 'coates-2011-triangel-1600'. Did you mean 'coates-2011-triangle-1600'"),
        ("[cs231n-1nn-l1]", "must be a published figure, or figures with the rows that are meant"),
        ("{cs231n-1nn-l1: {extracter: raw}}", "unknown key 'extracter'. Did you mean 'extractor'"),
        ("{cs231n-1nn-l1: raw}", "the rows must be a mapping such as"),
        ("{cs231n-1nn-l1: {extractor: hue}}", "matches no row. No extractor fits 'hue'"),
        ("{cs231n-1nn-l1: {extractor: raw}, cs231n-1nn-l2: {classifier: knn*}}", "what a row reproduces must be one figure; got cs231n-1nn-l1 and"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(reproduces: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(reproduces)
    assert told in str(caught.value)
    assert "x.yaml:5: reproduces" in str(caught.value)


def test_claims_decide_no_result() -> None:
    for name in ("cifar10/compare", "cifar10/raw_knn"):
        claiming = load_experiment(packaged_configs()[name])
        assert claiming.reproduces
        plain = dataclasses.replace(claiming, reproduces=())
        assert [c.cell_id for c in claiming.cells()] == [c.cell_id for c in plain.cells()]
        assert "reproduces" not in str([cell.spec() for cell in claiming.cells()])


def test_what_is_overridden_is_another_experiment() -> None:
    asked = "{krizhevsky-2009-softmax-raw: {extractor: raw, classifier: softmax}}"
    assert claims(asked, "extractors=[hog]") == {}
    assert claims(asked, "dataset={name: cifar10, max_train: 500}") == {}
    assert (
        len(
            claims(
                asked,
                "dataset.root=elsewhere",
                "seeds=[1]",
                text=TEXT.replace("dataset: cifar10", "dataset: {name: cifar10}"),
            )
        )
        == 1
    )
    assert len(claims(asked, "reproduces={cs231n-1nn-l1: {label: raw*knn*}}", "preprocess=none")) == 1


def test_quick_looks_and_small_training_sets_claim_nothing() -> None:
    asked = "{krizhevsky-2009-softmax-raw: {extractor: raw, classifier: softmax}}"
    quick = quick_experiment(read(asked))
    assert claims_of(quick, quick.cells()) == {}
    assert list(claims(asked, text=TEXT + "train_size: [1000, all]\n")) == ["raw → standardize → softmax"]


def test_every_packaged_config_claims_what_is_in_the_registry() -> None:
    told = {name: load_experiment(path) for name, path in packaged_configs().items()}
    claimed = {name: set(claims_of(e, e.cells()).values()) for name, e in told.items() if e.reproduces}
    assert claimed["cifar10/words"] == {"coates-2011-hard-1600", "coates-2011-triangle-1600"}
    assert claimed["cifar10/raw_knn"] == {"cs231n-1nn-l1", "cs231n-1nn-l2"}
    assert all(claimed.values())
