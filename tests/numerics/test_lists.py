"""Lists of candidates take the memory that they say, and rows come to the kernels in the form these read."""

import numpy as np
import pytest

from featbench.numerics.candidates import FORMULAS
from featbench.numerics.float_distances import Floats, peaks
from featbench.numerics.lists import Lists, exact_query, exact_train


def test_bytes():
    lists = Lists(7, 30)
    arrays = lists.part(0, 7)
    assert sum(array.nbytes for array in arrays) == 7 * Lists.bytes_a_query(30)
    assert [len(array) for array in lists.part(2, 4)] == [2] * len(arrays)


@pytest.mark.parametrize(("metric", "halved"), [("l1", False), ("intersection", True)])
def test_rows_as_the_kernels_take_them(metric, halved):
    """The matrix of the rows' own dtype is full, none can be written; factors are those of histograms alone."""
    X = np.array([[1.0, 3.0], [2.0, 0.0]], dtype=np.float32)
    measure = Floats(metric, X, peaks(X), 3.0)
    formula, half, matrices, scale, factor = exact_train(measure)
    assert (formula, half) == (FORMULAS["l1"], halved)
    assert [matrix.shape for matrix in matrices] == [(0, 0), (2, 2), (0, 0)]
    assert not any(matrix.flags.writeable for matrix in matrices)
    assert scale.tolist() == [1, 1]
    assert factor.tolist() == ([1 / 4, 1 / 2] if halved else [1, 1])
    matrices, scale, factor = exact_query(measure, X.astype(np.uint8)[:1], np.ones(1), np.full(1, 0.25))
    assert [matrix.shape for matrix in matrices] == [(1, 2), (0, 0), (0, 0)]
    assert factor.tolist() == [0.25 if halved else 1]
