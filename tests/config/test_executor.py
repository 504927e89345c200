"""The key ``executor`` of an experiment file, and ``--jobs``."""

from __future__ import annotations

from typing import Any

import pytest

from featbench.config import Document, read_experiment
from featbench.config.executor import Dask, Local, executor_schema, with_jobs
from featbench.errors import ConfigError

ADDRESS = "tcp://10.0.0.1:8786"


def read(value: Any) -> Local | Dask:
    data = {"dataset": "digits", "extractor": "raw", "classifier": "knn", "executor": value}
    return read_experiment(Document("x.yaml", data), "x").executor


def test_local_is_the_default() -> None:
    plain = {"dataset": "digits", "extractor": "raw", "classifier": "knn"}
    assert read_experiment(Document("x.yaml", plain), "x").executor == Local()
    assert read("local") == read({"name": "local"}) == Local(jobs=1)


def test_processes_and_clusters() -> None:
    assert read({"name": "local", "jobs": 4}) == Local(jobs=4)
    assert read({"name": "dask", "address": ADDRESS}) == Dask(name="dask", address=ADDRESS)
    assert read({"name": "dask", "address": "tls://h:1", "spread": None}) == Dask(
        name="dask", address="tls://h:1", spread=None
    )


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("dask", "executor must be local, "),
        ({"name": "slurm"}, "executor must be local, "),
        ({"name": "local", "jobs": 0}, r"executor\.jobs.*greater than or equal to 1"),
        ({"name": "local", "job": 2}, "unknown key 'job'. Did you mean 'jobs'"),
        ({"name": "dask"}, "'address' is missing"),
        ({"name": "dask", "address": "10.0.0.1:8786"}, r"executor\.address"),
        ({"name": "dask", "address": ADDRESS, "wait_s": 0}, r"executor\.wait_s"),
    ],
)
def test_what_is_wrong_is_said(value: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read(value)


def test_jobs_of_the_command_line() -> None:
    assert with_jobs(Local(jobs=3), None) == Local(jobs=3)
    assert with_jobs(Local(jobs=3), 2) == Local(jobs=2)
    with pytest.raises(ConfigError, match="Leave one out"):
        with_jobs(Dask(name="dask", address=ADDRESS), 2)
    with pytest.raises(ConfigError, match="jobs must be an integer from 1 to 1000; got 0"):
        with_jobs(Local(), 0)


def test_the_schema_has_every_key() -> None:
    told = [set(branch.get("properties", ())) for branch in executor_schema()["anyOf"]]
    assert told == [set(), set(Local.model_fields), set(Dask.model_fields)]
