"""What a bag of visual words cannot do without: its matrix products."""

from __future__ import annotations

import math

import numpy as np

from featbench.base import Cost, product_cost
from featbench.words.building import Parts

__all__ = ["products_cost"]


def products_cost(n: int, shape: tuple[int, ...], parts: Parts, n_out: int) -> Cost | None:
    """Return the products of descriptors with the maps that turn them and with the words, and nothing else.

    Parameters
    ----------
    n : int
        Number of images.
    shape : tuple of int
        Of one image, ``(h, w, 3)`` or ``(h, w)``.
    parts : Parts
        Fitted.
    n_out : int
        Length of an image's row.

    Returns
    -------
    Cost or None
        None where patches are not those of a grid: how many keypoints there are, nobody knows before. Its bytes are
        those of images and rows; descriptors need not leave the caches.
    """
    places = parts.sampling.places(np.zeros((1, *shape), dtype=np.uint8), 0)
    if places.grids is None:
        return None
    patches = n * len(places.positions)
    turned = [step.projection_.shape for step in parts.normalization if hasattr(step, "projection_")]
    words, length = parts.codebook.words_.shape
    products = [product_cost(patches, *sides) for sides in (*turned, (length, words))]
    operations = sum(product.operations for product in products)
    return Cost(operations, float(n) * (math.prod(shape) + 4 * n_out))
