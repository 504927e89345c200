"""The bag of visual words against itself done step by step, and what it refuses."""

from __future__ import annotations

import tracemalloc
import warnings

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.base import clone
from word_parts import EveryNth, MeanColour, Near, photographs_like

from featbench.base import Extractor
from featbench.errors import InputError, StoreError, UnknownNameError
from featbench.extractors import BagOfVisualWords, Concat, RawPixels
from featbench.images import ImageSource
from featbench.maps import L2, PCA
from featbench.words import Dense, Quadrants, Whole
from featbench.words.bovw import NoPatchesWarning
from featbench.words.vlad import VLAD

IMAGES = photographs_like()

# Sums of 49 codes in float32, each of a product of 108 numbers, against float64.
SUMS = 1e-4


def small(**parameters):
    return BagOfVisualWords(**{"codebook": {"words": 7}, "samples": 500, **parameters})


def patches_of(image, size=6):
    """Every patch with its centre, by slices."""
    for row in range(image.shape[0] - size + 1):
        for col in range(image.shape[1] - size + 1):
            yield image[row : row + size, col : col + size].ravel(), row + size / 2, col + size / 2


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


def test_names_tell_cell_and_word():
    names = small().fit(IMAGES).get_feature_names_out()
    assert names[[0, 8, 27]].tolist() == ["bovw[0, 0]", "bovw[1, 1]", "bovw[3, 6]"]


@pytest.mark.parametrize(("samples", "learned"), [(1, 1), (100, 100), (10**6, 12 * 9 * 10)])
def test_so_many_descriptors_are_learned_from(samples, learned):
    bag = small(samples=samples, normalization=[], codebook=EveryNth(words=1)).fit(IMAGES)
    assert bag.n_samples_ == learned


def test_samples_are_drawn_evenly_and_anew_with_another_seed():
    words = EveryNth(words=24)  # all that are drawn
    first, second = (
        small(samples=24, normalization=[], codebook=words, random_state=seed).fit(IMAGES).codebook_.words_
        for seed in (0, 1)
    )
    own = [{patch.tobytes() for patch, *_ in patches_of(image.astype(np.float32))} for image in IMAGES]
    assert [sum(word.tobytes() in patches for word in first) for patches in own] == [2] * 12
    assert not np.array_equal(first, second)


class Watched(ImageSource):
    """A source that remembers how many images it was asked for, in all and at once."""

    def __init__(self, n, shape):
        self.image_shape, self.n, self.reads = shape, n, []

    def __len__(self):
        return self.n

    def read(self, indices):
        self.reads.append(len(indices))
        rng = np.random.default_rng(int(indices[0]))
        return rng.integers(0, 256, (len(indices), *self.image_shape)).astype(np.uint8)


def test_a_source_is_read_in_blocks_and_no_more_than_needed():
    source = Watched(5000, (100, 100, 3))
    bag = small(samples=300, sampling={"stride": 30}, codebook=EveryNth(words=2)).fit(source)
    assert bag.n_samples_ == 300
    assert sum(source.reads) <= 302  # a descriptor an image; the base class may look at one
    huge = Watched(3000, (100, 100, 3))
    small(samples=3000, sampling={"stride": 30}, codebook=EveryNth(words=2)).fit(huge)
    assert max(huge.reads) <= (64 << 20) // 30_000 + 1


def test_memory_beside_the_output_does_not_grow_with_images():
    bag = small(codebook=EveryNth(words=50), encoding="hard").fit(IMAGES)
    peaks = []
    for n in (200, 1600):
        images = photographs_like(n)
        bag.transform(images[:2])
        tracemalloc.start()
        features = bag.transform(images)
        peaks.append(tracemalloc.get_traced_memory()[1] - features.nbytes)
        tracemalloc.stop()
    # A chunk is 39 images of 90 patches: 1.5 MB as they are, 3 MB while float64 whitens them, and codes.
    assert max(peaks) < 20e6
    assert peaks[1] < peaks[0] + 1e6


