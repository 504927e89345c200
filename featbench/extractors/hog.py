"""Histograms of oriented gradients, for a whole batch of images at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray

from featbench.base import Cost, Extractor
from featbench.errors import InputError, Shown, must_be
from featbench.extractors.hog_cost import cs231n_cost, dalal_cost, uoctti_cost
from featbench.extractors.hog_cs231n import cs231n_hog
from featbench.extractors.hog_dalal import dalal_hog
from featbench.extractors.hog_roots import roots_hog
from featbench.extractors.hog_strokes import draw_strokes
from featbench.extractors.hog_uoctti import uoctti_hog
from featbench.images import ImageBatch
from featbench.parameters import Bounds
from featbench.types import AnyArray, FeatureMatrix, ImageArray

__all__ = ["HOG", "hog"]


@dataclass(kw_only=True, eq=False, repr=False)
class HOG(Extractor):
    """Histograms of oriented gradients: which way edges run, cell by cell.

    An edge is where grey levels change; its gradient has a magnitude and a direction. The image is cut
    into square cells, and each cell becomes a histogram: how much gradient it has in each direction.
    ``dalal`` and ``uoctti`` then normalise blocks of cells together, so that light and shadow cancel out.

    Parameters
    ----------
    orientations : int, default=9
        Bins over 180°, 1 to 180. Opposite directions count as one unless `signed`; ``uoctti`` counts them
        both ways.
    cell : int, default=8
        Side of a cell, in pixels. Pixels beyond the last whole cell cast no vote.
    block : int, default=2
        Side of a block, in cells; blocks lie one cell apart. Read by ``dalal`` only.
    block_norm : {"l1", "l1-sqrt", "l2", "l2-hys"}, default="l2-hys"
        What makes blocks comparable: ``l1`` divides by the sum; ``l1-sqrt`` then takes square roots; ``l2``
        divides by the Euclidean length; ``l2-hys`` then limits values to 0.2 and divides again. Read by
        ``dalal`` only.
    signed : bool, default=False
        Whether a step from dark to light differs from one from light to dark: bins then share 360°. Read by
        ``dalal`` only.
    gamma : {"none", "sqrt"}, default="none"
        What is done to grey levels first: ``sqrt`` takes the square root of every channel, so that a step in
        shadow counts like one in light (scikit-image's ``transform_sqrt``). Read by ``dalal`` only.
    variant : {"dalal", "cs231n", "uoctti"}, default="dalal"
        ``dalal`` equals scikit-image's ``hog``; ``cs231n`` the first assignment of Stanford's CS231n;
        ``uoctti`` is what the deformable part models see, 31 numbers a cell.

    Notes
    -----
    Features are ordered block row, block column, cell row, cell column, orientation (``dalal``), or cell
    column, cell row, orientation (``cs231n``). A bin is named by its lower edge: 0° is a gradient towards
    larger columns, 90° towards larger rows. Features are dimensionless in [0, 1] for ``dalal``; for
    ``cs231n`` they are mean magnitudes in grey levels. ``uoctti`` orders cell row, cell column, then twice
    `orientations` directions, `orientations` orientations, both named by their middle, and four textures,
    named by where the block lies that the cell was divided by; directions and orientations are in
    [0, 0.4], textures, with 9 orientations, in [0, 1].

    Pictures: ``strokes``, in each cell lines along its edges, as bright as they are strong.

    Deviations of ``dalal`` from Dalal and Triggs, all shared with scikit-image: no Gaussian window over a
    block; a pixel votes for one bin of one cell instead of sharing its vote among the nearest; no
    gamma compression unless asked for.

    Deviations of ``cs231n`` from Dalal and Triggs: gradients of one luma, with a weight of 0.144 for blue
    (for 0.114), instead of the strongest channel; forward differences instead of central ones; directions
    from −90° to 90° only, so that gradients towards smaller columns, about half of all, are dropped;
    a mean over each cell, and no blocks or normalisation. From the course's own code: luma is kept in whole
    thousandths, free of the rounding noise of floats; pixels beyond the last whole cell are ignored.

    Deviations of ``uoctti`` from its authors' code: cells at the border are kept, a cell beyond it counting
    as its nearest inside; there is no 32nd number for truncation; sines and cosines have all their digits;
    pixels beyond the last whole cell are ignored instead of rounding the number of cells.

    References
    ----------
    N. Dalal and B. Triggs, "Histograms of oriented gradients for human detection", CVPR 2005,
    https://doi.org/10.1109/CVPR.2005.177

    CS231n: Convolutional Neural Networks for Visual Recognition, Stanford University, assignment 1,
    https://cs231n.github.io

    P. F. Felzenszwalb, R. B. Girshick, D. McAllester and D. Ramanan, "Object detection with
    discriminatively trained part-based models", PAMI 32(9), 2010, https://doi.org/10.1109/TPAMI.2009.167

    Examples
    --------
    >>> import numpy as np
    >>> from featbench.extractors import HOG
    >>> images = np.zeros((10, 32, 32, 3), dtype=np.uint8)
    >>> HOG(cell=8, block=2).fit_transform(images).shape
    (10, 324)
    """

    orientations: Annotated[int, Bounds(ge=1, le=180)] = 9
    cell: Annotated[int, Bounds(ge=1)] = 8
    block: Annotated[int, Bounds(ge=1)] = 2
    block_norm: Literal["l1", "l1-sqrt", "l2", "l2-hys"] = "l2-hys"
    signed: bool = False
    gamma: Literal["none", "sqrt"] = "none"
    variant: Literal["dalal", "cs231n", "uoctti"] = "dalal"

    def _feature_names(self) -> AnyArray:
        """Return names such as ``hog[cell 2,3; block 1,2; 40°]``.

        Cell and block are named by row and column in the image, the bin by its lower edge.
        """
        rows, cols = self._grid(self.image_shape_)
        if self.variant == "cs231n":
            cells = [f"cell {r},{c}" for c in range(cols) for r in range(rows)]
        elif self.variant == "uoctti":
            cells = [f"cell {r},{c}" for r in range(rows) for c in range(cols)]
        else:
            side = range(self.block)
            cells = [
                f"cell {r + i},{c + j}; block {r},{c}"
                for r in range(rows - self.block + 1)
                for c in range(cols - self.block + 1)
                for i in side
                for j in side
            ]
        return np.asarray([f"hog[{cell}; {bin_}]" for cell in cells for bin_ in self._bins()], dtype=object)

    def _pictures(self, images: ImageArray) -> dict[str, AnyArray]:
        """Return ``strokes``: 16 × 16 pixels a cell, each stroke along the edges that it stands for.

        ``dalal`` draws the mean of a cell's normalised copies, what a classifier gets to see; ``uoctti``
        its orientations.
        """
        features = self._extract(np.ascontiguousarray(images))
        cells = self._cells(features, images.shape[1:])
        return {"strokes": draw_strokes(cells, self._first_degree(), self._span())}

    def _bins(self) -> list[str]:
        """Return what tells the numbers of one cell apart."""
        step = self._span() / self.orientations
        if self.variant != "uoctti":
            return [f"{self._first_degree() + step * k:g}°" for k in range(self.orientations)]
        directions = [f"direction {step * k:g}°" for k in range(2 * self.orientations)]
        orientations = [f"orientation {step * k:g}°" for k in range(self.orientations)]
        textures = [f"texture {x} {y}" for x in ("right", "left") for y in ("below", "above")]
        return directions + orientations + textures

    def _first_degree(self) -> float:
        """Return the lower edge of the first bin; 0° is a gradient towards larger columns, 90° rows."""
        return {"dalal": 0.0, "cs231n": -90.0, "uoctti": -90.0 / self.orientations}[self.variant]

    def _span(self) -> float:
        """Return the degrees that the orientations share."""
        return 360.0 if self.signed and self.variant == "dalal" else 180.0

    def _cells(self, features: FeatureMatrix, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """Return one histogram a cell, ``(n, rows, cols, orientations)``."""
        rows, cols = self._grid(shape)
        if self.variant == "cs231n":
            return features.reshape(-1, cols, rows, self.orientations).transpose(0, 2, 1, 3)
        if self.variant == "uoctti":
            return features.reshape(len(features), rows, cols, -1)[..., 2 * self.orientations : -4]
        down, across = rows - self.block + 1, cols - self.block + 1
        blocks = features.reshape(-1, down, across, self.block, self.block, self.orientations)
        cells = np.zeros((len(features), rows, cols, self.orientations), dtype=np.float32)
        copies = np.zeros((rows, cols, 1), dtype=np.float32)
        for i in range(self.block):
            for j in range(self.block):
                cells[:, i : i + down, j : j + across] += blocks[:, :, :, i, j]
                copies[i : i + down, j : j + across] += 1
        return cells / copies

    def _grid(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Return the rows and columns of whole cells; refuse an image too small for one block."""
        least = self.cell * (self.block if self.variant == "dalal" else 1)
        height, width = shape[:2]
        if min(height, width) < least:
            block = f" and block={self.block}" if self.variant == "dalal" else ""
            raise InputError(
                must_be(
                    "HOG",
                    "images",
                    f"at least {least} × {least} pixels for cell={self.cell}{block}",
                    Shown(f"{height} × {width}"),
                    "Enlarge the images, or take smaller cells.",
                )
            )
        return height // self.cell, width // self.cell

    def _n_features(self, shape: tuple[int, ...]) -> int:
        rows, cols = self._grid(shape)
        if self.variant == "cs231n":
            return rows * cols * self.orientations
        if self.variant == "uoctti":
            return rows * cols * (3 * self.orientations + 4)
        return (rows - self.block + 1) * (cols - self.block + 1) * self.block**2 * self.orientations

    def cost(self, n: int, shape: tuple[int, ...]) -> Cost:
        """Return what the variant cannot do without, counted by its definition."""
        if self.variant == "cs231n":
            return cs231n_cost(n, shape, self.orientations, self.cell)
        if self.variant == "uoctti":
            return uoctti_cost(n, shape, self.orientations, self.cell)
        return dalal_cost(n, shape, self.orientations, self.cell, self.block, self.block_norm, self.gamma)

    def _extract(self, images: ImageArray) -> FeatureMatrix:
        if self.variant == "cs231n":
            return cs231n_hog(images, self.orientations, self.cell)
        if self.variant == "uoctti":
            return uoctti_hog(images, self.orientations, self.cell)
        descriptor = dalal_hog if self.gamma == "none" else roots_hog
        return descriptor(images, self.orientations, self.cell, self.block, self.block_norm, self.signed)


def hog(
    images: ImageBatch,
    *,
    orientations: int = 9,
    cell: int = 8,
    block: int = 2,
    block_norm: Literal["l1", "l1-sqrt", "l2", "l2-hys"] = "l2-hys",
    signed: bool = False,
    gamma: Literal["none", "sqrt"] = "none",
    variant: Literal["dalal", "cs231n", "uoctti"] = "dalal",
) -> FeatureMatrix:
    """Compute histograms of oriented gradients in one call.

    Parameters
    ----------
    images : ndarray of uint8, (n, h, w, 3) or (n, h, w), or ImageSource
        A batch; a single image goes in as ``image[None]``.
    orientations, cell, block, block_norm, signed, gamma, variant
        As in `HOG`.

    Returns
    -------
    ndarray of float32, (n, d)

    Raises
    ------
    InputError
        Bad parameters or images; images too small for one block, with the smallest legal size.
    """
    estimator = HOG(
        orientations=orientations,
        cell=cell,
        block=block,
        block_norm=block_norm,
        signed=signed,
        gamma=gamma,
        variant=variant,
    )
    # An array even where scikit-learn has been told to hand out pandas frames.
    features: FeatureMatrix = estimator.set_output(transform="default").fit_transform(images)
    return features
