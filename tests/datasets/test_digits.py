"""scikit-learn's digits as images."""

import numpy as np
import pytest

from featbench.datasets import Digits, open_dataset
from featbench.errors import InputError


def test_levels_counts_and_split():
    dataset = open_dataset("digits", {})
    assert dataset.train.images.shape[1:] == (8, 8)
    assert dataset.train.images.dtype == np.uint8
    every = np.concatenate([dataset.train.images, dataset.test.images])
    assert len(every) == 1797
    # 17 levels, spread over 0 to 255: level 8 of 16 is 127.5, which rounds to the even 128.
    assert len(np.unique(every)) == 17
    assert {0, 16, 128, 255} <= set(np.unique(every))
    assert dataset.classes == tuple("0123456789")
    assert not dataset.official_split
    share = np.bincount(dataset.test.labels) / (
        np.bincount(dataset.train.labels) + np.bincount(dataset.test.labels)
    )
    # A class has some 180 images, so that rounding moves its share by at most half an image in 174.
    np.testing.assert_allclose(share, 0.25, atol=0.5 / 174)


def test_labels_belong_to_images():
    from sklearn.datasets import load_digits

    dataset, digits = Digits().load(seed=3), load_digits()
    truth = {
        np.rint(image * 255 / 16).astype(np.uint8).tobytes(): t
        for image, t in zip(digits.images, digits.target, strict=True)
    }
    assert [truth[image.tobytes()] for image in dataset.test.images] == dataset.test.labels.tolist()


def test_the_seed_draws_the_split():
    first, same, other = (Digits().load(seed) for seed in (0, 0, 1))
    assert (first.test.images == same.test.images).all()
    assert not np.array_equal(first.test.images, other.test.images)


@pytest.mark.parametrize("test_size", [0.0, 1.0, "half", float("nan")])
def test_bad_test_size(test_size):
    with pytest.raises(InputError, match="Digits: test_size must be a number"):
        open_dataset("digits", {"test_size": test_size})
