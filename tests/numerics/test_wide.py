"""Sums over pairs in wide registers against NumPy, and that compiled code is kept apart by processor."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from featbench.numerics import wide

# Each of at most 5,000 float32 additions and quotients is off by at most half an ulp of the sum so far; lanes
# make it far less.
FLOAT32_SUMS = 1e-5

needed = pytest.mark.skipif(not wide.KINDS, reason="this processor has no wide instructions")


def rows(rng, kind, n, d, query):
    """Random rows, whole registers long with zeros beyond d, as `pair_sums` takes them."""
    dtype = {"sad": np.uint8, "min8": np.uint8, "dot8": np.int8 if query else np.uint8}.get(kind, np.float32)
    made = wide.aligned((n, d), dtype, apart=query)
    if dtype == np.float32:
        made[:, :d] = rng.random((n, d))
    else:
        ends = np.iinfo(dtype)
        made[:, :d] = rng.integers(ends.min, ends.max + 1, (n, d))
        made[0, :d], made[-1, :d] = ends.min, ends.max
    return made


@needed
@pytest.mark.parametrize("kind", sorted(wide.KINDS))
@pytest.mark.parametrize("d", [1, 63, 64, 65, 3072, 5000])
@pytest.mark.parametrize("n", [1, 6, 23])
def test_sums_of_all_pairs(kind, d, n, rng):
    query, train = rows(rng, kind, 2 * wide.TILE_QUERIES, d, True), rows(rng, kind, n, d, False)
    out = np.full((len(query), n + 8), -1, dtype=np.float32 if query.dtype == np.float32 else np.int32)
    wide.pair_sums(kind, query, train, out)
    a, b = query.astype(float)[:, None], train.astype(float)[None]
    if kind == "dot8":
        expected = (a * b).sum(-1)
    elif kind == "min8":
        expected = np.minimum(a, b).sum(-1)
    elif kind == "chi2":
        expected = ((a - b) ** 2 / np.where(a + b > 0, a + b, 1)).sum(-1)
    else:
        expected = np.abs(a - b).sum(-1)
    if out.dtype == np.int32:
        np.testing.assert_array_equal(out[:, :n], expected)
    else:
        np.testing.assert_allclose(out[:, :n], expected, rtol=FLOAT32_SUMS)


@needed
@pytest.mark.skipif("dot8" not in wide.KINDS, reason="this processor does not multiply bytes")
@pytest.mark.parametrize("sign", [-128, 127])
def test_products_of_bytes_fill_32_bits_and_no_more(sign):
    d = wide.MOST_DOT8_COLUMNS
    query = np.full((wide.TILE_QUERIES, d), sign, dtype=np.int8)
    train = np.full((1, d), 255, dtype=np.uint8)
    out = np.empty((len(query), 8), dtype=np.int32)
    wide.pair_sums("dot8", query, train, out)
    assert (out[:, 0] == sign * 255 * d).all()


SEARCH = """
import zlib
import numpy as np
from featbench.numerics import wide
from featbench.numerics.neighbors import nearest
X = np.random.default_rng(0).integers(0, 256, (300, 100), dtype=np.uint8)
print(sorted(wide.KINDS), *(int(nearest(X, X[:9], 9, metric)[1].sum()) for metric in ("l1", "l2")))
for metric in ("l1", "l2", "cosine", "chi2"):
    distances, indices = nearest(X / 7, X[:9] / 7, 9, metric)
    print(int(indices.sum()), zlib.crc32(distances.tobytes()))
"""
PLAIN = "+sse2,+sse3,+ssse3,+sse4.1,+sse4.2"


@pytest.mark.slow
def test_a_cache_that_another_processor_wrote_is_not_run(tmp_path):
    """One folder of compiled kernels, used under four descriptions of the processor, twice."""
    answers = set()
    kinds = set()
    for _ in range(2):
        for environment in (
            {},
            {"FEATBENCH_WIDE": "0"},
            {"NUMBA_CPU_NAME": "generic"},
            {"NUMBA_CPU_FEATURES": PLAIN + ",+avx,+avx2,+fma"},
        ):
            done = subprocess.run(
                [sys.executable, "-c", SEARCH],
                env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), **environment},
                capture_output=True,
                text=True,
                check=True,
            )
            found, answer = done.stdout.split("]", 1)
            kinds.add(found)
            answers.add(answer)
            if environment and "NUMBA_CPU_FEATURES" not in environment:
                assert found == "["
    assert len(answers) == 1
    assert len(kinds) >= 1 + bool(wide.KINDS)
