from __future__ import annotations

import numpy as np
import pytest

from featbench.errors import InputError
from featbench.extractors import HueHistogram
from featbench.images import (
    ImageSource,
    augmented,
    by_shape,
    check_images,
    check_sizes,
    chunks,
    cropped,
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


@pytest.mark.parametrize("shape", [(9, 11, 3), (9, 11), (3, 2, 3), (1, 1)])
def test_crops_are_parts_of_the_reflected_image(shape: tuple[int, ...], rng: np.random.Generator) -> None:
    images = rng.integers(0, 256, (200, *shape), dtype=np.uint8)
    made = cropped(images, 5)
    assert isinstance(made, np.ndarray)
    assert (made.dtype, made.shape, made.flags.c_contiguous) == (np.uint8, images.shape, True)
    shifts = np.random.default_rng(5).integers(0, 9, (200, 2))
    margins = ((4, 4), (4, 4), (0, 0))[: len(shape)]
    for image, part, (row, col) in zip(images, made, shifts, strict=True):
        padded = np.pad(image, margins, mode="reflect")
        np.testing.assert_array_equal(part, padded[row : row + shape[0], col : col + shape[1]])
    assert set(shifts[:, 0]) == set(shifts[:, 1]) == set(range(9)), "all shifts, and none beyond, are drawn"


def test_a_crop_depends_on_the_seed_and_the_image_s_position_alone(rng: np.random.Generator) -> None:
    images = rng.integers(0, 256, (50, 8, 8, 3), dtype=np.uint8)
    made = cropped(images, [1, 0])
    np.testing.assert_array_equal(cropped(images[:20], [1, 0]), made[:20])
    assert not np.array_equal(cropped(images, [1, 1]), made)
    assert not np.array_equal(cropped(images, [2, 0]), made)
    source = cropped(Stored(images), [1, 0])
    assert isinstance(source, ImageSource)
    assert (len(source), source.image_shape) == (50, (8, 8, 3))
    np.testing.assert_array_equal(source.read(np.array([30, 7, 7])), made[[30, 7, 7]])  # type: ignore[index]


class Stored(ImageSource):
    """An array that is read as it is asked for."""

    def __init__(self, images: np.ndarray) -> None:
        self.image_shape, self.images = images.shape[1:], images

    def __len__(self) -> int:
        return len(self.images)

    def read(self, indices: np.ndarray) -> np.ndarray:
        return self.images[indices]


@pytest.mark.parametrize(("how", "copies"), [("none", 1), ("flip", 2), ("crops", 2), ("flip_crops", 4)])
def test_what_joins_training_images(how: str, copies: int, rng: np.random.Generator) -> None:
    images = rng.integers(0, 256, (30, 8, 8, 3), dtype=np.uint8)
    batches = augmented(images, how, 3)
    assert len(batches) == copies
    assert batches[0] is images
    if how.startswith("flip"):
        np.testing.assert_array_equal(batches[1], images[:, :, ::-1])
    if how.endswith("crops"):
        np.testing.assert_array_equal(batches[copies // 2], cropped(images, [3, 0]))
    if how == "flip_crops":
        np.testing.assert_array_equal(batches[3], cropped(images[:, :, ::-1], [3, 1]))
    lazily = augmented(Stored(images), how, 3)
    for batch, view in zip(batches, lazily, strict=True):
        assert isinstance(view, ImageSource)
        np.testing.assert_array_equal(view.read(np.arange(30)), batch)


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
