"""Where blocks are done: here one after another, in processes of this machine, on a Dask cluster.

Jobs travel as `featbench.jobs` describes them. Whatever the executor, one process walks over the cells, judges their
predictions, writes their files and the ledger.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from featbench.config.executor import Dask, Local
from featbench.errors import ConfigError
from featbench.executors.apart import Apart
from featbench.executors.base import Executor, Here, Job

__all__ = ["Executor", "Job", "make_executor", "refuse_apart"]


def make_executor(
    asked: Local | Dask,
    tell: Callable[[str], object],
    deadline: float,
    cache: Path | None = None,
    apart: Path | None = None,
    timeout_s: float | None = None,
) -> Executor:
    """Return the executor that an experiment asks for.

    Parameters
    ----------
    asked : Local or Dask
    tell : callable
        Is told what is being done.
    deadline : float
        By `time.perf_counter`; no cell is begun after it.
    cache : Path, optional
        Where features are kept on this machine; on others it is where it is usual there. Nowhere by default.
    apart : Path, optional
        Each stage runs in a process of its own; features that are not to be kept pass through this folder.
    timeout_s : float, optional
        Limit of each of these processes.

    Returns
    -------
    Executor

    Raises
    ------
    MissingExtraError
        Dask is not installed.
    ConfigError
        No scheduler answers, or none of its workers can be used; or stages are to run apart elsewhere than here.
    """
    if apart is not None:
        refuse_apart(asked)
        return Apart(tell, deadline, cache, apart, timeout_s)
    if isinstance(asked, Dask):
        from featbench.executors.cluster import Cluster

        return Cluster(asked, tell, deadline, cache is not None)
    if asked.jobs == 1:
        return Here(tell, deadline)
    from featbench.executors.processes import Processes

    return Processes(asked.jobs, tell, deadline, str(cache) if cache else False)


def refuse_apart(asked: Local | Dask) -> None:
    """Refuse to run stages apart elsewhere than here, one after another.

    Raises
    ------
    ConfigError
        Saying what excludes what.
    """
    if asked != Local():
        raise ConfigError(
            "--timeout and timing.isolate: rows run one at a time in processes of their own. Leave out --jobs and "
            "executor, or these."
        )
