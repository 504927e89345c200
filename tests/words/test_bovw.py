"""The bag of visual words against itself done step by step, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.base import clone
from word_parts import EveryNth, MeanColour, Near, patches_of, photographs_like, small

from featbench.base import Extractor
from featbench.errors import InputError, UnknownNameError
from featbench.extractors import BagOfVisualWords
from featbench.maps import L2, PCA
from featbench.words import Dense, Whole
from featbench.words.vlad import VLAD

IMAGES = photographs_like()

# Sums of 49 codes in float32, each of a product of 108 numbers, against float64.
SUMS = 1e-4


def slowly(bag, image, encode):
    """Contrast, whitening, codes and quadrants in float64, patch by patch."""
    contrast, whiten = bag.normalization_
    words = bag.codebook_.words_.astype(float)
    total = np.zeros((2, 2, len(words)))
    for patch, row, col in patches_of(image.astype(float)):
        deviation = patch - patch.mean()
        x = (deviation / np.sqrt((deviation**2).mean() + contrast.added) - whiten.mean_) @ whiten.projection_
        half = (int(row >= image.shape[0] / 2), int(col >= image.shape[1] / 2))
        total[half] += encode(cdist(x[None], words)[0])
    return total.ravel()


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [
        ("hard", lambda d: np.arange(len(d)) == d.argmin()),
        ("triangle", lambda d: np.maximum(d.mean() - d, 0)),
    ],
)
@pytest.mark.parametrize("shape", [(14, 15, 3), (13, 12)])
def test_it_is_what_its_parts_do_one_after_another(encoding, encode, shape):
    images = photographs_like(5, shape)
    bag = small(encoding=encoding).fit(images)
    expected = np.stack([slowly(bag, image, encode) for image in images])
    np.testing.assert_allclose(bag.transform(images), expected, atol=SUMS * expected.max())


def test_own_parts_go_in_as_instances():
    bag = small(
        recipe=None,
        sampling=Dense(sizes=2, stride=3),
        descriptor=MeanColour(),
        codebook=EveryNth(words=4),
        encoding=Near(),
        pooling=Whole(how="sum"),
    ).fit(IMAGES)
    counts = bag.transform(IMAGES)
    assert counts.shape == (12, 4)
    assert (counts.sum(axis=1) == 5 * 5).all()
    assert clone(bag).fit(IMAGES).transform(IMAGES).tolist() == counts.tolist()


def test_a_recipe_is_changed_by_names_mappings_and_instances():
    bag = small(
        sampling={"stride": 2}, encoding="hard", pooling=Whole(), final=["power", {"name": "l2"}]
    ).fit(IMAGES)
    assert (bag.sampling_.stride, bag.sampling_.sizes, bag.descriptor_.size) == (2, 6, 6)
    assert [type(step).__name__ for step in bag.normalization_] == ["Contrast", "Whiten"]
    assert [type(step).__name__ for step in bag.final_] == ["Power", "L2"]
    np.testing.assert_allclose(np.linalg.norm(bag.transform(IMAGES), axis=1), 1, rtol=1e-6)
    bag.set_params(codebook={"words": 5})
    assert bag.fit(IMAGES).n_features_out_ == 5


def test_final_maps_that_learn_do():
    bag = small(final=[PCA(components=3), L2()]).fit(IMAGES)
    rows = small().fit(IMAGES).transform(IMAGES)
    expected = PCA(components=3).fit(rows).transform(rows)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(bag.transform(IMAGES), expected, atol=1e-4)  # directions of float32 rows
    assert bag.get_feature_names_out().tolist() == ["pca0", "pca1", "pca2"]


def test_another_device_writes_the_same_words():
    """Torch on the processor stands for a GPU: the same lines, which `transform` does not offer there."""
    pytest.importorskip("torch")
    bag = small(final=["power"]).fit(IMAGES)
    expected = bag.transform(IMAGES)
    bag.device = "torch:cpu"
    rows = bag._extract(IMAGES)
    assert np.abs(rows - expected).max() <= 1e-4 * np.abs(expected).max()  # sums of float32 in another order
    with pytest.raises(InputError, match="device must be one of 'cpu', 'cuda'"):
        bag.transform(IMAGES)


def test_names_tell_cell_and_word():
    names = small().fit(IMAGES).get_feature_names_out()
    assert names[[0, 8, 27]].tolist() == ["bovw[0, 0]", "bovw[1, 1]", "bovw[3, 6]"]


def test_images_smaller_than_a_patch_are_refused():
    with pytest.raises(InputError, match=r"Dense: images must be at least 6 × 6 pixels.*Enlarge the images"):
        small().fit(np.zeros((3, 5, 9, 3), np.uint8))
    assert "at least 6 × 6" in small().supports((5, 9, 3))
    assert "at least 25 × 25" in BagOfVisualWords(recipe="textons").supports((24, 30, 3))
    bag = small().fit([IMAGES[0], IMAGES[1][:9], IMAGES[2]])
    with pytest.raises(InputError, match="at least 6 × 6"):
        bag.transform([IMAGES[0], IMAGES[1][:5]])


def test_saved_and_loaded(tmp_path):
    bag = small(final=["power"]).fit(IMAGES)
    bag.save(tmp_path / "bag")
    copy = Extractor.load(tmp_path / "bag")
    np.testing.assert_array_equal(copy.transform(IMAGES), bag.transform(IMAGES))
    assert not list((tmp_path / "bag").glob("*.pkl"))


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        ({"recipe": "coates"}, r"recipe: unknown recipe 'coates'\. Did you mean 'coates_ng'\?"),
        ({"encoding": "tringle"}, r"encoding: unknown encoding 'tringle'\. Did you mean 'triangle'\?"),
        (
            {"codebook": {"wrods": 4}},
            r"codebook\.wrods: unknown parameter of kmeans 'wrods'\. Did you mean 'words'\?",
        ),
    ],
)
def test_names_that_nobody_knows(parameters, complaint):
    with pytest.raises(UnknownNameError, match=complaint):
        BagOfVisualWords(**parameters).fit(IMAGES)


@pytest.mark.parametrize(
    ("parameters", "complaint"),
    [
        ({"recipe": None}, "sampling must be given where there is no recipe"),
        ({"sampling": 3}, r"the sampling must be a name such as dense, or a mapping .*; got 3"),
        ({"sampling": Dense}, r"sampling must be an instance of Sampling; got Dense\. Write Dense\(\)\."),
        ({"sampling": Whole()}, "sampling must be an instance of Sampling; got Whole"),
        (
            {"sampling": {"stride": 0}},
            "BagOfVisualWords: sampling: Dense: stride must be an integer ≥ 1; got 0",
        ),
        ({"final": "l2"}, "final must be a list of feature maps, such as \\[l2\\]; got 'l2'"),
        ({"final": [L2]}, r"must be an instance of FeatureMap; got L2\. Write L2\(\)\."),
        ({"encoding": "fisher"}, "Fisher: codebook must be a mixture of Gaussians"),
        ({"device": "cuda", "recipe": "course"}, 'must be a dense grid .* Use device="cpu"'),
        ({"device": "gpu"}, "device must be one of 'cpu', 'cuda'; got 'gpu'"),
        ({"encoding": VLAD(), "pooling": {"how": "max"}}, "the pooling's how must be"),
        ({"sampling": "keypoints"}, "its size must be given for this sampling"),
        ({"recipe": 3}, "recipe must be text or None; got 3"),
    ],
)
def test_parts_that_are_none_are_refused(parameters, complaint):
    with pytest.raises(InputError, match=complaint):
        BagOfVisualWords(**parameters).fit(IMAGES)
