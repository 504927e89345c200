"""The benchmark of visual words on a GPU, tried out on few images and torch's own processor."""

import subprocess
import sys

import numpy as np
import pytest

pytestmark = pytest.mark.long

pytest.importorskip("torch")


@pytest.fixture
def gpu_words(repository, monkeypatch):
    monkeypatch.syspath_prepend(str(repository))
    import benchmarks.gpu_words

    return benchmarks.gpu_words


@pytest.mark.data
def test_it_runs_and_equals_the_processor(gpu_words, cifar10_root, capsys, monkeypatch):
    monkeypatch.setattr(gpu_words, "_COMPARED", 10)
    monkeypatch.setattr(gpu_words, "_SAMPLES", 3000)
    rows = list(gpu_words.rows(str(cifar10_root), "torch:cpu", 50, (40,), 30))
    assert len(rows) == 3
    assert [row.work for row in rows if row.differs] == []
    told = capsys.readouterr().out
    assert told.startswith("torch on the processor, torch 2.")
    assert "TF32 off" in told
    assert "patches: least squares" in told
    assert "patches, 30 words, 16 cells, flip, Bottleneck(batch_size=128, cells=16" in told
    assert "% of 10 test images; features" in told


def test_least_squares_are_numpys(gpu_words, rng):
    import torch

    y = np.arange(500) % 3
    X, X_test = ((rng.normal(size=(500, 8)) + 2 * np.eye(8)[y]).astype(np.float32) for _ in range(2))
    accuracy, penalty = gpu_words._least_squares(torch, "cpu", (X, y), (X_test, y))
    scaled, other = ((rows - X[:400].mean(axis=0)) / X[:400].std(axis=0) for rows in (X, X_test))
    added = penalty * (scaled**2).sum(axis=0).mean() * np.eye(8)
    weights = np.linalg.solve(scaled.T @ scaled + added, scaled.T @ (2 * np.eye(3)[y] - 1))
    means = 2 * np.bincount(y[:400]) / 400 - 1
    assert accuracy == pytest.approx(((other @ weights + means).argmax(axis=1) == y).mean(), abs=0.004)
    assert accuracy > 0.8


@pytest.mark.data
def test_it_imports_nothing_that_a_bare_machine_lacks(repository, cifar10_root):
    code = (
        "import sys, benchmarks.gpu_words as g; g.Cifar10(root=sys.argv[1], max_train=10, max_test=9).load(); "
        "print(sorted({'pydantic', 'platformdirs', 'cv2', 'skimage', 'torch'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code, str(cifar10_root)]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_arguments_that_a_suite_does_not_take(gpu_words, capsys):
    from benchmarks.__main__ import main

    assert main(["neighbors", "words"]) == 2
    assert "too many positional arguments" in capsys.readouterr().err
