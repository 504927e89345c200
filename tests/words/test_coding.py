"""Images in chunks: memory, images without patches, flat ones, and descriptors that break their promise."""

from __future__ import annotations

import tracemalloc
import warnings

import numpy as np
import pytest
from word_parts import EveryNth, MeanColour, Near, Watched, photographs_like, small

from featbench.errors import InputError
from featbench.extractors import BagOfVisualWords
from featbench.maps import PCA
from featbench.words import Dense, Quadrants, Whole
from featbench.words.bovw import NoPatchesWarning
from featbench.words.vlad import VLAD

IMAGES = photographs_like()


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


def test_codes_beyond_float32_are_refused():
    class Loud(MeanColour):
        def describe(self, images, places):
            return super().describe(images, places) * np.float32(1e20)

    bag = small(descriptor=Loud(), normalization=[], codebook=EveryNth(), sampling=Dense(sizes=2))
    with pytest.raises(InputError, match="Triangle: codes must be finite; .*Bring descriptors to length 1"):
        bag.fit(IMAGES).transform(IMAGES)


def test_final_maps_of_histograms_refuse_negative_numbers():
    with pytest.raises(InputError, match="rows must be ≥ 0"):
        small(encoding=VLAD(), final=["chi2"]).fit(IMAGES).transform(IMAGES)


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
