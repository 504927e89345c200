"""What is learned from: how many descriptors, of which images, and how many of these are read."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from word_parts import EveryNth, Watched, patches_of, photographs_like, small

from featbench.errors import InputError
from featbench.words import Dense, Patch, learning
from featbench.words.learning import sampled_descriptors

IMAGES = photographs_like()


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


def test_a_source_is_read_in_blocks_and_no_more_than_needed():
    source = Watched(5000, (100, 100, 3))
    bag = small(samples=300, sampling={"stride": 30}, codebook=EveryNth(words=2)).fit(source)
    assert bag.n_samples_ == 300
    assert sum(source.reads) <= 302  # a descriptor an image; the base class may look at one
    huge = Watched(3000, (100, 100, 3))
    small(samples=3000, sampling={"stride": 30}, codebook=EveryNth(words=2)).fit(huge)
    assert max(huge.reads) <= (64 << 20) // 30_000 + 1


def test_fewer_descriptors_than_words_are_refused():
    with pytest.raises(InputError, match="descriptors must be at least"):
        small(codebook={"words": 2000}, samples=100).fit(IMAGES)


def test_lists_are_read_in_blocks_of_one_size(monkeypatch):
    images = [image[: 14 - i % 2] for i, image in enumerate(IMAGES)]
    parts = (Dense(stride=4), Patch(size=6))
    whole = sampled_descriptors(images, *parts, 10**6, 0)
    monkeypatch.setattr(learning, "_BLOCK_BYTES", 2 * IMAGES[0].nbytes)
    blocks = [
        (positions.tolist(), block.shape) for positions, block in learning._blocks(images, np.arange(12))
    ]
    assert [positions for positions, _ in blocks] == [[i, i + 2] for i in (0, 4, 8, 1, 5, 9)]
    assert {shape[1:] for _, shape in blocks} == {(14, 15, 3), (13, 15, 3)}
    np.testing.assert_array_equal(sampled_descriptors(images, *parts, 10**6, 0), whole)


def test_fitting_holds_descriptors_no_more_than_twice():
    images, bag = photographs_like(200, (32, 32, 3)), small(codebook=EveryNth(words=5), samples=60_000)
    bag.fit(images[:20])  # compiled before it is measured
    tracemalloc.start()
    bag.fit(images)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # Beside them a block of images, and blocks of rows that are whitened in float64.
    assert peak < 2 * bag.n_samples_ * 108 * 4 + 10e6
