"""Duplicates across the split: what counts as one, and what does not."""

import io
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from featbench.datasets import duplicates
from featbench.datasets.duplicates import Duplicates, count_duplicates, difference_hashes, near_duplicates
from featbench.imagesets import Dataset, ImageSet


def made(train, test):
    parts = [ImageSet(images, np.arange(len(images)) % 2) for images in (train, test)]
    return Dataset("made", ("a", "b"), *parts, True, True, "a test")


@pytest.fixture
def crops(photos):
    """Real images, 32 × 32, of one photograph."""
    return photos.train.images[photos.train.labels == 2]


def again(image, kind):
    """Return the image as somebody else might have saved it."""
    picture = Image.fromarray(image)
    if kind == "jpeg":
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=60)
        return np.asarray(Image.open(buffer))
    if kind == "resized":
        return np.asarray(picture.resize((24, 24), Image.Resampling.BILINEAR).resize((32, 32)))
    if kind == "brighter":
        return np.minimum(image.astype(int) + 8, 255).astype(np.uint8)
    if kind == "shifted":
        return np.roll(image, 1, axis=1)
    if kind == "mirrored":
        return image[:, ::-1]
    return np.roll(image, 12, axis=(0, 1))


def test_exact_and_near_are_counted_apart(crops):
    train = crops[:50]
    test = np.stack([train[3], again(train[4], "jpeg"), 255 - train[5], train[3]])
    assert count_duplicates(made(train, test)) == Duplicates(exact=2, near=1, compared=4)


# Which share of the copies must be found at the least, or may be at the most. Dark and nearly flat crops are not
# found again after JPEG or where brightening runs into white; a mirrored one may be symmetric.
@pytest.mark.parametrize(
    ("kind", "least", "most"),
    [("jpeg", 0.6, 1), ("resized", 0.95, 1), ("brighter", 0.3, 1), ("shifted", 0.4, 0.8),
     ("mirrored", 0, 0.03), ("moved", 0, 0.03)],
)  # fmt: skip
def test_what_is_a_near_duplicate(photos, kind, least, most):
    assert least <= share_found(photos.test.images[:150], kind) <= most


def share_found(originals, kind):
    copies = np.stack([again(image, kind) for image in originals])
    found = [
        near_duplicates(copy[None], image[None])[0] for copy, image in zip(copies, originals, strict=True)
    ]
    return np.mean(found)


def test_flat_pictures_of_another_shade_are_no_copies():
    shades = np.arange(0, 250, 10, dtype=np.uint8)[:, None, None, None]
    flat = np.broadcast_to(shades, (len(shades), 32, 32, 3)).copy()
    found = near_duplicates(flat, flat + np.uint8(3))
    assert not found.any()
    assert near_duplicates(flat, flat).all()


def test_bits_against_the_definition(rng):
    thumbnails = rng.integers(0, 256, (5, 16, 16, 3)).astype(np.uint8)
    words = difference_hashes(thumbnails)
    bits = np.unpackbits(words.view(np.uint8).reshape(5, 16), axis=1)
    for image, row in zip(thumbnails, bits, strict=True):
        grey = [[sum(
            299 * int(r) + 587 * int(g) + 114 * int(b)
            for r, g, b in image[2 * y : 2 * y + 2, 2 * x : 2 * x + 2].reshape(4, 3)
        ) for x in range(8)] for y in range(8)]  # fmt: skip
        right = [grey[y][x + 1] > grey[y][x] for y in range(8) for x in range(7)]
        down = [grey[y + 1][x] > grey[y][x] for y in range(7) for x in range(8)]
        assert row.tolist() == [*right, *down, *[0] * 16]


