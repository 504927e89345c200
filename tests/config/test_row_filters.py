"""``exclude`` and ``--filter`` as they are written, and what is said where they are wrong."""

from __future__ import annotations

import pytest

from featbench.config import Cell, EnsembleCell, filtered, parse, read_experiment, without_voters
from featbench.config.filters import parse_filter
from featbench.errors import ConfigError

GRID = """\
datasets: [digits, photos]
extractors: [raw, {name: hog, cell: 4}]
classifiers: [svm, softmax, {name: knn, search: {n_neighbors: [1, 3]}}]
"""


def read(text):
    return read_experiment(parse(text, "g.yaml"), "g")


def labels(experiment):
    return [c.label for c in experiment.cells() if isinstance(c, Cell) and c.extractor]


def complaint(text):
    with pytest.raises(ConfigError) as error:
        read(text)
    return str(error.value)


def test_what_is_excluded_is_no_row():
    whole = labels(read(GRID))
    left = labels(
        read(
            GRID
            + "exclude: [{extractor: raw, classifier: svm}, {classifier: [knn*, soft*], dataset: photos}]\n"
        )
    )
    assert len(whole) == 12
    assert left == [
        "raw → standardize → softmax",
        "raw → standardize → knn",
        "hog(cell=4) → standardize → svm",
        "hog(cell=4) → standardize → softmax",
        "hog(cell=4) → standardize → knn",
        "hog(cell=4) → standardize → svm",
    ]


def test_what_is_left_is_the_same_rows():
    whole = {c.cell_id for c in read(GRID).cells()}
    assert {c.cell_id for c in read(GRID + "exclude: [{classifier: knn}]\n").cells()} < whole


def test_numbers_are_patterns_too():
    text = GRID + "seeds: [0, 1]\ntrain_size: [100, all]\nexclude: [{seed: 1, train_size: 100}]\n"
    left = {(c.seed, c.train_size) for c in read(text).cells() if isinstance(c, Cell) and c.extractor}
    assert left == {(0, 100), (0, None), (1, None)}


@pytest.mark.parametrize(
    ("exclude", "message"),
    [
        ("[{extractor: raw, classifier: svn}]",
         "g.yaml:4: exclude[0]: {extractor: raw, classifier: svn} excludes nothing. No classifier fits 'svn'. "
         "Did you mean 'svm'? There is: svm; softmax; knn."),
        ("[{extractor: hog}]", "No extractor fits 'hog'. Did you mean 'hog*'? There is: raw; hog(cell=4)."),
        ("[{extractr: raw}]", "g.yaml:4: exclude[0].extractr: unknown key 'extractr'. Did you mean 'extractor'?"),
        ("[{extractor: raw, label: hog*}]", "Each pattern fits some rows, and no row fits all of them."),
        ("{extractor: raw}", "exclude must be a list such as [{extractor: raw, classifier: svm}]"),
        ("[raw]", "g.yaml:4: exclude[0]: the exclusion must be a mapping such as"),
        ("[{}]", "the exclusion must be a mapping"),
        ("[{extractor: {name: raw}}]", "a name as a table shows it, * standing for anything"),
        ("[{extractor: []}]", "a name as a table shows it"),
        ("[{seed: true}]", "a name as a table shows it"),
        ("[{extractor: '*'}]", "g.yaml:4: exclude: what is excluded must be fewer than all rows; got all 12 of them."),
    ],
)  # fmt: skip
def test_a_wrong_exclusion_is_told(exclude, message):
    assert message in complaint(f"{GRID}exclude: {exclude}\n")


def test_every_wrong_exclusion_is_told_at_once():
    assert len(complaint(GRID + "exclude: [{classifier: svn}, {extractor: rwa}, {}]\n").splitlines()) == 3


def test_ensembles_stand_where_their_members_do():
    def ensembles(exclude, best="{best: 3}"):
        text = f"{GRID}ensembles: [{{cells: [raw -> svm, hog -> svm]}}, {best}]\nexclude: [{exclude}]\n"
        return [
            (c.dataset.name, c.ensemble.best, len(c.members))
            for c in read(text).cells()
            if isinstance(c, EnsembleCell)
        ]

    assert ensembles("{classifier: knn}") == [
        ("digits", None, 2), ("digits", 3, 4), ("photos", None, 2), ("photos", 3, 4)
    ]  # fmt: skip
    assert ensembles("{dataset: photos, extractor: raw}") == [
        ("digits", None, 2),
        ("digits", 3, 6),
        ("photos", 3, 3),
    ]
    assert ensembles("{dataset: photos, extractor: raw}", "{best: 4}") == [
        ("digits", None, 2),
        ("digits", 4, 6),
    ]


