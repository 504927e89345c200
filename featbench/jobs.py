"""Blocks that are done elsewhere: what travels there, and what is done there.

A job is text, JSON; what comes home is `featbench.answers`. Whoever does the job loads the data set itself, whose test
labels stay under seal there. Predictions come home, where the ledger is.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from threading import Lock
from typing import Any

from featbench.answers import write_answer
from featbench.blocks import Block, attempt, do_block, features_of, split_of
from featbench.cache import Cache
from featbench.config import Cell
from featbench.environment import code_fingerprint, n_cores, versions
from featbench.errors import DataError, InputError, must_be
from featbench.evaluation import Evaluated, identity
from featbench.keys import cell_key
from featbench.sealed import SealedDataset
from featbench.stages import Features, load

__all__ = [
    "alone",
    "describe_job",
    "differences",
    "do_job",
    "made_by",
    "make_features",
    "refuse_others",
    "sealed_data",
]

# A worker may have several threads of its own, and a block takes them all.
_lock = Lock()


def made_by() -> dict[str, Any]:
    """Return by which code and libraries this process makes results."""
    return {"code": code_fingerprint(), "versions": versions()}


def differences(here: Mapping[str, Any], there: Mapping[str, Any]) -> list[str]:
    """Return what differs between what `made_by` returned here and there, a phrase each."""
    ours, theirs = here["versions"], there["versions"]
    told = [
        f"{name} {theirs.get(name, 'none')} instead of {ours.get(name, 'none')}"
        for name in sorted({*ours, *theirs})
        if ours.get(name) != theirs.get(name)
    ]
    if here["code"] != there["code"]:
        told.append(f"featbench's code {there['code']} instead of {here['code']}")
    return told


def describe_job(
    block: Block, data: SealedDataset, *, at_once: int, seconds: float | None, cache: str | bool = False
) -> str:
    """Describe a block that is to be done elsewhere.

    Parameters
    ----------
    block : Block
    data : SealedDataset
        As it is known here.
    at_once : int
        How many jobs share the machine; each takes its share of the cores.
    seconds : float or None
        After which no further cell is begun.
    cache : str or bool
        Folder where features are kept; True for the one that is usual there, False for none.

    Returns
    -------
    str
        JSON.
    """
    job = {
        "block": block.describe(),
        "name": data.name,
        "fingerprint": data.summary["fingerprint"],
        "keys": [cell_key(cell, data) for cell in block.cells],
        "made_by": made_by(),
        "at_once": at_once,
        "seconds": seconds,
        "cache": cache,
    }
    return json.dumps(job)


def do_job(text: str) -> bytes:
    """Do a block from its description, up to where test labels are needed.

    Parameters
    ----------
    text : str
        Of `describe_job`.

    Returns
    -------
    bytes
        For `featbench.answers.read_answer`.

    Raises
    ------
    InputError
        The code, the libraries or a plug-in here are not those that the job asks for.
    DataError
        The data set cannot be read here, or has other images.
    ConfigError
        A plug-in is not registered here.
    """
    with _lock, _begun(text) as (block, data, features, deadline):
        attempts = list(do_block(block, data, features, _nobody, deadline))
        return write_answer(attempts)


def make_features(text: str) -> dict[str, Any]:
    """Make the features of a block from its description, and leave them in the cache that it names.

    Parameters
    ----------
    text : str
        Of `describe_job`.

    Returns
    -------
    dict
        In JSON's types: ``phases`` and ``cache`` as a record tells them; where there are none, what a record tells
        of a row that failed or was skipped.

    Raises
    ------
    InputError, DataError, ConfigError
        As from `do_job`.
    """
    with _lock, _begun(text) as (block, data, features, _):
        made = attempt(block.cells[0], data, features)
        if isinstance(made, Evaluated):
            named = identity(block.cells[0], data)
            return {name: told for name, told in made.record.items() if name not in named}
        phases = {name: timing.to_json() for name, timing in made.phases.items()}
        return {"phases": phases, "cache": made.cache}


@contextmanager
def _begun(text: str) -> Iterator[tuple[Block, SealedDataset, Callable[[], Features], float]]:
    """Read a job, refuse what this process cannot do as it is meant, and load its images."""
    job = json.loads(text)
    deadline = time.perf_counter() + (float("inf") if job["seconds"] is None else job["seconds"])
    with _share_of_cores(job["at_once"]):
        refuse_others(job["made_by"])
        block = Block.read(job["block"])
        data = sealed_data(block.cells[0], job["name"], job["fingerprint"])
        if [cell_key(cell, data) for cell in block.cells] != job["keys"]:
            _refuse(["a plug-in that featbench does not bring, or a file that it reads"])
        features = features_of(block.cells[0], data, block.timing, None, _nobody, _cache(job["cache"]))
        yield block, data, features, deadline


def _nobody(_: str) -> None:
    """Take what is told of progress: nobody looks on."""


def _cache(told: str | bool) -> Cache | None:
    if told is False:
        return None
    return Cache(None if told is True else told)


def refuse_others(asked: Mapping[str, Any]) -> None:
    """Refuse a job that asks for other code or libraries than those of this process.

    Raises
    ------
    InputError
        Naming what differs.
    """
    _refuse(differences(asked, made_by()))


def _refuse(told: Sequence[str]) -> None:
    if told:
        raise InputError(
            f"This worker differs from where the run was started: {'; '.join(told)}. Install the same there."
        )


def sealed_data(cell: Cell, name: str, fingerprint: str) -> SealedDataset:
    """Load a cell's images here; those of the last call are kept.

    Parameters
    ----------
    cell : Cell
    name : str
        What the run calls the data set.
    fingerprint : str
        Of the images that are meant.

    Returns
    -------
    SealedDataset

    Raises
    ------
    DataError
        They cannot be read, or are others.
    """
    data = split_of(_parts(cell), cell)
    if data.summary["fingerprint"] != fingerprint:
        remedy = "Every machine must read the same files under the same path."
        raise DataError(must_be(name, "its images here", "those of the run", data.summary, remedy))
    return replace(data, name=name)


class _Kept:
    """The splits of one data set and seed; two of these in memory would be one too many."""

    def __init__(self) -> None:
        self.of: tuple[Any, ...] | None = None
        self.parts: list[SealedDataset] = []


_kept = _Kept()


def _parts(cell: Cell) -> list[SealedDataset]:
    wanted = (json.dumps(cell.dataset.spec()), cell.n_splits, cell.seed)
    if _kept.of != wanted:
        _kept.of, _kept.parts = None, []
        _kept.parts, _ = load(cell.dataset, cell.n_splits, cell.seed)
        _kept.of = wanted
    return _kept.parts


@contextmanager
def alone(at_once: int) -> Iterator[None]:
    """Keep other jobs of this process out, and give this one its share of the cores."""
    with _lock, _share_of_cores(at_once):
        yield


@contextmanager
def _share_of_cores(at_once: int) -> Iterator[None]:
    """Give kernels and BLAS this job's share of the cores, unless the user has said how many."""
    from threadpoolctl import threadpool_limits

    told = os.environ.get("FEATBENCH_NUM_THREADS")
    n = int(told) if told else max(1, n_cores() // at_once)
    os.environ["FEATBENCH_NUM_THREADS"] = str(n)
    try:
        with threadpool_limits(n):
            yield
    finally:
        if told is None:
            del os.environ["FEATBENCH_NUM_THREADS"]
