"""Rows by what a table calls them: patterns, what is kept with them, and what is said where nothing fits."""

from __future__ import annotations

import pytest

from featbench.config import Cell, EnsembleCell, parse, read_experiment
from featbench.config.rules import Rule, keep, unmatched

GRID = """\
datasets: [digits, {name: digits, test_size: 0.5}]
extractors: [raw, {name: hog, cell: 4}, {name: sift, sizes: [2, 4], step: 2}]
preprocesses: [standardize, none]
classifiers: [svm, {name: svm, loss: one_vs_rest}, {name: knn, n_neighbors: 3}]
seeds: [0, 1]
splits: 2
train_size: [100, all]
ensembles: [{cells: [raw -> svm, hog(cell=4) -> svm]}, {best: 2}]
"""


def cells(text=GRID):
    return list(
        read_experiment(
            parse(
                text.replace("raw -> svm", "raw → standardize → svm").replace(
                    "hog(cell=4) -> svm", "hog(cell=4) → standardize → svm"
                ),
                "g.yaml",
            ),
            "g",
        ).cells()
    )


def rule(**patterns):
    return Rule(tuple((key, tuple(v.split("|"))) for key, v in patterns.items()))


def pipelines(kept):
    return [c for c in kept if isinstance(c, Cell) and c.extractor]


@pytest.mark.parametrize(
    ("patterns", "share"),
    [
        ({"extractor": "raw"}, 1 / 3),
        ({"extractor": "hog*"}, 1 / 3),
        ({"extractor": "hog"}, 0),  # a table shows hog(cell=4)
        ({"extractor": "sift(sizes=[2, 4]*"}, 1 / 3),  # brackets are no sets of signs
        ({"extractor": "*(*"}, 2 / 3),
        ({"extractor": "HOG*"}, 0),
        ({"classifier": "svm"}, 1 / 3),
        ({"classifier": "svm*"}, 2 / 3),
        ({"classifier": "svm|knn*", "extractor": "raw"}, 2 / 9),
        ({"preprocess": "none"}, 1 / 2),
        ({"dataset": "digits"}, 1 / 2),
        ({"seed": "1", "split": "0"}, 1 / 4),
        ({"train_size": "100"}, 1 / 2),
        ({"train_size": "all"}, 1 / 2),
        ({"label": "raw -> svm"}, 1 / 18),
        ({"label": "raw → svm · 100 images"}, 1 / 36),
        ({"label": "raw*svm"}, 2 / 18),
    ],
)
def test_a_pattern_fits_what_a_table_shows(patterns, share):
    rows = pipelines(cells())
    assert sum(rule(**patterns).matches(row) for row in rows) == pytest.approx(share * len(rows))


def test_an_empty_or_partial_pattern_is_no_match():
    row = pipelines(cells())[0]
    assert row.label.startswith("raw")
    for pattern in ("", "ra", "aw", "r.w", "ra?"):
        assert not rule(extractor=pattern).matches(row)
    assert rule(extractor="*").matches(row)
    assert rule(extractor="**a*").matches(row)


def test_chance_and_majority_stay_where_a_row_does():
    kept = keep(cells(), [rule(dataset="digits", seed="1", extractor="raw")])
    baselines = [c for c in kept if isinstance(c, Cell) and c.extractor is None]
    assert {(c.dataset.label, c.seed) for c in kept} == {("digits", 1)}
    assert [(c.label, c.split) for c in baselines] == [(n, s) for s in (0, 1) for n in ("chance", "majority")]
    assert keep(cells(), [rule(label="chance")]) == []


def test_every_rule_must_match():
    both = keep(cells(), [rule(extractor="raw"), rule(classifier="knn*")])
    assert pipelines(both) == pipelines(keep(cells(), [rule(extractor="raw", classifier="knn*")]))
    assert {c.pipeline for c in pipelines(both)} == {
        "raw → standardize → knn(n_neighbors=3)",
        "raw → knn(n_neighbors=3)",
    }


def test_an_ensemble_stays_with_all_its_members_or_none():
    def ensembles(kept):
        return [c for c in kept if isinstance(c, EnsembleCell)]

    every = cells()
    assert not ensembles(keep(every, [rule(extractor="raw")]))
    svms = keep(every, [rule(classifier="svm", train_size="all")])
    assert {c.ensemble.best for c in ensembles(svms)} == {None}  # of the best all rows may vote, knn too
    asked = keep(every, [rule(label="ensemble(raw*")])
    assert len(ensembles(asked)) == len(ensembles(every)) / 2
    assert {m.cell_id for e in ensembles(asked) for m in e.members} == {c.cell_id for c in pipelines(asked)}


def test_cells_are_kept_in_their_order():
    every = [c.cell_id for c in cells()]
    kept = [c.cell_id for c in keep(cells(), [rule(classifier="svm*")])]
    assert kept == [cell_id for cell_id in every if cell_id in set(kept)]


def test_what_fits_nothing_is_told_with_what_there_is():
    told = unmatched([rule(extractor="hgo(cell=4)")], cells())
    assert told == (
        "No extractor fits 'hgo(cell=4)'. Did you mean 'hog(cell=4)'? "
        "There is: raw; hog(cell=4); sift(sizes=[2, 4], step=2)."
    )
    assert "Did you mean 'hog*'?" in unmatched([rule(extractor="hog")], cells())
    assert unmatched([rule(train_size="1000")], cells()).endswith("There is: 100; all.")
    assert unmatched([rule(extractor="raw"), rule(extractor="hog*")], cells()) == (
        "Each pattern fits some rows, and no row fits all of them."
    )
