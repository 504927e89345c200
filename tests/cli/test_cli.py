"""The command line as a user meets it: in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image


def featbench(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "featbench", *arguments],
        cwd=cwd, capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, "COLUMNS": "160", **environment},
    )  # fmt: skip


QUICK = """\
dataset: digits
extractor: raw
classifier: {name: knn, search: {n_neighbors: [1, 3]}}
selection: {folds: 2}
timing: {repeats: 1}
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    (folder / "quick.yaml").write_text(QUICK)
    done = featbench("run", "quick.yaml", cwd=folder)
    assert done.returncode == 0, done.stderr
    (folder / "stdout").write_text(done.stdout)
    (folder / "stderr").write_text(done.stderr)
    return folder


def test_a_run_prints_a_table_that_programs_can_read(home: Path) -> None:
    lines = (home / "stdout").read_text().splitlines()
    cells = [line.split("\t") for line in lines]
    assert cells[0][:4] == ["pipeline", "chosen", "val %", "test %"]
    assert {len(c) for c in cells} == {len(cells[0])}
    assert cells[1][0].startswith("★ raw")
    assert {c[0] for c in cells[2:]} == {"chance", "majority"}
    told = (home / "stderr").read_text()
    assert "Validation recommends raw → standardize → knn" in told
    assert "test labels were opened 3 times in this folder" in told
    assert "report.html" in told


def test_the_second_time_nothing_is_run_again(home: Path) -> None:
    again = featbench("run", "quick.yaml", cwd=home)
    assert again.returncode == 0
    assert "3 rows were in the folder already" in again.stderr


def test_json_is_json(home: Path) -> None:
    told = json.loads(featbench("run", "quick.yaml", "--json", cwd=home).stdout)
    assert len(told["rows"]) == 3


def test_report_makes_the_files_anew(home: Path) -> None:
    (home / "runs/quick/results.csv").unlink()
    done = featbench("report", "runs/quick", cwd=home)
    assert done.returncode == 0
    assert (home / "runs/quick/results.csv").exists()


def test_compare_shows_what_moved(home: Path) -> None:
    other = featbench("run", "quick.yaml", "--output", "other", "--set", "seeds=[0]", cwd=home)
    assert other.returncode == 0
    done = featbench("compare", "runs/quick", "other", cwd=home)
    assert done.returncode == 0
    row = next(line for line in done.stdout.splitlines() if "knn" in line).split("\t")
    assert row[4] == "+0.0"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["run", "quick.yaml", "--set", "extractor.gray=true"], 2, "Did you mean 'grey'?"),
        (["run", "quik.yaml"], 2, "quik"),
        (["run", "hog_smv"], 2, "Did you mean 'hog_svm'?"),
        (["run", "quick.yaml", "--set", "dataset={name: folder, root: nowhere}", "-o", "x"], 3, "nowhere"),
        (["info", "hgo"], 2, "Did you mean 'hog'?"),
        (["walk"], 2, "No such command"),
        (["run"], 2, "Missing"),
        (["report", "nowhere"], 2, "holds no run"),
        (["run", "quick.yaml", "-o", "quick.yaml"], 2, "Choose another folder with --output"),
        (["run", "quick.yaml", "-o", "."], 2, "a folder of other things"),
        (["run", "quick.yaml", "--set", "seeds=[-1]"], 2, "--set seeds=[-1]: must be"),
        (["run", "quick.yaml", "--set", "timing=3"], 2, "--set timing=3: must be a mapping; got 3."),
        (["run", "quick.yaml", "--set", "dataset.test_size=0"], 2, "--set dataset.test_size=0: must be"),
        (
            ["run", "quick.yaml", "--set", "extractor={name: raw"],
            2,
            "--set extractor={name: raw: is not YAML",
        ),
        (["compare", "runs/quick"], 2, "Missing"),
        (["try", "nowhere"], 3, "nowhere"),
        (["try", ".", "--budget", "soon"], 2, "--budget"),
    ],
)
def test_what_is_wrong_is_said_without_a_traceback(
    home: Path, arguments: list[str], code: int, said: str
) -> None:
    done = featbench(*arguments, cwd=home)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_debug_shows_the_traceback(home: Path) -> None:
    done = featbench("run", "quik.yaml", "--debug", cwd=home)
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_list_names_every_plugin_and_imports_none(home: Path) -> None:
    """What would make it slow is what it must not import."""
    command = [sys.executable, "-X", "importtime", "-m", "featbench", "list"]
    done = subprocess.run(command, cwd=home, capture_output=True, text=True, check=True)
    for name in ("photos", "hog", "concat", "pca", "knn", "svm", "softmax"):
        assert f"\t{name}\t" in done.stdout
    for slow in ("numba", "pandas", "sklearn", "ruamel.yaml", "matplotlib", "scipy"):
        assert not [line for line in done.stderr.splitlines() if line.rpartition("|")[2].strip() == slow], (
            slow
        )


def test_list_check_imports_each(home: Path) -> None:
    done = featbench("list", "--check", cwd=home)
    assert done.returncode == 0
    assert all(line.endswith("\tok") for line in done.stdout.splitlines()[1:])


def test_info_tells_parameters_types_defaults_and_source(home: Path) -> None:
    done = featbench("info", "hog", cwd=home)
    assert done.returncode == 0
    row = next(line for line in done.stdout.splitlines() if line.startswith("cell\t")).split("\t")
    assert row[1:3] == ["int ≥ 1", "8"]
    assert len(row[3]) > 10
    assert "10.1109/CVPR.2005.177" in done.stdout


