"""The container of local descriptors."""

import numpy as np
import pytest

from featbench.descriptors import LocalDescriptors


def made(counts):
    m = sum(counts)
    values = np.arange(m * 2, dtype=np.float32).reshape(m, 2)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return LocalDescriptors(values, values + 0.5, values[:, 0], offsets)


def test_images_are_cut_out_with_their_rows():
    found = made([2, 0, 3])
    assert len(found) == 3
    assert found.images(0, 1).values.tolist() == [[0, 1], [2, 3]]
    assert len(found.images(1, 2).values) == 0
    last = found.images(1, 3)
    assert last.offsets.tolist() == [0, 0, 3]
    assert last.positions.tolist() == [[4.5, 5.5], [6.5, 7.5], [8.5, 9.5]]
    assert last.scales.tolist() == [4, 6, 8]


def test_joining_what_was_cut_gives_the_whole():
    found = made([2, 0, 3])
    again = LocalDescriptors.join([found.images(0, 1), found.images(1, 3), found.images(3, 3)])
    for name in ("values", "positions", "scales", "offsets"):
        np.testing.assert_array_equal(getattr(again, name), getattr(found, name))


def test_it_says_how_much_it_holds():
    assert repr(made([2, 0, 3])) == "LocalDescriptors(3 images, 5 descriptors of 2)"
    assert repr(made([1])) == "LocalDescriptors(1 image, 1 descriptor of 2)"


def test_it_is_a_sequence_of_images():
    found = made([2, 0, 3])
    assert [len(one.values) for one in found] == [2, 0, 3]
    assert found[1].values.shape == (0, 2)
    assert found[-1].scales.tolist() == found[np.int64(2)].scales.tolist() == [4, 6, 8]
    assert found[0].offsets.tolist() == [0, 2]
    for beyond in (3, -4):
        with pytest.raises(IndexError):
            found[beyond]
