"""The multiclass support vector machine, linear, with the squared hinge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from featbench.classifiers.linear import LinearClassifier
from featbench.numerics.losses import HINGES, Loss
from featbench.parameters import Bounds

__all__ = ["SVM"]


@dataclass(kw_only=True, eq=False, repr=False)
class SVM(LinearClassifier):
    """Linear support vector machine for any number of classes.

    Minimizes the mean loss plus ``reg / 2 · ‖W‖²``, the bias left out, and says how near the minimum it is.
    For scikit-learn's C, reg is ``1 / (C · n)``.

    Parameters
    ----------
    loss : {"weston_watkins", "one_vs_rest"}, default="weston_watkins"
        Hinge of the margin between the true class and each other, ``Σ_{j≠y} max(0, 1 + s_j − s_y)²``; or of
        each class against all others, ``max(0, 1 − s_y)² + Σ_{j≠y} max(0, 1 + s_j)²``.
    hinge : {"squared"}, default="squared"
        Each hinge is squared, which makes the objective smooth.
    reg : float, default=1e-3
        Strength of the penalty, above 0.
    max_iter : int, default=200
        Most iterations of the solver.
    tol : float, default=1e-4
        The solver ends where the objective is within this share of its minimum.

    Attributes
    ----------
    classes_, coef_, intercept_, objective_, gradient_norm_, optimality_, converged_, n_iter_, loss_curve_
        See `LinearClassifier`.

    References
    ----------
    J. Weston, C. Watkins, Support vector machines for multi-class pattern recognition, ESANN 1999.
    R.-E. Fan et al., LIBLINEAR: a library for large linear classification, Journal of Machine Learning
    Research 9 (2008), 1871-1874.
    """

    loss: Literal["weston_watkins", "one_vs_rest"] = "weston_watkins"
    hinge: Literal["squared"] = "squared"
    reg: Annotated[float, Bounds(gt=0, le=1e12)] = 1e-3
    max_iter: Annotated[int, Bounds(ge=1)] = 200
    tol: Annotated[float, Bounds(gt=0, lt=1)] = 1e-4

    # Around the best values for standardized HOG and raw pixels of 5,000 to 50,000 images.
    default_search: ClassVar[Mapping[str, Sequence[Any]]] = {"reg": [1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0]}

    def _loss(self) -> Loss:
        return HINGES[self.loss]
