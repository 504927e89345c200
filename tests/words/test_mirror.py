"""An image and its mirror image have one row; it is the mean of what each would have had."""

from __future__ import annotations

import numpy as np
import pytest
from word_parts import photographs_like, small

from featbench.base import Extractor
from featbench.errors import InputError
from featbench.extractors import BagOfVisualWords
from featbench.maps import L2, PCA, Power
from featbench.words.mirror import mirror_cells
from featbench.words.pictures import favourite_words
from featbench.words.pooling import Grid, Pyramid, Quadrants, Whole

# 17 columns: centres of patches lie on no line that cuts them into two or three parts, so that cells mirror each other.
IMAGES = photographs_like(10, (14, 17, 3))

# Sums of 54 codes in float32, each of products with words that mirror each other but for rounding.
SUMS = 2e-4


def mirror_image(images):
    return np.ascontiguousarray(images[:, :, ::-1])


def mirrored(**parameters):
    return small(**{"codebook": {"words": 8}, "mirrored": True, **parameters})


def unfolded(bag, images):
    """The row that each image would have without the mean, by a bag with the same words."""
    other = BagOfVisualWords(**{**bag.get_params(deep=False), "mirrored": False}).fit(images[:2])
    other.normalization_, other.codebook_ = bag.normalization_, bag.codebook_
    return other.transform(images)


@pytest.mark.parametrize(
    "encoding", ["soft", "triangle", "soft_threshold", {"name": "nearest", "neighbors": 2}, "llc"]
)
@pytest.mark.parametrize("shape", [(14, 17, 3), (11, 13)])
def test_an_image_and_its_mirror_image_have_one_row(encoding, shape):
    images = photographs_like(10, shape)
    bag = mirrored(encoding=encoding).fit(images)
    rows = bag.transform(images)
    np.testing.assert_allclose(bag.transform(mirror_image(images)), rows, atol=SUMS * np.abs(rows).max())
    assert len(np.unique(rows.round(4), axis=0)) == len(images)


@pytest.mark.parametrize("encoding", ["triangle", {"name": "soft_threshold", "alpha": 0.2, "split": True}])
@pytest.mark.parametrize(
    "pooling",
    [
        Whole(),
        Quadrants(),
        Quadrants(how="max"),
        Grid(cells=3),
        Pyramid(levels=[[1, 1], [2, 2], [3, 1], [1, 3]]),
    ],
)
def test_a_row_is_the_mean_of_the_two(encoding, pooling):
    bag = mirrored(encoding=encoding, pooling=pooling).fit(IMAGES)
    rows = bag.transform(IMAGES)
    blocks, cells = rows.shape[1] // pooling.n_cells // 4, pooling.n_cells

    def half(images):
        """The numbers of the words that were learned, first half of each block of words."""
        return (
            unfolded(bag, images)
            .reshape(len(images), cells, blocks, 2, 4)[:, :, :, 0]
            .reshape(len(images), -1)
        )

    own, other = half(IMAGES), half(mirror_image(IMAGES))
    expected = np.maximum(own, other) if pooling.how == "max" else (own + other) / 2
    np.testing.assert_allclose(rows, expected, atol=SUMS * np.abs(rows).max())


def test_half_of_the_words_are_the_mirror_images_of_the_others():
    bag = mirrored(encoding="hard").fit(IMAGES)
    words = bag.codebook_.words_.reshape(8, 6, 6, 3)
    np.testing.assert_array_equal(words[4:], words[:4, :, ::-1])
    assert bag.codebook_.words == 8
    assert bag.n_samples_ == 500
    assert (
        bag.transform(IMAGES).sum(axis=1).tolist() == [54.0] * 10
    )  # 9 × 12 patches, half of each pair's sum
    assert bag.get_feature_names_out().tolist() == [f"bovw[{i}, {j}]" for i in range(4) for j in range(4)]


def test_whitening_knows_no_left_from_right():
    whiten = mirrored().fit(IMAGES).normalization_[1]
    order = np.arange(108).reshape(6, 6, 3)[:, ::-1].ravel()
    np.testing.assert_allclose(whiten.projection_[np.ix_(order, order)], whiten.projection_, atol=1e-6)


def test_mirrored_cells_counted_by_hand():
    assert mirror_cells(Pyramid(levels=[[1, 1], [2, 2], [3, 1], [1, 3]])).tolist() == [
        0,
        2,
        1,
        4,
        3,
        5,
        6,
        7,
        10,
        9,
        8,
    ]


def test_it_is_saved_and_its_words_go_into_others(tmp_path):
    bag = mirrored(final=[Power(), L2()]).fit(IMAGES)
    bag.save(tmp_path / "bag")
    np.testing.assert_array_equal(Extractor.load(tmp_path / "bag").transform(IMAGES), bag.transform(IMAGES))
    saved = {"name": "saved", "folder": str(tmp_path / "bag")}
    other = BagOfVisualWords(codebook=saved, mirrored=True, final=["power", "l2"]).fit(IMAGES)
    np.testing.assert_array_equal(other.transform(IMAGES), bag.transform(IMAGES))
    small(codebook={"words": 8}).fit(IMAGES).save(tmp_path / "plain")
    plain = {"name": "saved", "folder": str(tmp_path / "plain")}
    with pytest.raises(
        InputError, match="saved words must be those of a bag of visual words that was fitted with mirr"
    ):
        BagOfVisualWords(codebook=plain, mirrored=True).fit(IMAGES)


def test_classes_like_words_and_their_mirror_images_alike():
    from featbench.classifiers import SVM

    bag = mirrored().fit(IMAGES)
    svm = SVM().fit(bag.transform(IMAGES), np.arange(10) % 3)
    assert set(favourite_words(bag, svm, ["a", "b", "c"], most=3)) == {"a", "b", "c"}


def test_the_torch_path_folds_too():
    pytest.importorskip("torch")
    from featbench.words.device import features

    bag = mirrored().fit(IMAGES)
    rows = bag.transform(IMAGES)
    there = features(IMAGES, bag._fitted(), bag.n_features_out_, "torch:cpu")
    np.testing.assert_allclose(there, rows, atol=1e-4 * np.linalg.norm(rows, axis=1).max())


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"codebook": {"words": 7}}, "the number of words must be even; got 7"),
        (
            {"descriptor": {"name": "lbp"}, "normalization": []},
            "the descriptor must be among patch where words are mirr",
        ),
        (
            {"normalization": [PCA(components=5)]},
            "each map of descriptors must be among contrast, l2, power, whiten",
        ),
        (
            {"encoding": "vlad"},
            "the encoding must be among hard, soft, triangle, soft_threshold, nearest, llc",
        ),
    ],
)
def test_what_does_not_mirror_is_refused_with_a_remedy(parameters, message):
    with pytest.raises(InputError, match=message) as refused:
        mirrored(**parameters).fit(IMAGES)
    assert "mirror" in str(refused.value)


def test_an_experiment_is_told_where_it_stands():
    from featbench.words.building import part_problems

    def where(*keys):
        return ".".join(["file.yaml:2: extractor", *map(str, keys)])

    (told,) = part_problems({"recipe": "fisher", "mirrored": True}, where)
    assert told.startswith("file.yaml:2: extractor: mirrored: the descriptor must be among patch")
