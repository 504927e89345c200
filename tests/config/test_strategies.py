"""Searches as an experiment file says them."""

from __future__ import annotations

import json

import pytest

from featbench.config import apply_overrides, parse, read_experiment
from featbench.config.described import read_cell
from featbench.config.experiment import Experiment
from featbench.config.schema import experiment_schema
from featbench.config.space import Range, Space
from featbench.config.strategies import CoarseToFine, Halving, RandomSearch
from featbench.errors import ConfigError

BASE = """\
dataset: photos
extractor: hog
classifier: {name: svm, loss: weston_watkins}
search: {reg: {log: [1e-6, 1]}}
selection: {folds: 5, search: {name: random, trials: 20, seconds: 60}}
"""


def read(text: str, *overrides: str) -> Experiment:
    return read_experiment(apply_overrides(parse(text, "x.yaml"), overrides), "x")


def complaint(text: str, *overrides: str) -> str:
    with pytest.raises(ConfigError) as error:
        read(text, *overrides)
    return str(error.value)


def test_the_documented_search() -> None:
    cell = list(read(BASE).cells())[-1]
    assert cell.candidates == Space({"reg": Range(1e-6, 1, log=True)})
    assert cell.selection.search == RandomSearch(name="random", trials=20, seconds=60.0)


@pytest.mark.parametrize(
    ("search", "strategy"),
    [
        ("halving", Halving(name="halving")),
        ("{name: halving, trials: 81, factor: 4}", Halving(name="halving", trials=81, factor=4)),
        ("coarse_to_fine", CoarseToFine(name="coarse_to_fine")),
        ("{name: coarse_to_fine, points: 3, rounds: 5, trials: 9}",
         CoarseToFine(name="coarse_to_fine", points=3, rounds=5, trials=9)),
        ("{name: random, seconds: 5}", RandomSearch(name="random", seconds=5.0)),
    ],
)  # fmt: skip
def test_strategies(search: str, strategy: object) -> None:
    for selection in (
        f"{{folds: 3, search: {search}}}",
        f"{{holdout: 0.2, search: {search}}}",
        f"{{search: {search}}}",
    ):
        assert read(BASE, f"selection={selection}").selection.search == strategy


def test_a_grid_is_what_it_was() -> None:
    grid = BASE.replace("[1e-6, 1]", "[1e-6, 1, 13]").replace(
        "{name: random, trials: 20, seconds: 60}", "grid"
    )
    cells = list(read(grid).cells())
    assert [c.cell_id for c in cells] == [c.cell_id for c in read(grid.replace(", search: grid", "")).cells()]
    spec = cells[-1].spec()
    assert len(spec["candidates"]) == 13
    assert spec["selection"] == {"folds": 5}


def test_what_was_finished_before_strategies_stays_valid() -> None:
    """The hash in the name of a cell's file, as it was."""
    text = "dataset: digits\nextractor: raw\nclassifier: {name: knn, search: {n_neighbors: [1, 3]}}\nselection: {folds: 2}\n"
    assert [c.cell_id for c in read(text).cells()][-1] == "raw-knn-bb3b9c20de"
    text = "dataset: digits\nextractor: raw\nclassifier: svm\nsearch: {reg: {log: [1e-6, 1, 13]}}\nselection: {holdout: 0.2}\n"
    assert [c.cell_id for c in read(text).cells()][-1] == "raw-svm-e1baef8835"


def test_a_cell_is_read_back_from_its_description() -> None:
    text = (
        BASE.replace("svm, loss: weston_watkins", "knn")
        .replace("reg: {log", "n_neighbors: {log")
        .replace("1e-6, 1]", "1, 50]")
    )
    for experiment in (read(BASE), read(text), read(BASE, "selection.search=halving")):
        cell = list(experiment.cells())[-1]
        again = read_cell(json.loads(json.dumps(cell.spec())))
        assert again == cell
        assert again.cell_id == cell.cell_id


def test_the_strategy_and_its_budget_are_part_of_a_cell() -> None:
    ids = {
        [c.cell_id for c in read(BASE, f"selection.search={search}").cells()][-1]
        for search in (
            "halving",
            "{name: random, trials: 20}",
            "{name: random, trials: 21}",
            "coarse_to_fine",
        )
    }
    assert len(ids) == 4


