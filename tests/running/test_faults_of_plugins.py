"""Plug-ins that raise, leave, crash, hang or take all memory: each is a row's failure, and the rest goes on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_faults_of_writes import table

pytestmark = pytest.mark.long

FAULTY = '''
"""A plug-in with every fault."""

import ctypes
import os
import sys
import time
from dataclasses import dataclass
from typing import Literal

import numpy as np

from featbench.extractors import RawPixels


@dataclass(kw_only=True, eq=False, repr=False)
class Faulty(RawPixels):
    how: Literal["raise", "leave", "exit", "crash", "memory", "hang", "print"] = "raise"

    def _extract(self, images):
        if "MENDED" in os.environ:
            return super()._extract(images)
        if self.how == "raise":
            raise ZeroDivisionError("a bug in a plug-in")
        if self.how == "leave":
            sys.exit(3)
        if self.how == "exit":
            os._exit(4)
        if self.how == "crash":
            ctypes.string_at(0)
        if self.how == "memory":
            np.ones(1 << 60, np.uint8)
        if self.how == "hang":
            time.sleep(600)
        print("a word from a plug-in")
        return super()._extract(images)
'''


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the plug-in as if it were installed there, and images."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "faulty_plugin.py").write_text(FAULTY)
    about = folder / "faulty_plugin-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: faulty-plugin\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[featbench.extractors]\nfaulty = faulty_plugin:Faulty\n")
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(3), 20)
    x = (rng.integers(0, 120, (60, 8, 8, 3)) + 60 * y[:, None, None, None]).astype(np.uint8)
    np.savez(folder / "images.npz", x_train=x[::2], y_train=y[::2], x_test=x[1::2], y_test=y[1::2])
    return folder


def plan(site: Path, *hows: str, **more: Any) -> dict[str, Any]:
    return {
        "dataset": {"name": "npz", "path": str(site / "images.npz")},
        "extractors": [*({"name": "faulty", "how": how} for how in hows), "raw"],
        "classifier": {"name": "knn", "n_neighbors": 1},
        "selection": {"folds": 2},
        "timing": {"repeats": 1},
        **more,
    }


def featbench(
    site: Path, folder: Path, experiment: dict[str, Any], *flags: str, **environment: str
) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    """Run an experiment from the command line; return what it wrote, and the records by extractor."""
    folder.mkdir(exist_ok=True)
    (folder / "x.yaml").write_text(json.dumps(experiment))
    done = subprocess.run(
        [sys.executable, "-m", "featbench", "run", "x.yaml", "--output", "out", *flags],
        cwd=folder, capture_output=True, text=True, timeout=300, check=False,
        env={
            **os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (str(site), os.environ.get("PYTHONPATH")))),
            "FEATBENCH_CACHE": str(folder / "cache"), **environment,
        },
    )  # fmt: skip
    records = {}
    for path in (folder / "out" / "cells").glob("*.json"):
        record = json.loads(path.read_text())
        records[record["extractor"] or record["classifier"]] = record
    return done, records


def named(how: str) -> str:
    return "faulty" if how == "raise" else f"faulty(how={how})"


def test_what_one_process_survives_is_a_row_of_its_own(site: Path, tmp_path: Path) -> None:
    done, records = featbench(site, tmp_path, plan(site, "raise", "leave", "memory", "print"))
    assert done.returncode == 1
    assert {name: r["status"] for name, r in records.items()} == {
        "chance": "ok", "majority": "ok", "raw": "ok", named("raise"): "failed", named("leave"): "failed",
        named("memory"): "failed", named("print"): "ok",
    }  # fmt: skip
    raised, left, memory = (records[named(how)] for how in ("raise", "leave", "memory"))
    assert raised["reason"] == "ZeroDivisionError: a bug in a plug-in"
    assert "in _extract" in raised["traceback"]
    assert left["reason"] == "SystemExit: 3"
    assert memory["failure"] == "memory"
    assert "out of memory" in memory["reason"]
    assert "Take fewer images" in memory["reason"]


@pytest.fixture(scope="module")
def apart(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("apart")
    return (*featbench(site, folder, plan(site, "exit", "crash", "print"), "--timeout", "120"), folder)


def test_what_ends_a_process_is_a_row_where_each_has_its_own(apart: Any) -> None:
    done, records, _ = apart
    assert done.returncode == 1
    assert {name: r["status"] for name, r in records.items()} == {
        "chance": "ok", "majority": "ok", "raw": "ok", named("print"): "ok",
        named("exit"): "failed", named("crash"): "failed",
    }  # fmt: skip
    left, crashed = records[named("exit")], records[named("crash")]
    assert (left["failure"], crashed["failure"]) == ("exited", "killed")
    assert "exit code 4" in left["reason"]
    assert crashed["reason"].startswith("features: its process was killed by SIGSEGV")
    assert "in _extract" in crashed["traceback"], "the Python stack"
    assert "a word from a plug-in" not in done.stdout + done.stderr


def test_each_stage_tells_of_its_process(apart: Any) -> None:
    record = apart[1]["raw"]
    assert record["start_s"] == record["stages"]["row"]["start_s"] > 0
    assert record["stages"]["features"]["start_s"] > 0
    assert not record["phases"]["transform_train"].get("cached"), "they were made for this run"
    if Path("/proc/self/status").exists():
        assert record["stages"]["row"]["anonymous_mb"] > 10
        assert record["stages"]["row"]["mapped_mb"] > 10


def test_failures_stand_and_are_told(site: Path, apart: Any) -> None:
    _, records, folder = apart
    again, same = featbench(site, folder, plan(site, "exit", "crash", "print"), "--timeout", "120")
    assert again.returncode == 1
    assert same == records
    assert "2 rows failed in an earlier run" in again.stderr
    assert "--retry-failed" in again.stderr


@pytest.mark.long
def test_a_row_that_hangs_is_ended_and_made_with_a_longer_limit(site: Path, tmp_path: Path) -> None:
    hanging = plan(site, "hang")
    hanging["extractors"] = hanging["extractors"][:1]
    done, records = featbench(site, tmp_path, hanging, "--timeout", "8", "--no-cache")
    assert done.returncode == 1
    record = records[named("hang")]
    assert (record["status"], record["failure"], record["timeout_s"]) == ("timeout", "timeout", 8.0)
    assert "ended after 8 s" in record["reason"]
    assert not list((tmp_path / "out").glob(".features-*"))
    _, same = featbench(site, tmp_path, hanging, "--timeout", "6", MENDED="1")
    assert same == records, "a shorter limit would come to the same"
    done, records = featbench(site, tmp_path, hanging, "--timeout", "120", MENDED="1")
    assert done.returncode == 0
    assert records[named("hang")]["status"] == "ok"


@pytest.mark.long
def test_processes_of_their_own_change_no_result(site: Path, tmp_path: Path) -> None:
    featbench(site, tmp_path / "one", plan(site))
    done, _ = featbench(
        site, tmp_path / "apart", plan(site, timing={"repeats": 1, "isolate": True}), "--no-cache"
    )
    assert done.returncode == 0
    assert table(tmp_path / "apart" / "out") == table(tmp_path / "one" / "out")
    assert not list((tmp_path / "apart" / "out").glob(".features-*"))


def test_several_jobs_at_once_are_no_measurement_apart(site: Path, tmp_path: Path) -> None:
    done, _ = featbench(site, tmp_path, plan(site, executor={"name": "local", "jobs": 2}), "--timeout", "60")
    assert done.returncode == 2
    assert "Leave out --jobs" in done.stderr


def test_a_run_may_end_at_a_failure_and_try_it_again(site: Path, tmp_path: Path) -> None:
    done, records = featbench(site, tmp_path, plan(site, "raise"), "--fail-fast")
    assert done.returncode == 1
    assert records[named("raise")]["status"] == "failed"
    assert "raw" not in records
    assert "1 row of the run not there yet" in (tmp_path / "out" / "results.md").read_text()
    done, records = featbench(site, tmp_path, plan(site, "raise"), "--retry-failed", MENDED="1")
    assert done.returncode == 0
    assert {record["status"] for record in records.values()} == {"ok"}
    assert len(records) == 4
