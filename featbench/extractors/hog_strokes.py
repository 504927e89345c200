"""Drawing orientation histograms: in each cell a stroke per orientation, as bright as its value."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["draw_strokes"]

_GLYPH = 16  # pixels a cell side in the drawing: room for nine directions to be told apart
_HALF_WIDTH = 0.75  # of a stroke, in pixels


def draw_strokes(cells: NDArray[np.float32], first: float, span: float = 180.0) -> NDArray[np.uint8]:
    """Draw histograms as strokes along the edges that caused them.

    Parameters
    ----------
    cells : ndarray of float32, (n, rows, cols, orientations)
        Non-negative histograms of gradient directions.
    first : float
        Direction of the gradient at the lower edge of the first bin, in degrees, counted from the
        direction of rising columns towards rising rows.
    span : float, optional
        Degrees that the bins cover together; opposite directions, where they are told apart, have the
        same stroke.

    Returns
    -------
    ndarray of uint8, (n, 16 * rows, 16 * cols)
        Each drawing scaled so that its brightest stroke is 255.
    """
    n, rows, cols, orientations = cells.shape
    glyphs = _glyphs(orientations, first, span)
    # A pixel shows the strongest stroke through it; sums would make every centre a bright dot.
    drawing = np.zeros((n, rows, cols, _GLYPH, _GLYPH), dtype=np.float32)
    for k in range(orientations):
        np.maximum(drawing, cells[..., k, None, None] * glyphs[k], out=drawing)
    sheet = drawing.transpose(0, 1, 3, 2, 4).reshape(n, rows * _GLYPH, cols * _GLYPH)
    brightest = sheet.max(axis=(1, 2), keepdims=True)
    return np.rint(sheet / np.where(brightest > 0, brightest, 1) * 255).astype(np.uint8)


def _glyphs(orientations: int, first: float, span: float) -> NDArray[np.float32]:
    """Return one anti-aliased stroke per orientation, at right angles to the middle of its bin."""
    angle = np.deg2rad(first + span * (np.arange(orientations) + 0.5) / orientations)[:, None, None]
    row, col = np.mgrid[:_GLYPH, :_GLYPH] - (_GLYPH - 1) / 2
    across = col * np.cos(angle) + row * np.sin(angle)
    along = row * np.cos(angle) - col * np.sin(angle)
    strokes: NDArray[np.float64] = np.clip(_HALF_WIDTH + 0.5 - np.abs(across), 0, 1) * (
        np.abs(along) <= _GLYPH / 2 - 1
    )
    return strokes.astype(np.float32)
