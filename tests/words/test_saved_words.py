"""Words of a saved bag are those of that bag."""

from __future__ import annotations

import numpy as np
import pytest
from word_parts import photographs_like, small

from featbench.base import Extractor
from featbench.errors import InputError, StoreError
from featbench.extractors import BagOfVisualWords, Concat, RawPixels
from featbench.words import SavedWords

IMAGES = photographs_like()


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
        prints.append(
            BagOfVisualWords.written_files({"codebook": {"name": "saved", "folder": str(tmp_path)}})
        )
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


@pytest.mark.parametrize("normalization", [None, []])
def test_saved_words_of_colour_are_refused_for_grey_images(tmp_path, normalization):
    small(normalization=normalization).fit(IMAGES).save(tmp_path)
    bag = BagOfVisualWords(codebook={"name": "saved", "folder": str(tmp_path)})
    with pytest.raises(InputError, match="learned from, 108 numbers; got 36 numbers. Grey and colour"):
        bag.fit(IMAGES[..., 0])
    small(normalization=normalization).fit(IMAGES[..., 0]).save(tmp_path)
    assert BagOfVisualWords.written_problems({"codebook": bag.codebook}, lambda *keys: str(keys)) == []
    assert bag.fit(IMAGES[..., 0]).transform(IMAGES[..., 0]).shape == (12, 28)
    assert bag.get_feature_names_out().tolist()[-1] == "bovw[3, 6]"


def test_saved_words_have_nothing_to_fit():
    with pytest.raises(InputError, match="has nothing to fit. Name it as the codebook"):
        SavedWords(folder="bag").fit(np.ones((3, 2), np.float32))
