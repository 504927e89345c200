"""A convolutional network that has learned nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from featbench.networks.extracting import NetworkFeatures
from featbench.parameters import Bounds
from featbench.types import AnyArray

__all__ = ["RandomCNN"]


@dataclass(kw_only=True, eq=False, repr=False)
class RandomCNN(NetworkFeatures):
    """The network of `cnn` before its training: what its shape alone is worth.

    Parameters
    ----------
    architecture : str, callable or Module, default="small"
        As of `cnn`.
    layers : str, list of str or None, default=None
        Whose outputs are the features; None is what goes into the last linear one.
    pooling : {"mean", "max", "spatial", "gram"}, default="mean"
        What becomes of a layer's maps: each channel's mean or maximum over all places, every number, or the products of
        channels as `gram` has them.
    average_flips : bool, default=False
        Whether a row is the mean of an image's and its mirror image's.
    device : {"auto", "cpu", "cuda"}, default="auto"
        Where it is used; ``"auto"`` is a GPU where there is one.
    random_state : int, default=0
        Seed of the weights.

    Attributes
    ----------
    weights_ : dict of str to ndarray
        Weights and batch-norm statistics by torch's names.
    mean_, std_ : ndarray of float32, (c,)
        Of the training images' pixels, that pixels are normalised by.
    device_ : str
        Where it was fitted.

    Notes
    -----
    Batch norms have the statistics that they begin with, mean 0 and variance 1. The first layer of ``airbench``, which
    whitens patches, is learned from training images, without labels, as before its training.

    References
    ----------
    K. Jarrett, K. Kavukcuoglu, M. Ranzato, Y. LeCun, What is the best multi-stage architecture for object recognition?,
    ICCV 2009. doi:10.1109/ICCV.2009.5459469

    Examples
    --------
    >>> import numpy as np
    >>> from featbench.extractors import RandomCNN
    >>> images = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3)).astype(np.uint8)
    >>> RandomCNN(layers="block1", pooling="spatial").fit_transform(images).shape  # 32 channels, 8 × 8 places
    (2, 2048)
    """

    architecture: Any = "small"
    layers: str | list[str] | None = None
    pooling: Literal["mean", "max", "spatial", "gram"] = "mean"
    average_flips: bool = False
    device: Literal["auto", "cpu", "cuda"] = "auto"
    random_state: Annotated[int, Bounds(ge=0, le=2**32 - 1)] = 0

    def _fit(self, images: Any, y: AnyArray | None) -> None:  # noqa: ARG002 - nothing is learned from labels
        network, _ = self._begin(images)
        self._keep(network)
