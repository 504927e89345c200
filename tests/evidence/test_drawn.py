"""Pictures of what pipelines have learned."""

from __future__ import annotations

import numpy as np
import pytest

from featbench.classifiers import KNN, Softmax
from featbench.evidence.drawn import CLASSES, examples, filters, learned, templates
from featbench.extractors import HOG, BagOfVisualWords, RawPixels
from featbench.preprocessing import make_preprocess


class Head:
    def __init__(self, coef: np.ndarray) -> None:
        self.coef_ = coef


def images(n: int = 24, side: int = 8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, side, side, 3), dtype=np.uint8)


def test_a_template_is_the_weights_of_pixels_about_grey() -> None:
    coef = np.array([[0.0, 1.0, -2.0, 2.0], [1.0, 0.0, 0.0, -0.5]])
    found = templates((2, 2), make_preprocess("none"), Head(coef))
    assert found is not None
    # 128 + 127 × weight / largest; halves are rounded to the even neighbour.
    np.testing.assert_array_equal(found, [[[128, 192], [1, 255]], [[255, 128], [128, 64]]])


def test_standardised_weights_are_brought_back_to_pixels() -> None:
    X = np.random.default_rng(1).normal(size=(50, 4)) * [1, 2, 4, 8]
    standardize = make_preprocess("standardize").fit(X)
    coef = np.array([[1.0, 1.0, 1.0, -1.0]])
    found = templates((2, 2), standardize, Head(coef))
    assert found is not None
    back = coef[0] / X.std(axis=0)
    np.testing.assert_array_equal(found[1].ravel(), np.rint(128 + 127 * back / np.abs(back).max()))
    np.testing.assert_array_equal(found[0].ravel(), np.rint(128 - 127 * back / np.abs(back).max()))


def test_no_template_where_weights_are_not_of_pixels() -> None:
    assert templates((2, 2), None, Head(np.ones((3, 5)))) is None
    assert templates((2, 2), None, object()) is None


def test_raw_pixels_with_a_linear_head_have_one_a_class() -> None:
    X, y = images(), np.arange(24) % 3
    raw = RawPixels(size=4, grey=True).fit(X)
    prepare = make_preprocess("standardize").fit(raw.transform(X))
    softmax = Softmax(reg=0.1).fit(prepare.transform(raw.transform(X)), y)
    drawn = list(learned(raw, prepare, softmax, ["<a>", "b", "c"], X[:4]))
    assert [(p.name, p.of, p.pixels.shape) for p in drawn] == [
        ("template", n, (4, 4)) for n in ("<a>", "b", "c")
    ]
    assert not any(p.shows_images for p in drawn)
    assert not list(learned(raw, prepare, KNN().fit(raw.transform(X), y), ["a", "b", "c"], X[:4]))


def test_favourite_words_and_examples_of_words() -> None:
    X, y = images(24, 16), np.arange(24) % 2
    bovw = BagOfVisualWords(recipe="coates_ng", codebook={"name": "kmeans", "words": 12}, samples=400).fit(X)
    codes = bovw.transform(X)
    softmax = Softmax(reg=0.1).fit(codes, y)
    names = {(p.name, p.of) for p in learned(bovw, make_preprocess("none"), softmax, ["a", "b"], X[:4])}
    assert names == {("favourite words", "a"), ("favourite words", "b")}
    drawn = list(examples(bovw, X[:2], [5, 9]))
    assert {p.of for p in drawn} == {"5", "9"}
    assert all(p.shows_images for p in drawn)


def test_examples_are_the_pictures_of_the_extractor() -> None:
    X = images(2, 16)
    drawn = list(examples(HOG(), X, [3, 4]))
    expected = HOG().pictures(X)
    assert len(drawn) == 2 * len(expected)
    for picture in drawn:
        np.testing.assert_array_equal(picture.pixels, expected[picture.name][int(picture.of) - 3])


def test_filters_are_those_of_the_first_kernel() -> None:
    kernel = np.zeros((4, 3, 2, 2), dtype=np.float32)
    kernel[0, 0, 0, 1], kernel[0, 2, 1, 0] = 2.0, -1.0
    sheet = filters({"bias": np.ones(4), "conv": kernel, "later": np.ones((4, 3, 3, 3))})
    assert sheet is not None
    factor = sheet.shape[0] // 7  # 2 × 2 filters of 2 pixels, with a line around each
    small = sheet[::factor, ::factor]
    np.testing.assert_array_equal(small[1, 2], [255, 128, 128])
    np.testing.assert_array_equal(small[2, 1], [128, 128, 64])
    assert filters(None) is None
    assert filters({"dense": np.ones((3, 4))}) is None


@pytest.mark.parametrize("n", [CLASSES, CLASSES + 5])
def test_of_many_classes_the_first_are_drawn(n: int) -> None:
    raw = RawPixels().fit(images(2))
    head = Head(np.ones((n, 8 * 8 * 3)))
    assert len(list(learned(raw, None, head, [str(i) for i in range(n)], images(2)))) == CLASSES
