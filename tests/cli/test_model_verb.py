"""``featbench model`` as its page says, in a process of its own."""

from __future__ import annotations

import csv
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from featbench.datasets.opening import open_dataset


def featbench(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "featbench", *arguments],
        cwd=cwd, capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, "COLUMNS": "160"},
    )  # fmt: skip


@pytest.fixture(scope="module")
def blocks() -> dict[str, list[str]]:
    """Code of the page by language."""
    page = (Path(__file__).parents[2] / "docs/model.md").read_text(encoding="utf-8")
    found: dict[str, list[str]] = {}
    for language, code in re.findall(r"```(\w+)\n(.*?)```", page, re.DOTALL):
        found.setdefault(language, []).append(code)
    return found


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, blocks: dict[str, list[str]]) -> Path:
    """Everything that the page says to type has been typed."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "experiment.yaml").write_text(blocks["yaml"][0] + "timing: {repeats: 1}\n")
    (folder / "pictures/deep").mkdir(parents=True)
    test = open_dataset("photos", {}, seed=0).test
    for number in range(12):
        name = "a.png" if number == 0 else f"deep/{number:02}.png"
        Image.fromarray(test.images[number]).save(folder / "pictures" / name)
    for line in blocks["sh"][0].splitlines():
        done = featbench(*shlex.split(line)[1:], cwd=folder)
        assert done.returncode == 0, done.stderr
        (folder / f"{shlex.split(line)[2]}.out").write_text(done.stdout + done.stderr)
    return folder


def test_files_get_the_labels_that_the_run_predicted(home: Path) -> None:
    (cell,) = (home / "runs/experiment/cells").glob("*softmax*.json")
    record = json.loads(cell.read_text())
    with np.load(cell.parent / record["arrays"]) as arrays:
        predicted = arrays["predictions"][:12]
    classes = json.loads((home / "model/model.json").read_text())["classes"]
    with (home / "labels.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [Path(row["file"]).name for row in rows] == ["a.png", *(f"{i:02}.png" for i in range(1, 12))]
    assert [row["label"] for row in rows] == [classes[label] for label in predicted]
    assert all(0 < float(row["confidence"]) <= 1 for row in rows)


def test_export_says_what_it_checked_and_how_good_the_model_is(home: Path) -> None:
    told = (home / "export.out").read_text()
    assert "it predicts for all 1000 test images what the run did" in told
    assert re.search(r"test accuracy\t\d\d\.\d% \[\d\d\.\d%, \d\d\.\d%\]", told)


def test_the_python_of_the_page_works(home: Path, blocks: dict[str, list[str]], monkeypatch, capsys) -> None:
    monkeypatch.chdir(home)
    exec(blocks["python"][0], {})
    assert capsys.readouterr().out.startswith("pictures/a.png ")


def test_lines_for_programs_and_files_that_cannot_be_read(home: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"no image")
    done = featbench(
        "model", "predict", "model", "pictures/a.png", str(tmp_path), "pictures/none.png", cwd=home
    )
    assert done.returncode == 3
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert lines[0] == ["file", "label", "confidence"]
    assert [line[0] for line in lines[1:]] == ["pictures/a.png"]
    assert "2 files or folders could not be labelled" in done.stderr
    assert "bad.jpg: cannot be read as an image" in done.stderr
    assert "none.png" in done.stderr


def test_no_model_and_no_cell(home: Path) -> None:
    done = featbench("model", "predict", "pictures", "pictures/a.png", cwd=home)
    assert done.returncode == 1
    assert "holds no model" in done.stderr
    done = featbench("model", "export", "runs/experiment/nothing.json", "other", cwd=home)
    assert done.returncode == 2
    assert "the cell must be the folder of a run" in done.stderr
    again = featbench("model", "export", "runs/experiment", "model", cwd=home)
    assert again.returncode == 2
    assert "--force" in again.stderr
