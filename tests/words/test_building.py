"""Parts out of an experiment file: what is wrong is told with its line."""

from __future__ import annotations

import pytest

from featbench.config import read_experiment
from featbench.config.document import parse
from featbench.errors import ConfigError, InputError
from featbench.maps import Intra
from featbench.words import Whole
from featbench.words.building import build_parts, joined, part_problems


def where(*keys):
    return ".".join(map(str, keys))


def experiment(lines):
    text = f"dataset: photos\nextractor:\n  name: bovw\n{lines}classifier: svm\nselection: {{folds: 2}}\n"
    return read_experiment(parse(text, "own.yaml"), "own")


def test_an_experiment_builds_what_it_names():
    told = experiment("  codebook: {words: 40}\n  pooling: whole\n  final: [power, {name: l2}]\n")
    (cell,) = (cell for cell in told.cells() if cell.extractor)
    bag = cell.extractor.build(seed=3)
    assert bag.random_state == 3
    parts = bag._built()
    assert (parts.codebook.words, type(parts.pooling).__name__, len(parts.final)) == (40, "Whole", 2)
    assert cell.extractor.label == "bovw coates_ng(codebook.words=40, pooling=whole, final=[power, l2])"
    assert cell.extractor.spec()["codebook"] == {"words": 40}


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        (
            "  recipe: caotes_ng\n",
            r"own\.yaml:4: extractor\.recipe: unknown recipe .*Did you mean 'coates_ng'",
        ),
        ("  encoding: hrad\n", r"own\.yaml:4: extractor\.encoding: unknown encoding .*Did you mean 'hard'"),
        (
            "  codebook:\n    words: 10\n    itertions: 5\n",
            r"own\.yaml:6: extractor\.codebook\.itertions: unknown parameter of kmeans .*Did you mean 'iterations'",
        ),
        (
            "  final:\n    - power\n    - {name: pca, component: 5}\n",
            r"own\.yaml:6: extractor\.final\[1\]\.component: unknown parameter of pca .*Did you mean 'components'",
        ),
        (
            "  sampling: {stride: '2'}\n",
            r"own\.yaml:4: extractor\.sampling: Dense: stride must be an integer; got '2'",
        ),
        ("  samples: 0\n", r"own\.yaml:4: extractor\.samples: must be .*greater than or equal to 1; got 0"),
        (
            "  encodng: hard\n",
            r"own\.yaml:4: extractor\.encodng: unknown key 'encodng'\. Did you mean 'encoding'\?",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_line(lines, complaint):
    with pytest.raises(ConfigError, match=complaint):
        experiment(lines)


def test_all_wrong_parts_are_told_at_once():
    with pytest.raises(ConfigError) as caught:
        experiment("  encoding: hrad\n  pooling: {how: median}\n")
    assert "extractor.encoding" in str(caught.value)
    assert "extractor.pooling: Quadrants: how must be one of 'sum', 'mean', 'max'" in str(caught.value)


def test_parameters_alone_change_the_recipes_part_and_a_name_begins_anew():
    changed = build_parts({"recipe": "llc", "sampling": {"stride": 16}}, where).sampling
    assert (changed.stride, changed.sizes) == (16, [16, 25, 31])
    anew = build_parts({"recipe": "llc", "sampling": {"name": "dense", "stride": 16}}, where).sampling
    assert (anew.stride, anew.sizes) == (16, 6)


@pytest.mark.parametrize(("sizes", "size"), [(8, 8), ([12, 6, 9], 6)])
def test_a_patch_without_a_size_takes_the_least_of_the_sampling(sizes, size):
    parts = build_parts({"recipe": "coates_ng", "sampling": {"sizes": sizes}}, where)
    assert parts.descriptor.size == size
    given = build_parts(
        {"recipe": "coates_ng", "sampling": {"sizes": sizes}, "descriptor": {"size": 5}}, where
    )
    assert given.descriptor.size == 5


@pytest.mark.parametrize("sampling", ["keypoints", {"sizes": [12, 6]}])
def test_a_size_that_need_not_be_given_stays_out(sampling):
    parts = build_parts({"recipe": "course", "sampling": sampling, "descriptor": "lbp"}, where)
    assert parts.descriptor.size is None


def test_what_suits_neither_grey_nor_colour_is_told_once():
    wrong = {"recipe": "course", "normalization": [{"name": "pca", "components": 500}]}
    (problem,) = part_problems(wrong, where)
    assert "components" in problem


@pytest.mark.parametrize(("recipe", "length"), [("vlad", 64), ("fisher", 64)])
def test_blocks_of_intra_normalisation_are_the_numbers_of_a_word(recipe, length):
    parts = build_parts({"recipe": recipe, "final": ["intra"]}, where)
    assert joined(parts, 3)[0].final[0].block == length
    own = build_parts({"recipe": recipe, "final": [Intra(block=2)]}, where)
    assert joined(own, 3)[0].final[0].block == 2


def test_what_was_given_is_left_alone():
    pooling, given = Whole(), {"words": 5}
    build_parts({"recipe": "coates_ng", "pooling": pooling, "codebook": given}, where)
    assert given == {"words": 5}
    assert pooling.get_params() == {"how": "mean"}


def test_weights_of_a_pyramid_that_do_not_fit_its_levels():
    pooling = {"name": "pyramid", "level_weights": [1.0]}
    with pytest.raises(InputError, match="one number for each of 3 levels"):
        joined(build_parts({"recipe": "spm", "pooling": pooling}, where), 3)
