"""What tables call a bag of visual words."""

from __future__ import annotations

import pytest

from featbench.extractors import BagOfVisualWords
from featbench.words import Whole


@pytest.mark.parametrize(
    ("parameters", "label"),
    [
        ({}, "bovw coates_ng"),
        ({"recipe": "spm", "encoding": None}, "bovw spm"),
        ({"codebook": {"words": 4000}}, "bovw coates_ng(codebook.words=4000)"),
        ({"sampling": {"sizes": [8, 12]}}, "bovw coates_ng(sampling.sizes=[8, 12])"),
        (
            {"codebook": {"name": "kmeans", "words": 9}, "encoding": "hard"},
            "bovw coates_ng(codebook=kmeans(words=9), encoding=hard)",
        ),
        ({"final": ["power", {"name": "pca", "components": 3}]}, "bovw coates_ng(final=[power, pca(components=3)])"),
        ({"recipe": None, "sampling": "dense", "samples": 10}, "bovw(sampling=dense, samples=10)"),
        ({"pooling": Whole(how="max")}, "bovw coates_ng(pooling=Whole(how='max'))"),
    ],
)  # fmt: skip
def test_it_names_the_recipe_and_what_differs(parameters, label):
    assert BagOfVisualWords.written_label(parameters) == label
