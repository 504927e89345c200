"""What an extractor is fitted on when images keep their sizes."""

import numpy as np
import pytest

from featbench.datasets.decode import MAX_PIXELS
from featbench.extraction import fitting
from featbench.extraction.files import Decoding, find_images
from featbench.extraction.fitting import fit_extractor, learns
from featbench.extractors import HOG, HueHistogram, RawPixels

OWN = Decoding(None, "squash", MAX_PIXELS)


class Watching(RawPixels):
    """Notes how many images it learned from."""

    def _fit(self, images, y):
        self.seen_ = len(images)
        super()._fit(images, y)


@pytest.mark.parametrize(
    ("limit", "value", "seen"), [("_MOST_IMAGES", 3, 3), ("_MOST_BYTES", 1, 1), ("_MOST_IMAGES", 9, 5)]
)
def test_drawn_images_are_bounded_in_number_and_bytes(photos, monkeypatch, limit, value, seen):
    monkeypatch.setattr(fitting, limit, value)
    extractor = fit_extractor(Watching(center=True, size=4), find_images(photos), OWN, skip_unreadable=False)
    assert extractor.seen_ == seen
    assert extractor.image_shape_ == (None, None, 3)


def test_the_same_are_drawn_every_time(photos, monkeypatch):
    monkeypatch.setattr(fitting, "_MOST_IMAGES", 2)
    means = [
        fit_extractor(RawPixels(center=True, size=4), find_images(photos), OWN, skip_unreadable=False).mean_
        for _ in range(2)
    ]
    np.testing.assert_array_equal(*means)


def test_one_image_is_read_where_nothing_is_learned(photos, monkeypatch):
    reads = []
    read = Decoding.read
    monkeypatch.setattr(
        Decoding, "read", lambda self, paths: (reads.append(len(paths)), read(self, paths))[1]
    )
    fit_extractor(HueHistogram(), find_images(photos), OWN, skip_unreadable=False)
    assert reads == [1]


def test_who_has_something_to_learn(photos):
    assert learns(RawPixels(center=True))
    assert not learns(HOG())
    assert not learns(RawPixels(center=True).fit(np.zeros((1, 8, 8, 3), np.uint8)))
