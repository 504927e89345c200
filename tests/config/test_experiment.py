from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from featbench.config import apply_overrides, load_experiment, packaged_configs, parse, read_experiment
from featbench.config.components import read_component
from featbench.config.experiment import Experiment
from featbench.errors import ConfigError

BASE = """\
dataset: photos
extractor: {name: hog, cell: 8}
preprocess: standardize
classifier: {name: svm, loss: weston_watkins}
search: {reg: {log: [1e-6, 1e-1, 6]}}
selection: {folds: 5}
seeds: [0]
timing: {repeats: 3}
"""


def read(text: str, *overrides: str) -> Experiment:
    return read_experiment(apply_overrides(parse(text, "x.yaml"), overrides), "x")


def complaint(text: str, *overrides: str) -> str:
    with pytest.raises(ConfigError) as error:
        read(text, *overrides)
    return str(error.value)


def test_the_documented_experiment() -> None:
    experiment = read(BASE)
    cells = list(experiment.cells())
    assert [c.label for c in cells] == ["chance", "majority", "hog → standardize → svm"]
    values = [c["reg"] for c in cells[2].candidates]
    np.testing.assert_allclose(values, [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1], rtol=1e-12)
    assert len({c.cell_id for c in cells}) == 3


def test_plurals_multiply() -> None:
    text = """
datasets: [photos, digits]
extractors: [raw, {name: hog, cell: 4}, {concat: [hog, hue]}]
preprocesses: [none, standardize]
classifiers: [{name: knn, metric: l1}, softmax]
seeds: [0, 1]
"""
    cells = list(read(text).cells())
    assert len(cells) == 2 * 2 * (2 + 3 * 2 * 2)
    assert len({c.cell_id for c in cells}) == len(cells)
    assert "hog & hue → softmax" in {c.label for c in cells}
    assert "hog(cell=4) → standardize → knn(metric=l1)" in {c.label for c in cells}


MAPPED = """{
  concat: [{name: hog, cell: 4, maps: [power, {name: pca, components: 8, whiten: true}]}, hue],
  scale: none, maps: [{name: fourier, gamma: 0.5}], augment: flip_crops }"""


def test_maps_follow_an_extractor_a_part_or_a_concatenation() -> None:
    mapped = read(BASE.replace("{name: hog, cell: 8}", MAPPED)).extractors[0]
    assert mapped.label == (
        "((hog(cell=4) → power → pca(components=8, whiten=true)) & hue)(scale=none) + flips + crops → fourier(gamma=0.5)"
    )
    built = mapped.build(seed=7)
    assert repr(built) == (
        "Mapped(extractor=Concat(parts=[Mapped(extractor=HOG(cell=4),\n"
        "                                      maps=[Power(),\n"
        "                                            PCA(components=8, whiten=True)]),\n"
        "                               HueHistogram()],\n"
        "                        scale='none'),\n"
        "       maps=[RandomFourier(gamma=0.5, random_state=7)])"
    )
    again = read_component(parse("", "x.yaml"), ("extractor",), mapped.spec(), "extractor", problems := [])
    assert problems == []
    assert again == mapped
    plain = read(BASE).extractors[0]
    assert plain.label == "hog"
    assert "maps" not in plain.spec()


