"""Blocks in processes of their own: the same rows, whatever becomes of a process."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
import pytest
from test_isolation import ended, wait_for

from featbench import plugins
from featbench.answers import read_answer
from featbench.blocks import plan
from featbench.config import Document, read_experiment
from featbench.errors import DataError, InputError
from featbench.executors.base import Elsewhere
from featbench.executors.processes import Processes
from featbench.jobs import describe_job, differences, do_job, made_by, sealed_data
from featbench.report import summarize_run
from featbench.report.table import footnotes
from featbench.runner import run
from featbench.store import Store

pytestmark = pytest.mark.long

GRID: dict[str, Any] = {
    "dataset": "digits",
    "extractors": ["raw", {"name": "hog", "cell": 4, "block": 1}],
    "classifiers": [{"name": "knn", "n_neighbors": 1}, {"name": "softmax", "search": {"reg": [0.01, 0.1]}}],
    "selection": {"folds": 2},
    "timing": {"repeats": 1},
    "ensembles": [{"best": 2}],
}

# What depends on the clock, the machine and the order of things, and nothing else of a record.
TIMES = ("phases", "images_per_s", "latency_ms_p50", "latency_ms_p95", "latency_n", "peak_rss_mb", "peak_exact", "peak_anonymous_mb",
         "peak_mapped_mb", "cache", "start_s", "made", "environment", "executor", "arrays")  # fmt: skip


def grid(**changes: Any) -> Any:
    data = {k: v for k, v in {**GRID, **changes}.items() if v is not None}
    return read_experiment(Document("grid.yaml", data), "grid")


def timeless(record: dict[str, Any]) -> dict[str, Any]:
    told = {k: v for k, v in record.items() if k not in TIMES}
    evidence = record.get("evidence") or {}
    return {**told, "evidence": {k: v for k, v in evidence.items() if k != "seconds"}}


def same(one: Any, two: Any) -> None:
    """Check that two runs made the same rows and predictions in the same order."""
    for mine, other in zip(one.records, two.records, strict=True):
        assert {k for k in mine | other if timeless(mine).get(k) != timeless(other).get(k)} == set(), mine[
            "label"
        ]
    for mine, other in zip(one.records, two.records, strict=True):
        arrays, others = Store(one.root).read_arrays(mine), Store(two.root).read_arrays(other)
        assert {k: v.tobytes() for k, v in arrays.items()} == {k: v.tobytes() for k, v in others.items()}


@pytest.fixture(scope="module")
def serial(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return run(grid(), output=tmp_path_factory.mktemp("serial"))


def split_of_grid(**changes: Any) -> Any:
    experiment = grid(**changes)
    return next(plan(list(experiment.cells()), experiment.splits, experiment.timing, lambda _: None))


def test_processes_make_the_same_rows(serial: Any, tmp_path: Path) -> None:
    made = run(grid(executor={"name": "local", "jobs": 2}), output=tmp_path)
    same(serial, made)
    assert [r["cell_id"] for r in made.records] == [c.cell_id for c in grid().cells()]
    rows = [r for r in made.records if r["classifier"] != "ensemble"]
    assert {json.dumps(r["executor"]) for r in rows} == {'{"name": "processes", "at_once": 2}'}
    assert all("executor" not in r for r in serial.records)
    notes = footnotes(summarize_run(Store(tmp_path)))
    assert any("while 2 blocks ran at once on a machine" in note for note in notes)
    assert not any("at once" in note for note in footnotes(summarize_run(Store(serial.root))))
    # One ledger, one line a row that was judged.
    assert sorted(line["cell_id"] for line in Store(tmp_path).openings()) == sorted(
        r["cell_id"] for r in made.records
    )
    again = run(grid(), output=tmp_path)
    assert again.n_reused == len(again.records), "where a row was made does not decide whether it is the one"


def test_a_spent_budget_sends_nothing_out(tmp_path: Path) -> None:
    made = run(grid(executor={"name": "local", "jobs": 2}), output=tmp_path, budget_s=0.0)
    assert {r["status"] for r in made.records} == {"skipped"}


CRASHING = """
import os, signal
from dataclasses import dataclass
from featbench.base import Classifier
import numpy as np

