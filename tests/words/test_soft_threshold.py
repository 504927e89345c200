import numpy as np
import pytest
from fused_sums import CELLS, Given, cell_by_cell, scattered

from featbench.errors import InputError
from featbench.parameters import check_parameters
from featbench.words import SoftThreshold

FLOAT32 = 1e-5  # sums of some dozen products, in whatever order


@pytest.mark.parametrize("how", ["sum", "max"])
@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize("n_words", [3, 40, 9000])
def test_cells_are_those_of_the_codes(rng, how, split, n_words):
    X, cells, codebook = scattered(rng, 150, 12, n_words)
    encoding = SoftThreshold(alpha=0.5, split=split)
    pooled = encoding.pooled(X, cells, CELLS, codebook, how)
    expected = cell_by_cell(encoding, X, cells, codebook, how)
    np.testing.assert_allclose(pooled, expected, rtol=FLOAT32, atol=FLOAT32)
    assert pooled.shape[1] == encoding.length(codebook) == n_words * (1 + split)


def test_by_hand():
    """Dot products 3, −2 and 0.5."""
    X, codebook = np.float32([[1, 2]]), Given([[1, 1], [0, -1], [0.5, 0]])
    assert SoftThreshold(alpha=1.0).codes(X, codebook).tolist() == [[2, 0, 0, 0, 1, 0]]
    assert SoftThreshold(alpha=1.0, split=False).codes(X, codebook).tolist() == [[2, 0, 0]]
    assert SoftThreshold(alpha=0.0).pooled(X, np.array([0]), 1, codebook, "sum").tolist() == [
        [3, 0, 0.5, 0, 2, 0]
    ]


def test_torch_gets_the_same(rng):
    torch = pytest.importorskip("torch")
    X, _, codebook = scattered(rng, 100, 12, 40)
    found = SoftThreshold().codes(torch.tensor(X), codebook)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found, SoftThreshold().codes(X, codebook), rtol=FLOAT32, atol=FLOAT32)


def test_a_negative_constant_is_refused():
    with pytest.raises(InputError, match="SoftThreshold: alpha must be a number ≥ 0"):
        check_parameters(SoftThreshold(alpha=-1.0))
