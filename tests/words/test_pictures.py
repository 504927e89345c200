"""Pictures of words show the words that are there."""

from __future__ import annotations

import numpy as np
import pytest
from word_parts import EveryNth, Near, photographs_like

from featbench.classifiers import KNN, SVM
from featbench.errors import InputError
from featbench.extractors import BagOfVisualWords
from featbench.words.looks import mean_patches, undone
from featbench.words.pictures import codebook_sheet, curve, favourite_words

IMAGES = photographs_like(6, (16, 18, 3))


def bag(**parameters):
    own = {"codebook": {"words": 9}, "samples": 800, "encoding": "hard", **parameters}
    return BagOfVisualWords(**own).fit(IMAGES)


def test_whitening_undone_shows_the_patch_that_a_word_is():
    """Words that are descriptors of patches become those patches, up to brightness and contrast."""
    fitted = bag(codebook=EveryNth(words=5), encoding=Near(), samples=5)
    shown = undone(fitted._fitted(), 3).reshape(5, -1).astype(float)
    patches = np.stack(
        [image[r : r + 6, c : c + 6].ravel() for image in IMAGES for r in range(11) for c in range(13)]
    ).astype(float)
    for word in shown:
        correlations = [np.corrcoef(word, patch)[0, 1] for patch in patches]
        assert max(correlations) > 0.999  # 8 bits of a patch, drawn from black to white
        assert word.min() == 0 or word.max() == 255


def test_raw_patches_are_shown_as_they_are():
    fitted = bag(normalization=[], codebook=EveryNth(words=4), encoding=Near())
    np.testing.assert_array_equal(undone(fitted._fitted(), 3).reshape(4, -1), fitted.codebook_.words_)


def test_what_cannot_be_undone_is_shown_by_its_mean_patch():
    fitted = bag(descriptor="lbp", normalization=[], sampling={"sizes": 8})
    assert undone(fitted._fitted(), 3) is None
    places = fitted.sampling_.places(IMAGES, 0)
    words = np.arange(len(places.positions)) % 2
    patches, counts = mean_patches(IMAGES, places, words, 3)
    assert counts.tolist() == [len(words) // 2 + len(words) % 2, len(words) // 2, 0]
    cut = [image[r : r + 8, c : c + 8] for image in IMAGES for r in range(9) for c in range(11)]
    mean = np.mean(cut[::2], axis=0)
    # Enlarging to 16 × 16 keeps a patch's mean colour but for rounding, twice, and for its borders.
    np.testing.assert_allclose(patches[0].mean(axis=(0, 1)), mean.mean(axis=(0, 1)), atol=2)
    assert (abs(patches[2].astype(int) - 128) <= 1).all()


@pytest.mark.parametrize("recipe", ["coates_ng", "course", "spm"])
@pytest.mark.parametrize("shape", [(48, 44, 3), (48, 44)])
def test_every_image_has_its_pictures(recipe, shape):
    images = photographs_like(3, shape)
    fitted = BagOfVisualWords(recipe=recipe, codebook={"words": 12}, samples=2000).fit(images)
    shown = fitted.pictures(images)
    assert list(shown) == ["words", "where", "codebook", "inertia"]
    assert shown["words"].shape == shown["where"].shape == (3, 48, 44, 3)
    assert not np.array_equal(shown["codebook"][0], shown["codebook"][1])
    np.testing.assert_array_equal(shown["inertia"][0], shown["inertia"][1])


def test_nothing_is_drawn_before_fit():
    assert BagOfVisualWords().pictures(IMAGES) == {}


def test_a_sheet_begins_with_the_most_used_and_leaves_out_what_is_not_used():
    looks = np.repeat(np.array([10, 20, 30, 40], np.uint8), 12).reshape(4, 2, 2, 3)
    sheet = codebook_sheet(looks, np.array([1, 5, 0, 2]))
    factor = len(sheet) // 7
    drawn = sheet[::factor, ::factor, 0]
    assert (drawn[1, 1], drawn[1, 4], drawn[4, 1], drawn[4, 4]) == (20, 40, 10, 255)


def test_a_curve_falls_from_the_left_edge_to_the_right():
    drawn = curve([9.0, 4.0, 2.0, 1.0])
    red = (drawn == (200, 60, 40)).all(axis=2)
    rows = [np.flatnonzero(column).mean() for column in red.T if column.any()]
    assert rows == sorted(rows)
    assert curve([1.0, 1.0]).shape == drawn.shape


def test_favourite_words_are_those_of_the_largest_weights():
    fitted = bag(codebook={"words": 5}, pooling="quadrants")
    labels = np.arange(6) % 3
    classifier = SVM().fit(fitted.transform(IMAGES), labels)
    classifier.coef_ = np.zeros((3, 20))
    classifier.coef_[0, [2, 7, 12, 17]] = 1  # word 2 in all cells
    classifier.coef_[1, [4, 8]] = 3, 2
    shown = favourite_words(fitted, classifier, ["a", "b", "c"], most=1)
    looks = undone(fitted._fitted(), 3)
    for name, word in (("a", 2), ("b", 4)):
        factor = (len(shown[name])) // 8
        np.testing.assert_array_equal(shown[name][::factor, ::factor][1:-1, 1:-1], looks[word])


@pytest.mark.parametrize(
    ("parameters", "made", "complaint"),
    [
        ({}, KNN(), "classifier must be linear and fitted"),
        ({"final": ["chi2"]}, SVM(), "weights must be one a class"),
        ({"descriptor": "hog144", "normalization": []}, SVM(), "images must be given for this descriptor"),
    ],
)
def test_favourites_that_cannot_be_told(parameters, made, complaint):
    fitted = bag(**parameters)
    made.fit(fitted.transform(IMAGES), np.arange(6) % 3)
    with pytest.raises(InputError, match=complaint):
        favourite_words(fitted, made, ["a", "b", "c"])