@dataclass(kw_only=True, eq=False, repr=False)
class Crashing(Classifier):
    def _fit(self, X, y):
        os.kill(os.getpid(), signal.SIGKILL)
    def fit(self, X, y):
        os.kill(os.getpid(), signal.SIGKILL)
    def predict(self, X):
        return np.zeros(len(X), dtype=np.int64)
"""


@pytest.fixture
def crashing(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package of somebody else's with a classifier that kills its process."""
    site = tmp_path_factory.mktemp("site")
    (site / "crashing.py").write_text(CRASHING)
    info = site / "crashing-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: crashing\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[featbench.classifiers]\ncrashing = crashing:Crashing\n")
    monkeypatch.syspath_prepend(str(site))
    plugins._entry_points.cache_clear()
    yield
    plugins._entry_points.cache_clear()
    sys.modules.pop("crashing", None)


def test_a_block_that_kills_its_process_is_failed_rows_and_the_rest_goes_on(
    crashing: None, tmp_path: Path
) -> None:
    experiment = grid(
        extractors=["raw"],
        classifiers=[{"name": "crashing"}],
        seeds=[0, 1],
        ensembles=None,
        executor={"name": "local", "jobs": 2},
    )
    made = run(experiment, output=tmp_path)
    told = {(r["seed"], r["label"].split(" ")[0]): r for r in made.records}
    assert {k: r["status"] for k, r in told.items()} == {
        (0, "chance"): "ok", (0, "majority"): "ok", (0, "raw"): "failed",
        (1, "chance"): "ok", (1, "majority"): "ok", (1, "raw"): "failed",
    }  # fmt: skip
    assert "was lost, the second time alone" in told[0, "raw"]["reason"]
    assert "SIGKILL" in told[0, "raw"]["reason"]
    assert told[0, "raw"]["failure"] == "killed", "it stands, as that of a process of its own does"
    assert len(Store(tmp_path).openings()) == 4, "what was lost was never judged"


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="finds the processes in /proc")
def test_a_process_killed_from_outside_loses_nothing(serial: Any, tmp_path: Path) -> None:
    killed, over = list[int](), threading.Event()
    before = set(psutil.Process().children(recursive=True))

    def kill_one() -> None:
        """Kill the first process that has worked for a while."""
        while not over.is_set() and not killed:
            for child in set(psutil.Process().children(recursive=True)) - before:
                try:
                    busy = child.cpu_times().user > 1.0 and "loky" in " ".join(child.cmdline())
                    if busy and "resource_tracker" not in " ".join(child.cmdline()):
                        os.kill(child.pid, signal.SIGKILL)
                        killed.append(child.pid)
                        break
                except (psutil.NoSuchProcess, ProcessLookupError):
                    continue
            time.sleep(0.02)

    thread = threading.Thread(target=kill_one)
    thread.start()
    made = run(grid(executor={"name": "local", "jobs": 2}), output=tmp_path)
    over.set()
    thread.join()
    assert killed, "no process was killed, so nothing was shown"
    same(serial, made)


class Places(Elsewhere):
    """So many jobs at a time, done when they are sent out."""

    def __init__(self, n: int) -> None:
        super().__init__(lambda _: None, float("inf"), cache=False)
        self.n = n
        self.sent: list[Any] = []

    def __exit__(self, *_: object) -> None: ...

    def _places(self) -> int:
        return self.n

    def _at_once(self) -> int:
        return self.n

    def _told(self) -> dict[str, Any]:
        return {}

    def _describe(self, job: Any) -> Any:
        return job

    def _submit(self, text: Any) -> Any:
        self.sent.append(text)
        return len(self.sent)

    def _wait(self, flying: dict[Any, Any]) -> list[Any]:
        return list(flying)

    def _attempts(self, job: Any, future: Any) -> list[Any]:
        return [job]


def jobs(n: int) -> list[Any]:
    return [SimpleNamespace(block=SimpleNamespace(cells=[SimpleNamespace(label=str(i))])) for i in range(n)]


