"""What is said of files that cannot be used, all of which are listed in a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from featbench.errors import DataError
from featbench.store import write_atomic
from featbench.text import counted, first_few, printable

__all__ = ["UnreadableFilesError", "not_learned", "unusable", "write_list"]

_SKIP = "--skip-unreadable (skip_unreadable=True)"


class UnreadableFilesError(DataError):
    """Files cannot be read that an extractor should learn from.

    Parameters
    ----------
    problems : mapping of int to str
        Why, by the position of the file.

    Attributes
    ----------
    problems : dict of int to str
    """

    def __init__(self, problems: Mapping[int, str]) -> None:
        super().__init__(f"{first_few(list(problems.values()))}.")
        self.problems = dict(problems)


def write_list(path: Path, names: Sequence[str], problems: Mapping[int, str]) -> None:
    """Write a line a file: its name, a tab, what is wrong with it.

    Parameters
    ----------
    path : Path
    names : sequence of str
        Of all files.
    problems : mapping of int to str
        By position.

    Raises
    ------
    StoreError
        It cannot be written.
    """
    lines = [f"{printable(names[i])}\t{printable(reason)}\n" for i, reason in problems.items()]
    write_atomic(path, "".join(lines))


def unusable(reasons: Sequence[str], listed: Path, n_rows: int, *, may_be_removed: bool) -> str:
    """Return what is said when all the other files are done.

    Parameters
    ----------
    reasons : sequence of str
        A sentence a file.
    listed : Path
        Where all are listed.
    n_rows : int
        How many others are done; with none there is nothing to finish.
    may_be_removed : bool
        Whether the same call goes on without the files.
    """
    told = f"{first_few(reasons)}. {_where(len(reasons), listed)}"
    if not n_rows:
        return f"no image can be used: {told}"
    if may_be_removed:
        removing = (
            "Once all that are listed are removed, the same command goes on as well; after any other change, such as a "
            "mended file, only --force goes on, and makes every row anew."
        )
    else:
        removing = "Once a file is mended or removed, only --force goes on, and makes every row anew."
    return (
        f"{told} The features of {counted(n_rows, 'other file')} are kept: add {_SKIP} to finish with them, as is best "
        f"for many files. {removing}"
    )


def not_learned(reasons: Sequence[str], listed: Path) -> str:
    """Return what is said when an extractor has to learn from all files and cannot."""
    return (
        f"{first_few(reasons)}. {_where(len(reasons), listed)} Nothing is extracted yet, as the extractor learns from "
        f"all files first: leave these out with {_SKIP}, or mend or remove them and run the same command again."
    )


def _where(n: int, listed: Path) -> str:
    return f"{'It is' if n == 1 else f'All {n:,} are'} listed in {listed}."
