"""A convolutional network, learned on the spot."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from featbench.base.own_head import OwnHead
from featbench.networks.extracting import NetworkFeatures
from featbench.parameters import Bounds
from featbench.types import AnyArray, FeatureMatrix, ImageArray

__all__ = ["CNN"]

# Parameters that take the place of the recipe's numbers.
_RECIPE = (
    "epochs", "batch_size", "optimizer", "learning_rate", "weight_decay", "label_smoothing", "flip", "crop", "cutout",
)  # fmt: skip


@dataclass(kw_only=True, eq=False, repr=False)
class CNN(NetworkFeatures, OwnHead):
    """A convolutional network, trained with the labels of the training images; its layers are the features.

    It learns from labels: selection judges it on images that it has not seen. Its own last layer, end to end, is a row
    of its own before the classifier `own_head`.

    Parameters
    ----------
    architecture : str, callable or Module, default="small"
        ``"small"``, which a processor trains in a minute; ``"resnet9"``; ``"resnet18"``, in its form for small images;
        ``"airbench"`` and ``"airbench96"``, those of the speed runs; the name of an entry point of the group
        ``featbench.networks``. In Python also a class or function that makes a ``torch.nn.Module`` from the numbers of
        channels and classes, or a module, of which a copy is trained from its own weights.
    layers : str, list of str or None, default=None
        Whose outputs are the features, by torch's names, such as ``"block3"``; several follow one another. ``"input of
        head"`` is what goes into a layer; None is what goes into the last linear one.
    pooling : {"mean", "max", "spatial", "gram"}, default="mean"
        What becomes of a layer's maps: each channel's mean or maximum over all places, every number, or the products of
        channels as `gram` has them.
    average_flips : bool, default=False
        Whether a row is the mean of an image's and its mirror image's.
    epochs : float or None, default=None
        Passes over the training images; None, here and below, is the architecture's own. 0 leaves the weights as they
        begin.
    batch_size : int or None, default=None
        Images of a step, at least 2; the learning rate grows with it.
    optimizer : {"nesterov", "muon"} or None, default=None
        Gradient descent with Nesterov's momentum; or filters by Muon and the rest by that.
    learning_rate : float or None, default=None
        At its peak, for a batch of 256 images. It rises from a fifth and then falls, both in a straight line.
    weight_decay : float or None, default=None
        Strength of ``weight_decay / 2 · ‖w‖²``.
    label_smoothing : float or None, default=None
        Share of the target that all classes have in common, in [0, 1).
    flip : {"none", "random", "alternating"} or None, default=None
        Mirror images in training: none; half of the images, drawn each epoch; each image every other epoch.
    crop : int or None, default=None
        Pixels by which images are shifted at most in training; what was outside is reflected.
    cutout : int or None, default=None
        Side of a square that is covered in training, at a random place; 0 is none.
    weights : str or None, default=None
        File that the weights begin from: ``.safetensors``, as `save_weights` writes it, or a state dict that torch
        saved, which is read with ``weights_only=True``.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Of products on a GPU: with ``"auto"`` bfloat16 in training and float32, without TF32, for features. On the
        processor all is float32.
    compiled : bool, default=False
        Whether torch compiles the network for training.
    device : {"auto", "cpu", "cuda"}, default="auto"
        Where it is trained and used; ``"auto"`` is a GPU where there is one.
    random_state : int, default=0
        Seed of the first weights, the order of images and their augmentation.

    Attributes
    ----------
    classes_ : ndarray, (n_classes,)
        Sorted labels.
    weights_ : dict of str to ndarray
        Weights and batch-norm statistics by torch's names.
    mean_, std_ : ndarray of float32, (c,)
        That pixels are normalised by.
    loss_curve_ : ndarray of float64, (epochs,)
        Mean loss of each epoch, with smoothed labels and augmented images.
    batch_size_ : int
        Images of a step; fewer than asked for where the device's memory was too small.
    device_ : str
        Where it was trained.

    Notes
    -----
    All training images lie on the device as bytes, and are shifted and mirrored there. There is no early stopping. A
    loss that is no number ends the training with an error; Ctrl-C keeps the weights of the finished epoch with the
    lowest training loss, says so, and interrupts. `featbench.networks.telling.listening` hears of every epoch.

    The same seed gives the same weights on one device with one version of torch and, on the processor, with as many
    threads: those of torch, which ``OMP_NUM_THREADS`` sets.

    References
    ----------
    K. Jordan, 94% on CIFAR-10 in 3.29 seconds on a single GPU, 2024. arXiv:2404.00498

    K. He, X. Zhang, S. Ren, J. Sun, Deep residual learning for image recognition, CVPR 2016.
    doi:10.1109/CVPR.2016.90

    D. Page, How to train your ResNet, 2018 to 2019, https://myrtle.ai/learn/how-to-train-your-resnet/

    Examples
    --------
    >>> import numpy as np
    >>> from featbench.extractors import CNN
    >>> images = np.random.default_rng(0).integers(0, 256, (8, 16, 16, 3)).astype(np.uint8)
    >>> cnn = CNN(epochs=1).fit(images, [0, 1] * 4)
    >>> cnn.transform(images).shape, cnn.scores(images).shape
    ((8, 128), (8, 2))
    """

    architecture: Any = "small"
    layers: str | list[str] | None = None
    pooling: Literal["mean", "max", "spatial", "gram"] = "mean"
    average_flips: bool = False
    epochs: Annotated[float, Bounds(ge=0, le=10_000)] | None = None
    batch_size: Annotated[int, Bounds(ge=2)] | None = None
    optimizer: Literal["nesterov", "muon"] | None = None
    learning_rate: Annotated[float, Bounds(gt=0, le=1e9)] | None = None
    weight_decay: Annotated[float, Bounds(ge=0, le=1e9)] | None = None
    label_smoothing: Annotated[float, Bounds(ge=0, lt=1)] | None = None
    flip: Literal["none", "random", "alternating"] | None = None
    crop: Annotated[int, Bounds(ge=0, le=4096)] | None = None
    cutout: Annotated[int, Bounds(ge=0)] | None = None
    weights: str | None = None
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    compiled: bool = False
    device: Literal["auto", "cpu", "cuda"] = "auto"
    random_state: Annotated[int, Bounds(ge=0, le=2**32 - 1)] = 0

    def _fit(self, images: Any, y: AnyArray | None) -> None:
        codes = self._codes(y, len(images))
        network, pixels = self._begin(images)
        from featbench.networks.building import recipe_of
        from featbench.networks.losses import cross_entropy

        asked = {name: getattr(self, name) for name in _RECIPE if getattr(self, name) is not None}
        recipe = dataclasses.replace(recipe_of(self.architecture, "CNN"), **asked)
        self._train(network, pixels, codes, cross_entropy(recipe.label_smoothing), recipe)

    def fit_images(self, n: int, shape: tuple[int, ...]) -> float:  # noqa: ARG002 - pixels decide nothing
        """Return how many of n images an epoch steps through: whole batches."""
        from featbench.networks.building import recipe_of

        asked = self.batch_size or recipe_of(self.architecture, "CNN").batch_size
        batch = max(1, min(asked, n))
        return float(n // batch * batch)

    def _scores(self, images: ImageArray) -> FeatureMatrix:
        from featbench.networks.building import OUTPUT

        return self._read(images, (OUTPUT,), "mean", len(self.classes_), self.average_flips)