def test_ranges_of_whole_numbers_stay_whole() -> None:
    knn = BASE.replace("svm, loss: weston_watkins", "knn").replace("reg: {log", "n_neighbors: {log")
    cell = list(read(knn.replace("1e-6, 1]", "1, 50]")).cells())[-1]
    assert cell.candidates.axes["n_neighbors"] == Range(1, 50, log=True, whole=True)
    assert list(read(BASE.replace("1e-6, 1]", "1, 50]")).cells())[-1].candidates.axes["reg"] == Range(
        1, 50, log=True
    )


def test_lists_and_defaults_are_searched_too() -> None:
    text = BASE.replace("search: {reg: {log: [1e-6, 1]}}\n", "")
    assert isinstance(list(read(text).cells())[-1].candidates, Space)
    fixed = text.replace("loss: weston_watkins", "reg: 0.5")
    cell = list(read(fixed).cells())[-1]
    assert cell.candidates == ({},)
    assert cell.strategy is None
    assert cell.cell_id == list(read(fixed, "selection={folds: 5}").cells())[-1].cell_id


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("random", "rndom"), "x.yaml:5: selection.search: search must be one of grid, random, coarse_to_fine, halving"),
        (("random", "rndom"), "Did you mean 'random'?"),
        (("trials: 20, seconds: 60", "trial: 20"), "Did you mean 'trials'?"),
        (("trials: 20", "trials: 0"), "x.yaml:5: selection.search.trials: must be greater than or equal to 1; got 0."),
        (("seconds: 60", "seconds: 0"), "x.yaml:5: selection.search.seconds: must be greater than 0; got 0."),
        ((", trials: 20, seconds: 60", ""), "a random search must be given a budget, such as {name: random, trials: 20}"),
        (("{name: random, trials: 20, seconds: 60}", "[random]"), "must be one of grid, random"),
        (("{name: random, trials: 20, seconds: 60}", "{trials: 20}"), "must be one of grid, random"),
        (("{name: random, trials: 20, seconds: 60}", "{name: grid, trials: 3}"), "unknown key 'trials'"),
        (("{name: random, trials: 20, seconds: 60}", "{name: coarse_to_fine, points: 5, trials: 4}"),
         "search must be at most 4 combinations in the first round; got 5."),
        (("name: random, trials: 20, seconds: 60", "name: grid"),
         "x.yaml:4: search.reg: reg must be a grid, [low, high, n]; got [low, high]. Write n, or selection: "),
        ((", search: {name: random, trials: 20, seconds: 60}", ""), "reg must be a grid, [low, high, n]"),
        (("[1e-6, 1]", "[1, 1e-6]"), "low < high"),
        (("[1e-6, 1]", "[0, 1]"), "log above 0"),
        (("{log: [1e-6, 1]}", "{linear: [-1, 1]}"), "x.yaml:4: search.reg: must be greater than 0; got -1.0."),
        (("{folds: 5, search: {name: random, trials: 20, seconds: 60}}", "none"), "reg must be a grid, [low, high, n]"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_place_and_remedy(change: tuple[str, str], told: str) -> None:
    assert change[0] in BASE
    assert told in complaint(BASE.replace(*change))


def test_the_schema_knows_strategies_and_ranges() -> None:
    schema = experiment_schema()
    folds = next(o for o in schema["properties"]["selection"]["anyOf"] if "folds" in o.get("properties", {}))
    assert folds["properties"]["search"] == {"$ref": "#/$defs/strategy"}
    options = schema["$defs"]["strategy"]["anyOf"]
    assert {"grid", "random", "coarse_to_fine", "halving"} == set(options[0]["enum"])
    by_name = {o["properties"]["name"]["const"]: o["properties"] for o in options[1:]}
    assert by_name["halving"]["factor"]["minimum"] == 2
    ranges = schema["$defs"]["space"]["additionalProperties"]["anyOf"]
    assert ranges[1]["properties"]["log"]["minItems"] == 2