def test_set_reaches_into_maps() -> None:
    text = BASE.replace("cell: 8}", "maps: [power, {name: pca, components: 8}]}")
    changed = read(text, "extractor.maps.1.components=4", "extractor.maps.0.exponent=0.3").extractors[0]
    assert changed.label == "hog → power(exponent=0.3) → pca(components=4)"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("extractor: {name: hog, cell: 8}", "extractor: {name: hog, cel: 8}"),
         "x.yaml:2: extractor.cel: unknown key 'cel'. Did you mean 'cell'?"),
        (("extractor: {name: hog, cell: 8}", "extractor: hgo"), "x.yaml:2: extractor: unknown extractor 'hgo'. Did you mean 'hog'?"),
        (("cell: 8", "cell: '8'"), "x.yaml:2: extractor.cell: must be an integer; got 8."),
        (("cell: 8", "cell: 0"), "x.yaml:2: extractor.cell: must be greater than or equal to 1; got 0."),
        (("cell: 8", "cell: true"), "x.yaml:2: extractor.cell: must be an integer; got true."),
        (("cell: 8", "cell: 8.5"), "x.yaml:2: extractor.cell"),
        (("loss: weston_watkins", "loss: hinge"), "x.yaml:4: classifier.loss: must be 'weston_watkins'"),
        (("preprocess: standardize", "preprocess: standardise"), "x.yaml:3: preprocess: preprocess must be one of"),
        (("preprocess: standardize", "preproces: standardize"), "x.yaml:3: preproces: unknown key 'preproces'. Did you mean 'preprocess'?"),
        (("seeds: [0]", "seeds: ['0']"), "x.yaml:7: seeds[0]"),
        (("seeds: [0]", "seeds: [0, 0]"), "different numbers"),
        (("seeds: [0]", "seeds: 0"), "x.yaml:7: seeds"),
        (("repeats: 3", "repeat: 3"), "x.yaml:8: timing.repeat: unknown key 'repeat'. Did you mean 'repeats'?"),
        (("{folds: 5}", "{folds: 1}"), "x.yaml:6: selection.folds: must be greater than or equal to 2; got 1."),
        (("{folds: 5}", "{fold: 5}"), "Did you mean 'folds'?"),
        (("{folds: 5}", "{holdout: 1.5}"), "x.yaml:6: selection"),
        (("{folds: 5}", "5"), "{folds: 5}, {holdout: 0.2} or none"),
        (("{folds: 5}", "none"), "has values to search"),
        (("{reg: {log: [1e-6, 1e-1, 6]}}", "{rge: [1]}"), "no classifier here has a parameter 'rge'. Did you mean 'reg'?"),
        (("{log: [1e-6, 1e-1, 6]}", "{log: [0, 1, 6]}"), "log above 0"),
        (("{log: [1e-6, 1e-1, 6]}", "['a']"), "x.yaml:5: search.reg"),
        (("{log: [1e-6, 1e-1, 6]}", "{log: [1e-6, 1e-1, 2000]}"), "search.reg"),
        (("loss: weston_watkins", "reg: 1e-3"), "is to be searched, and svm has it written down"),
        (("dataset: photos\n", ""), "'dataset' is missing"),
        (("dataset: photos", "dataset: [photos, digits]"), "'datasets: [...]' makes a row of each"),
        (("extractor: {name: hog, cell: 8}", "extractor: [hog, hue]"), "joins them into one"),
        (("dataset: photos", "dataset: photos\ndatasets: [digits]"), "both 'dataset' and 'datasets' are given"),
        (("extractor: {name: hog, cell: 8}", "extractor: {concat: [hog]}"), "a list of two extractors or more"),
        (("extractor: {name: hog, cell: 8}", "extractor: {concat: [hog, {name: hue, bin: 3}]}"), "Did you mean 'bins'?"),
        (("extractor: {name: hog, cell: 8}", "extractor: {concat: [hog, hue], scale: big}"), "extractor.scale: must be"),
        (("extractor: {name: hog, cell: 8}", "extractor: {concat: [hog, hue], scal: none}"), "Did you mean 'scale'?"),
        (("extractor: {name: hog, cell: 8}", "extractor: {name: hog, augment: flips}"), "augment must be one of none, flip, crops, flip_crops; got 'flips'"),
        (("extractor: {name: hog, cell: 8}", "extractor: {name: hog, augment: [flip]}"), "augment must be one of none, flip"),
        (("extractor: {name: hog, cell: 8}", "extractor: {concat: [{name: hog, augment: flip}, hue]}"), "Write it beside 'concat'"),
        (("extractor: {name: hog, cell: 8}", "extractors: [hog, hog]"), "different from each other"),
        (("extractor: {name: hog, cell: 8}", "extractor: {cell: 8}"), "given by 'name'"),
        (("dataset: photos", "dataset: 3"), "a name or a mapping"),
        (("cell: 8}", "cell: 8, maps: [pwer]}"), "x.yaml:2: extractor.maps[0]: unknown map 'pwer'. Did you mean 'power'?"),
        (("cell: 8}", "cell: 8, maps: [l2, {name: pca, component: 8}]}"),
         "x.yaml:2: extractor.maps[1].component: unknown key 'component'. Did you mean 'components'?"),
        (("cell: 8}", "cell: 8, maps: [{name: pca, components: 0}]}"),
         "x.yaml:2: extractor.maps[0].components: must be greater than or equal to 1; got 0."),
        (("cell: 8}", "cell: 8, maps: pca}"),
         "x.yaml:2: extractor.maps: maps must be a list of one feature map or more, such as [power, l2]; got 'pca'."),
        (("cell: 8}", "cell: 8, maps: []}"), "a list of one feature map or more"),
        (("cell: 8}", "cell: 8, maps: [3]}"), "extractor.maps[0]: the map must be a name or a mapping such as {name: power}"),
        (("cell: 8}", "cell: 8, map: [pca]}"), "x.yaml:2: extractor.map: unknown key 'map'. Did you mean 'maps'?"),
        (("extractor: {name: hog, cell: 8}", "extractor: {concat: [hog, {name: hue, maps: [chi]}]}"),
         "x.yaml:2: extractor.concat[1].maps[0]: unknown map 'chi'. Did you mean 'chi2'?"),
        (("extractor: {name: hog, cell: 8}", "extractor: {name: mapped, maps: [pca]}"),
         "In an experiment file, write {name: hog, maps: [power, l2]}."),
        (("extractor: {name: hog, cell: 8}", "extractor: {name: concat, parts: [hog, hue]}"),
         "x.yaml:2: extractor: 'concat' is made of other plug-ins, which parameters cannot name. "
         "In an experiment file, write {concat: [hog, hue]}."),
        (("extractor: {name: hog, cell: 8}", "extractor: concat"), "write {concat: [hog, hue]}"),
        (("{name: hog, cell: 8}", "{name: sift, sizes: [3, 500]}"),
         "x.yaml:2: extractor.sizes[1]: must be less than or equal to 256; got 500."),
        (("{name: hog, cell: 8}", "{name: lbp, radius: [1, x]}"), "x.yaml:2: extractor.radius[1]: must be a number; got x."),
        (("{name: hog, cell: 8}", "{name: lbp, points: 3}"),
         "x.yaml:2: extractor.points: must be greater than or equal to 4, or a list; got 3."),
        (("{name: hog, cell: 8}", "{name: lbp, points: x}"), "x.yaml:2: extractor.points: must be an integer, or a list; got x."),
        (("cell: 8}", "maps: [{name: nystroem, gamma: -1}]}"),
         "x.yaml:2: extractor.maps[0].gamma: must be greater than 0, or 'scale'; got -1."),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_place_and_remedy(change: tuple[str, str], message: str) -> None:
    assert change[0] in BASE
    assert message in complaint(BASE.replace(*change))


