"""What a model says of arrays, and how sure it is, against the parts it is made of."""

from __future__ import annotations

import numpy as np
import pytest

from featbench.classifiers import SVM, Majority, Softmax
from featbench.errors import InputError
from featbench.extractors import RawPixels
from featbench.model import Pipeline
from featbench.model.pixels import Pixels
from featbench.preprocessing import make_preprocess


@pytest.fixture
def made(rng):
    """Build a model from a classifier and class numbers."""
    images = rng.integers(0, 256, (60, 6, 6), dtype=np.uint8)
    y = np.arange(60) % 3
    images[y == 1] //= 2
    images[y == 2] //= 8

    def make(classifier, labels=y):
        extractor = RawPixels(size=6).fit(images)
        preprocess = make_preprocess("standardize")
        rows = preprocess.fit_transform(extractor.transform(images))
        fitted = classifier.fit(rows, labels)
        return Pipeline(extractor, preprocess, fitted, ("light", "dim", "dark"), Pixels((6, 6))), rows

    return images, make


def test_labels_are_names(made):
    images, make = made
    model, rows = make(Softmax(reg=0.1))
    names = np.array(["light", "dim", "dark"])[model.classifier.predict(rows)]
    np.testing.assert_array_equal(model.predict(images), names)
    assert model.predict(images[:0]).shape == (0,)
    assert model.measure == "probability"
    np.testing.assert_allclose(model.confidence(rows), model.classifier.predict_proba(rows).max(axis=1))


def test_a_margin_is_the_distance_to_the_second(made):
    _, make = made
    model, rows = make(SVM(reg=1.0))
    scores = np.sort(model.classifier.decision_function(rows), axis=1)
    np.testing.assert_array_equal(model.confidence(rows), scores[:, -1] - scores[:, -2])
    two, rows = make(SVM(reg=1.0), np.arange(60) % 2)
    np.testing.assert_array_equal(two.confidence(rows), np.abs(two.classifier.decision_function(rows)))
    assert two.measure == "margin"


def test_a_classifier_without_either_has_no_confidence(made, monkeypatch):
    _, make = made
    model, rows = make(Majority())
    monkeypatch.delattr(Majority, "predict_proba")
    assert model.measure is None
    assert np.isnan(model.confidence(rows)).all()


def test_images_of_another_shape_are_refused(made):
    images, make = made
    model, _ = make(Softmax())
    with pytest.raises(InputError, match="of the shape seen by fit"):
        model.predict(images[:, :5])
