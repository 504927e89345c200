"""Fewer training images: nested, by class, groups whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featbench.datasets.training_sizes import check_sizes, drawn, nested_rows
from featbench.errors import DataError
from featbench.imagesets import ImageSet
from featbench.sealed import SealedDataset, SealedLabels


def dataset(labels, groups=None):
    images = np.arange(len(labels), dtype=np.uint8)[:, None, None] * np.ones((1, 4, 4), np.uint8)
    train = ImageSet(images, np.asarray(labels), None if groups is None else np.asarray(groups))
    test = SealedLabels(np.array([0, 1]))
    return SealedDataset("made up", ("a", "b"), train, images[:2], None, test, {"fingerprint": "f"})


@settings(max_examples=60, deadline=None)
@given(
    counts=st.lists(st.integers(1, 30), min_size=1, max_size=6),
    seed=st.integers(0, 2**31),
    data=st.data(),
)
def test_draws_are_nested_and_hold_each_class_by_its_share(counts, seed, data):
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    n = len(labels)
    small = data.draw(st.integers(1, n))
    large = data.draw(st.integers(small, n))
    inner, outer = (nested_rows(labels, None, size, seed) for size in (small, large))
    assert (len(inner), len(outer)) == (small, large)
    assert np.isin(inner, outer).all()
    assert (np.diff(outer) > 0).all()
    got = np.bincount(labels[outer], minlength=len(counts))
    # Every class is rounded up in its turn, and the others give what that takes.
    assert (got <= np.ceil(large * np.array(counts) / n)).all()
    if large >= len(counts):
        assert (got >= 1).all()


def test_even_classes_are_even_in_every_draw():
    labels = np.tile(np.arange(10), 50)
    for size in (10, 100, 137, 500):
        counts = np.bincount(labels[nested_rows(labels, None, size, 3)])
        assert counts.max() - counts.min() <= (size % 10 > 0)


def test_the_seed_draws():
    labels = np.tile(np.arange(10), 50)
    first, again, other = (nested_rows(labels, None, 100, seed) for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**31), size=st.integers(1, 60), larger=st.integers(0, 40))
def test_groups_stay_whole(seed, size, larger):
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, 25, 100) * 7
    labels = (groups // 7) % 3
    inner, outer = (nested_rows(labels, groups, s, seed) for s in (size, size + larger))
    assert len(inner) <= size
    assert np.isin(inner, outer).all()
    for rows in (inner, outer):
        outside = np.setdiff1d(np.arange(100), rows)
        assert not np.isin(groups[rows], groups[outside]).any()


def test_a_draw_keeps_test_images_and_their_seal():
    data = dataset([0, 1] * 20)
    small = drawn(data, 10, 0)
    assert len(small.train) == 10
    assert np.bincount(small.train.labels).tolist() == [5, 5]
    assert np.array_equal(small.train.images[:, 0, 0] % 2, small.train.labels), "images go with their labels"
    assert small.test_labels is data.test_labels
    assert drawn(data, None, 0) is data
    assert drawn(data, 40, 0) is data


def test_more_than_there_are_is_refused_with_all_sizes():
    data = dataset([0, 1] * 20)
    check_sizes(data, [10, None])
    with pytest.raises(DataError) as error:
        check_sizes(data, [10, 100, 1000, None])
    assert str(error.value) == (
        "train_size: sizes must be at most 40, the training images of made up; got 10, 100, 1,000. "
        "Leave out what is above, or write 'all' for all 40."
    )


def test_a_draw_without_a_class_is_refused():
    with pytest.raises(
        DataError, match="an image of each of the 2 classes of made up, groups of images kept whole"
    ):
        drawn(dataset([0] * 10 + [1] * 10, [0] * 10 + [1] * 10), 12, 0)
