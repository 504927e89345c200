"""``featbench run --jobs N``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from featbench import executors, walk
from featbench.cli import _code as featbench
from featbench.config.executor import Local

GRID = "dataset: digits\nextractor: raw\nclassifier: {name: knn, n_neighbors: 1}\nselection: {folds: 2}\n"


@pytest.fixture
def config(tmp_path: Path) -> str:
    (tmp_path / "grid.yaml").write_text(GRID)
    return str(tmp_path / "grid.yaml")


def test_jobs_decide_where_blocks_are_done(
    config: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def here(executor: Any, *arguments: Any) -> Any:
        asked.append(executor)
        return executors.make_executor(Local(), *arguments)

    monkeypatch.setattr(walk, "make_executor", here)
    assert featbench(["run", config, "--jobs", "3", "--output", str(tmp_path / "run")], debug=False) == 0
    assert asked == [Local(jobs=3)]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--jobs", "0"], "--jobs: jobs must be an integer from 1 to 1000; got 0."),
        (
            ["--jobs", "2", "--set", "executor={name: dask, address: 'tcp://127.0.0.1:9'}"],
            "the experiment asks for a Dask cluster",
        ),
        (["--jobs", "2", "--timeout", "5"], "Leave out --jobs and executor, or these."),
        (["--jobs", "2", "--set", "timing={isolate: true}"], "Leave out --jobs and executor, or these."),
    ],
)
def test_what_cannot_be_is_said(
    flags: list[str], message: str, config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert featbench(["run", config, *flags, "--output", str(tmp_path / "run")], debug=False) == 2
    assert message in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "run").exists()
