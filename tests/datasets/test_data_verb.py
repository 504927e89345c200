"""`featbench data`: what it lists, prepares and verifies."""

import json

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from featbench.cli.data import app
from featbench.datasets import DATASETS
from featbench.errors import ConfigError, DataError, InputError, UnknownNameError


def call(*arguments):
    return CliRunner().invoke(app, [*arguments], catch_exceptions=False)


@pytest.fixture(autouse=True)
def nothing_here(monkeypatch, tmp_path):
    monkeypatch.delenv("FEATBENCH_DATA", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))


@pytest.fixture
def pictures(tmp_path):
    root = tmp_path / "[bold]pics"
    for label in ("[red]", "\x1b[31mfox"):
        for n in range(4):
            path = root / label / f"{n}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((9, 9), n, np.uint8)).save(path)
    return root


def test_list(monkeypatch, tmp_path):
    monkeypatch.setitem(DATASETS._own, "broken", "featbench.no_such_module:Broken")
    rows = [line.split("\t") for line in call("list").output.splitlines()]
    table = {row[0]: row[1:] for row in rows}
    assert rows[0] == ["name", "what", "where"]
    assert list(table)[1:6] == ["photos", "digits", "cifar10", "folder", "npz"]
    assert table["photos"][1] == "in the installation"
    assert table["cifar10"][1] == "not here yet: `featbench data prepare cifar10`"
    assert table["folder"][1] == "where you say: `featbench info folder`"
    assert table["broken"][0] == "cannot be imported"
    assert all(row[1] for row in rows)
    (tmp_path / "data_batch_1").touch()
    monkeypatch.setenv("FEATBENCH_DATA", str(tmp_path))
    assert str(tmp_path) in call("list").output


def test_prepare(pictures):
    result = call("prepare", "digits")
    assert result.stderr == "digits is ready: 1,346 training and 451 test images of 10 classes.\n"
    result = call("prepare", "folder", "--set", f"root='{pictures}'", "--set", "max_images=6")
    assert "· 6 of 8 images, drawn by the seed" in result.stderr


def test_verify(pictures):
    result = call("verify", "folder", "--set", f"root='{pictures}'", "--set", "size=32")
    assert "\x1b" not in result.output
    rows = dict(line.split("\t", 1) for line in result.stdout.splitlines())
    assert rows["name"] == "folder [bold]pics"
    assert rows["train"] == "6 images"
    assert rows["exact duplicates"] == "2 test images stand in the training set too"
    assert rows["[red]"] == "3\t1"
    assert rows["\\x1b[31mfox"] == "3\t1"
    assert len(rows["fingerprint"]) == 64


def test_verify_as_json(pictures):
    summary = json.loads(call("verify", "folder", "--set", f"root='{pictures}'", "--json").stdout)
    assert summary["classes"] == ["\x1b[31mfox", "[red]"]
    assert summary["n_train"] == 6
    again = json.loads(
        call("verify", "folder", "--set", f"root='{pictures}'", "--seed", "1", "--json").stdout
    )
    assert again["n_train"] == 6


def test_verify_downloads_nothing():
    with pytest.raises(DataError, match="cifar10: the batches must be in .*got nothing there"):
        call("verify", "cifar10")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["verify", "fotos"], UnknownNameError, "unknown dataset 'fotos'. Did you mean 'photos'"),
        (["verify", "folder"], ConfigError, "dataset folder: 'root' is missing"),
        (["verify", "photos", "--set", "size"], ConfigError, "--set: a parameter must be of the form key=value"),
        (["prepare", "digits", "--set", "test_sise=1"], UnknownNameError, "unknown parameter 'test_sise'. Did you mean 'test_size'"),
        (["prepare", "digits", "--set", "test_size=2"], InputError, "Digits: test_size must be a number > 0 and < 1; got 2"),
        (["prepare", "folder", "--set", "root=/nowhere/at/all"], DataError, "folder: root must be an existing folder"),
    ],
)  # fmt: skip
def test_faults(arguments, error, message):
    with pytest.raises(error, match=message):
        call(*arguments)
