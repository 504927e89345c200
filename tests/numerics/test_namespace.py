"""The same lines on numpy and torch."""

import numpy as np
import pytest

from featbench.numerics.namespace import beside, namespace

torch = pytest.importorskip("torch")


def test_numpy_is_its_own_namespace():
    assert namespace(np.ones(2)) is np


def test_the_standard_names_work_on_both():
    X = np.arange(6, dtype=np.float32).reshape(2, 3)
    for array in (X, torch.tensor(X)):
        xp = namespace(array)
        summed = xp.sum(xp.astype(array, xp.float64), axis=1)
        assert str(summed.dtype).endswith("float64")
        assert summed.tolist() == [3, 12]


def test_values_move_to_where_an_array_is():
    values = np.array([1.5, 2.5])
    assert beside(np.ones(1, np.float32), values) is values
    assert beside(np.ones(1), values, "float32").dtype == np.float32
    moved = beside(torch.ones(1), values[::-1], "float32")
    assert moved.dtype == torch.float32
    assert moved.tolist() == [2.5, 1.5]
    assert beside(torch.ones(1, device="meta"), values).device.type == "meta"


def test_what_is_no_array_is_refused():
    with pytest.raises(TypeError, match="not a supported array type"):
        namespace("text")
