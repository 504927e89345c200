"""A Dask cluster on loopback, started by the commands of docs/cluster.md: the same rows, whatever becomes of a worker."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from test_executors import GRID, grid, same

from featbench.cache import Cache
from featbench.errors import ConfigError, FeatbenchError
from featbench.runner import run
from featbench.store import Store

pytestmark = pytest.mark.long

pytest.importorskip("distributed")

N_WORKERS = 3


def documented(repository: Path, command: str, host: str, port: int) -> list[str]:
    """Return a command of docs/cluster.md for another address."""
    text = (repository / "docs" / "cluster.md").read_text()
    line = next(line for line in text.splitlines() if line.startswith(command))
    told = line.replace("10.0.0.1", host).replace("8786", str(port))
    return [sys.executable, "-m", *shlex.split(told)]


class Cluster:
    """A scheduler and workers, each a group of processes."""

    def __init__(self, repository: Path, folder: Path) -> None:
        self.repository, self.folder = repository, folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.cache = folder / "cache"
        self.processes: list[subprocess.Popen[bytes]] = []
        self.start("dask scheduler")

    def start(self, command: str, path: Path | None = None) -> subprocess.Popen[bytes]:
        python_path = os.pathsep.join(str(p) for p in (path or self.repository, self.repository))
        log = self.folder / f"log{len(self.processes)}.txt"
        with log.open("wb") as output:
            process = subprocess.Popen(
                documented(self.repository, command, "127.0.0.1", self.port),
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": python_path, "FEATBENCH_CACHE": str(self.cache)},
            )
        self.processes.append(process)
        return process

    def asked(self, **changes: Any) -> dict[str, Any]:
        return {"name": "dask", "address": self.address, "wait_s": 60.0, **changes}

    def wait_for(self, n: int) -> list[str]:
        """Wait for so many workers, and return their addresses."""
        import distributed

        with distributed.Client(self.address, timeout=30, set_as_default=False) as client:
            client.wait_for_workers(n, timeout=40)
            return sorted(client.nthreads())

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                self.kill(process)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    started = Cluster(Path(__file__).resolve().parents[2], tmp_path_factory.mktemp("cluster"))
    try:
        for _ in range(N_WORKERS):
            started.start("dask worker")
        started.wait_for(N_WORKERS)
        yield started
    finally:
        started.stop()


@pytest.fixture(scope="module")
def serial(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return run(grid(), output=tmp_path_factory.mktemp("serial"))


def test_a_cluster_makes_the_same_rows(cluster: Cluster, serial: Any, tmp_path: Path) -> None:
    made = run(grid(executor=cluster.asked()), output=tmp_path)
    same(serial, made)
    rows = [r for r in made.records if r["classifier"] != "ensemble"]
    assert {json.dumps(r["executor"]) for r in rows} == {json.dumps({"name": "dask", "at_once": N_WORKERS})}
    assert len(Store(tmp_path).openings()) == len(made.records)


@pytest.mark.long
def test_features_stay_in_a_cache_that_all_see(cluster: Cluster, serial: Any, tmp_path: Path) -> None:
    """What workers have made is found here; in the test above each side had a cache of its own."""
    made = run(grid(executor=cluster.asked()), output=tmp_path / "there", cache=cluster.cache)
    n_entries = len(Cache(cluster.cache).entries())
    here = run(grid(ensembles=None), output=tmp_path / "here", cache=cluster.cache)
    assert all(r["cache"]["hit"] for r in here.records if r["extractor"])
    assert len(Cache(cluster.cache).entries()) == n_entries == len(GRID["extractors"])
    same(serial, made)


@pytest.mark.long
def test_a_worker_of_other_code_is_not_used_and_a_killed_one_loses_nothing(
    cluster: Cluster, serial: Any, tmp_path: Path
) -> None:
    """One worker has another featbench, another is killed with a block in hand; the rows are the same."""
    other = tmp_path / "site"
    shutil.copytree(cluster.repository / "featbench", other / "featbench")
    changed = other / "featbench" / "text.py"
    changed.write_text(changed.read_text() + "\n# another version\n")
    there = set(cluster.wait_for(N_WORKERS))
    stale = cluster.start("dask worker", path=other)
    (address,) = set(cluster.wait_for(N_WORKERS + 1)) - there
    victim = cluster.processes[1]
    watcher = threading.Thread(target=kill_when_busy, args=(cluster, victim))
    watcher.start()
    with pytest.warns(RuntimeWarning, match=rf"worker {address} is not used, it differs: featbench's code"):
        made = run(grid(executor=cluster.asked()), output=tmp_path / "run")
    watcher.join()
    assert victim.poll() is not None, "no worker was killed, so nothing was shown"
    same(serial, made)
    cluster.kill(stale)
    cluster.start("dask worker")
    cluster.wait_for(N_WORKERS)


def kill_when_busy(cluster: Cluster, victim: subprocess.Popen[bytes]) -> None:
    """Kill a worker with its nanny, as a lost machine would be, once it has begun a block."""
    import distributed

    with distributed.Client(cluster.address, timeout=30, set_as_default=False) as client:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            for address, keys in client.processing().items():
                pids = client.run(os.getpid, workers=[address]) if keys else {}
                if pids and os.getpgid(pids[address]) == victim.pid:
                    cluster.kill(victim)
                    return
            time.sleep(0.05)


def test_a_cluster_without_workers_ends_the_run(cluster: Cluster, tmp_path: Path) -> None:
    alone = Cluster(cluster.repository, tmp_path)
    try:
        with pytest.raises(ConfigError, match="no worker can be used: none is there"):
            run(grid(executor=alone.asked(wait_s=10.0)), output=tmp_path / "run")
        assert Store(tmp_path / "run").openings() == []
    finally:
        alone.stop()


def test_no_scheduler_is_said(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(ConfigError, match="no scheduler answers"):
        run(grid(executor={"name": "dask", "address": address, "wait_s": 1.0}), output=tmp_path)


@pytest.mark.parametrize("spread", [100_000, 1000])
def test_a_scheduler_that_is_lost_ends_the_run_and_the_next_goes_on(
    repository: Path, serial: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str], spread: int
) -> None:
    """Nothing that was under way is a failure, and what is said is one line."""
    lost = Cluster(repository, tmp_path)
    try:
        lost.start("dask worker")
        lost.wait_for(1)
        watcher = threading.Thread(target=kill_at, args=(lost, tmp_path / "run" / "cells", 2))
        watcher.start()
        with pytest.raises(FeatbenchError, match="the scheduler is gone. What is finished is kept; start a"):
            run(grid(executor=lost.asked(wait_s=10.0, spread=spread)), output=tmp_path / "run", cache=False)
        watcher.join()
    finally:
        lost.stop()
    assert capfd.readouterr().err == ""
    store = Store(tmp_path / "run")
    there = [store.read_cell(cell_id) for cell_id in store.cell_ids()]
    assert {record["status"] for record in there if record} == {"ok"}
    again = run(grid(), output=tmp_path / "run")
    assert again.n_reused == len(there) < len(again.records)
    same(serial, again)


def kill_at(cluster: Cluster, cells: Path, n: int) -> None:
    """Kill the scheduler once so many rows are written."""
    until = time.monotonic() + 60
    while len(list(cells.glob("*.json"))) < n and time.monotonic() < until:
        time.sleep(0.02)
    cluster.kill(cluster.processes[0])


LARGE: dict[str, Any] = {
    "extractors": [
        {"name": "hog", "cell": 4, "block": 1, "maps": [{"name": "pca", "components": 8}], "augment": "flip"}
    ],
    "classifiers": [{"name": "softmax", "reg": 0.01}],
    "ensembles": None,
}


def test_chunks_of_a_large_extraction_are_the_same_to_the_last_bit(cluster: Cluster, tmp_path: Path) -> None:
    alone = run(grid(**LARGE), output=tmp_path / "alone", cache=False)
    made = run(grid(**LARGE, executor=cluster.asked(spread=1000)), output=tmp_path / "spread", cache=False)
    same(alone, made)
    assert made.records[-1]["executor"]["spread_over"] == N_WORKERS
    assert "executor" not in alone.records[-1]
