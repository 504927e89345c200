from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from featbench.errors import InputError
from featbench.extractors import HueHistogram
from featbench.images import (
    ImageSource,
    by_shape,
    check_images,
    check_sizes,
    chunks,
    image_shape,
    mirrored,
    take,
)


class Counting(ImageSource):
    """Images whose pixels are their number."""

    def __init__(self, n: int) -> None:
        self.image_shape = (2, 2)
        self.n = n
        self.most = 0

    def __len__(self) -> int:
        return self.n

    def read(self, indices: np.ndarray) -> np.ndarray:
        self.most = max(self.most, len(indices))
        return np.broadcast_to(indices.astype(np.uint8)[:, None, None], (len(indices), 2, 2)).copy()


def test_a_source_is_read_in_chunks_and_in_order() -> None:
    source = Counting(10)
    parts = list(chunks(source, 4))
    assert [len(p) for p in parts] == [4, 4, 2]
    assert source.most == 4
    np.testing.assert_array_equal(np.concatenate(parts)[:, 0, 0], np.arange(10))


def test_take_of_a_take_reads_the_right_images() -> None:
    chosen = take(take(Counting(10), np.array([9, 7, 5, 3])), np.array([2, 0]))
    assert isinstance(chosen, ImageSource)
    assert len(chosen) == 2
    assert image_shape(chosen) == (2, 2)
    assert next(chunks(chosen, 5))[:, 0, 0].tolist() == [5, 9]


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((2, 4, 4, 3), np.float32), "dtype uint8"),
        (np.zeros((4, 4, 3), np.uint8)[..., None, :], None),
        (np.zeros((2, 4, 4, 4), np.uint8), "alpha"),
        (np.zeros((4, 4), np.uint8), r"image\[None\]"),
        (np.zeros((4, 4, 3), np.uint8), r"A single colour image goes in as image\[None\]"),
        (np.zeros((2, 0, 4, 3), np.uint8), "at least one pixel"),
        ([np.zeros((4, 4, 3), np.uint8), np.zeros((5, 4, 3), np.uint8)], "all of one shape"),
        ([], "an empty list"),
        (np.full((1, 2, 2, 3), 0.5), r"float64 from 0.5 to 0.5. Floats in \[0, 1\] become"),
        (np.array([[[-2.5, 300.0]]]), "from -2.5 to 300. Only floats in"),
        (np.array([[[0.5, np.nan, np.inf]]]), "2 of the values are not finite"),
        (np.zeros((1, 4, 4), np.int64), r"Turn the pixels into 0 to 255 and .astype\(numpy.uint8\)"),
        ("pictures", "NumPy array"),
        (np.array([[["a"]]], dtype=object), "dtype uint8"),
    ],
)
def test_what_is_refused_says_why(images: Any, message: str | None) -> None:
    if message is None:
        check_images(images, "HOG")
        return
    with pytest.raises(InputError, match=message):
        check_images(images, "HOG")


class Counted(ImageSource):
    def __init__(self, shape: tuple[int, ...], n: int) -> None:
        self.image_shape, self.n, self.most = shape, n, 0

    def __len__(self) -> int:
        return self.n

    def read(self, indices: np.ndarray) -> np.ndarray:
        self.most = max(self.most, len(indices))
        return np.zeros((len(indices), *self.image_shape), np.uint8)


@pytest.mark.parametrize(("side", "most"), [(8, 1024), (1024, 21)])
def test_large_images_are_decoded_fewer_at_a_time(side: int, most: int) -> None:
    source = Counted((side, side, 3), 1100 if side == 8 else 45)
    HueHistogram().fit(source).transform(source)
    assert source.most == most


def test_mirrored_images_are_exchanged_left_and_right() -> None:
    images = np.arange(12, dtype=np.uint8).reshape(1, 2, 2, 3)
    assert mirrored(images).tolist() == [[[[3, 4, 5], [0, 1, 2]], [[9, 10, 11], [6, 7, 8]]]]
    source = mirrored(Counting(4))
    assert isinstance(source, ImageSource)
    assert (len(source), source.image_shape) == (4, (2, 2))
    np.testing.assert_array_equal(source.read(np.array([3])), Counting(4).read(np.array([3])))


def test_sizes_may_differ_where_they_are_allowed_to(rng: np.random.Generator) -> None:
    images = [rng.integers(0, 256, shape, dtype=np.uint8) for shape in ((4, 5, 3), (6, 5, 3), (4, 5, 3))]
    checked = check_sizes(images, "x")
    assert isinstance(checked, list)
    groups = {equal.shape: rows.tolist() for rows, equal in by_shape(checked)}
    assert groups == {(2, 4, 5, 3): [0, 2], (1, 6, 5, 3): [1]}
    assert isinstance(check_sizes([images[0], images[2]], "x"), np.ndarray)
    with pytest.raises(InputError, match="all in colour or all grey; got both"):
        check_sizes([images[0], images[1][..., 0]], "x")
    with pytest.raises(InputError, match="x: image 1: images must be of dtype uint8"):
        check_sizes([images[0], images[1] / 255], "x")
    with pytest.raises(InputError, match="all of one shape"):
        check_images(images, "x")


def test_lists_and_strange_layouts_are_taken(rng: np.random.Generator) -> None:
    images = rng.integers(0, 256, (3, 4, 5, 3), dtype=np.uint8)
    np.testing.assert_array_equal(check_images(list(images), "x"), images)
    turned = np.asfortranarray(images)
    turned.flags.writeable = False
    checked = check_images(turned, "x")
    assert isinstance(checked, np.ndarray)
    assert checked.flags.c_contiguous
    np.testing.assert_array_equal(checked, images)
