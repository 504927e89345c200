"""Which solver and which certificate a linear classifier's objective asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from featbench.numerics.augmented import fit_augmented
from featbench.numerics.duality import Penalty, Rounded, certify_dual
from featbench.numerics.folded import fit_folds
from featbench.numerics.hinges import Hinge
from featbench.numerics.linear import EXACT, Aim, LinearFit, fit_linear
from featbench.numerics.losses import Loss
from featbench.numerics.optimality import Certificate, certify
from featbench.numerics.sparse import fit_sparse
from featbench.numerics.sparse_hinges import fit_sparse_hinges
from featbench.types import AnyArray, Float64Array, Labels

__all__ = ["Problem"]

# A fold's search begins at the optimum of all rows. With a looser tolerance it might end there, at a model that knows
# the rows that it is judged on.
_FORGETS = 1e-3


@dataclass(frozen=True)
class Problem:
    """A mean loss plus ``reg · (l1_ratio · Σ|W| + (1 − l1_ratio) / 2 · ‖W‖²)``, the bias left out.

    Parameters
    ----------
    loss : Loss or Hinge
        Smooth, or a hinge with kinks.
    l1_ratio : float
        From 0 to 1.
    max_iter : int
        Most iterations of the solver for each model.
    tol : float
        The solver ends where the objective is within this share of its minimum.
    aim : Aim, optional
        How well within; of smooth losses with squared weights.
    """

    loss: Loss | Hinge
    l1_ratio: float
    max_iter: int
    tol: float
    aim: Aim = EXACT

    def fit(
        self, X: AnyArray, y: Labels, n_classes: int, regs: Sequence[float], weights: Float64Array | None
    ) -> list[LinearFit]:
        """Fit one model for each strength of the penalty.

        Parameters
        ----------
        X : ndarray of float32 or float64, (n, d)
        y : ndarray of int64, (n,)
            Classes, 0 to n_classes − 1.
        n_classes : int
        regs : sequence of float
        weights : ndarray of float64, (n,), or None
            What each row's loss counts.
        """
        asked: dict[str, Any] = {"weights": weights, "max_iter": self.max_iter, "tol": self.tol}
        if isinstance(self.loss, Hinge):
            if self.l1_ratio > 0:
                return fit_sparse_hinges(X, y, n_classes, self.loss, regs, l1_ratio=self.l1_ratio, **asked)
            return fit_augmented(X, y, n_classes, self.loss, regs, **asked)
        if self.l1_ratio > 0:
            return fit_sparse(X, y, n_classes, self.loss, regs, l1_ratio=self.l1_ratio, **asked)
        return fit_linear(X, y, n_classes, self.loss, regs, aim=self.aim, **asked)

    def shares_folds(self) -> bool:
        """Tell whether `fit_folds` serves this objective."""
        return not isinstance(self.loss, Hinge) and self.l1_ratio == 0 and self.tol <= _FORGETS

    def fit_folds(
        self,
        X: AnyArray,
        y: Labels,
        n_classes: int,
        regs: Sequence[float],
        parts: Sequence[slice],
        rescaled: bool,
    ) -> list[list[LinearFit]]:
        """Fit one model for each fold and strength, as `featbench.numerics.folded.fit_folds` does."""
        assert not isinstance(self.loss, Hinge)
        asked: dict[str, Any] = {"max_iter": self.max_iter, "tol": self.tol, "aim": self.aim}
        return fit_folds(X, y, n_classes, self.loss, regs, parts, rescaled, **asked)

    def certify(
        self, X: AnyArray, y: Labels, reg: float, fit: LinearFit, weights: Float64Array | None
    ) -> Certificate:
        """Bound from above, in float64, how much the objective of a fit exceeds its minimum."""
        penalty = Penalty(reg, self.l1_ratio)
        if isinstance(self.loss, Hinge):
            assert fit.multipliers is not None
            rounded = Rounded(self.loss, fit.multipliers, fit.width)
            loss = self.loss.loss
            return certify_dual(
                X, y, loss, penalty, fit.coef, fit.intercept, weights=weights, rounded=rounded
            )
        if self.l1_ratio > 0:
            return certify_dual(X, y, self.loss, penalty, fit.coef, fit.intercept, weights=weights)
        return certify(X, y, self.loss, reg, fit.coef, fit.intercept, weights=weights)
