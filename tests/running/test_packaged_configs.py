"""Every packaged config runs, here on a few small images in the place of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from featbench.config import load_experiment, packaged_configs
from featbench.runner import run

pytestmark = pytest.mark.long

# The filters of textons see grey, and the same however stripes are turned: little but the border tells classes.
LEAST = {"words/textons": 0.4}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_images(tmp_path_factory.mktemp("small"), 160, 16)


@pytest.fixture(scope="module")
def larger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As large as four sizes of SIFT on a pyramid of grids need."""
    return write_images(tmp_path_factory.mktemp("larger"), 80, 48)


def write_images(folder: Path, n: int, side: int) -> Path:
    rng = np.random.default_rng(0)
    path = folder / "images.npz"
    y = np.arange(n) % 4
    tint = np.array([[160, 80, 80], [80, 160, 80], [80, 80, 160], [130, 130, 60]])[y]
    across, down = np.meshgrid(np.arange(side), np.arange(side))
    turned = np.deg2rad([0, 45, 90, 135])[y, None, None]
    stripes = 50 * np.sin(across * np.cos(turned) + down * np.sin(turned))[..., None]
    x = np.clip(tint[:, None, None] + stripes + rng.normal(0, 10, (n, side, side, 3)), 0, 255).astype(
        np.uint8
    )
    train, test = slice(n * 3 // 4), slice(n * 3 // 4, n)
    np.savez(path, x_train=x[train], y_train=y[train], x_test=x[test], y_test=y[test])
    return path


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", packaged_configs())
def test_it_runs(
    name: str, small: Path, larger: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    path = larger if "name: folder" in packaged_configs()[name].read_text() else small
    overrides = [f"dataset={{name: npz, path: '{path}'}}", "timing={repeats: 1}"]
    if name.startswith("words/"):
        overrides += ["extractor.codebook.words=20", "extractor.samples=5000"]
    if name == "onnx_caltech":
        overrides += [f"extractor.model={request.getfixturevalue('squeezenet')}", "splits=2"]
    if name == "caltech/words":
        few = "codebook: {words: 20}, samples: 5000"
        overrides.append(
            f"extractors=[hog, {{name: bovw, recipe: spm, {few}}}, {{name: bovw, recipe: fisher, {few}}}]"
        )
        overrides.append("splits=2")
    if name.endswith("everything"):
        # Reading it names every plug-in; each of them is run in its own tests, networks by cnn_softmax.
        overrides += ["extractors=[raw, {concat: [hog, hue]}]"]
    if load_experiment(name).selection != "none":
        overrides.append("selection={folds: 2}")
    result = run(name, output=tmp_path, overrides=overrides)
    told = {r["label"]: r.get("reason") for r in result.records if r["status"] != "ok"}
    assert not told
    best = max(r["test_accuracy"] for r in result.records)
    assert best > LEAST.get(name, 0.9), "tint and stripes both tell the classes"


def test_each_says_what_it_is() -> None:
    for name, path in packaged_configs().items():
        assert path.read_text().startswith("# "), name


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [n for n, path in packaged_configs().items() if "/" not in n and "name: folder" not in path.read_text()],
)
def test_it_runs_on_its_own_images(name: str, tmp_path: Path) -> None:
    result = run(name, output=tmp_path)
    assert {r["status"] for r in result.records} == {"ok"}
