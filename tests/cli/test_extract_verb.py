"""``featbench extract`` as a user meets it."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
from PIL import Image

from featbench.cli import _code
from featbench.errors import ConfigError
from featbench.extractors import HOG, HueHistogram


@pytest.fixture
def home(tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with three photographs in ``photos/``."""
    (tmp_path / "photos/inner").mkdir(parents=True)
    for name in ("1.png", "2.png", "inner/3.png"):
        pixels = rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "photos" / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def images(home: Path, size: int) -> np.ndarray:
    from featbench.datasets.decode import MAX_PIXELS, decode

    names = ("1.png", "2.png", "inner/3.png")
    return np.stack([decode(home / "photos" / name, size, "squash", MAX_PIXELS) for name in names])


def extract(*arguments: str) -> int:
    return _code(["extract", *arguments], debug=False)


def test_from_a_folder_to_an_array(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert extract("hog", "photos", "--output", "features.npy") == 0
    np.testing.assert_array_equal(
        np.load("features.npy", mmap_mode="r"), HOG().fit_transform(images(home, 64))
    )
    shown = capsys.readouterr()
    assert [line.split("\t")[0] for line in shown.out.splitlines()] == [
        "file", "features.npy", "features.files.csv", "features.json", "features.extractor",
    ]  # fmt: skip
    assert "3 images × 1,764 numbers in " in shown.err
    assert " images/s)" in shown.err
    assert 'numpy.load("features.npy", mmap_mode="r")' in shown.err


def test_what_it_says_to_type_works(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    extract("hue", "photos", "-o", "f.npy")
    extract("hue", "photos", "-o", "g.parquet")
    said = [
        line.removeprefix("Read them: ")
        for line in capsys.readouterr().err.splitlines()
        if "Read them" in line
    ]
    array, table = (eval(code, {"numpy": np, "pandas": pandas}) for code in said)
    np.testing.assert_array_equal(array, table.drop(columns="file").to_numpy())
    assert list(table["file"]) == ["1.png", "2.png", "inner/3.png"]


def test_the_saved_extractor_on_another_folder(home: Path) -> None:
    assert (
        extract("raw", "photos", "-o", "f.npy", "--set", "center=true", "--size", "8", "--resize", "crop")
        == 0
    )
    assert extract("f.extractor", "photos/inner", "-o", "g.npy") == 0
    np.testing.assert_array_equal(np.load("g.npy"), np.load("f.npy")[2:])


def test_images_may_keep_their_sizes(home: Path) -> None:
    assert extract("hue", "photos", "-o", "f.npy", "--size", "keep") == 0
    own = [np.asarray(Image.open(home / "photos" / name)) for name in ("1.png", "2.png", "inner/3.png")]
    np.testing.assert_array_equal(np.load("f.npy"), HueHistogram().fit_transform(np.stack(own)))


def test_an_extractor_of_an_experiment(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "x.yaml").write_text(
        "dataset: photos\nextractors: [hog, {name: hog, cell: 16}]\nclassifier: knn\n"
    )
    assert extract("x.yaml", "photos", "-o", "f.npy") == 2
    assert "Pick one with --which: hog; hog(cell=16)." in capsys.readouterr().err
    assert extract("x.yaml", "photos", "-o", "f.npy", "--which", "hog(cell=16)") == 0
    np.testing.assert_array_equal(np.load("f.npy"), HOG(cell=16).fit_transform(images(home, 64)))


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["hogg", "photos", "-o", "f.npy"], 2, "Did you mean 'hog'?"),
        (["hog", "photos", "-o", "f.npy", "--set", "cel=4"], 2, "Did you mean 'cell'?"),
        (["hog", "photos", "-o", "f.txt"], 2, ".npy or .parquet"),
        (["hog", "photos"], 2, "--output"),
        (
            ["hog", "photos", "-o", "f.npy", "--size", "big"],
            2,
            "keep, or a number of pixels from 8 to 1024; got 'big'",
        ),
        (["hog", "photos", "-o", "f.npy", "--size", "9999"], 2, "from 8 to 1024"),
        (["hog", "photos", "-o", "f.npy", "--size", "keep"], 2, "needs images of one size"),
        (["hog", "photos", "-o", "f.npy", "--resize", "stretch"], 2, "--resize: "),
        (["hog", "photos", "-o", "f.npy", "--resize", "stretch"], 2, "squash, crop or pad; got 'stretch'"),
        (["hog", "nowhere", "-o", "f.npy"], 3, "nowhere"),
        (["hog", "empty", "-o", "f.npy"], 3, "at least one; got none"),
        (["hog", "photos", "-o", "f.npy", "--size", "8", "--set", "cell=16"], 3, "16"),
    ],
)
def test_what_is_wrong_is_said_with_its_code(
    home: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, said: str
) -> None:
    (home / "empty").mkdir()
    assert extract(*arguments) == code
    shown = capsys.readouterr().err
    assert said in shown
    assert "Traceback" not in shown
    assert sorted(path.name for path in home.iterdir()) == ["empty", "photos"]


