"""The polynomial kernel as a map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from featbench.base import FeatureMap
from featbench.parameters import Bounds
from featbench.types import AnyArray, FeatureMatrix

__all__ = ["PolynomialSketch"]


@dataclass(kw_only=True, eq=False, repr=False)
class PolynomialSketch(FeatureMap):
    """The polynomial kernel as a map: products of numbers, in random sums of few (tensor sketch).

    Parameters
    ----------
    components : int, default=1000
        Length of the sketch, at least 1; best some times the length of a row.
    degree : int, default=2
        Of the kernel, at least 1: how many numbers a product has.
    gamma : float, default=1.0
        Factor of the dot product, above 0.
    coef0 : float, default=0.0
        Constant beside the dot product, at least 0; above 0, products of fewer numbers count as well.
    random_state : int, default=0
        Seed of the sums.

    Attributes
    ----------
    columns_ : ndarray of int64, (degree, d or d + 1)
        Where each number of a row is added, for each factor of a product.
    signs_ : ndarray of int64, (degree, d or d + 1)
        And with which sign, 1 or −1.

    Notes
    -----
    On average over seeds, dot products are (gamma · x · y + coef0) ** degree. Sums are drawn by scikit-learn's
    `PolynomialCountSketch`, to which the map is equal. Rows are best of length 1 (map `l2`), or powers run away.

    References
    ----------
    N. Pham and R. Pagh, "Fast and scalable polynomial kernels via explicit feature maps", KDD 2013,
    doi:10.1145/2487575.2487591

    Examples
    --------
    >>> from featbench.maps import PolynomialSketch
    >>> a, b = PolynomialSketch(components=4000).fit_transform([[0.6, 0.8, 0], [0.8, 0.6, 0]])
    >>> print(f"{a @ b:.3f} for {0.96**2:.3f}")
    0.922 for 0.922
    """

    components: Annotated[int, Bounds(ge=1)] = 1000
    degree: Annotated[int, Bounds(ge=1)] = 2
    gamma: Annotated[float, Bounds(gt=0)] = 1.0
    coef0: Annotated[float, Bounds(ge=0)] = 0.0
    random_state: int = 0

    def _n_out(self, d: int) -> int:  # noqa: ARG002 - any length will do
        return int(self.components)

    def _fit(self, X: FeatureMatrix) -> None:
        from sklearn.kernel_approximation import PolynomialCountSketch

        sketch = PolynomialCountSketch(
            n_components=self.components,
            degree=self.degree,
            gamma=self.gamma,
            coef0=self.coef0,
            random_state=self.random_state,
        ).fit(X[:1])
        self.columns_, self.signs_ = sketch.indexHash_, sketch.bitHash_

    def _map(self, X: FeatureMatrix) -> AnyArray:
        from scipy import fft, sparse

        n, inputs = len(X), self.columns_.shape[1]
        rows = np.full((inputs, n), self.coef0**0.5)
        np.multiply(X.T, self.gamma**0.5, out=rows[: X.shape[1]])
        shape = (self.components, inputs)
        spectrum: AnyArray = np.ones(1)
        for columns, signs in zip(self.columns_, self.signs_, strict=True):
            sums = sparse.csr_array((signs.astype(np.float64), (columns, np.arange(inputs))), shape=shape)
            # The sketch of a product is the circular convolution of its factors' sketches.
            spectrum = spectrum * fft.rfft((sums @ rows).T, axis=1, workers=1)
        return np.asarray(fft.irfft(spectrum, n=self.components, axis=1, workers=1))
