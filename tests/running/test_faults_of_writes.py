"""A run that is killed, or finds the disk full, before any of its writes: the next one finishes it.

A process that has everything loaded forks once for each write; in the fork, an audit hook strikes just before that write.
"""

from __future__ import annotations

import csv
import errno
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from featbench.config import Document, read_experiment
from featbench.store import Store

pytestmark = pytest.mark.long

# What changes a folder, where a file is opened for writing.
_CHANGES = ("open", "fsync", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link")
# Of these, what a full disk refuses: it lets files be removed.
_NEEDS_SPACE = ("open", "fsync", "os.rename", "os.mkdir", "os.truncate")
# Between two of these nothing changes that a reader sees: files are written beside their place, the ledger is not.
_BOUNDARIES = ("os.rename", "os.remove", "ledger.jsonl")
# How columns of results.csv end that tell of times, of memory, and of how they were measured.
_OF_TIME = ("_s", "_ms_p50", "_ms_p95", "_mb", "noisy", "load_others", "load_stolen", "cached")


def experiment(folder: Path) -> Any:
    path = folder / "images.npz"
    if not path.exists():
        rng = np.random.default_rng(0)
        y = np.repeat(np.arange(3), 20)
        x = (rng.integers(0, 120, (60, 8, 8, 3)) + 60 * y[:, None, None, None]).astype(np.uint8)
        np.savez(path, x_train=x[::2], y_train=y[::2], x_test=x[1::2], y_test=y[1::2])
    plan = {
        "dataset": {"name": "npz", "path": str(path)},
        "extractors": ["raw", "color_moments"],
        "classifiers": [{"name": "knn", "search": {"n_neighbors": [1, 3]}}],
        "selection": {"folds": 2},
        "timing": {"repeats": 1},
    }
    return read_experiment(Document("x.yaml", plan), "x")


def table(root: Path) -> list[dict[str, str]]:
    """Return the rows of results.csv without what differs from run to run."""
    with (root / "results.csv").open(newline="") as file:
        return [{k: v for k, v in row.items() if not k.endswith(_OF_TIME)} for row in csv.DictReader(file)]


def differing(one: list[dict[str, str]], two: list[dict[str, str]]) -> list[str]:
    """Return the columns in which two tables differ."""
    if len(one) != len(two):
        return ["rows"]
    return sorted(
        {k for a, b in zip(one, two, strict=True) for k in a.keys() | b.keys() if a.get(k) != b.get(k)}
    )


class _Struck:
    """Counts the changes of the folders that are watched, and strikes at the one that is asked for."""

    def __init__(self, folders: list[Path], counted: tuple[str, ...], strike: Callable[[int], None]) -> None:
        self.folders, self.counted, self.strike = tuple(map(str, folders)), counted, strike
        self.events: list[str] = []
        fsync = os.fsync

        def audited(handle: int) -> None:
            self("fsync", (Path(f"/proc/self/fd/{handle}").readlink(),))
            fsync(handle)

        os.fsync = audited
        sys.addaudithook(self)

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event not in _CHANGES or (event == "open" and not self.writes(arguments)):
            return
        path = next((str(a) for a in arguments if isinstance(a, (str, os.PathLike))), "")
        if path.startswith(self.folders) and {event, Path(path).name} & set(self.counted):
            self.events.append(f"{event} {Path(path).name}")
            self.strike(len(self.events) - 1)

    @staticmethod
    def writes(arguments: tuple[Any, ...]) -> bool:
        return bool(arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


def _never(_: int) -> None: ...


def _kill(at: int) -> Callable[[int], None]:
    def strike(number: int) -> None:
        if number == at:
            os.kill(os.getpid(), signal.SIGKILL)

    return strike


def _refuse(at: int, code: int) -> Callable[[int], None]:
    def strike(number: int) -> None:
        if number >= at:  # and it stays full
            raise OSError(code, os.strerror(code))

    return strike


class _Told:
    def __init__(self) -> None:
        self.made: list[str] = []

    def begin(self, cells: Any) -> None: ...
    def stage(self, text: str) -> None: ...
    def end(self) -> None: ...
    def cell(self, cell: Any, record: Any, seconds: float, *, reused: bool) -> None:
        if not reused:
            self.made.append(cell.cell_id)


def _in_fork(folder: Path, home: Path, counted: tuple[str, ...], strike: Callable[[int], None]) -> Any:
    """Run the experiment in a fork; return what it told, or the signal that killed it."""
    reads, writes = os.pipe()
    pid = os.fork()
    if pid == 0:
        told: dict[str, Any] = {}
        try:
            from featbench import runner

            plan, progress = experiment(home), _Told()
            watch = _Struck([folder], counted, strike)
            try:
                result = runner.run(plan, output=folder / "out", progress=progress, cache=folder / "cache")
                told = {"statuses": [r["status"] for r in result.records], "reused": result.n_reused}
            except BaseException as error:
                told = {"error": type(error).__name__, "message": str(error)}
            told |= {"made": progress.made, "events": watch.events}
        finally:
            os.write(writes, json.dumps(told).encode())
            os._exit(0)
    os.close(writes)
    with os.fdopen(reads) as file:
        text = file.read()
    _, status = os.waitpid(pid, 0)
    return json.loads(text) if text else {"signal": os.WTERMSIG(status)}


def _warm(home: Path) -> None:
    """Load here, once, all that a run loads, so that forks have it, and let nothing take longer than it must."""
    import functools
    import gc

    from featbench import environment, keys, runner
    from featbench.timing import clocks

    clocks._LATENCY_BUDGET_S = 0.001
    environment.versions = keys.versions = functools.cache(environment.versions)
    runner.run(experiment(home), output=home / "warm", cache=home / "warm-cache")
    gc.freeze()


def campaign(home: Path, fault: str, counted: tuple[str, ...], every: int) -> None:
    """Strike at every write in turn, and let the next run finish; print what was found, in JSON."""
    _warm(home)
    whole = _in_fork(home / "whole", home, counted, _never)
    findings = []
    for at, event in list(enumerate(whole["events"]))[::every]:
        folder = home / f"{fault}-{at}"
        folder.mkdir()
        codes = {"full": errno.ENOSPC, "read-only": errno.EROFS}
        strike = _kill(at) if fault == "kill" else _refuse(at, codes[fault])
        first = _in_fork(folder, home, counted, strike)
        store = Store(folder / "out")
        there = [i for i in store.cell_ids() if store.read_cell(i)]  # each that is there can be read
        second = _in_fork(folder, home, counted, _never)
        findings.append(
            {
                "event": event,
                "first": first,
                "there": there,
                "second": second,
                "differing": differing(table(folder / "out"), table(home / "whole" / "out")),
                "opened": Counter(line["cell_id"] for line in store.openings()),
                "left": [p.name for p in (folder / "out").rglob(".*") if p.name != ".lock"],
            }
        )
    print(json.dumps({"whole": whole, "findings": findings}))


def strike(home: Path, fault: str, counted: tuple[str, ...], every: int = 1) -> tuple[Any, list[Any]]:
    program = (
        f"import sys; sys.path[:] = {sys.path!r}\n"
        "from pathlib import Path\n"
        "from test_faults_of_writes import campaign\n"
        f"campaign(Path({str(home)!r}), {fault!r}, {counted!r}, {every})"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    return told["whole"], told["findings"]


@pytest.mark.parametrize(
    "counted",
    [_BOUNDARIES, pytest.param(_CHANGES, marks=pytest.mark.slow)],
    ids=["boundaries", "every change"],
)
def test_a_kill_at_any_write_costs_the_cell_in_flight_at_the_most(
    tmp_path: Path, counted: tuple[str, ...]
) -> None:
    whole, findings = strike(tmp_path, "kill", counted)
    assert whole["statuses"] == ["ok"] * 4
    assert len(findings) > 4 * 6, "each cell writes arrays, a record and a line of the ledger"
    for finding in findings:
        told = finding["event"]
        assert finding["first"] == {"signal": signal.SIGKILL}, told
        assert finding["second"]["statuses"] == ["ok"] * 4, told
        assert finding["second"]["reused"] == len(finding["there"]), f"{told}: what was whole was made again"
        assert finding["differing"] == [], f"{told}: results.csv differs from an undisturbed run's"
        assert sum(finding["opened"].values()) <= 5, (
            f"{told}: labels of one cell are opened twice at the most"
        )
        assert set(finding["opened"].values()) <= {1, 2}, told
        assert finding["left"] == [], f"{told}: what was half written is removed"


@pytest.mark.parametrize(
    ("fault", "every"),
    [("full", 5), ("read-only", 40), pytest.param("full", 1, marks=pytest.mark.slow, id="full, every write")],
)
def test_a_disk_that_takes_no_more_is_said_and_loses_nothing(tmp_path: Path, fault: str, every: int) -> None:
    _, findings = strike(tmp_path, fault, _NEEDS_SPACE, every)
    for finding in findings:
        told, first = finding["event"], finding["first"]
        if "error" in first:
            assert first["error"] in ("StoreError", "ConfigError"), f"{told}: {first}"
            assert "cannot be written" in first["message"], f"{told}: {first}"
            assert "--output" in first["message"] or "choose another folder" in first["message"], told
        assert finding["second"]["statuses"] == ["ok"] * 4, told
        assert finding["second"]["reused"] == len(finding["there"]), told
        assert not set(finding["there"]) & set(finding["second"]["made"]), told
        assert finding["differing"] == [], told
        assert finding["left"] == [], told
    assert any("error" in finding["first"] for finding in findings)