@pytest.mark.parametrize("extractor", ["{name: sift, sizes: [3, 500]}", "{name: lbp, points: 3}"])
def test_a_mistake_is_told_once(extractor: str) -> None:
    """Not once for each type that a parameter may have."""
    assert len(complaint(BASE.replace("{name: hog, cell: 8}", extractor)).splitlines()) == 1


@pytest.mark.parametrize(
    ("extractor", "label"),
    [
        ("{concat: [hog, hue]}", "hog & hue"),
        ("{concat: [hog, hue], scale: none}", "(hog & hue)(scale=none)"),
        ("{concat: [{concat: [raw, hog]}, hue]}", "(raw & hog) & hue"),
        (
            "{concat: [{concat: [raw, hog], scale: none}, hue], maps: [l2]}",
            "((raw & hog)(scale=none) & hue) → l2",
        ),
    ],
)
def test_parameters_of_a_concatenation_are_not_its_last_parts(extractor: str, label: str) -> None:
    assert read(BASE.replace("{name: hog, cell: 8}", extractor)).extractors[0].label == label


def test_every_mistake_is_told_at_once() -> None:
    text = BASE.replace("cell", "cel").replace("folds", "fold").replace("repeats", "repeat")
    assert len(complaint(text).splitlines()) == 3


def test_nothing_is_loaded_by_validation(monkeypatch: pytest.MonkeyPatch) -> None:
    from featbench.datasets.photos import Photos

    def load(*_: Any) -> None:
        raise AssertionError("validation touched the data")

    monkeypatch.setattr(Photos, "load", load)
    read(BASE)


