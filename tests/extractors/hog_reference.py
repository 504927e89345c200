"""The HOG variants again, in plain NumPy, one image at a time and as slowly as clarity asks for."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import uniform_filter


def dalal(image, orientations, cell, block, block_norm, turn=180, gamma="none"):
    """Dalal–Triggs as scikit-image has it, and over a whole turn as it has not."""
    pixels = image.astype(float).reshape(*image.shape[:2], -1)
    if gamma == "sqrt":
        pixels = np.sqrt(pixels)
    g_row, g_col = np.zeros_like(pixels), np.zeros_like(pixels)
    g_row[1:-1] = pixels[2:] - pixels[:-2]
    g_col[:, 1:-1] = pixels[:, 2:] - pixels[:, :-2]
    strongest = np.argmax(np.hypot(g_row, g_col), axis=2)[..., None]
    g_row = np.take_along_axis(g_row, strongest, axis=2)[..., 0]
    g_col = np.take_along_axis(g_col, strongest, axis=2)[..., 0]
    magnitude = np.sqrt(g_row**2 + g_col**2)
    degrees = np.arctan2(g_row, g_col) * (180 / np.pi) % turn
    edges = (float(turn) / orientations * np.arange(orientations + 1)).astype(np.float32)
    rows, cols = image.shape[0] // cell, image.shape[1] // cell
    cells = np.zeros((rows, cols, orientations))
    for r, c, k in np.ndindex(cells.shape):
        here = np.s_[r * cell : (r + 1) * cell, c * cell : (c + 1) * cell]
        voters = (degrees[here] >= edges[k]) & (degrees[here] < edges[k + 1])
        cells[r, c, k] = magnitude[here][voters].sum() / cell**2
    blocks = [
        normalized(cells[r : r + block, c : c + block].ravel(), block_norm)
        for r in range(rows - block + 1)
        for c in range(cols - block + 1)
    ]
    return np.concatenate(blocks)


def normalized(values, block_norm, epsilon=1e-5):
    if block_norm.startswith("l1"):
        values = values / (values.sum() + epsilon)
        return np.sqrt(values) if block_norm == "l1-sqrt" else values
    values = values / np.sqrt((values**2).sum() + epsilon**2)
    if block_norm == "l2-hys":
        values = np.minimum(values, 0.2)
        values = values / np.sqrt((values**2).sum() + epsilon**2)
    return values


def luma_of_floats(image):
    """The course's grey values, with the rounding noise of a float product."""
    return image @ np.array([0.299, 0.587, 0.144]) if image.ndim == 3 else image.astype(float)


def luma_of_thousandths(image):
    """The course's grey values, free of rounding noise."""
    whole = image.astype(np.int64)
    return whole @ [299, 587, 144] if image.ndim == 3 else 1000 * whole


def cs231n(grey, orientations, cell):
    """The course's steps: forward differences, half a circle, the mean over a cell.

    Differences of whole thousandths are exact before they are divided; those of floats are what they are.
    """
    unit = 1000 if grey.dtype == np.int64 else 1
    g_col, g_row = np.zeros(grey.shape), np.zeros(grey.shape)
    g_col[:, :-1] = np.diff(grey, axis=1) / unit
    g_row[:-1] = np.diff(grey, axis=0) / unit
    magnitude = np.hypot(g_col, g_row)
    degrees = np.arctan2(g_row, g_col + 1e-15) * (180 / np.pi) + 90
    width = 180 / orientations
    per_bin = []
    for k in range(orientations):
        voters = (degrees >= width * k) & (degrees < width * (k + 1)) & (degrees > 0)
        means = uniform_filter(np.where(voters, magnitude, 0), size=(cell, cell))
        rows, cols = grey.shape[0] // cell, grey.shape[1] // cell
        per_bin.append(means[cell // 2 :: cell, cell // 2 :: cell][:rows, :cols].T)
    return np.stack(per_bin, axis=-1).ravel()


def uoctti(image, orientations, cell, epsilon=1e-4):
    """Felzenszwalb et al.: shared votes as products with triangles, blocks as sums of shifted energies."""
    pixels = image.astype(float).reshape(*image.shape[:2], -1)
    height, width = image.shape[:2]
    rows, cols = height // cell, width // cell
    g_row, g_col = np.zeros_like(pixels), np.zeros_like(pixels)
    g_row[1:-1, 1:-1] = (pixels[2:] - pixels[:-2])[:, 1:-1]
    g_col[1:-1, 1:-1] = (pixels[:, 2:] - pixels[:, :-2])[1:-1]
    strongest = np.argmax(g_row**2 + g_col**2, axis=2)[..., None]
    g_row = np.take_along_axis(g_row, strongest, axis=2)[..., 0]
    g_col = np.take_along_axis(g_col, strongest, axis=2)[..., 0]
    angles = np.pi * np.arange(2 * orientations) / orientations
    dots = g_col[..., None] * np.cos(angles) + g_row[..., None] * np.sin(angles)
    nearest = np.argmax(np.round(dots, 9), axis=-1)
    votes = np.eye(2 * orientations)[nearest] * np.hypot(g_row, g_col)[..., None]
    down, across = triangles(height, cell), triangles(width, cell)
    votes[rows * cell :], votes[:, cols * cell :] = 0, 0
    directions = np.einsum("ry,cx,yxk->rck", down, across, votes)
    both = directions[..., :orientations] + directions[..., orientations:]
    energy = np.pad((both**2).sum(axis=-1), 1, mode="edge")
    sums = energy[:-1, :-1] + energy[1:, :-1] + energy[:-1, 1:] + energy[1:, 1:]
    blocks = [sums[1:, 1:], sums[:-1, 1:], sums[1:, :-1], sums[:-1, :-1]]
    parts = [[], [], []]
    for block in blocks:
        length = np.sqrt(block + epsilon)[..., None]
        parts[0].append(np.minimum(directions / length, 0.2))
        parts[1].append(np.minimum(both / length, 0.2))
        parts[2].append(0.2357 * parts[0][-1].sum(axis=-1))
    cells = [sum(parts[0]) / 2, sum(parts[1]) / 2, np.stack(parts[2], axis=-1)]
    return np.concatenate(cells, axis=-1).ravel()


def triangles(side, cell):
    """The share of a pixel that each cell gets along one axis."""
    centres = (np.arange(side // cell) + 0.5) * cell - 0.5
    return np.maximum(0, 1 - np.abs(np.arange(side) - centres[:, None]) / cell)
