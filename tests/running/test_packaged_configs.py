"""Every packaged config runs, here on a few small images in the place of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from featbench.config import load_experiment, packaged_configs
from featbench.runner import run


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("small") / "small.npz"
    y = np.arange(160) % 4
    tint = np.array([[160, 80, 80], [80, 160, 80], [80, 80, 160], [130, 130, 60]])[y]
    across, down = np.meshgrid(np.arange(16), np.arange(16))
    turned = np.deg2rad([0, 45, 90, 135])[y, None, None]
    stripes = 50 * np.sin(across * np.cos(turned) + down * np.sin(turned))[..., None]
    x = np.clip(tint[:, None, None] + stripes + rng.normal(0, 10, (160, 16, 16, 3)), 0, 255).astype(np.uint8)
    np.savez(path, x_train=x[:120], y_train=y[:120], x_test=x[120:], y_test=y[120:])
    return path


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", packaged_configs())
def test_it_runs(name: str, small: Path, tmp_path: Path) -> None:
    overrides = [f"dataset={{name: npz, path: '{small}'}}", "timing={repeats: 1}"]
    if load_experiment(name).selection != "none":
        overrides.append("selection={folds: 2}")
    result = run(name, output=tmp_path, overrides=overrides)
    told = {r["label"]: r.get("reason") for r in result.records if r["status"] != "ok"}
    assert not told
    best = max(r["test_accuracy"] for r in result.records)
    assert best > 0.9, "tint and stripes both tell the classes"


def test_each_says_what_it_is() -> None:
    for name, path in packaged_configs().items():
        assert path.read_text().startswith("# "), name


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in packaged_configs() if "/" not in n])
def test_it_runs_on_its_own_images(name: str, tmp_path: Path) -> None:
    result = run(name, output=tmp_path)
    assert {r["status"] for r in result.records} == {"ok"}
