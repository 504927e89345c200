"""Every recipe can be built and run, has a source and a config of its name."""

from __future__ import annotations

import numpy as np
import pytest
from ruamel.yaml import YAML
from word_parts import photographs_like

from featbench.config import load_experiment
from featbench.config.packaged import packaged_configs
from featbench.extractors import BagOfVisualWords
from featbench.testing import check_extractor
from featbench.words.building import KINDS, build_parts, joined
from featbench.words.recipes import RECIPES

NAMED_IN_THE_ISSUE = {
    "course", "hog144", "coates_ng", "random_patches", "patches", "spm", "llc", "vlad", "fisher", "phow", "textons",
}  # fmt: skip

# Numbers of an image in colour, as the papers have them: words × cells, residuals, gradients.
LENGTHS = {
    "course": 1000,
    "hog144": 1000,
    "coates_ng": 1600 * 4,
    "random_patches": 1600 * 4,
    "patches": 2 * 2000 * 4,
    "spm": 400 * 21 * 3,
    "llc": 1024 * 21,
    "vlad": 64 * 64 * 5,
    "fisher": 2 * 64 * 64,
    "phow": 600 * 20 * 3,
    "textons": 200 * 3,
}


def where(*keys):
    return ".".join(map(str, keys))


def test_all_are_there():
    assert set(RECIPES) == NAMED_IN_THE_ISSUE


@pytest.mark.parametrize("name", RECIPES)
def test_each_says_what_it_is_and_where_from(name):
    recipe = RECIPES[name]
    assert set(recipe.parts) <= set(KINDS)
    assert recipe.url.startswith("https://")
    assert len(recipe.source) > 20
    assert len(recipe.summary) < 110


@pytest.mark.parametrize("name", RECIPES)
def test_rows_are_as_long_as_in_the_paper(name):
    _, lengths = joined(build_parts({"recipe": name}, where), channels=3)
    assert lengths.out == LENGTHS[name]


@pytest.mark.parametrize("name", RECIPES)
def test_a_few_words_can_be_learned_and_written_with(name):
    images = photographs_like(4, (48, 44, 3))
    bag = BagOfVisualWords(recipe=name, codebook={"words": 6}, samples=1200)
    if name in ("vlad", "fisher"):
        bag.set_params(normalization=[{"name": "pca", "components": 8}])
    if name == "llc":
        bag.set_params(encoding={"neighbors": 3})
    rows = bag.fit_transform(images)
    assert rows.shape == (4, bag.n_features_out_)
    assert np.isfinite(rows).all()
    assert len(np.unique(rows, axis=0)) == 4
    again = bag.fit(images).transform(images[2:3])
    np.testing.assert_allclose(again[0], rows[2], atol=1e-5 * np.abs(rows).max())  # as the laws have it


@pytest.mark.parametrize("name", RECIPES)
def test_its_config_runs_it_with_its_head(name):
    experiment = load_experiment(f"words/{name}")
    (cell,) = (cell for cell in experiment.cells() if cell.extractor)
    assert cell.extractor.spec() == {"name": "bovw", "recipe": name}
    assert cell.extractor.label == f"bovw {name}"
    head = YAML(typ="safe").load("{" + RECIPES[name].head + "}")
    classifier = head["classifier"] if isinstance(head["classifier"], dict) else {"name": head["classifier"]}
    assert (head["preprocess"], classifier) == (cell.preprocess, cell.classifier.spec())


def test_configs_of_words_are_recipes():
    assert {n.removeprefix("words/") for n in packaged_configs() if n.startswith("words/")} == set(RECIPES)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("course", {}),
        ("spm", {"sampling": {"sizes": 16}}),
        ("llc", {"sampling": {"sizes": [16, 25]}, "encoding": {"neighbors": 3}}),
        ("vlad", {"sampling": {"sizes": [16, 24]}, "normalization": [{"name": "pca", "components": 8}]}),
    ],
)
def test_recipes_keep_the_laws_of_extractors(name, parameters):
    """On images of 32 pixels, with few words; coates_ng is among the contract tests."""
    bag = BagOfVisualWords(recipe=name, codebook={"words": 8}, samples=600, **parameters)
    check_extractor(bag, exact=False)
