"""Which channels of a network's layer fire together: texture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from featbench.networks.extracting import NetworkFeatures
from featbench.parameters import Bounds
from featbench.types import AnyArray

__all__ = ["Gram"]


@dataclass(kw_only=True, eq=False, repr=False)
class Gram(NetworkFeatures):
    """Gram matrices of a layer of an untrained network: how channels go together, wherever in the image.

    The products of every two channels, averaged over all places, tell the texture of an image and nothing of where
    things are. Of a network that has learned, ``{name: cnn, pooling: gram}`` gives the same.

    Parameters
    ----------
    architecture : str, callable or Module, default="small"
        As of `cnn`.
    layers : str or list of str, default="block2"
        Layers whose outputs are maps; c channels give c · (c + 1) / 2 numbers.
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
    The products are not normalised; the maps `power` and `l2` do what second-order pooling is usually followed by.

    References
    ----------
    L. A. Gatys, A. S. Ecker, M. Bethge, Texture synthesis using convolutional neural networks, NeurIPS 2015.
    arXiv:1505.07376

    I. Ustyuzhaninov, W. Brendel, L. A. Gatys, M. Bethge, What does it take to generate natural textures?, ICLR 2017;
    random filters suffice

    Examples
    --------
    >>> import numpy as np
    >>> from featbench.extractors import Gram
    >>> images = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3)).astype(np.uint8)
    >>> Gram(layers="block1").fit_transform(images).shape  # of 32 channels
    (2, 528)
    """

    architecture: Any = "small"
    layers: str | list[str] = "block2"
    average_flips: bool = False
    device: Literal["auto", "cpu", "cuda"] = "auto"
    random_state: Annotated[int, Bounds(ge=0, le=2**32 - 1)] = 0

    @property
    def _reduction(self) -> str:
        return "gram"

    def _fit(self, images: Any, y: AnyArray | None) -> None:  # noqa: ARG002 - nothing is learned from labels
        network, _ = self._begin(images)
        self._keep(network)
