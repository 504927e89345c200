"""Small pictures in nested folders, and chunks of two files."""

import numpy as np
import pytest
from PIL import Image

from featbench.extraction import files

NAMES = ["1.png", "2.png", "10.png", "b/deep/x.png", "b/y.png"]
SIZES = [(12, 16), (20, 9), (8, 8), (16, 16), (30, 11)]


@pytest.fixture
def photos(tmp_path, rng):
    """Five pictures of noise; returns their folder."""
    root = tmp_path / "photos"
    for name, (height, width) in zip(NAMES, SIZES, strict=True):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(root / name)
    return root


@pytest.fixture
def two_at_once(monkeypatch):
    """Three chunks are made of five files."""
    monkeypatch.setattr(files, "_MOST_FILES", 2)
