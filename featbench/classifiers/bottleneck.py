"""A linear classifier through a bottleneck that the cells of a pooling share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from scipy.special import softmax as shares

from featbench.classifiers.linear_scores import LinearScores
from featbench.classifiers.network import Network
from featbench.classifiers.shared_map import SharedMap, Sizes, first_point, objective
from featbench.errors import InputError, must_be
from featbench.numerics.torch_device import full_precision, torch_for
from featbench.parameters import Bounds
from featbench.types import AnyArray, Float64Array, Labels

__all__ = ["Bottleneck"]


@dataclass(kw_only=True, eq=False, repr=False)
class Bottleneck(Network, LinearScores):
    """Linear classifier through a narrow linear map that all cells share.

    A row is `cells` parts of equal length, as a pooling makes them. Each part goes through one linear map to `channels`
    numbers, a 1 × 1 convolution; the numbers of all cells together go to a linear classifier. Minimizes the mean
    cross-entropy plus ``reg / 2 · (‖V‖² + ‖W‖²)``, the bias left out, by minibatch descent. Features should be
    standardized.

    Parameters
    ----------
    cells : int, default=4
        Parts of a row: 4 of a pooling over quadrants, n · n of a grid of n.
    channels : int, default=128
        Numbers that a cell becomes.
    reg : float, default=1e-3
        Strength of the penalty, 0 or more.
    method : {"sgd", "momentum", "nesterov", "adam"}, default="nesterov"
        What a step makes of a gradient.
    learning_rate : float, default=3e-3
        At the start, above 0.
    momentum : float, default=0.9
        Share of its velocity that `momentum` and `nesterov` keep, in [0, 1).
    batch_size : int or None, default=None
        Most rows of a minibatch; None is a hundredth of the rows, from 16 to 256.
    epochs : int, default=30
        Passes over all rows.
    decay : {"none", "step", "exponential", "cosine"}, default="cosine"
        How the learning rate falls: not at all; times `decay_factor` after each `decay_epochs`; the same
        smoothly; along half a cosine to 0.
    decay_factor : float, default=0.5
        Above 0, at most 1.
    decay_epochs : float, default=5
        Epochs, above 0.
    device : {"cpu", "cuda", "torch:cpu"}, default="cpu"
        Where it is trained: ``"cuda"`` needs the extra ``cnn`` and a GPU; ``"torch:cpu"`` runs the lines of a GPU on
        the processor, to try them out.
    random_state : int, default=0
        Seed of the first weights and of the order of rows.

    Attributes
    ----------
    classes_ : ndarray, (n_classes,)
        Sorted labels.
    shared_ : ndarray, (d / cells, channels)
        The shared map V, of the rows' precision.
    weights_ : ndarray, (cells · channels, n_classes)
        The classifier's weights W, of the rows' precision.
    coef_ : ndarray of float64, (n_classes, d)
        What both are together: the weights of a linear classifier of whole rows.
    intercept_ : ndarray of float64, (n_classes,)
        Bias b.
    n_iter_, loss_curve_, diverged_
        As of `MLP`.

    Notes
    -----
    Training runs in float32 for rows of float32 (and uint8), otherwise in float64; predictions are float64. On
    ``"cpu"`` the same seed and data give the same bits on one machine, whatever the number of threads. A device takes
    the same minibatches in the same order, with TF32 off; rows lie on it whole where they take less than half of what
    is free, and go there batch by batch otherwise.

    Deviations from Thiry et al.: they normalize each channel by minibatches, over all cells; here `standardize` before
    the classifier does it with each column's own mean and deviation over all training rows. The shared map has no
    bias, which the classifier's would take in. Augmentation is `augment` of the extractor, drawn once; theirs is drawn
    anew each epoch. They have no penalty, and a rate of 3e-3 that falls to a tenth twice.

    References
    ----------
    L. Thiry, M. Arbel, E. Belilovsky and E. Oyallon, The unreasonable effectiveness of patches in deep convolutional
    kernels methods, ICLR 2021. arXiv:2101.07528; their program, https://github.com/louity/patches
    """

    cells: Annotated[int, Bounds(ge=1)] = 4
    channels: Annotated[int, Bounds(ge=1, le=65_536)] = 128
    reg: Annotated[float, Bounds(ge=0, le=1e12)] = 1e-3
    method: Literal["sgd", "momentum", "nesterov", "adam"] = "nesterov"
    learning_rate: Annotated[float, Bounds(gt=0, le=1e12)] = 3e-3
    momentum: Annotated[float, Bounds(ge=0, lt=1)] = 0.9
    batch_size: Annotated[int, Bounds(ge=1)] | None = None
    epochs: Annotated[int, Bounds(ge=1)] = 30
    decay: Literal["none", "step", "exponential", "cosine"] = "cosine"
    decay_factor: Annotated[float, Bounds(gt=0, le=1)] = 0.5
    decay_epochs: Annotated[float, Bounds(gt=0)] = 5.0
    device: Literal["cpu", "cuda", "torch:cpu"] = "cpu"
    random_state: Annotated[int, Bounds(ge=0, le=2**32 - 1)] = 0

    default_search: ClassVar[Mapping[str, Sequence[Any]]] = {"reg": [1e-4, 1e-3, 1e-2]}

    def _first_point(self, dtype: np.dtype[Any]) -> AnyArray:
        d = self.n_features_in_
        if d % self.cells:
            constraint = f"a multiple of cells, which is {self.cells}"
            remedy = "Set cells to how many the extractor pools over: 1 without a pooling, 4 for quadrants."
            raise InputError(must_be("Bottleneck", "the number of columns", constraint, d, remedy))
        return first_point(self._sizes, dtype, np.random.default_rng(self.random_state))

    def _cost(
        self,
        point: AnyArray,
        X: AnyArray,
        codes: Labels,
        rng: np.random.Generator | None,  # noqa: ARG002 - nothing is drawn
    ) -> tuple[float, AnyArray]:
        return objective(point, self._sizes, X, codes, self.reg)

    def _keep(self, point: AnyArray) -> None:
        maps = SharedMap.of(point, *self._sizes)
        self.shared_, self.weights_ = maps.V.copy(), maps.W.copy()
        self.coef_, self.intercept_ = maps.linear()

    def _trained(self, point: AnyArray, X: AnyArray, codes: Labels) -> AnyArray:
        if self.device == "cpu":
            return super()._trained(point, X, codes)
        place = self.device.removeprefix("torch:")
        torch = torch_for(place, "Bottleneck")
        with full_precision(torch, place), torch.inference_mode():
            moved = torch.tensor(point, device=place)
            if 2 * X.size * point.itemsize < _room(torch, place):
                X = torch.tensor(X, dtype=moved.dtype, device=place)
            trained: Any = super()._trained(moved, X, torch.tensor(codes, device=place))
            on_host: AnyArray = trained.cpu().numpy()
        return on_host

    @property
    def _sizes(self) -> Sizes:
        return self.cells, self.n_features_in_ // self.cells, self.channels, len(self.classes_)

    def predict_proba(self, X: AnyArray) -> Float64Array:
        """Return each class's probability, ``(m, n_classes)``, columns as in `classes_`."""
        probabilities: Float64Array = shares(self._scores(X), axis=1)
        return probabilities


def _room(torch: Any, place: str) -> int:
    """Return the bytes that are free on a GPU; on the processor, where rows lie already, none are wanted."""
    return int(torch.cuda.mem_get_info()[0]) if place == "cuda" else 0
