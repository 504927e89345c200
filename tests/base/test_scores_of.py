"""An extractor with a classifier of its own, and its scores in the place of features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

from featbench.base.own_head import OwnHead, ScoresOf
from featbench.errors import InputError
from featbench.images import ImageSource


@dataclass(kw_only=True, eq=False, repr=False)
class NearestMean(OwnHead):
    """Its features are mean colours, its scores how near each class's is."""

    def _n_features(self, shape):
        return 3

    def _fit(self, images, y):
        codes = self._codes(y, len(images))
        X = self._extract(np.asarray(images))
        self.means_ = np.stack([X[codes == c].mean(axis=0) for c in range(len(self.classes_))])

    def _extract(self, images):
        return images.mean(axis=(1, 2)).astype(np.float32)

    def _scores(self, images):
        return -np.abs(self._extract(images)[:, None] - self.means_).sum(axis=2).astype(np.float32)


@pytest.fixture
def seen(rng):
    y = np.array(["red", "green"])[np.arange(2000) % 2]
    images = rng.integers(0, 100, (2000, 4, 4, 3), dtype=np.uint8)
    images[:, :, :, 0] += (y == "red").astype(np.uint8)[:, None, None] * 90
    return images, y


class Source(ImageSource):
    def __init__(self, images):
        self.image_shape, self.images = images.shape[1:], images

    def __len__(self):
        return len(self.images)

    def read(self, indices):
        return self.images[indices]


def test_scores_come_in_the_order_of_classes_from_arrays_and_sources(seen):
    images, y = seen
    own = NearestMean().fit(images, y)
    assert own.uses_labels
    scores = own.scores(images)
    assert scores.shape == (2000, 2)
    assert (own.classes_[scores.argmax(axis=1)] == y).mean() > 0.95
    np.testing.assert_array_equal(own.scores(Source(images)), scores)
    assert own.scores(images[:0]).shape == (0, 2)


def test_scores_take_the_place_of_features(seen):
    images, y = seen
    own = NearestMean().fit(images, y)
    for reads in (ScoresOf.fitted(own), ScoresOf(NearestMean()).fit(images, y)):
        np.testing.assert_array_equal(reads.transform(images), own.scores(images))
        assert reads.uses_labels
        assert reads.placement() is None
        assert list(reads.get_feature_names_out()) == ["scoresof0", "scoresof1"]


def test_scores_are_refused_before_fit_and_of_other_images(seen):
    images, y = seen
    with pytest.raises(NotFittedError, match="scores was called before fit"):
        NearestMean().scores(images)
    with pytest.raises(InputError, match="of the shape seen by fit"):
        NearestMean().fit(images, y).scores(images[:, 1:])
