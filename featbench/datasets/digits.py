"""Handwritten digits, 8 × 8, as scikit-learn carries them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from featbench.datasets.splitting import split
from featbench.imagesets import Dataset, DatasetLoader, ImageSet
from featbench.parameters import Bounds

__all__ = ["Digits"]


@dataclass(kw_only=True, eq=False, repr=False)
class Digits(DatasetLoader):
    """1,797 handwritten digits of scikit-learn, 8 × 8 grey, ten classes.

    Their 17 levels of grey are spread over 0 to 255. The writers are not recorded, so that a writer may
    stand on both sides of the split.

    Parameters
    ----------
    test_size : float
        Share of each class's images that is kept for the test, drawn by the seed.

    References
    ----------
    E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository,
    1998. https://doi.org/10.24432/C50P49
    """

    test_size: Annotated[float, Bounds(gt=0, lt=1)] = 0.25

    def load(self, seed: int = 0) -> Dataset:
        """Read the digits and draw a stratified split."""
        from sklearn.datasets import load_digits

        digits = load_digits()
        images = np.rint(digits.images * (255 / 16)).astype(np.uint8)
        labels = digits.target.astype(np.int64)
        train, test = split(labels, None, self.test_size, seed)
        return Dataset(
            name="digits",
            classes=tuple("0123456789"),
            train=ImageSet(images[train], labels[train]),
            test=ImageSet(images[test], labels[test]),
            official_split=False,
            shareable=True,
            source="scikit-learn load_digits: the test set of Alpaydin and Kaynak, Optical Recognition of "
            "Handwritten Digits, UCI 1998, doi:10.24432/C50P49",
        )
