"""The benchmark of the GPU, tried out on few images and the processor."""

import json
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("torch")

# What a bare machine with torch may lack; scikit-learn brings joblib and threadpoolctl.
LACKING = (
    "pydantic", "platformdirs", "annotated_types", "ruamel", "typer", "rich", "psutil", "cv2", "skimage", "matplotlib",
    "jinja2", "safetensors", "array_api_compat", "pyarrow", "PIL",
)  # fmt: skip


@pytest.fixture
def gpu(repository, monkeypatch):
    monkeypatch.syspath_prepend(str(repository))
    import benchmarks.gpu

    return benchmarks.gpu


@pytest.mark.data
@pytest.mark.long
def test_it_runs_where_only_torch_numpy_numba_pandas_and_scikit_learn_are(repository, cifar10_root, tmp_path):
    code = f"""
import sys
class Lacking:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {LACKING!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Lacking())
import featbench.extractors
from benchmarks.gpu import main
sys.exit(main([{str(cifar10_root)!r}, "--results", {str(tmp_path)!r}, "--small"]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = {path.stem: json.loads(path.read_text()) for path in tmp_path.glob("*.json")}
    assert set(told) == {"cnn_94", "cnn_96", "same_seed", "features", "agreement", "neighbors", "kmeans"}
    assert all(part["done"] for part in told.values())
    assert {part["device"] for part in told.values()} == {"torch on the processor"}
    assert told["cnn_94"]["images"] == [24, 8]
    assert len(told["cnn_94"]["seconds"]) == len(told["cnn_96"]["accuracies"]) == 2
    assert told["same_seed"]["same"]
    assert told["same_seed"]["weights_differ_by"] == 0
    assert told["features"]["images"] == 32
    assert set(told["features"]["float32"]["images_per_s"]) == {"1", "8"}
    assert told["agreement"]["agrees"]
    assert told["neighbors"]["equal"]
    assert not told["kmeans"]["differs"]


@pytest.mark.data
@pytest.mark.long
def test_words_and_patches_run_where_they_are_named(gpu, cifar10_root, tmp_path, monkeypatch):
    from benchmarks import gpu_words

    monkeypatch.setattr(gpu_words, "_COMPARED", 10)
    results = ["--results", str(tmp_path), "--small", "--parts", "words", "patches"]
    assert gpu.main([str(cifar10_root), *results]) == 0
    rows = json.loads((tmp_path / "words.json").read_text())["rows"]
    assert [row.get("differs") for row in rows] == [False, False, None]
    assert 0 <= rows[-1]["accuracy"] <= 1
    patches = json.loads((tmp_path / "patches.json").read_text())
    assert patches["model"].startswith("Bottleneck(batch_size=128, cells=16")
    assert 0 <= patches["accuracy"] <= 1


def parts(gpu, monkeypatch, **made):
    monkeypatch.setattr(gpu, "_PARTS", made)
    monkeypatch.setattr(gpu, "Cifar10", lambda **_: SimpleNamespace(load=few_images))


def run(gpu, folder, *more):
    return gpu.main(["cifar", "--results", str(folder), "--small", "--parts", *gpu._PARTS, *more])


def test_a_part_that_fails_says_so_and_the_next_begins(gpu, tmp_path, monkeypatch, capsys):
    def broken(setting):
        yield {"so far": 1}
        raise RuntimeError("the device fell off")

    def sound(setting):
        yield {"images": len(setting.train[0])}

    parts(gpu, monkeypatch, broken=broken, sound=sound)
    assert run(gpu, tmp_path) == 1
    told = json.loads((tmp_path / "broken.json").read_text())
    assert (told["so far"], told["done"], told["failed"]) == (1, False, "RuntimeError: the device fell off")
    told = json.loads((tmp_path / "sound.json").read_text())
    assert (told["images"], told["done"]) == (8, True)
    assert 'sound: {"part_seconds"' in capsys.readouterr().out


def test_what_a_killed_run_has_is_on_disk(gpu, tmp_path, monkeypatch):
    def killed(setting):
        yield {"first": 1}
        raise KeyboardInterrupt

    parts(gpu, monkeypatch, killed=killed)
    with pytest.raises(KeyboardInterrupt):
        run(gpu, tmp_path)
    assert json.loads((tmp_path / "killed.json").read_text())["first"] == 1


def test_no_part_begins_after_the_budget(gpu, tmp_path, monkeypatch, capsys):
    parts(gpu, monkeypatch, late=lambda setting: iter([{}]))
    assert run(gpu, tmp_path, "--budget", "0") == 1
    assert "late: not begun, the 0 s of the budget are spent" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


def test_without_a_gpu_or_data_it_says_so(gpu, tmp_path, capsys, monkeypatch):
    import torch

    monkeypatch.delenv("FEATBENCH_DATA", raising=False)

    if not torch.cuda.is_available():
        assert gpu.main([str(tmp_path)]) == 3
        assert "finds no GPU here" in capsys.readouterr().err
    assert gpu.main([str(tmp_path), "--small"]) == 3
    assert "cifar10: the batches must be in" in capsys.readouterr().err


def test_no_seed_begins_after_the_deadline(gpu, monkeypatch):
    from benchmarks import gpu_parts

    setting = gpu_parts.Setting(few_images(), "cpu", True, 0.0)
    *_, told = gpu_parts.cnn_94(setting)
    assert len(told["seconds"]) == 1
    assert told["ended"] == "the time was up"


def few_images():
    from featbench.imagesets import Dataset, ImageSet

    rng = np.random.default_rng(0)
    parts = [
        ImageSet(rng.integers(0, 256, (n, 32, 32, 3)).astype(np.uint8), np.arange(n) % 2, None, None)
        for n in (8, 4)
    ]
    return Dataset(
        name="few", classes=("a", "b"), train=parts[0], test=parts[1], official_split=True, shareable=True,
        source="noise", notes=(),
    )  # fmt: skip


def test_least_squares_are_numpys(gpu, rng):
    import torch

    from benchmarks import gpu_words

    y = np.arange(500) % 3
    X, X_test = ((rng.normal(size=(500, 8)) + 2 * np.eye(8)[y]).astype(np.float32) for _ in range(2))
    accuracy, penalty = gpu_words._least_squares(torch, "cpu", (X, y), (X_test, y))
    scaled, other = ((rows - X[:400].mean(axis=0)) / X[:400].std(axis=0) for rows in (X, X_test))
    added = penalty * (scaled**2).sum(axis=0).mean() * np.eye(8)
    weights = np.linalg.solve(scaled.T @ scaled + added, scaled.T @ (2 * np.eye(3)[y] - 1))
    means = 2 * np.bincount(y[:400]) / 400 - 1
    assert accuracy == pytest.approx(((other @ weights + means).argmax(axis=1) == y).mean(), abs=0.004)
    assert accuracy > 0.8


def test_arguments_that_a_suite_does_not_take(gpu, capsys):
    from benchmarks.__main__ import main

    assert main(["neighbors", "words"]) == 2
    assert "too many positional arguments" in capsys.readouterr().err
