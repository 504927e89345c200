"""How a network is trained, as numbers; each architecture has its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Recipe", "triangle"]

# Of airbench94: the learning rate begins at this share of its peak.
_START = 0.2


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes
    ----------
    epochs : float
        Passes over all images.
    batch_size : int
        Images of a step.
    optimizer : {"nesterov", "muon"}
        Gradient descent with Nesterov's momentum; or filters by Muon, the rest by Nesterov's momentum.
    learning_rate : float
        At its peak, for a batch of 256 images and the mean loss; it grows in proportion to the batch.
    filter_rate : float
        Of filters under ``"muon"``, whatever the batch.
    momentum : float
        Share of the velocity that a step keeps.
    weight_decay : float
        Strength of ``weight_decay / 2 · ‖w‖²``.
    bias_scale : float
        Factor of the learning rate of the biases of batch norms; their decay stays the same.
    label_smoothing : float
        Share of the target that all classes have in common.
    peak_at, end : float
        Share of the training at which the learning rate is highest, and what share of it is left at the end.
    lookahead : bool
        Whether the weights go back, every five steps, to a mean of themselves that moves ever more slowly.
    whitening_bias_epochs : float
        After so many epochs the bias of a whitening layer stays as it is.
    flip : {"none", "random", "alternating"}
        Mirror images: none; for half of the images, drawn in each epoch; or for each image in every other epoch.
    crop : int
        Pixels by which an image is shifted at most; what was outside is reflected.
    cutout : int
        Side of a square that is covered by the mean colour, at a random place.

    References
    ----------
    K. Jordan, 94% on CIFAR-10 in 3.29 seconds on a single GPU, 2024. arXiv:2404.00498
    T. DeVries and G. W. Taylor, Improved regularization of convolutional neural networks with cutout, 2017.
    arXiv:1708.04552
    """

    epochs: float = 20
    batch_size: int = 128
    optimizer: Literal["nesterov", "muon"] = "nesterov"
    learning_rate: float = 0.1
    filter_rate: float = 0.24
    momentum: float = 0.9
    weight_decay: float = 5e-4
    bias_scale: float = 1.0
    label_smoothing: float = 0.0
    peak_at: float = 0.23
    end: float = 0.0
    lookahead: bool = False
    whitening_bias_epochs: float = 3
    flip: Literal["none", "random", "alternating"] = "random"
    crop: int = 2
    cutout: int = 0


def triangle(done: float, peak_at: float, end: float) -> float:
    """Return the learning rate's share of its peak: straight up from a fifth, then straight down.

    Parameters
    ----------
    done : float
        Share of the training that is over, 0 to 1.
    peak_at, end : float
        As of `Recipe`.
    """
    if done < peak_at:
        return _START + (1 - _START) * done / peak_at
    return 1 + (end - 1) * (done - peak_at) / (1 - peak_at)