def test_an_ensemble_of_what_is_excluded_is_refused():
    text = GRID + "ensembles: [{cells: [raw -> svm, hog -> svm]}]\n"
    assert "no row is called 'raw -> svm'" in complaint(
        text + "exclude: [{extractor: raw, classifier: svm}]\n"
    )
    apart = "exclude: [{dataset: photos, extractor: raw}, {dataset: digits, extractor: hog*}]\n"
    assert "some rows are excluded wherever others stand" in complaint(text + apart)
    assert "best must be an integer from 2 to 3" in complaint(
        GRID + "ensembles: [{best: 4}]\nexclude: [{extractor: raw}]\n"
    )


@pytest.mark.parametrize(
    ("text", "patterns"),
    [
        ("extractor=hog*", ("extractor", ("hog*",))),
        ("classifier=svm, softmax", ("classifier", ("svm", "softmax"))),
        ("extractor=hog(cell=4, block=1),raw", ("extractor", ("hog(cell=4, block=1)", "raw"))),
        (" label = raw -> svm ", ("label", ("raw -> svm",))),
        ("train_size=100,all", ("train_size", ("100", "all"))),
    ],
)
def test_a_filter_is_a_key_and_patterns(text, patterns):
    assert parse_filter(text).patterns == (patterns,)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hog*", "--filter: a filter must be of the form key=pattern"),
        ("=hog", "of the form key=pattern"),
        ("extractor=", "of the form key=pattern"),
        ("extractor=hog,", "of the form key=pattern"),
        (
            "extracter=hog",
            "--filter extracter=hog: unknown key 'extracter'. Did you mean 'extractor'? Known: dataset,",
        ),
        ("extractor=hgo*", "leaves no row. No extractor fits 'hgo*'."),
        ("extractor=ra", "No extractor fits 'ra'. Did you mean 'ra*'? There is: raw; hog(cell=4)."),
    ],
)
def test_a_wrong_filter_is_told(text, message):
    with pytest.raises(ConfigError) as error:
        filtered(read(GRID), [text])
    assert message in str(error.value)


def test_filters_of_one_key_that_leave_nothing_are_told_how_to_be_one():
    with pytest.raises(ConfigError, match="go into one filter: extractor=A,B"):
        filtered(read(GRID), ["extractor=raw", "extractor=hog*"])


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("extractor=raw", ["ensemble(raw → svm, hog → svm)", "ensemble(best 2)"]),
        ("classifier=svm", ["ensemble(best 2)"]),
        ("classifier=knn", ["ensemble(best 2)"]),  # of the other, no row is there
        ("label=ensemble(best 2)", []),  # asked for by name, with all rows
        ("dataset=digits", []),
    ],
)
def test_ensembles_that_lose_rows_to_a_filter_are_known(text, gone):
    experiment = read(GRID + "ensembles: [{cells: [raw -> svm, hog -> svm]}, {best: 2}]\n")
    assert list(without_voters(experiment, filtered(experiment, [text]))) == gone


def test_no_filter_keeps_all():
    assert filtered(read(GRID), []) == list(read(GRID).cells())


def test_sizes_are_an_axis():
    experiment = read(GRID + "train_size: [all, 1000, 100]\n")
    assert experiment.train_sizes == (100, 1000, None)
    rows = [c for c in experiment.cells() if isinstance(c, Cell)]
    assert len(rows) == 2 * (2 + 3 * 6)
    assert len({c.cell_id for c in rows}) == len(rows)
    assert [c.label for c in rows if c.extractor is None] == ["chance", "majority"] * 2
    assert "raw → standardize → svm · 1,000 images" in {c.label for c in rows}
    assert {c.train_size for c in rows if c.extractor is None} == {None}


def test_a_size_that_is_not_told_changes_no_identity():
    """Results of an experiment that knows no sizes stay valid."""
    plain = {c.cell_id: c.spec() for c in read(GRID).cells()}
    assert not any("train_size" in spec or "quick" in spec for spec in plain.values())
    sized = {c.cell_id for c in read(GRID + "train_size: [100, all]\n").cells()}
    assert set(plain) < sized
    one = [c for c in read(GRID + "train_size: 100\n").cells() if isinstance(c, Cell) and c.extractor]
    assert {c.spec()["train_size"] for c in one} == {100}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("1", "train_size: must be greater than or equal to 2"),
        ("[100, 0]", "train_size[1]: must be greater than or equal to 2"),
        ("some", "'all'"),
        ("[]", "a longer list"),
        ("[100, 100]", "train_size must be different numbers; got [100, 100]"),
        ("'100'", "an integer"),
        ("1e3", "an integer"),
    ],
)
def test_a_wrong_size_is_told(value, message):
    told = complaint(f"{GRID}train_size: {value}\n")
    assert message in told
    assert told.startswith("g.yaml:4: train_size")
    assert len(told.splitlines()) == 1
