"""Features in the cache: what they are made of, how they get there and back, and what a record says of it."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from featbench.base import Extractor, Fold
from featbench.cache import Cache, Draft, Entry, told_size
from featbench.config import Component
from featbench.environment import describe
from featbench.errors import FeatbenchError, StoreError
from featbench.feature_key import made_of
from featbench.saved import load_plugin, save_plugin
from featbench.sealed import SealedDataset
from featbench.spill import memory_for_features
from featbench.timing import Memory, Timing
from featbench.types import FeatureMatrix

__all__ = ["Made", "Place"]

_EXTRACTOR = "extractor"


@dataclasses.dataclass
class Made:
    """What an extractor made of one split, and what that cost.

    Attributes
    ----------
    extractor : Extractor
        Fitted on all training images.
    rows : dict of str to ndarray, (n, d)
        ``train``, ``test`` and, of an extractor that learns from labels, ``selection``; ``train_scores`` and so on of
        one that classifies by itself.
    phases : dict of str to Timing
    memory : Memory
    warnings : list of str
    cache : dict or None
        What a record tells of the cache: ``hit``, the entry's ``key``, of a hit when and on which ``machine`` it was
        ``made``, and the ``reason`` why nothing was kept. None without a cache.
    """

    extractor: Extractor
    rows: dict[str, FeatureMatrix]
    phases: dict[str, Timing]
    memory: Memory
    warnings: list[str]
    cache: dict[str, Any] | None = None


class Place:
    """Where the features of one extractor on one split belong in a cache.

    Parameters
    ----------
    cache : Cache or None
        None keeps nothing.
    component : Component
    extractor : Extractor
        What `component` builds, not fitted.
    data : SealedDataset
    seed : int
    fold : Fold or None
        What an extractor that learns from labels is fitted without, and judged on.

    Attributes
    ----------
    said : list of str
        What the reader of a result should know: an entry that was damaged, a cache that cannot be written.
    """

    def __init__(
        self,
        cache: Cache | None,
        component: Component,
        extractor: Extractor,
        data: SealedDataset,
        seed: int,
        fold: Fold | None,
    ) -> None:
        self._cache, self._extractor = cache, extractor
        self._names = {"label": component.label, "dataset": data.name}
        self.said: list[str] = []
        self._reason, self._made_of = "", {}
        if cache is not None:
            try:
                self._made_of = made_of(component, extractor, data, seed, fold)
            except FeatbenchError as error:
                self._reason = str(error)
        self._key = hashlib.sha256(json.dumps(self._made_of, sort_keys=True).encode()).hexdigest()

    def holds(self) -> bool:
        """Tell whether there is an entry, whose checksums are not looked at."""
        return self._cache is not None and bool(self._made_of) and self._cache.holds(self._key)

    def fetch(self) -> Made | None:
        """Return the features that are there, with what they cost when they were made; None where there are none."""
        if self._cache is None or not self._made_of:
            return None
        try:
            entry = self._cache.find(self._key)
        except StoreError as error:
            self.said.append(f"cache: {error} It was set aside and made again.")
            return None
        if entry is None:
            return None
        try:
            return self._read(entry)
        except (FeatbenchError, OSError, KeyError, TypeError, ValueError) as error:
            if entry.folder.is_dir():  # or else somebody removed it
                self._cache.set_aside(entry)
                self.said.append(f"cache: entry {entry.key[:12]}: {error} It was set aside and made again.")
            return None

    def _read(self, entry: Entry) -> Made:
        told = entry.description()
        if told["key"] != self._key:
            raise StoreError("it is that of another key.")
        rows = {name: entry.array(name, memory_for_features()) for name in told["rows"]}
        shapes = {name: list(array.shape) for name, array in rows.items()}
        if shapes != told["rows"]:
            raise StoreError("its arrays are of other shapes than it says.")
        extractor = load_plugin(entry.folder / _EXTRACTOR, type(self._extractor))
        phases = {name: Timing.from_json(timing) for name, timing in told["phases"].items()}
        for timing in phases.values():
            timing.cached = True
        if told["machine"] != _machine():
            where = f"{told['machine'].get('cpu')}, {told['machine'].get('threads')} threads"
            self.said.append(f"features are from the cache, made and timed elsewhere: {where}")
        cache = {"hit": True, "key": self._key, "made": told["made"], "machine": told["machine"]}
        return Made(extractor, rows, phases, Memory.from_json(told["memory"]), list(told["warnings"]), cache)

    @contextmanager
    def draft(self) -> Iterator[Draft | None]:
        """Open a folder in the cache to make features in; None where there is none to be had."""
        draft = None
        if self._cache is not None and self._made_of and not self._reason:
            try:
                self._reason = self._cache.unwritable
                draft = None if self._reason else self._cache.draft()
            except StoreError as error:
                self._give_up(error)
        if draft is None:
            yield None
        else:
            with draft:
                yield draft

    def keep(self, draft: Draft | None, made: Made) -> Made:
        """Put features into the cache if that can be done; what is mapped from the draft is mapped from there.

        Parameters
        ----------
        draft : Draft or None
            From `draft`.
        made : Made

        Returns
        -------
        Made
            The same, with what a record tells of the cache.
        """
        if self._cache is None:
            return made
        try:
            entry = None if draft is None else self._written(self._cache, draft, made)
        except StoreError as error:
            self._give_up(error)
            entry = None
        if entry is None:
            return dataclasses.replace(made, cache={"hit": False, "reason": self._reason})
        self._cache.prune()
        return dataclasses.replace(made, cache={"hit": False, "key": self._key})

    def _written(self, cache: Cache, draft: Draft, made: Made) -> Entry | None:
        """Write an entry, or note why there will be none."""
        n_bytes = sum(array.nbytes for array in made.rows.values())
        if n_bytes > cache.limit:
            self._reason = (
                f"features of {told_size(n_bytes)} are more than the cache may hold, {told_size(cache.limit)}. "
                "FEATBENCH_CACHE_LIMIT=50GB is how to give it more."
            )
            return None
        self._reason = _not_saved(made.extractor, draft.folder / _EXTRACTOR)
        if self._reason:
            return None
        in_place = [name for name in made.rows if draft.file(name).exists()]
        entry = draft.finish(self._key, made.rows, self._description(made))
        for name in in_place:
            with contextlib.suppress(StoreError):  # removed at once: the mapping of the draft still holds
                made.rows[name] = entry.array(name, 0)
        return entry

    def _description(self, made: Made) -> dict[str, Any]:
        return {
            "key": self._key,
            **self._names,
            "rows": {name: list(array.shape) for name, array in made.rows.items()},
            "phases": {name: timing.to_json() for name, timing in made.phases.items()},
            "memory": made.memory.to_json(),
            "warnings": made.warnings,
            "made": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "machine": _machine(),
            "made_of": self._made_of,
        }

    def _give_up(self, error: StoreError) -> None:
        """Say once a run that the cache cannot be written, and write no more."""
        assert self._cache is not None
        self._reason = self._cache.unwritable = str(error)
        self.said.append(f"cache: {error} The run goes on without it.")


def _not_saved(extractor: Extractor, folder: Path) -> str:
    """Save an extractor and read it again; return why that cannot be, or an empty text."""
    try:
        save_plugin(extractor, folder)
    except StoreError:
        raise  # the disk: no other extractor can be saved either
    except Exception as error:  # a class from elsewhere may refuse in any way
        return str(error)
    try:
        load_plugin(folder, type(extractor))
    except Exception as error:
        return str(error)
    return ""


def _machine() -> dict[str, Any]:
    """Return what times depend on that is told of a machine."""
    told = describe()
    return {"cpu": told["cpu"], "cores": told["cores"], "threads": told["threads"]["kernels"]}
