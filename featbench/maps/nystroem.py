"""Kernels seen from landmarks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np

from featbench.base import FeatureMap
from featbench.errors import InputError, Shown, must_be
from featbench.maps.bandwidth import variance_bandwidth
from featbench.parameters import Bounds
from featbench.types import AnyArray, FeatureMatrix, Float64Array

__all__ = ["Nystroem"]


@dataclass(kw_only=True, eq=False, repr=False)
class Nystroem(FeatureMap):
    """A kernel as a map, from the similarity of each row to some training rows, the landmarks.

    Parameters
    ----------
    kernel : {"rbf", "laplacian", "chi2"}, default="rbf"
        exp(−gamma · distance) with the squared Euclidean distance, the sum of absolute differences, or χ²,
        Σ (x − y)² / (x + y), which is for rows that are not negative.
    components : int, default=256
        How many landmarks, at least 1; no more than there are training rows.
    gamma : float or "scale", default="scale"
        Above 0; ``scale`` is, for ``rbf``, 1 / (d · the variance of all numbers in training rows), and else 1 /
        (the mean distance between two landmarks).
    random_state : int, default=0
        Seed of the choice of landmarks.

    Attributes
    ----------
    gamma_ : float
    landmarks_ : ndarray of float32, (components, d)
    normalization_ : ndarray of float64, (components, components)
        Inverse square root of the landmarks' kernel matrix.

    Notes
    -----
    Dot products are the kernel exactly where one of the two rows is a landmark, and nearly elsewhere. Equal to
    scikit-learn's `Nystroem` on float64 rows, with the same landmarks.

    References
    ----------
    C. K. I. Williams and M. Seeger, "Using the Nyström method to speed up kernel machines", NIPS 2000,
    https://papers.nips.cc/paper/1866-using-the-nystrom-method-to-speed-up-kernel-machines

    J. Zhang, M. Marszałek, S. Lazebnik and C. Schmid, "Local features and kernels for classification of texture
    and object categories", International Journal of Computer Vision 73 (2007),
    doi:10.1007/s11263-006-9794-4: the scale of χ²

    Examples
    --------
    >>> from featbench.maps import Nystroem
    >>> a, b = Nystroem(components=2, gamma=0.5).fit_transform([[0, 0], [1, 1]])
    >>> print(f"{a @ b:.3f} for {2.718281828**-1:.3f}")
    0.368 for 0.368
    """

    kernel: Literal["rbf", "laplacian", "chi2"] = "rbf"
    components: Annotated[int, Bounds(ge=1)] = 256
    gamma: Annotated[float, Bounds(gt=0)] | Literal["scale"] = "scale"
    random_state: int = 0

    def _n_out(self, d: int) -> int:  # noqa: ARG002 - any length will do
        return int(self.components)

    def _admit(self, X: FeatureMatrix) -> None:
        if self.kernel == "chi2" and X.min(initial=0) < 0:
            got = Shown(f"{int((X < 0).sum())} negative values")
            remedy = "Take the kernel rbf, or leave out what centres or signs features."
            raise InputError(must_be("Nystroem", "rows for the kernel chi2", "≥ 0", got, remedy))

    def _fit(self, X: FeatureMatrix) -> None:
        if self.components > len(X):
            constraint = f"at most {len(X)}, the number of training rows"
            remedy = "Each landmark is one of them."
            raise InputError(must_be("Nystroem", "components", constraint, Shown(self.components), remedy))
        chosen = np.random.RandomState(self.random_state).permutation(len(X))[: self.components]
        self.landmarks_ = X[chosen]
        distances = self._distances(self.landmarks_)
        if self.gamma != "scale":
            self.gamma_ = float(self.gamma)
        elif self.kernel == "rbf":
            self.gamma_ = variance_bandwidth(X)
        else:
            n, total = len(chosen), float(distances.sum())
            self.gamma_ = n * (n - 1) / total if total > 0 else 1.0
        left, sizes, right = np.linalg.svd(np.exp(-self.gamma_ * distances))
        # Of landmarks that are alike the kernel matrix is singular; the bound is scikit-learn's.
        self.normalization_ = (left / np.sqrt(np.maximum(sizes, 1e-12))) @ right

    def _distances(self, X: FeatureMatrix) -> Float64Array:
        """Return the distance of each row to each landmark."""
        from sklearn.metrics import pairwise

        rows, landmarks = X.astype(np.float64), self.landmarks_.astype(np.float64)
        distances: Float64Array
        if self.kernel == "rbf":
            distances = pairwise.euclidean_distances(rows, landmarks, squared=True)
        elif self.kernel == "laplacian":
            distances = pairwise.manhattan_distances(rows, landmarks)
        else:
            distances = -pairwise.additive_chi2_kernel(rows, landmarks)
        return distances

    def _map(self, X: FeatureMatrix) -> AnyArray:
        mapped: AnyArray = np.exp(-self.gamma_ * self._distances(X)) @ self.normalization_.T
        return mapped