def test_images_without_keypoints_are_zeros_and_counted():
    sampling = {"name": "keypoints", "detector": "fast", "most": 20}
    images = np.random.default_rng(0).integers(0, 256, (5, 40, 40, 3)).astype(np.uint8)
    bag = BagOfVisualWords(
        sampling=sampling,
        descriptor={"size": 5},
        codebook={"words": 8},
        final=[PCA(components=2)],
        samples=200,
    ).fit(images)
    images[1:3] = 128
    with pytest.warns(NoPatchesWarning, match="2 of 5 images have no patch, since no keypoint was found"):
        rows = bag.transform(images)
    assert not rows[1:3].any()
    assert rows[[0, 3, 4]].any(axis=1).all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bag.transform(images[3:])
    with pytest.raises(InputError, match="patches to learn from must be one or more; got none in 2 images"):
        bag.fit(images[1:3])


def test_one_warning_for_many_chunks_of_a_source():
    class Flat(Watched):
        def read(self, indices):
            return np.full((len(indices), *self.image_shape), 7, np.uint8)

    sampling = {"name": "keypoints", "detector": "fast"}
    bag = small(sampling=sampling, descriptor={"size": 4}).fit(
        np.random.default_rng(0).integers(0, 256, (4, 24, 24, 3)).astype(np.uint8)
    )
    with pytest.warns(NoPatchesWarning, match="1,100 of 1,100 images") as caught:
        bag.transform(Flat(1100, (24, 24, 3)))
    assert len(caught) == 1


def test_fewer_descriptors_than_words_are_refused():
    with pytest.raises(InputError, match="descriptors must be at least"):
        small(codebook={"words": 2000}, samples=100).fit(IMAGES)


def test_constant_images_have_one_descriptor():
    flat = np.full((4, 10, 10, 3), 9, np.uint8)
    with pytest.raises(InputError, match="descriptors must be at least"):
        small().fit(flat)
    rows = small().fit(IMAGES).transform(np.full((2, 14, 15, 3), 9, np.uint8))
    np.testing.assert_array_equal(rows[0], rows[1])
    assert np.isfinite(rows).all()


def test_duplicate_patches_count_as_often_as_they_are_there():
    tile = photographs_like(1, (6, 6, 3))[0]
    wall = np.tile(tile, (3, 3, 1))
    bag = small(sampling={"stride": 6}, encoding="hard", pooling=Whole(how="sum")).fit(IMAGES)
    counts = bag.fit(np.concatenate([np.tile(i[:6, :6], (3, 3, 1))[None] for i in IMAGES])).transform(
        wall[None]
    )[0]
    assert sorted(counts.tolist()) == [0] * 6 + [9]


def test_images_smaller_than_a_patch_are_refused():
    with pytest.raises(InputError, match=r"Dense: images must be at least 6 × 6 pixels.*Enlarge the images"):
        small().fit(np.zeros((3, 5, 9, 3), np.uint8))
    assert "at least 6 × 6" in small().supports((5, 9, 3))
    assert "at least 25 × 25" in BagOfVisualWords(recipe="textons").supports((24, 30, 3))
    bag = small().fit([IMAGES[0], IMAGES[1][:9], IMAGES[2]])
    with pytest.raises(InputError, match="at least 6 × 6"):
        bag.transform([IMAGES[0], IMAGES[1][:5]])


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ("nan", "MeanColour: descriptors must be finite; got 3 values that are not"),
        ("float64", r"MeanColour: descriptors must be float32 of shape \(\d+, 3\); got float64"),
    ],
)
def test_descriptors_that_break_their_promise_are_refused(wrong, complaint):
    own = {"recipe": None, "sampling": Dense(sizes=2), "encoding": Near(), "pooling": Quadrants()}
    with pytest.raises(InputError, match=complaint):
        BagOfVisualWords(descriptor=MeanColour(wrong=wrong), codebook=EveryNth(), **own).fit(IMAGES)
    bag = BagOfVisualWords(descriptor=MeanColour(), codebook=EveryNth(), **own).fit(IMAGES)
    bag.descriptor_.wrong = wrong
    with pytest.raises(InputError, match=complaint):
        bag.transform(IMAGES)


