"""Small images for networks, and one thread for torch, so that workers do not fight."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture
def noise(rng):
    """64 images of noise, 16 × 16, with labels of four classes that have nothing to do with them."""
    return rng.integers(0, 256, (64, 16, 16, 3), dtype=np.uint8), np.arange(64) % 4


@pytest.fixture
def coloured(rng):
    """96 images whose colour tells their class, of three."""
    y = np.arange(96) % 3
    images = rng.integers(0, 120, (96, 16, 16, 3), dtype=np.uint8)
    images[np.arange(96), :, :, y] += 100
    return images, y
