"""Preprocessing comes back as it was."""

from __future__ import annotations

import numpy as np
import pytest

from featbench.model.states import restore_preprocess, state_of
from featbench.preprocessing import PREPROCESSORS, make_preprocess


@pytest.mark.parametrize("name", PREPROCESSORS)
@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_every_preprocessing_comes_back(name, dtype, rng):
    X = rng.integers(0, 200, (50, 7)).astype(dtype)
    X[:, 3] = 5  # a constant column
    fitted = make_preprocess(name).fit(X)
    again = restore_preprocess(name, state_of(fitted), 7)
    expected = fitted.transform(X)
    np.testing.assert_array_equal(again.transform(X), expected)
    assert again.transform(X).dtype == expected.dtype