def test_final_maps_of_histograms_refuse_negative_numbers():
    with pytest.raises(InputError, match="rows must be ≥ 0"):
        small(encoding=VLAD(), final=["chi2"]).fit(IMAGES).transform(IMAGES)


def test_saved_and_loaded(tmp_path):
    bag = small(final=["power"]).fit(IMAGES)
    bag.save(tmp_path / "bag")
    copy = Extractor.load(tmp_path / "bag")
    np.testing.assert_array_equal(copy.transform(IMAGES), bag.transform(IMAGES))
    assert not list((tmp_path / "bag").glob("*.pkl"))


def test_saved_words_are_those_of_the_other_bag(tmp_path):
    bag = small().fit(IMAGES)
    bag.save(tmp_path / "bag")
    saved = {"name": "saved", "folder": str(tmp_path / "bag")}
    other = BagOfVisualWords(codebook=saved).fit(photographs_like(seed=1))
    assert other.n_samples_ == 0
    np.testing.assert_array_equal(other.transform(IMAGES), bag.transform(IMAGES))
    counted = BagOfVisualWords(codebook=saved, encoding="hard").fit(IMAGES).transform(IMAGES)
    expected = small(encoding="hard").fit(IMAGES).transform(IMAGES)
    np.testing.assert_array_equal(counted, expected)
    other.save(tmp_path / "other")
    (tmp_path / "bag").rename(tmp_path / "elsewhere")
    copy = Extractor.load(tmp_path / "other")
    np.testing.assert_array_equal(copy.transform(IMAGES), bag.transform(IMAGES))
    with pytest.raises(StoreError, match="the folder of saved words must be one that BagOfVisualWords.save"):
        copy.fit(IMAGES)


def test_results_are_made_of_the_saved_words(tmp_path):
    """Other words in the same folder are another result."""
    prints = []
    for seed in (0, 1):
        small(random_state=seed).fit(IMAGES).save(tmp_path)
        prints.append(BagOfVisualWords.written_files({"codebook": {"name": "saved", "folder": str(tmp_path)}}))
    assert prints[0] != prints[1]
    assert BagOfVisualWords.written_files({"codebook": {"words": 3}}) is None


def test_saved_words_inside_others_and_in_models(tmp_path):
    joined = Concat([small(), RawPixels()]).fit(IMAGES)
    joined.save(tmp_path / "model" / "extractor")
    (tmp_path / "model" / "model.json").write_text("{}")
    saved = {"name": "saved", "folder": str(tmp_path / "model")}
    rows = BagOfVisualWords(codebook=saved).fit(IMAGES).transform(IMAGES)
    np.testing.assert_array_equal(rows, small().fit(IMAGES).transform(IMAGES))
    RawPixels().fit(IMAGES).save(tmp_path / "raw")
    with pytest.raises(InputError, match="must be one bag of visual words; got none"):
        BagOfVisualWords(codebook={"name": "saved", "folder": str(tmp_path / "raw")}).fit(IMAGES)


def test_saved_words_of_another_descriptor_are_refused(tmp_path):
    small().fit(IMAGES).save(tmp_path)
    saved = {"name": "saved", "folder": str(tmp_path)}
    complaint = r"the descriptor must be that of the saved words in .*, Patch\(size=6\); got Patch\(size=5\)"
    with pytest.raises(InputError, match=complaint):
        BagOfVisualWords(sampling={"sizes": 5}, codebook=saved).fit(IMAGES)
    with pytest.raises(InputError, match="Leave 'normalization' out"):
        BagOfVisualWords(normalization=[], codebook=saved).fit(IMAGES)
    with pytest.raises(InputError, match="'folder' is missing"):
        BagOfVisualWords(codebook="saved").fit(IMAGES)


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