@pytest.mark.parametrize(
    ("name", "written"), [("concat", "{concat: [hog, hue]}"), ("mapped", "{name: hog, maps: [power, l2]}")]
)
def test_info_tells_how_a_file_writes_what_is_made_of_others(home: Path, name: str, written: str) -> None:
    assert f"In an experiment file: extractor: {written}" in featbench("info", name, cwd=home).stdout
    made = featbench("extract", name, ".", "--output", "x.npy", cwd=home)
    assert made.returncode == 2
    assert f"In an experiment file, write {written}." in made.stderr


def test_info_tells_what_a_list_holds(home: Path) -> None:
    row = next(
        line for line in featbench("info", "sift", cwd=home).stdout.splitlines() if line.startswith("sizes\t")
    )
    assert row.split("\t")[1] == "float ≥ 1 and ≤ 256 | list of float ≥ 1 and ≤ 256"


def test_parts_of_visual_words_are_listed_and_told(home: Path) -> None:
    listed = featbench("list", cwd=home).stdout
    for row in (
        "sampling\tdense",
        "descriptor\tpatch",
        "codebook\tkmeans",
        "encoding\tvlad",
        "pooling\tpyramid",
    ):
        assert f"{row}\tfeatbench" in listed
    bag = featbench("info", "bovw", cwd=home).stdout
    for row in ("codebook\tkmeans, ", "final\tpower, ", "coates_ng\tWhitened 6 × 6 patches"):
        assert row in bag
    assert "words\tint ≥ " in featbench("info", "kmeans", cwd=home).stdout


def test_schema_and_env(home: Path) -> None:
    assert json.loads(featbench("schema", cwd=home).stdout)["title"] == "featbench experiment"
    done = featbench("env", "--measure", cwd=home)
    for told in ("versions: numpy", "peak: product", "peak: copy", "instrument: clock"):
        assert told in done.stdout


def test_init_copies_and_keeps(tmp_path: Path) -> None:
    done = featbench("init", cwd=tmp_path)
    assert done.returncode == 0
    assert (tmp_path / "configs/cifar10/hog_svm.yaml").exists()
    (tmp_path / "configs/hog_svm.yaml").write_text("mine")
    assert "files were there already and were kept" in featbench("init", cwd=tmp_path).stderr
    assert (tmp_path / "configs/hog_svm.yaml").read_text() == "mine"


def pictures(root: Path, names: list[str], rng: np.random.Generator, n: int = 12) -> None:
    """Classes of noise that differ in brightness."""
    for number, name in enumerate(names):
        (root / name).mkdir(parents=True)
        for i in range(n):
            level = 40 + 60 * number
            pixels = rng.integers(level, level + 60, (24, 20, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / name / f"{i}.png")


@pytest.mark.long
def test_try_answers_for_any_folder(tmp_path: Path, rng: np.random.Generator) -> None:
    pictures(tmp_path / "pics", ["dark", "<script>alert(1)", "[red]"], rng)
    done = featbench("try", "pics", "--budget", "12s", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Validation recommends" in done.stderr
    table = [line.split("\t") for line in done.stdout.splitlines()]
    assert len(table) > 12
    assert "<script>alert" not in (tmp_path / "runs/try-pics/report.html").read_text()


def test_an_interrupted_run_exits_with_130(tmp_path: Path) -> None:
    code = (
        "import sys; from featbench.classifiers.knn import KNN\n"
        "def stop(*a, **k): raise KeyboardInterrupt\n"
        "KNN.fit_path = stop\n"
        "sys.argv = ['featbench', 'run', 'quick.yaml']\n"
        "from featbench.cli import main; main()"
    )
    (tmp_path / "quick.yaml").write_text(QUICK)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 130
    assert "goes on from there" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_failed_row_exits_with_1(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(QUICK.replace("search: {n_neighbors: [1, 3]}", "n_neighbors: 100000"))
    done = featbench("run", "x.yaml", cwd=tmp_path)
    assert done.returncode == 1
    assert "100000" in done.stderr
    assert "Traceback" not in done.stderr


def test_nothing_is_written_as_a_pickle(tmp_path: Path) -> None:
    """The whole way from file to report with pickle's writing and reading disabled, numba's cache aside."""
    code = """
import pickle, sys
import jinja2  # dumps a version number once, while it is imported
from featbench.cli import main

def guarded(real):
    def call(*arguments, **keywords):
        frame = sys._getframe(1)
        while frame:
            if frame.f_globals.get("__name__", "").startswith("numba"):
                return real(*arguments, **keywords)
            frame = frame.f_back
        raise AssertionError("pickle was used")
    return call

for name in ("dump", "dumps", "load", "loads"):
    setattr(pickle, name, guarded(getattr(pickle, name)))
sys.argv = ["featbench", "run", "quick.yaml"]
main()
"""
    (tmp_path / "quick.yaml").write_text(QUICK)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    stored = "".join(p.read_text() for p in tmp_path.rglob("*.json"))
    assert "pickle was used" not in done.stdout + done.stderr + stored


def test_estimate_is_silent_before_it_knows() -> None:
    from featbench.cli.progress import Estimate, spoken
    from featbench.config import Document, read_experiment

    data: dict[str, Any] = {"dataset": "digits", "extractors": ["raw", "hog"], "classifiers": ["knn", "svm"]}
    cells = list(read_experiment(Document("x", data), "x").cells())
    estimate = Estimate(cells)
    assert estimate.seconds_left() is None
    estimate.done(0.1, reused=False)
    estimate.done(0.1, reused=False)
    assert estimate.seconds_left() is None, "baselines tell nothing about the rest"
    estimate.done(4.0, reused=False)
    assert estimate.seconds_left() == pytest.approx(12.0)
    estimate.done(2.0, reused=False)
    assert estimate.seconds_left() == pytest.approx(3.0 + 2.0)
    assert [spoken(s) for s in (5, 120, 7200)] == ["5 s", "2 min", "2.0 h"]
