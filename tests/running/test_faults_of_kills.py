"""Runs killed at random moments, for real: the next one finishes the grid, and nothing of the first goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from test_faults_of_writes import table

from featbench.store import Store

# Processes that are killed are gone for the system a moment later.
_GONE_S = 5.0


def start(folder: Path, *flags: str) -> subprocess.Popen[bytes]:
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "featbench", "run", "../x.yaml", "--output", "out", *flags]
    environment = {**os.environ, "FEATBENCH_CACHE": str(folder / "cache")}
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def working_in(folder: Path) -> list[int]:
    """Return the processes whose working folder this is, once those that are ending have had a moment."""
    begin = time.monotonic()
    while True:
        found = []
        for process in psutil.process_iter():
            try:
                if process.status() != psutil.STATUS_ZOMBIE and process.cwd() == str(folder):
                    found.append(process.pid)
            except psutil.Error:
                continue
        if not found or time.monotonic() - begin > _GONE_S:
            return found
        time.sleep(0.05)


@pytest.mark.long
@pytest.mark.parametrize(
    ("flags", "n"),
    [
        pytest.param((), 3, id="one process"),
        pytest.param(("--timeout", "120"), 2, id="processes of their own"),
        pytest.param((), 40, id="one process, 40 times", marks=pytest.mark.slow),
        pytest.param(("--timeout", "120"), 10, id="processes of their own, 10 times", marks=pytest.mark.slow),
    ],
)
def test_a_run_that_is_killed_at_any_moment_is_finished_by_the_next(
    tmp_path: Path, flags: tuple[str, ...], n: int
) -> None:
    plan: dict[str, Any] = {
        "dataset": "digits",
        "extractor": "raw",
        "classifiers": [{"name": "knn", "search": {"n_neighbors": [1, 3]}}, {"name": "svm", "reg": 0.01}],
        "selection": {"folds": 2},
        "timing": {"repeats": 1},
    }
    (tmp_path / "x.yaml").write_text(json.dumps(plan))
    begin = time.monotonic()
    assert start(tmp_path / "whole", *flags).wait(300) == 0
    took = time.monotonic() - begin
    whole = table(tmp_path / "whole" / "out")
    moments = (np.arange(n) + np.random.default_rng().random(n)) / n * took  # one in each n-th of the run
    for i, moment in enumerate(moments):
        folder = tmp_path / str(i)
        run = start(folder, *flags)
        time.sleep(moment)
        run.send_signal(signal.SIGKILL)
        run.wait()
        assert working_in(folder) == [], f"after {moment:.3f} s"
        store = Store(folder / "out")
        there = [cell_id for cell_id in store.cell_ids() if store.read_cell(cell_id)]
        again = start(folder, *flags)
        assert again.wait(300) == 0, f"after {moment:.3f} s"
        assert table(folder / "out") == whole, f"after {moment:.3f} s"
        opened = [line["cell_id"] for line in store.openings()]
        assert len(opened) <= len(whole) + 1, f"after {moment:.3f} s: one cell was in flight"
        assert all(opened.count(cell_id) == 1 for cell_id in there), f"after {moment:.3f} s"
