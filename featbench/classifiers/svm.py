"""The multiclass support vector machine, linear."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from featbench.classifiers.class_weights import ClassWeight
from featbench.classifiers.linear import LinearClassifier
from featbench.numerics.hinges import Hinge
from featbench.numerics.losses import HINGES, Loss
from featbench.parameters import Bounds

__all__ = ["SVM"]


@dataclass(kw_only=True, eq=False, repr=False)
class SVM(LinearClassifier):
    """Linear support vector machine for any number of classes.

    Minimizes the mean loss plus a penalty on the weights, the bias left out, and says how near the minimum it
    is. For scikit-learn's C, reg is ``1 / (C · n)``.

    Parameters
    ----------
    loss : {"weston_watkins", "crammer_singer", "one_vs_rest"}, default="weston_watkins"
        Hinge h of the margin between the true class and each other, ``Σ_{j≠y} h(1 + s_j − s_y)``; of that between
        the true class and the highest of the others, ``max_{j≠y} h(1 + s_j − s_y)``; or of each class against
        all others, ``h(1 − s_y) + Σ_{j≠y} h(1 + s_j)``.
    hinge : {"squared", "plain"}, default="squared"
        ``h(m) = max(0, m)²`` or ``max(0, m)``. The plain one has kinks, and so has Crammer-Singer's loss with
        either; these are solved by the method of multipliers, in some hundreds of iterations.
    reg : float, default=1e-3
        Strength of the penalty, above 0.
    penalty : {"l2", "l1", "elastic_net"}, default="l2"
        What is penalized: squared weights, ``reg / 2 · ‖W‖²``; absolute ones, ``reg · Σ|W|``, which makes many of
        them 0; or both. With a hinge that has kinks, `max_iter` may have to be some thousands.
    l1_ratio : float, default=0.5
        Share of the elastic net's penalty that is absolute, 0 to 1:
        ``reg · (l1_ratio · Σ|W| + (1 − l1_ratio) / 2 · ‖W‖²)``.
    class_weight : "balanced", mapping of label to weight, or None, default=None
        What the loss of a class's rows counts. ``"balanced"`` makes every class count the same, ``n / (n_classes ·
        rows of the class)``; a class that a mapping does not name counts 1.
    max_iter : int, default=1000
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
    K. Crammer, Y. Singer, On the algorithmic implementation of multiclass kernel-based vector machines, Journal
    of Machine Learning Research 2 (2001), 265-292.
    R.-E. Fan et al., LIBLINEAR: a library for large linear classification, Journal of Machine Learning
    Research 9 (2008), 1871-1874.
    """

    loss: Literal["weston_watkins", "crammer_singer", "one_vs_rest"] = "weston_watkins"
    hinge: Literal["squared", "plain"] = "squared"
    reg: Annotated[float, Bounds(gt=0, le=1e12)] = 1e-3
    penalty: Literal["l2", "l1", "elastic_net"] = "l2"
    l1_ratio: Annotated[float, Bounds(ge=0, le=1)] = 0.5
    class_weight: ClassWeight = None
    max_iter: Annotated[int, Bounds(ge=1)] = 1000
    tol: Annotated[float, Bounds(gt=0, lt=1)] = 1e-4

    # Around the best values for standardized HOG and raw pixels of 5,000 to 50,000 images.
    default_search: ClassVar[Mapping[str, Sequence[Any]]] = {"reg": [1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0]}

    def _loss(self) -> Loss | Hinge:
        if self.hinge == "squared" and self.loss in HINGES:
            return HINGES[self.loss]
        return Hinge(self.loss, squared=self.hinge == "squared")