def test_set_beats_the_file() -> None:
    changed = read(BASE, "extractor.cell=4", "classifier.loss=one_vs_rest", "seeds=[1, 2]")
    assert changed.extractors[0].params["cell"] == 4
    assert changed.classifiers[0][0].params["loss"] == "one_vs_rest"
    assert changed.seeds == (1, 2)


def test_set_of_a_short_name_a_list_item_and_the_other_number() -> None:
    assert read(BASE, "dataset=digits").datasets[0].name == "digits"
    assert read(BASE, "extractor=raw", "extractor.grey=true").extractors[0].params == {"grey": True}
    text = BASE.replace("extractor: {name: hog, cell: 8}", "extractors: [raw, hog]")
    assert read(text, "extractors.1.cell=4").extractors[1].params == {"cell": 4}
    assert len(read(text, "extractor=hue").extractors) == 1


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("extractor.cel=4", "--set extractor.cel=4: unknown key 'cel'. Did you mean 'cell'?"),
        ("nonsense", "of the form path=value"),
        ("seeds.5.a=1", "--set"),
        ("seeds.5=1", "a number from 0 to 0"),
        ("extractor.cell=[", "is not YAML"),
        ("=3", "of the form"),
    ],
)
def test_set_that_is_wrong(override: str, message: str) -> None:
    assert message in complaint(BASE, override)


def test_a_searched_value_may_stand_beside_the_classifier() -> None:
    text = BASE.replace("search: {reg: {log: [1e-6, 1e-1, 6]}}\n", "").replace(
        "classifier: {name: svm, loss: weston_watkins}", "classifier: {name: svm, search: {reg: [1, 2]}}"
    )
    assert read(text).classifiers[0][1] == ({"reg": 1}, {"reg": 2})


def test_defaults_are_searched_and_a_written_value_is_not() -> None:
    text = BASE.replace("search: {reg: {log: [1e-6, 1e-1, 6]}}\n", "")
    assert len(read(text).classifiers[0][1]) > 2
    fixed = text.replace("loss: weston_watkins", "reg: 0.5")
    assert read(fixed).classifiers[0][1] == ({},)


def test_the_identity_of_a_cell_changes_with_what_decides_its_result() -> None:
    before = {c.cell_id for c in read(BASE).cells()}
    assert {c.cell_id for c in read(BASE, "timing.repeats=1").cells()} == before
    for change in (
        "seeds=[1]",
        "extractor.cell=4",
        "selection={folds: 4}",
        "search={reg: [1]}",
        "preprocess=l2",
    ):
        assert before - {c.cell_id for c in read(BASE, change).cells()}, change


@pytest.mark.parametrize("name", packaged_configs())
def test_every_packaged_config_is_valid(name: str) -> None:
    assert list(load_experiment(name).cells())


def test_a_config_that_is_not_there() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'hog_svm'"):
        load_experiment("hog_smv")
    with pytest.raises(ConfigError, match="cannot be read|is a folder"):
        load_experiment("/")
