"""Ensembles of rows: what an experiment file may ask for, and what it is told where it may not."""

from __future__ import annotations

import pytest

from featbench.config import EnsembleCell
from featbench.config.document import parse
from featbench.config.reading import read_experiment
from featbench.errors import ConfigError

ROWS = """\
dataset: digits
extractors: [raw, {name: hog, cell: 4}, {concat: [raw, hog], maps: [power]}]
preprocesses: [standardize, none]
classifiers: [softmax, {name: knn, n_neighbors: 3}]
"""


def read(ensembles, rows=ROWS):
    return read_experiment(parse(f"{rows}ensembles: {ensembles}\n", "e.yaml"), "e")


def members(ensemble):
    (cell,) = [cell for cell in read(f"[{ensemble}]").cells() if isinstance(cell, EnsembleCell)]
    return [member.label for member in cell.members]


def test_rows_are_named_by_their_labels_or_shorter():
    labels = ["raw → softmax", "hog(cell=4) → standardize → knn(n_neighbors=3)"]
    for names in (
        '"raw → softmax", "hog(cell=4) → standardize → knn(n_neighbors=3)"',
        "hog->standardize -> knn, raw -> softmax",
    ):
        assert members(f"{{cells: [{names}]}}") == labels
    assert members("{cells: [raw & hog → power → none → softmax, raw -> softmax]}") == [
        "raw → softmax",
        "(raw & hog) → power → softmax",
    ]


def test_an_ensemble_stands_after_its_rows_once_a_split_and_seed():
    cells = list(read("[{best: 2}, {best: 3, vote: hard}]", ROWS + "seeds: [0, 1]\nsplits: 2\n").cells())
    assert len(cells) == 4 * (2 + 12 + 2)
    found = [i for i, cell in enumerate(cells) if isinstance(cell, EnsembleCell)]
    assert found == [k + 16 * turn for turn in range(4) for k in (14, 15)]
    for i in found:
        for member in cells[i].members:
            assert (member.dataset, member.split, member.seed) == (
                cells[i].dataset,
                cells[i].split,
                cells[i].seed,
            )
    assert [cells[i].label for i in found[:2]] == ["ensemble(best 2)", "ensemble(best 3, vote=hard)"]
    assert len({cells[i].cell_id for i in found}) == 8


def test_a_label_says_what_was_written():
    (ensemble,) = read("[{cells: [raw->softmax, hog -> standardize -> knn], vote: hard}]").ensembles
    assert ensemble.label == "ensemble(raw → softmax, hog → standardize → knn, vote=hard)"


@pytest.mark.parametrize(
    ("ensembles", "message"),
    [
        ("{best: 2}", r"e.yaml:5: ensembles: ensembles must be a list such as"),
        ("[]", r"ensembles must be a list such as"),
        ("[3]", r"ensembles\[0\]: the ensemble must be either"),
        ("[{best: 2, cells: [a, b]}]", r"the ensemble must be either"),
        ("[{best: 1}]", r"best must be an integer from 2 to 12, the rows that there are; got 1"),
        ("[{best: 13}]", r"from 2 to 12"),
        ("[{best: true}]", r"from 2 to 12"),
        ("[{best: 2, votes: hard}]", r"unknown key 'votes'. Did you mean 'vote'\?"),
        ("[{best: 2, vote: loud}]", r"vote must be one of soft, hard; got 'loud'"),
        ("[{cells: raw -> softmax}]", r"cells must be a list of two rows or more"),
        ("[{cells: [raw -> softmax]}]", r"cells must be a list of two rows or more"),
        ("[{cells: [raw -> softmax, 3]}]", r"cells\[1\]: a row must be its name"),
        (
            "[{cells: [raw -> sofmax, hog -> standardize -> knn]}]",
            r"cells\[0\]: no row is called 'raw -> sofmax'. Did you mean 'raw → softmax'\? Rows: raw → standardize",
        ),
        (
            "[{cells: [hog -> knn, raw -> standardize -> softmax]}]",
            r"'hog -> knn' names 2 rows. Write which is meant: hog\(cell=4\) → standardize → knn\(n_neighbors=3\); hog",
        ),
        (
            "[{cells: [raw -> softmax, raw → softmax]}]",
            r"the rows must be different from each other; got raw → softmax twice",
        ),
    ],
)
def test_what_cannot_be_is_refused(ensembles, message):
    with pytest.raises(ConfigError, match=message):
        read(ensembles)


def test_of_one_row_there_is_no_ensemble():
    wanted = r"e.yaml:4: ensembles\[0\].best: the rows must be two or more where some are to vote; got 1. Add extractors"
    with pytest.raises(ConfigError, match=wanted):
        read("[{best: 2}]", "dataset: digits\nextractor: raw\nclassifier: softmax\n")


def test_all_that_is_wrong_is_told_at_once():
    with pytest.raises(ConfigError) as refused:
        read("[{best: 99}, {cells: [x -> y, raw -> softmax], vote: loud}]")
    assert len(str(refused.value).splitlines()) == 3


def test_the_best_need_validation_and_named_rows_do_not():
    rows = ROWS.replace("softmax,", "{name: softmax, reg: 0.1},") + "selection: none\n"
    with pytest.raises(ConfigError, match=r"selection must be a way to tell which rows are best"):
        read("[{best: 2}]", rows)
    assert read("[{cells: [raw -> none -> softmax, hog -> standardize -> knn]}]", rows).ensembles


def test_the_same_rows_twice_are_one_row_too_many():
    one = "{cells: [raw -> softmax, hog -> standardize -> knn]}"
    other = "{cells: [hog -> standardize -> knn, raw -> softmax]}"
    with pytest.raises(ConfigError, match="the rows must be different from each other"):
        read(f"[{one}, {other}]")
