"""Where an experiment is run, as its file says it: on this machine, or on a Dask cluster."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le
from pydantic import Field, ValidationError

from featbench.config.document import Document
from featbench.config.sections import Section
from featbench.config.validation import validation_problems
from featbench.errors import ConfigError, must_be

__all__ = ["Dask", "Local", "executor_schema", "read_executor", "with_jobs"]


class Local(Section):
    """On this machine: one block of rows after another, or several at once, each in a process of its own."""

    name: Literal["local"] = "local"
    jobs: Annotated[int, Ge(1), Le(1000)] = 1


class Dask(Section):
    """On the workers of a Dask cluster that is there already.

    Extractors over `spread` images or more are spread over the workers in chunks; null never does that. The run waits
    `wait_s` seconds for a scheduler and for a worker.
    """

    name: Literal["dask"]
    address: Annotated[str, Field(pattern=r"^(tcp|tls)://[^/\s]+:\d+$")]
    spread: Annotated[int, Ge(1)] | None = 100_000
    wait_s: Annotated[float, Gt(0)] = 60.0


def executor_schema() -> dict[str, Any]:
    """Return the JSON Schema of the key ``executor``."""
    return {"anyOf": [{"const": "local"}, Local.model_json_schema(), Dask.model_json_schema()]}


def read_executor(document: Document, problems: list[str]) -> Local | Dask:
    """Read the key ``executor``; what is wrong with it goes to `problems`."""
    value = document.data.get("executor", "local")
    if value == "local":
        return Local()
    name = value.get("name") if isinstance(value, dict) else None
    if name not in ("local", "dask"):
        wanted = "local, {name: local, jobs: 4} or {name: dask, address: 'tcp://HOST:8786'}"
        problems.append(must_be(document.where(("executor",)), "executor", wanted, value))
        return Local()
    model: type[Local] | type[Dask] = Local if name == "local" else Dask
    try:
        return model.model_validate(value)
    except ValidationError as error:
        problems.extend(validation_problems(document, ("executor",), error, known=model.model_fields))
        return Local()


def with_jobs(asked: Local | Dask, jobs: int | None) -> Local | Dask:
    """Return the executor of a file where ``--jobs`` was given, or was not (None).

    Raises
    ------
    ConfigError
        It was given, and a cluster is asked for; or it is no number of processes.
    """
    if jobs is None:
        return asked
    if isinstance(asked, Dask):
        raise ConfigError(
            "--jobs: is for processes of this machine, and the experiment asks for a Dask cluster. Leave one out."
        )
    try:
        return Local(jobs=jobs)
    except ValidationError as error:
        raise ConfigError(must_be("--jobs", "jobs", "an integer from 1 to 1000", jobs)) from error