def test_no_place_waits_for_rows_that_are_judged_or_vote() -> None:
    executor, asked = Places(1), jobs(3)
    done = executor.run(asked)
    assert next(done)[0] is asked[0]
    assert executor.sent == asked[:2], "the second is under way while the first is looked at"
    assert [job for job, _ in done] == asked[1:]


def test_what_is_under_way_is_finished_where_the_next_images_cannot_be_read() -> None:
    asked = jobs(1)

    def planned() -> Iterator[Any]:
        yield asked[0]
        raise DataError("the next images cannot be read")

    done = Places(2).run(planned())
    assert next(done)[0] is asked[0]
    with pytest.raises(DataError, match="cannot be read"):
        next(done)


def test_a_job_that_is_sent_where_a_process_has_just_died_is_lost_with_it() -> None:
    """It is done again as the others are, and does not end the run."""
    with Processes(1, lambda _: None, float("inf"), cache=False) as executor:
        assert executor.pool.submit(os._exit, 1).exception(60) is not None
        assert isinstance(executor._submit("a job").exception(60), BrokenProcessPool)


def test_processes_end_with_a_run_that_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    program = (
        f"import sys; sys.path[:] = {sys.path!r}\n"
        "from pathlib import Path\n"
        "from featbench.executors.processes import _pool\n"
        "from test_isolation import child_of\n"
        f"_pool(1).submit(child_of, 'the run', {str(path)!r}).result()\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program])
    wait_for(path)
    parent.kill()
    parent.wait()
    assert ended(int(path.read_text()))


def test_an_answer_is_json_and_arrays(serial: Any) -> None:
    split = split_of_grid()
    block = split.blocks[1]
    answer = do_job(describe_job(block, split.data, at_once=1, seconds=None))
    attempts = read_answer(answer, block, {"executor": {"name": "test"}})
    assert [done.cell for done in attempts] == list(block.cells)
    assert all(done.told["environment"]["code"] == made_by()["code"] for done in attempts)
    assert b"truth" not in answer
    hostile = io.BytesIO()
    np.savez(hostile, told=np.array([{"cells": []}], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle=False"):
        read_answer(hostile.getvalue(), block, {})


def test_time_that_is_up_at_the_worker_leaves_cells_out() -> None:
    split = split_of_grid()
    answer = do_job(describe_job(split.blocks[1], split.data, at_once=1, seconds=-1.0))
    assert read_answer(answer, split.blocks[1], {}) == []


def test_other_code_or_libraries_are_refused_with_what_differs() -> None:
    split = split_of_grid()
    job = json.loads(describe_job(split.blocks[0], split.data, at_once=1, seconds=None))
    job["made_by"]["versions"]["numpy"] = "1.0"
    job["made_by"]["code"] = "0123456789abcdef"
    with pytest.raises(InputError, match=r"numpy .* instead of 1\.0; featbench's code .* instead of 0123"):
        do_job(json.dumps(job))
    here = made_by()
    assert differences(here, here) == []
    without = {**here, "versions": {k: v for k, v in here["versions"].items() if k != "scipy"}}
    assert differences(here, without) == [f"scipy none instead of {here['versions']['scipy']}"]


def test_other_plugins_are_refused() -> None:
    split = split_of_grid()
    job = json.loads(describe_job(split.blocks[0], split.data, at_once=1, seconds=None))
    job["keys"][0] = "another"
    with pytest.raises(InputError, match="a plug-in that featbench does not bring"):
        do_job(json.dumps(job))


def test_other_images_are_refused() -> None:
    split = split_of_grid()
    with pytest.raises(DataError, match="its images here must be those of the run"):
        sealed_data(split.blocks[0].cells[0], "digits", "another")


def test_a_job_has_its_share_of_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    from featbench import jobs
    from featbench.numerics.threads import n_threads

    monkeypatch.setattr(jobs, "n_cores", lambda: 8)
    monkeypatch.delenv("FEATBENCH_NUM_THREADS")
    with jobs._share_of_cores(3):
        assert n_threads() == 2
    assert "FEATBENCH_NUM_THREADS" not in os.environ
    monkeypatch.setenv("FEATBENCH_NUM_THREADS", "5")
    with jobs._share_of_cores(3):
        assert n_threads() == 5
    assert os.environ["FEATBENCH_NUM_THREADS"] == "5"