def test_found_as_by_the_definition(crops):
    """The kernel against plain numpy, on noisy copies at about the edge of every test."""
    rng = np.random.default_rng(0)
    train = crops[:40]
    noise = rng.integers(0, 60, (40, 1, 1, 1)) * rng.normal(size=train.shape)
    test = np.clip(train + noise, 0, 255).astype(np.uint8)
    a, b = (duplicates._thumbnails(images) for images in (test, train))
    x, y = (np.unpackbits(difference_hashes(t).view(np.uint8).reshape(40, 16), axis=1) for t in (a, b))
    bits = (x[:, None] != y[None]).sum(axis=2)
    apart = np.abs(a[:, None].astype(int) - b[None]).reshape(40, 40, -1).sum(axis=2)
    deviation = a.reshape(40, 256, 3).std(axis=1).mean(axis=1)
    limit = np.floor(np.minimum(12, deviation / 3) * 768)
    expected = ((bits <= 16) & (apart <= limit[:, None])).any(axis=1)
    assert 5 < expected.sum() < 35, "the test should stand at the edge"
    assert (near_duplicates(test, train) == expected).all()


@pytest.mark.parametrize("shape", [(32, 32), (16, 16, 3), (37, 50, 3), (200, 17)])
def test_thumbnails_are_area_means(rng, shape):
    images = rng.integers(0, 256, (3, *shape)).astype(np.uint8)
    thumbnails = duplicates._thumbnails(images)
    assert thumbnails.shape == (3, 16, 16, 3 if len(shape) == 3 else 1)
    # Enlarge each pixel to 16 × 16: then every mean is over whole pixels.
    large = images.repeat(16, 1).repeat(16, 2).astype(float).reshape(3, 16, shape[0], 16, shape[1], -1)
    expected = large.mean(axis=(2, 4))
    # Half a level of rounding, and float32's error before it.
    np.testing.assert_allclose(thumbnails, expected, atol=0.5 + 1e-3)


def test_small_images_are_compared_exactly_alone():
    images = np.arange(2 * 8 * 8, dtype=np.uint8).reshape(2, 8, 8)
    assert count_duplicates(made(images, images[:1])) == Duplicates(exact=1, near=0, compared=0)


def test_a_sample_is_drawn_where_pairs_are_too_many(crops, monkeypatch):
    monkeypatch.setattr(duplicates, "_MOST_PAIRS", 400)
    copies = np.stack([again(image, "jpeg") for image in crops[:20]])
    result = count_duplicates(made(crops[:40], copies))
    assert result.compared == 10
    assert result.near <= 10


@pytest.mark.data
def test_on_cifar10_what_is_found_shows_the_same_thing(first_batch):
    """Labels took no part in the search, so that chance would give 10 %."""
    train, test = first_batch.train, first_batch.test
    rows = np.flatnonzero(near_duplicates(test.images, train.images))
    assert 5 <= len(rows) <= 40
    for label in range(10):
        of_class = rows[test.labels[rows] == label]
        assert near_duplicates(test.images[of_class], train.images[train.labels == label]).all()


@pytest.mark.data
def test_on_cifar10_copies_are_found_as_the_module_says(first_batch):
    originals = first_batch.train.images[:200]
    assert share_found(originals, "jpeg") == 1
    assert share_found(originals, "resized") == 1
    assert share_found(originals, "brighter") > 0.95
    assert 0.4 < share_found(originals, "shifted") < 0.6
    assert share_found(originals, "mirrored") < 0.02


def test_training_images_are_looked_at_in_parts(crops, monkeypatch):
    """The same copies are found, whichever part of the training images they are in."""
    train, originals = crops[:60], crops[np.arange(5, 65, 3)]
    test = np.stack([again(image, "resized") for image in originals])
    at_once = near_duplicates(test, train)
    assert 0 < at_once.sum() < len(test), "some originals are no training images"
    monkeypatch.setattr(duplicates, "_KNOWN", 7)
    np.testing.assert_array_equal(near_duplicates(test, train), at_once)


def test_thumbnails_of_all_training_images_are_never_in_memory_together(rng, monkeypatch):
    """20,000 thumbnails would be 15 MB, and 61 MB while their bits are made."""
    monkeypatch.setattr(duplicates, "_KNOWN", 1000)
    train = rng.integers(0, 256, (20_000, 16, 16, 3), dtype=np.uint8)
    tracemalloc.start()
    found = near_duplicates(train[[0, 19_999]], train)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.all()
    assert peak < 12e6
