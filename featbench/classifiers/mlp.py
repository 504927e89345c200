"""A neural network with one hidden layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from scipy.special import softmax as shares

from featbench.classifiers.inputs import new_rows
from featbench.classifiers.network import Network
from featbench.classifiers.two_layer import Layers, he_initial, objective, scores
from featbench.parameters import Bounds
from featbench.types import AnyArray, Float64Array, Labels

__all__ = ["MLP"]


@dataclass(kw_only=True, eq=False, repr=False)
class MLP(Network):
    """Two-layer network: affine, ReLU, affine, softmax.

    Minimizes the mean cross-entropy plus ``reg / 2 · (‖W₁‖² + ‖W₂‖²)``, the biases left out, by minibatch descent
    with dropout on the hidden layer. Features should be standardized.

    Parameters
    ----------
    hidden : int, default=512
        Units of the hidden layer.
    reg : float, default=1e-3
        Strength of the penalty, 0 or more.
    dropout : float, default=0.5
        Share of hidden units that a row's training step leaves out, in [0, 1); the others count for as much
        more. Predictions use all.
    method : {"sgd", "momentum", "nesterov", "adam"}, default="adam"
        What a step makes of a gradient.
    learning_rate : float, default=1e-3
        At the start, above 0; momentum wants about a hundred times as much as adam.
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
    random_state : int, default=0
        Seed of the first weights, the order of rows and what is dropped.

    Attributes
    ----------
    classes_ : ndarray, (n_classes,)
        Sorted labels.
    coefs_ : list of ndarray, (d, hidden) and (hidden, n_classes)
        Weights W₁ and W₂, of the rows' precision.
    intercepts_ : list of ndarray, (hidden,) and (n_classes,)
        Biases b₁ and b₂.
    n_iter_ : int
        Finished epochs.
    loss_curve_ : ndarray of float64, (n_iter_ + 1,)
        Objective of the first weights on the first minibatch, then the mean over each epoch's minibatches,
        each taken just before its step and with dropout.
    diverged_ : bool
        Whether the training was broken off at a cost that is no number; the weights are then those of the
        last epoch before.

    Notes
    -----
    Products of float32 (and uint8) rows run in float32, of all others in float64. The same seed and data give the
    same bits on one machine, whatever the number of threads.

    References
    ----------
    D. E. Rumelhart, G. E. Hinton, R. J. Williams, Learning representations by back-propagating errors, Nature
    323 (1986), 533-536. doi:10.1038/323533a0
    K. He, X. Zhang, S. Ren, J. Sun, Delving deep into rectifiers, ICCV 2015. doi:10.1109/ICCV.2015.123
    N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever, R. Salakhutdinov, Dropout: a simple way to prevent
    neural networks from overfitting, Journal of Machine Learning Research 15 (2014), 1929-1958.
    Stanford CS231n course notes, Neural networks parts 1 to 3, https://cs231n.github.io/
    """

    hidden: Annotated[int, Bounds(ge=1, le=65_536)] = 512
    reg: Annotated[float, Bounds(ge=0, le=1e12)] = 1e-3
    dropout: Annotated[float, Bounds(ge=0, lt=1)] = 0.5
    method: Literal["sgd", "momentum", "nesterov", "adam"] = "adam"
    learning_rate: Annotated[float, Bounds(gt=0, le=1e12)] = 1e-3
    momentum: Annotated[float, Bounds(ge=0, lt=1)] = 0.9
    batch_size: Annotated[int, Bounds(ge=1)] | None = None
    epochs: Annotated[int, Bounds(ge=1)] = 30
    decay: Literal["none", "step", "exponential", "cosine"] = "cosine"
    decay_factor: Annotated[float, Bounds(gt=0, le=1)] = 0.5
    decay_epochs: Annotated[float, Bounds(gt=0)] = 5.0
    random_state: Annotated[int, Bounds(ge=0, le=2**32 - 1)] = 0

    default_search: ClassVar[Mapping[str, Sequence[Any]]] = {"reg": [1e-4, 1e-3, 1e-2]}

    def _first_point(self, dtype: np.dtype[Any]) -> AnyArray:
        return he_initial(*self._sizes, dtype, np.random.default_rng(self.random_state))

    def _cost(
        self, point: AnyArray, X: AnyArray, codes: Labels, rng: np.random.Generator | None
    ) -> tuple[float, AnyArray]:
        kept = None if rng is None else self._kept(len(X), point.dtype, rng)
        return objective(point, self._sizes, X, codes, self.reg, kept)

    def _keep(self, point: AnyArray) -> None:
        layers = Layers.of(point, *self._sizes)
        self.coefs_ = [layers.W1.copy(), layers.W2.copy()]
        self.intercepts_ = [layers.b1.copy(), layers.b2.copy()]

    @property
    def _sizes(self) -> tuple[int, int, int]:
        return self.n_features_in_, self.hidden, len(self.classes_)

    def _kept(self, n: int, dtype: np.dtype[Any], rng: np.random.Generator) -> AnyArray | None:
        """Draw which hidden units are kept; those that are count for as much more."""
        if not self.dropout:
            return None
        kept = rng.random((n, self.hidden), dtype=np.float32) >= self.dropout
        return kept * dtype.type(1 / (1 - self.dropout))  # type: ignore[no-any-return]

    def decision_function(self, X: AnyArray) -> Float64Array:
        """Return the scores of each row.

        Parameters
        ----------
        X : array-like, (m, d)

        Returns
        -------
        ndarray of float64, (m, n_classes) or (m,)
            For two classes, as in scikit-learn, one number a row: the second class's score minus the
            first's.
        """
        found = self._scores(X)
        return found[:, 1] - found[:, 0] if found.shape[1] == 2 else found

    def predict_proba(self, X: AnyArray) -> Float64Array:
        """Return each class's probability, ``(m, n_classes)``, columns as in `classes_`."""
        probabilities: Float64Array = shares(self._scores(X), axis=1)
        return probabilities

    def predict(self, X: AnyArray) -> AnyArray:
        """Return the label with the highest score for each row, ``(m,)``; of equals the first."""
        winners = np.argmax(self._scores(X), axis=1)
        labels: AnyArray = self.classes_[winners]
        return labels

    def _scores(self, X: AnyArray) -> Float64Array:
        X = new_rows(self, X)
        (W1, W2), (b1, b2) = self.coefs_, self.intercepts_
        return scores(Layers(W1, b1, W2, b2), X)
