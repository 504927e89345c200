from __future__ import annotations

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


def test_a_source_and_an_array_are_taken_as_they_are() -> None:
    source, images = Counting(3), np.zeros((4, 4, 1, 3), np.uint8)
    assert check_images(source, "x") is source
    assert check_images(images, "x") is images


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
    with pytest.raises(InputError, match="x: image 1 must be of dtype uint8"):
        check_sizes([images[0], images[1] / 255], "x")
    with pytest.raises(InputError, match=r"all of one shape; got \(4, 5, 3\), \(6, 5, 3\)\. Resize them"):
        check_images(images, "x")
    with pytest.raises(InputError, match="got an empty list"):
        check_sizes([], "x")


def test_lists_and_strange_layouts_are_taken(rng: np.random.Generator) -> None:
    images = rng.integers(0, 256, (3, 4, 5, 3), dtype=np.uint8)
    np.testing.assert_array_equal(check_images(list(images), "x"), images)
    turned = np.asfortranarray(images)
    turned.flags.writeable = False
    checked = check_images(turned, "x")
    assert isinstance(checked, np.ndarray)
    assert checked.flags.c_contiguous
    np.testing.assert_array_equal(checked, images)
