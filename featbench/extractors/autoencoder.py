"""A code from which images can be drawn again, learned without labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np

from featbench.networks.extracting import NetworkFeatures
from featbench.networks.recipe import Recipe
from featbench.parameters import Bounds
from featbench.types import AnyArray, ImageArray

__all__ = ["Autoencoder"]


@dataclass(kw_only=True, eq=False, repr=False)
class Autoencoder(NetworkFeatures):
    """The code of an autoencoder: a convolutional network learns, without labels, to draw images again from it.

    Three convolutions shrink an image to an eighth, `channels` numbers at each place; three others draw it again. It
    is trained for the least mean squared error of normalised pixels.

    Parameters
    ----------
    channels : int, default=32
        Numbers at each place of the code: 16 places of an image of 32 × 32.
    layers : str, list of str or None, default=None
        Whose outputs are the features; None is the code, ``"encoder.code"``.
    pooling : {"mean", "max", "spatial", "gram"}, default="spatial"
        What becomes of a layer's maps: each channel's mean or maximum over all places, every number, or the products of
        channels as `gram` has them.
    average_flips : bool, default=False
        Whether a row is the mean of an image's and its mirror image's.
    epochs : float, default=15
        Passes over the training images.
    batch_size : int, default=128
        Images of a step; the learning rate grows with it.
    learning_rate : float, default=0.1
        At its peak, for a batch of 256 images.
    flip : {"none", "random", "alternating"}, default="random"
        Mirror images in training: none; half of the images, drawn each epoch; each image every other epoch.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Of products on a GPU, as of `cnn`.
    device : {"auto", "cpu", "cuda"}, default="auto"
        Where it is trained and used; ``"auto"`` is a GPU where there is one.
    random_state : int, default=0
        Seed of the first weights, the order of images and their mirroring.

    Attributes
    ----------
    weights_ : dict of str to ndarray
        Weights and batch-norm statistics by torch's names.
    mean_, std_ : ndarray of float32, (c,)
        That pixels are normalised by.
    loss_curve_ : ndarray of float64, (epochs,)
        Mean squared error of each epoch, of normalised pixels: 1 where each is taken for the mean colour.
    batch_size_ : int
        Images of a step.
    device_ : str
        Where it was trained.

    Notes
    -----
    Trained as `cnn` is, with another loss. Pictures, once it is fitted: ``drawn``, the images as their codes tell them.

    References
    ----------
    G. E. Hinton, R. R. Salakhutdinov, Reducing the dimensionality of data with neural networks, Science 313 (2006),
    504-507. doi:10.1126/science.1127647

    J. Masci, U. Meier, D. Cireşan, J. Schmidhuber, Stacked convolutional auto-encoders for hierarchical feature
    extraction, ICANN 2011. doi:10.1007/978-3-642-21735-7_7

    Examples
    --------
    >>> import numpy as np
    >>> from featbench.extractors import Autoencoder
    >>> images = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3)).astype(np.uint8)
    >>> Autoencoder(epochs=1).fit_transform(images).shape  # 32 channels, 2 × 2 places
    (4, 128)
    """

    channels: Annotated[int, Bounds(ge=1, le=4096)] = 32
    layers: str | list[str] | None = None
    pooling: Literal["mean", "max", "spatial", "gram"] = "spatial"
    average_flips: bool = False
    epochs: Annotated[float, Bounds(ge=0, le=10_000)] = 15.0
    batch_size: Annotated[int, Bounds(ge=1)] = 128
    learning_rate: Annotated[float, Bounds(gt=0, le=1e9)] = 0.1
    flip: Literal["none", "random", "alternating"] = "random"
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    random_state: Annotated[int, Bounds(ge=0, le=2**32 - 1)] = 0

    @property
    def _network(self) -> Any:
        from featbench.networks.coding import AutoencoderOf

        return AutoencoderOf(self.channels)

    def _layers(self) -> tuple[str, ...] | None:
        return super()._layers() or ("encoder.code",)

    def _fit(self, images: Any, y: AnyArray | None) -> None:  # noqa: ARG002 - labels are not read
        network, pixels = self._begin(images)
        from featbench.networks.losses import squared_error

        recipe = Recipe(
            epochs=self.epochs, batch_size=self.batch_size, learning_rate=self.learning_rate,
            weight_decay=0.0, flip=self.flip, crop=0,
        )  # fmt: skip
        self._train(network, pixels, None, squared_error, recipe)

    def _pictures(self, images: ImageArray) -> dict[str, AnyArray]:
        """Return the images as their codes tell them; nothing before `fit`."""
        if not hasattr(self, "weights_") or images.shape[1:] != self.image_shape_:
            return {}
        from featbench.networks.building import OUTPUT

        drawn = self._read(images, (OUTPUT,), "spatial", images[0].size, average_flips=False)
        pixels = drawn.reshape(len(images), len(self.mean_), *images.shape[1:3]).transpose(0, 2, 3, 1)
        pixels = np.rint(pixels * self.std_ + self.mean_).clip(0, 255).astype(np.uint8)
        return {"drawn": np.ascontiguousarray(pixels.reshape(images.shape))}
