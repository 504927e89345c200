"""An extractor of your own, in one file: python examples/own_extractor.py.

Copy this file, rename the class and write your own `_extract`. The base class checks images and parameters,
fixes the image size at `fit` and reads images in chunks; you write two methods.
"""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from featbench.base import Extractor
from featbench.errors import InputError, Shown, must_be
from featbench.extractors import RawPixels
from featbench.parameters import Bounds
from featbench.testing import check_extractor


@dataclass(kw_only=True, eq=False, repr=False)
class Profiles(Extractor):
    """How bright each row and each column of an image is: two shadows of a shape.

    Parameters
    ----------
    step : int, default=1
        Rows, and columns, that are averaged into one number.
    """

    step: Annotated[int, Bounds(ge=1)] = 1

    def _n_features(self, shape):
        """Say how many numbers an image of this shape gets; refuse an image too small for one."""
        height, width = shape[:2]
        if min(height, width) < self.step:
            constraint = f"at least {self.step} pixels high and wide for step={self.step}"
            raise InputError(must_be("Profiles", "images", constraint, Shown(f"{height} × {width}")))
        return height // self.step + width // self.step

    def _extract(self, images):
        """Turn uint8 images, (n, h, w, 3) or (n, h, w), into float32 rows, (n, d)."""
        n, height, width = images.shape[:3]
        # Sums of whole numbers are exact, so that a row never depends on the images beside it.
        grey = images.reshape(n, height, width, -1).sum(axis=3, dtype=np.int64)
        rows, columns = grey.sum(axis=2), grey.sum(axis=1)
        return np.concatenate([self._mean(rows), self._mean(columns)], axis=1)

    def _mean(self, sums):
        whole = sums.shape[1] // self.step * self.step
        return sums[:, :whole].reshape(len(sums), -1, self.step).mean(axis=2).astype(np.float32)


def main():
    # Does it keep the laws: float32 rows, nothing written, the same features in any company, …?
    check_extractor(Profiles(step=2))

    digits = load_digits()
    images = np.round(digits.images * (255 / 16)).astype(np.uint8)
    train, test, y_train, y_test = train_test_split(
        images, digits.target, random_state=0, stratify=digits.target
    )
    for extractor in (RawPixels(), Profiles(), Profiles(step=2)):
        model = make_pipeline(extractor, KNeighborsClassifier(3)).fit(train, y_train)
        numbers = extractor.n_features_out_
        print(f"{extractor!r:18} {numbers:3} numbers an image, accuracy {model.score(test, y_test):.3f}")


if __name__ == "__main__":
    main()
