"""Hinges with kinks, by their dual: what a solver that is to reach the optimum wants of them.

With the margins m of a sample, ``m_j = 1 + s_j − s_y`` of each class j but the true one (one against the rest:
``1 + s_j``, and ``1 − s_y`` of the true class too), every one of these losses is a maximum over multipliers q::

    loss = max over q in Q of  Σ_j q_j m_j − quadratic(q)

=====================  =================================  ==============
loss                   Q                                  quadratic(q)
=====================  =================================  ==============
Weston-Watkins, plain  0 ≤ q_j ≤ 1                        0
one against the rest   0 ≤ q_j ≤ 1                        0
Crammer-Singer, plain  0 ≤ q_j, Σ_j q_j ≤ 1               0
Crammer-Singer, squared  0 ≤ q_j                          (Σ_j q_j)² / 4
=====================  =================================  ==============

Taking ``width / 2 · ‖q − multipliers‖²`` off the maximized expression makes the loss smooth, and where the
multipliers are the optimal ones it leaves the optimum where it is.

References
----------
R. T. Rockafellar, Augmented Lagrangians and applications of the proximal point algorithm in convex
programming, Mathematics of Operations Research 1 (1976), 97-116. doi:10.1287/moor.1.2.97
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

from featbench.numerics.losses import Loss, crammer_singer, one_vs_rest, weston_watkins
from featbench.numerics.threads import kernel
from featbench.types import AnyArray, Float64Array, Labels

__all__ = ["Hinge"]


@dataclass(frozen=True)
class Hinge:
    """A loss that is a maximum over multipliers.

    Parameters
    ----------
    name : {"weston_watkins", "crammer_singer", "one_vs_rest"}
    squared : bool
        Only Crammer-Singer's is not smooth even so.
    """

    name: str
    squared: bool = False

    @cached_property
    def loss(self) -> Loss:
        """The loss by its value."""
        value = {
            "weston_watkins": weston_watkins,
            "crammer_singer": crammer_singer,
            "one_vs_rest": one_vs_rest,
        }[self.name]
        return Loss(
            partial(value, squared=self.squared),
            lambda _: 0.1,  # for want of a second derivative, one of margins smoothed over a width of 1
            lambda q, _: q.sum(axis=-2) - self.quadratic(q),
            paired=self.name != "one_vs_rest",
        )

    def value_and_gradient(self, scores: Any, y: Any, weights: Any = None) -> tuple[Any, Any]:
        """Return the loss, summed over the samples, and a subgradient."""
        return self.loss.value_and_gradient(scores, y, weights)

    def margins(self, scores: AnyArray, y: Labels) -> AnyArray:
        """Return the margins ``(..., n_classes, n)``; a true class that has none gets 0."""
        samples = np.arange(scores.shape[-1])
        true = scores[..., y, samples]
        margins: AnyArray = scores - true[..., None, :] if self.loss.paired else scores.copy()
        margins += 1
        margins[..., y, samples] = 0 if self.loss.paired else 1 - true
        return margins

    def step(self, margins: AnyArray, y: Labels, multipliers: AnyArray, width: AnyArray) -> AnyArray:
        """Return the maximizing multipliers of the smoothed loss, shaped like `margins`.

        Parameters
        ----------
        margins : ndarray, (n_models, n_classes, n)
        y : ndarray of int64, (n,)
        multipliers : ndarray, like `margins`
        width : ndarray, (n_models,)
        """
        found: AnyArray = margins / width[:, None, None].astype(margins.dtype)
        found += multipliers
        if self.loss.paired:
            found[..., y, np.arange(found.shape[-1])] = 0
        if self.name == "crammer_singer":
            found = np.ascontiguousarray(found)
            _threshold(found, np.asarray(width, dtype=np.float64), self.squared)
            return found
        return np.clip(found, 0, 1, out=found)

    def quadratic(self, multipliers: AnyArray) -> AnyArray:
        """Return each sample's quadratic term, ``(..., n)``."""
        total = multipliers.sum(axis=-2)
        return total * total / 4 if self.squared else np.zeros_like(total)

    def smoothed(
        self,
        scores: AnyArray,
        y: Labels,
        multipliers: AnyArray,
        width: AnyArray,
        weights: AnyArray | None = None,
    ) -> tuple[Float64Array, AnyArray]:
        """Return the smoothed loss, summed over the samples, and its gradient.

        Parameters
        ----------
        scores : ndarray, (n_models, n_classes, n)
        y : ndarray of int64, (n,)
        multipliers : ndarray, like `scores`
            In Q.
        width : ndarray, (n_models,)
            Of the interval of margins over which a kink is rounded off, above 0.
        weights : ndarray, (n,), optional
            What each sample counts.

        Returns
        -------
        loss : ndarray of float64, (n_models,)
        gradient : ndarray, like `scores`
        """
        margins = self.margins(scores, y)
        found = self.step(margins, y, multipliers, width)
        losses = np.einsum("mcn,mcn->mn", found, margins) - self.quadratic(found)
        moved = found - multipliers
        losses -= (width[:, None] / 2).astype(losses.dtype) * np.einsum("mcn,mcn->mn", moved, moved)
        gradient = self.loss.derivatives(found, y)
        if weights is not None:
            losses = losses * weights
            gradient *= weights.astype(gradient.dtype)
        return losses.sum(axis=-1, dtype=np.float64), gradient


@kernel
def _threshold(values: Any, width: Any, squared: bool) -> None:
    """Take off every column of values, cut at 0, the θ ≥ 0 that the bound or the penalty on its sum asks for.

    The sum is to be at most 1 with θ least; or, squared, θ = sum / (2 · width). Entries below θ drop out
    until none does (Michelot 1986, doi:10.1007/BF00938486).
    """
    n_models, n_classes, n = values.shape
    for model in range(n_models):
        for i in range(n):
            theta = 0.0
            count = -1
            while True:
                total, above = 0.0, 0
                for j in range(n_classes):
                    if values[model, j, i] > theta:
                        total += values[model, j, i]
                        above += 1
                if above == count or above == 0:
                    break
                count = above
                if squared:
                    theta = total / (above + 2 * width[model])
                elif total > 1:
                    theta = max(theta, (total - 1) / above)
            for j in range(n_classes):
                values[model, j, i] = max(0.0, values[model, j, i] - theta)
