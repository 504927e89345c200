"""Splits: disjoint, complete, stratified, grouped; refused where a class cannot stand on both sides."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featbench.datasets.splitting import outer_splits, split
from featbench.errors import DataError, InputError
from featbench.images import ImageSource, chunks
from featbench.imagesets import Dataset, ImageSet

labels_of_two_or_more = st.lists(st.integers(2, 12), min_size=1, max_size=6)


def dataset(n_train=12, n_test=6, n_classes=3, groups=None, images=None):
    n = n_train + n_test
    labels = np.arange(n) % n_classes
    images = (
        np.arange(n, dtype=np.uint8)[:, None, None].repeat(4, 1).repeat(4, 2) if images is None else images
    )
    whole = ImageSet(images, labels, groups, [f"{i}.png" for i in range(n)])
    parts = [whole.take(rows) for rows in np.split(np.arange(n), [n_train])]
    return Dataset("made", tuple("abcdefgh"[:n_classes]), *parts, True, True, "a test")


@given(labels_of_two_or_more, st.floats(0.05, 0.95), st.integers(0, 5))
def test_each_class_gives_its_share(sizes, test_size, seed):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    train, test = split(labels, None, test_size, seed)
    assert sorted([*train, *test]) == list(range(len(labels)))
    assert (np.diff(train) > 0).all()
    assert (np.diff(test) > 0).all()
    for label, size in enumerate(sizes):
        n_test = (labels[test] == label).sum()
        assert 1 <= n_test <= size - 1
        assert abs(n_test - size * test_size) <= 0.5 or n_test in (1, size - 1)


@settings(deadline=None)
@given(
    st.lists(st.lists(st.integers(1, 4), min_size=2, max_size=8), min_size=1, max_size=4), st.integers(0, 5)
)
def test_groups_stay_together(sizes, seed):
    """Each class has its own groups, of the given sizes."""
    labels = np.concatenate([np.full(sum(groups), c) for c, groups in enumerate(sizes)])
    flat = [size for groups in sizes for size in groups]
    groups = np.repeat(np.arange(len(flat)), flat)
    train, test = split(labels, groups, 0.25, seed)
    assert sorted([*train, *test]) == list(range(len(labels)))
    assert not set(groups[train]) & set(groups[test])
    assert set(labels[train]) == set(labels[test]) == set(labels)


def test_many_groups_come_near_the_wanted_share(rng):
    groups = np.repeat(np.arange(400), rng.integers(1, 10, 400))
    labels = rng.integers(0, 5, 400)[groups]
    _, test = split(labels, groups, 0.25, 0)
    share = np.bincount(labels[test]) / np.bincount(labels)
    # The last group of a class to be dealt, of at most 9 of its some 400 images, decides.
    np.testing.assert_allclose(share, 0.25, atol=9 / np.bincount(labels).min())


def test_groups_that_span_classes(rng):
    """Two hundred people, each photographed in some of three classes."""
    labels, groups = rng.integers(0, 3, 2000), rng.integers(0, 200, 2000)
    train, test = split(labels, groups, 0.3, 0)
    assert not set(groups[train]) & set(groups[test])
    np.testing.assert_allclose(np.bincount(labels[test]) / np.bincount(labels), 0.3, atol=0.02)


def test_two_large_groups_a_class_stand_one_on_each_side():
    labels, groups = np.repeat([0, 1], 10), np.repeat([0, 1, 2, 3], 5)
    train, test = split(labels, groups, 0.1, 0)
    assert np.bincount(labels[train]).tolist() == np.bincount(labels[test]).tolist() == [5, 5]


def test_same_seed_same_split():
    labels = np.arange(40) % 4
    for groups in (None, np.arange(40) // 2):
        first, same, other = (split(labels, groups, 0.25, seed)[1].tolist() for seed in (0, 0, 1))
        assert first == same
        assert first != other


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (
            None,
            "split: images must be at least 2 in every class .*; got 1 in class 'fox'. Add images of this class",
        ),
        (
            [0, 0, 1, 2, 3],
            "split: groups of images must be at least 2 in every class .*; got 1 in class 'cat'",
        ),
    ],
)
def test_a_class_that_cannot_be_divided_is_named(groups, message):
    labels = np.array([0, 0, 0, 0, 1]) if groups is None else np.array([0, 0, 1, 1, 1])
    groups = None if groups is None else np.array(groups)
    with pytest.raises(DataError, match=message):
        split(labels, groups, 0.5, 0, classes=("cat", "fox"))


def test_groups_that_cannot_be_divided():
    """Whichever side group 0 is on, the other lacks a class."""
    labels = np.array([0, 0, 1, 1])
    groups = np.array([0, 1, 0, 1])
    split(labels, groups, 0.5, 0)
    labels, groups = np.array([0, 0, 1, 1, 2, 2]), np.array([0, 1, 1, 2, 2, 0])
    with pytest.raises(DataError, match="groups must be divisible with every class on both sides"):
        split(labels, groups, 0.5, 0)


@pytest.mark.parametrize("test_size", [0, 1, -0.1, 2.0])
def test_bad_test_size(test_size):
    with pytest.raises(InputError, match="split: test_size must be between 0 and 1"):
        split(np.array([0, 0]), None, test_size, 0)


@pytest.mark.parametrize("grouped", [False, True])
def test_outer_splits_test_every_image_once(grouped):
    groups = np.arange(18) // 3 % 6 if grouped else None
    original = dataset(groups=groups)
    parts = outer_splits(original, 3, seed=0)
    assert len(parts) == 3
    tested = np.concatenate([part.test.images[:, 0, 0] for part in parts])
    assert sorted(tested) == list(range(18))
    for part in parts:
        assert not part.official_split
        assert part.classes == original.classes
        seen = np.concatenate([part.train.images[:, 0, 0], part.test.images[:, 0, 0]])
        assert sorted(seen) == list(range(18))
        assert (part.test.images[:, 0, 0] % 3 == part.test.labels).all()
        assert part.test.names == [f"{i}.png" for i in part.test.images[:, 0, 0]]
        assert np.bincount(part.test.labels).tolist() == [2, 2, 2]
        if grouped:
            assert not set(part.train.groups) & set(part.test.groups)


def test_outer_splits_refuse_a_class_with_fewer_images_than_folds():
    with pytest.raises(
        DataError,
        match="images must be at least 7 in every class for 7 outer splits; got 6 in class 'a'. Add",
    ):
        outer_splits(dataset(), 7, 0)
    with pytest.raises(InputError, match="splits: the number of outer folds must be at least 2; got 1"):
        outer_splits(dataset(), 1, 0)
    one_group_each = np.arange(18) % 3
    with pytest.raises(DataError, match="groups of images must be at least 2 .* got 1 in class 'a'"):
        outer_splits(dataset(groups=one_group_each), 2, 0)


def test_outer_splits_refuse_groups_that_leave_a_class_unlearned():
    """Class a stands in groups 0 and 2, which the folds put together as group 4 is large."""
    labels, groups = np.array([2, 2, 0, 1, 2, 1, 0]), np.array([4, 0, 0, 0, 4, 1, 2])
    whole = ImageSet(np.zeros((7, 4, 4), np.uint8), labels, groups)
    parts = [whole.take(rows) for rows in np.split(np.arange(7), [5])]
    made = Dataset("made", ("a", "b", "c"), *parts, True, True, "a test")
    with pytest.raises(
        DataError, match="got groups that put every image of '[abc]' into one fold. Use fewer splits"
    ):
        outer_splits(made, 2, 0)


class Counting(ImageSource):
    """Image i is full of i."""

    image_shape = (4, 4)

    def __init__(self, n):
        self.n = n

    def __len__(self):
        return self.n

    def read(self, indices):
        return indices.astype(np.uint8)[:, None, None].repeat(4, 1).repeat(4, 2)


def test_outer_splits_of_images_that_stay_in_their_files():
    parts = outer_splits(dataset(images=Counting(18)), 3, 0)
    for part in parts:
        (pixels,) = chunks(part.test.images, 100)
        assert (pixels[:, 0, 0] % 3 == part.test.labels).all()
    tested = np.concatenate([next(chunks(part.test.images, 100))[:, 0, 0] for part in parts])
    assert sorted(tested) == list(range(18))
