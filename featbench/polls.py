"""The votes of the rows of one split: cast while their features are there, kept until the ensembles are made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any

from featbench.config import Cell, EnsembleCell
from featbench.errors import InputError
from featbench.heads import behind
from featbench.members import Member, Votes
from featbench.sealed import SealedDataset
from featbench.stages import Features, Skipped
from featbench.store import Store
from featbench.text import counted
from featbench.voting import cast_votes

__all__ = ["Polls"]


class Polls:
    """Knows which rows will vote, lets them, and says who makes up an ensemble.

    Parameters
    ----------
    cells : sequence of EnsembleCell
        Of one data set, split and seed; those that are still to be made.
    data : SealedDataset
    store : Store
        Has the rows' predictions.
    """

    def __init__(self, cells: Sequence[EnsembleCell], data: SealedDataset, store: Store) -> None:
        self._data, self._store = data, store
        # Which rows are the best is known at the end; those that are named can vote at once.
        self._awaited = {
            (member.cell_id, cell.ensemble.vote)
            for cell in cells
            if cell.ensemble.best is None
            for member in cell.members
        }
        self._records: dict[str, Mapping[str, Any]] = {}
        self._votes: dict[tuple[str, str], Votes | Exception] = {}

    def note(
        self, cell: Cell, record: Mapping[str, Any], features: Callable[[], Features], *, late: bool
    ) -> None:
        """Take down a row that is done, and let it vote where it is named and it is not too late for that."""
        self._records[cell.cell_id] = record
        for cell_id, vote in sorted(self._awaited):
            if cell_id == cell.cell_id and record["status"] == "ok" and not late:
                self._cast(cell, vote, features)

    def statuses(self, cell: EnsembleCell) -> list[str]:
        """Return what became of those that may vote."""
        return [self._records[member.cell_id]["status"] for member in cell.members]

    def members(
        self, cell: EnsembleCell, features_of: Callable[[Cell], Callable[[], Features]]
    ) -> list[Member]:
        """Return who votes in an ensemble, with their votes.

        Parameters
        ----------
        cell : EnsembleCell
        features_of : callable
            Makes the features of a row, for those that have not voted yet.

        Raises
        ------
        InputError
            A member failed, or fewer rows are done than are to vote.
        Skipped
            A member was skipped.
        """
        voters, vote = self._voters(cell), cell.ensemble.vote
        late = [voter for voter in voters if (voter.cell_id, vote) not in self._votes]
        for _, of_extractor in groupby(late, key=lambda voter: voter.extractor):
            same = list(of_extractor)
            features = features_of(same[0])
            for voter in same:
                self._cast(voter, vote, features)
        members = []
        for voter in voters:
            votes = self._votes[voter.cell_id, vote]
            if isinstance(votes, Exception):
                raise votes
            members.append(Member(voter, self._records[voter.cell_id], votes))
        return members

    def _voters(self, cell: EnsembleCell) -> list[Cell]:
        """Return the rows that are named, or those with the highest validation accuracy, of equals the first."""
        best = cell.ensemble.best
        if best is not None:
            done = [m for m in cell.members if self._records[m.cell_id].get("val_accuracy") is not None]
            if len(done) < best:
                told = self._reasons(cell.members)
                raise InputError(f"only {counted(len(done), 'row')} can vote. {told}")
            done.sort(key=lambda m: -float(self._records[m.cell_id]["val_accuracy"]))
            return [m for m in cell.members if m in done[:best]]
        unable = {self._records[m.cell_id]["status"] for m in cell.members} - {"ok"}
        if unable:
            told = self._reasons(cell.members)
            raise Skipped(told) if unable == {"skipped"} else InputError(told)
        return list(cell.members)

    def _reasons(self, cells: Sequence[Cell]) -> str:
        """Say why rows cannot vote, once for those that share it."""
        rows: dict[str, list[str]] = {}
        for record in (self._records[cell.cell_id] for cell in cells):
            if record["status"] != "ok":
                rows.setdefault(f"{record['status']}: {record.get('reason', '')}", []).append(record["label"])
        said = []
        for told, (first, *others) in rows.items():
            more = f" and {counted(len(others), 'more row')}" if others else ""
            said.append(f"{first}{more}: {told}")
        return "; ".join(said)

    def _cast(self, cell: Cell, vote: str, features: Callable[[], Features]) -> None:
        try:
            record = self._records[cell.cell_id]
            predictions = self._store.read_arrays(record).get("predictions")
            votes = cast_votes(cell, self._data, behind(features(), cell), record, predictions, vote)
            self._votes[cell.cell_id, vote] = votes
        except Exception as error:  # a failed vote is a failed ensemble, and harms no other row
            self._votes[cell.cell_id, vote] = error