def test_an_output_that_is_there(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert extract("hog", "photos", "-o", "f.npy") == 0
    assert extract("hue", "photos", "-o", "f.npy") == 2
    assert "Replace it with --force" in capsys.readouterr().err
    assert np.load("f.npy").shape == (3, 1764)
    assert extract("hue", "photos", "-o", "f.npy", "--force") == 0
    assert np.load("f.npy").shape[1] != 1764


def test_files_that_cannot_be_read(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "photos/2.png").write_bytes(b"no image")
    assert extract("hog", "photos", "-o", "f.npy") == 3
    assert "2.png: cannot be read as an image" in capsys.readouterr().err
    assert extract("hog", "photos", "-o", "f.npy", "--skip-unreadable") == 0
    shown = capsys.readouterr().err
    assert "3 files were done already before an interruption." in shown
    assert "1 file left out: 2.png: cannot be read as an image" in shown
    assert np.load("f.npy").shape == (2, 1764)


def test_ctrl_c_exits_with_130_and_the_same_command_goes_on(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from featbench.cli.progress import FileProgress
    from featbench.extraction import files

    def stop(self: FileProgress, n_done: int, n_left_out: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(files, "_MOST_FILES", 2)
    with monkeypatch.context() as patch:
        patch.setattr(FileProgress, "advance", stop)
        assert extract("hog", "photos", "-o", "f.npy") == 130
    assert "the same command goes on from there" in capsys.readouterr().err
    assert not (home / "f.npy").exists()
    assert extract("hog", "photos", "-o", "f.npy") == 0
    assert "2 files were done already" in capsys.readouterr().err
    np.testing.assert_array_equal(np.load("f.npy"), HOG().fit_transform(images(home, 64)))


def test_ctrl_c_before_any_work_promises_nothing(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from featbench.extraction.files import Decoding

    def stop(self: Decoding, paths: list[Path]) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Decoding, "read", stop)
    assert extract("hog", "photos", "-o", "f.npy") == 130
    said = capsys.readouterr().err
    assert "interrupted before anything was done" in said
    assert "kept" not in said
    assert [path.name for path in home.iterdir()] == ["photos"]


def test_what_was_passed_over_and_how_images_became_square_is_said(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("b.jpeg2", "c.raw"):
        (home / "photos" / name).touch()
    said = {
        (): "Images were squashed to 64 × 64 pixels",
        ("--resize", "crop", "--size", "32"): "Images were cropped to a square and brought to 32 × 32 pixels",
        ("--resize", "pad"): "Images were padded with black to 64 × 64 pixels",
    }
    for options, sentence in said.items():
        assert extract("hue", "photos", "-o", "f.npy", "--force", *options) == 0
        shown = capsys.readouterr().err
        assert "Files that are no images passed over: .jpeg2 1, .raw 1." in shown
        assert sentence in shown
    assert extract("hue", "photos", "-o", "g.npy", "--size", "keep") == 0
    assert "Images were" not in capsys.readouterr().err


def test_long_extractions_say_how_far_they_are(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from featbench.cli import progress

    monkeypatch.setattr(progress, "_LINE_EVERY_S", 0.0)
    bar = progress.FileProgress()
    bar.begin(1000, 200)
    bar.stage("extracting")
    bar.advance(600, 0)
    bar.advance(1000, 2)
    bar.end()
    first, last = capsys.readouterr().err.splitlines()
    assert first.startswith("[600/1,000] ")
    assert "images/s, about " in first
    assert "left" not in last
    assert last.endswith(", 2 cannot be used")


def test_help_tells_every_option(home: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "featbench", "extract", "--help"],
        capture_output=True, text=True, check=True, env={**os.environ, "COLUMNS": "100"},
    )  # fmt: skip
    for word in (
        "EXTRACTOR",
        "FOLDER",
        "--output",
        "--size",
        "--resize",
        "--set",
        "--which",
        "--skip-unreadable",
        "--force",
    ):
        assert word in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100


def test_what_the_page_says_to_type_works(home: Path, repository: Path) -> None:
    page = (repository / "docs/extract.md").read_text(encoding="utf-8").splitlines()
    commands = [shlex.split(line) for line in page if line.startswith("    featbench extract ")]
    assert len(commands) == 4
    for command in commands:
        assert extract(*command[2:], "--force") == 0, command
    in_python = "\n".join(
        line.strip() for line in page[page.index("## In Python") :] if line.startswith("    ")
    )
    done: dict[str, Any] = {}
    with pytest.raises(ConfigError, match="is there already"):
        exec(in_python, done)
    exec(in_python.replace("features.npy", "again.npy"), done)
    assert done["done"].shape == (3, 1764)
