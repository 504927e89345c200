"""A stage by itself: what it takes up again, and what it makes anew."""

import json

import numpy as np
import pytest

from featbench.errors import ConfigError
from featbench.extraction.stage import Stage

MADE_OF = {"extractor": "a", "files": "b"}


def filled(folder, made_of=MADE_OF, n_rows=2):
    with Stage(folder, made_of, anew=False) as stage:
        stage.open(3, np.dtype(np.float32), 4)
        stage.append(np.ones((n_rows, 3), np.float32), n_rows, {}, 1.5)


def test_it_goes_on_where_it_stopped(tmp_path):
    filled(tmp_path)
    with Stage(tmp_path, MADE_OF, anew=False) as stage:
        assert (stage.done.n_files, stage.done.n_rows, stage.done.seconds) == (2, 2, 1.5)
        stage.open(3, np.dtype(np.float32), 4)
        stage.append(np.full((1, 3), 2, np.float32), 4, {2: "why"}, 1.0)
        assert stage.done.problems == {"2": "why"}
        stage.close(3, np.dtype(np.float32))
    np.testing.assert_array_equal(np.load(stage.rows_path), [[1, 1, 1], [1, 1, 1], [2, 2, 2]])


def test_fewer_rows_than_were_promised_are_made_again(tmp_path):
    filled(tmp_path)
    rows = (tmp_path / "rows.npy").read_bytes()
    (tmp_path / "rows.npy").write_bytes(rows[:140])
    with Stage(tmp_path, MADE_OF, anew=False) as stage:
        stage.open(3, np.dtype(np.float32), 4)
        assert stage.done.n_rows == stage.done.n_files == 0
    assert (tmp_path / "rows.npy").stat().st_size == 128 + 4 * 12


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", '{"made_of": {}, "done": {"n_rows": 1, "foreign": 2}}', "\0"]
)
def test_a_damaged_promise_is_none(tmp_path, content):
    filled(tmp_path)
    (tmp_path / "progress.json").write_text(content)
    with Stage(tmp_path, MADE_OF, anew=False) as stage:
        assert stage.done.n_rows == 0


def test_a_folder_where_nothing_was_done_is_not_left(tmp_path):
    for _ in range(2):
        with Stage(tmp_path / "new/f.partial", MADE_OF, anew=False) as stage:
            stage.open(3, np.dtype(np.float32), 4)
        assert list(tmp_path.iterdir()) == []


def test_what_an_earlier_sitting_has_left_stays(tmp_path):
    filled(tmp_path / "f.partial")
    with Stage(tmp_path / "f.partial", {"extractor": "c"}, anew=True) as stage:
        assert stage.done.n_rows == 0
    with Stage(tmp_path / "f.partial", MADE_OF, anew=False) as stage:
        assert stage.done.n_rows == 2


def test_files_that_gave_no_row_may_be_removed(tmp_path):
    with Stage(tmp_path, MADE_OF, anew=False) as stage:
        stage.open(3, np.dtype(np.float32), 3)
        stage.append(np.ones((2, 3), np.float32), 3, {1: "why"}, 1.5)
        stage.done.without = "c"
        stage.note()
    with pytest.raises(ConfigError), Stage(tmp_path, {"extractor": "a", "files": "d"}, anew=False):
        pass
    with pytest.raises(ConfigError), Stage(tmp_path, {"extractor": "z", "files": "c"}, anew=False):
        pass
    with Stage(tmp_path, {"extractor": "a", "files": "c"}, anew=False) as stage:
        assert (stage.done.n_files, stage.done.n_rows, stage.done.problems) == (2, 2, {})
        stage.open(3, np.dtype(np.float32), 2)
        stage.close(3, np.dtype(np.float32))
    np.testing.assert_array_equal(np.load(stage.rows_path), np.ones((2, 3)))


def test_a_single_row_is_one(tmp_path):
    filled(tmp_path, n_rows=1)
    with (
        pytest.raises(
            ConfigError, match=r"holds 1 row of .*Put the files back as they were and repeat .*--force"
        ),
        Stage(tmp_path, {**MADE_OF, "files": "c"}, anew=False),
    ):
        pass


def test_another_make_is_refused_once_there_are_rows(tmp_path):
    filled(tmp_path, n_rows=0)
    other = {**MADE_OF, "files": "c"}
    with Stage(tmp_path, other, anew=False) as stage:
        assert stage.done.n_rows == 0
    filled(tmp_path)
    with (
        pytest.raises(ConfigError, match=r"2 rows .* the image files changed"),
        Stage(tmp_path, other, anew=False),
    ):
        pass
    with Stage(tmp_path, other, anew=True) as stage:
        assert stage.done.n_rows == 0
        stage.open(3, np.dtype(np.float32), 4)
    assert json.loads((tmp_path / "progress.json").read_text())["made_of"] == other
