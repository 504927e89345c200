"""What is said of files that cannot be used."""

from pathlib import Path

import pytest

from featbench.extraction.unreadable import UnreadableFilesError, not_learned, unusable, write_list

REASONS = ["a.png: torn", "b.png: empty", "c.png: torn", "d.png: torn"]
LISTED = Path("f.npy.partial/f.unreadable.txt")


def test_all_are_listed_a_line_each(tmp_path):
    write_list(tmp_path / "l.txt", ["a\nb.png", "good.png", "\x1bc.png"], {0: "torn", 2: "not\tthere"})
    assert (tmp_path / "l.txt").read_text() == "a b.png\ttorn\n\\x1bc.png\tnot there\n"


def test_some_are_named_and_the_list_of_all():
    told = unusable(REASONS, LISTED, 7, may_be_removed=True)
    assert told.startswith(
        "a.png: torn; b.png: empty; c.png: torn; and 1 more. All 4 are listed in f.npy.partial/f.unreadable.txt. "
    )
    assert "The features of 7 other files are kept: add --skip-unreadable" in told
    assert "It is listed in" in unusable(REASONS[:1], LISTED, 1, may_be_removed=True)


@pytest.mark.parametrize(
    ("may", "said"), [(True, "removed, the same command goes on"), (False, "mended or removed, only --force")]
)
def test_what_becomes_of_the_rows_is_said(may, said):
    assert said in unusable(REASONS, LISTED, 7, may_be_removed=may)


def test_with_none_left_there_is_nothing_to_finish():
    told = unusable(REASONS, LISTED, 0, may_be_removed=True)
    assert told.startswith("no image can be used: a.png: torn")
    assert "kept" not in told


def test_before_anything_is_learned_nothing_is_lost():
    told = not_learned(REASONS, LISTED)
    assert "All 4 are listed in" in told
    assert "Nothing is extracted yet" in told
    assert "--force" not in told


def test_the_exception_holds_all():
    assert UnreadableFilesError(dict(enumerate(REASONS))).problems[3] == "d.png: torn"
