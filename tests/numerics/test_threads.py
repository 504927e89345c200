"""Rows are covered once, and what goes wrong in a worker comes out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from featbench.errors import InputError
from featbench.numerics import threads
from featbench.numerics.threads import kernel, n_threads, spread


@given(n=st.integers(0, 200), least=st.integers(1, 50), workers=st.integers(1, 5))
def test_every_row_exactly_once(n, least, workers):
    seen = np.zeros(n, dtype=int)

    def work(start, stop):
        seen[start:stop] += 1

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FEATBENCH_NUM_THREADS", str(workers))
        spread(work, n, least=least)
    assert (seen == 1).all()


def test_an_error_in_a_worker_is_raised(monkeypatch):
    monkeypatch.setenv("FEATBENCH_NUM_THREADS", "2")

    def work(start, stop):
        if start > 0:
            raise KeyError("row")

    with pytest.raises(KeyError, match="row"):
        spread(work, 100)


def test_number_of_threads(monkeypatch):
    monkeypatch.setenv("FEATBENCH_NUM_THREADS", "7")
    assert n_threads() == 7
    for unset in ("", " "):
        monkeypatch.setenv("FEATBENCH_NUM_THREADS", unset)
        assert n_threads() >= 1


@pytest.mark.parametrize("value", ["two", "0", "-1", "1.5", "²"])
def test_a_number_of_threads_that_is_none_is_refused(value, monkeypatch):
    monkeypatch.setenv("FEATBENCH_NUM_THREADS", value)
    with pytest.raises(InputError, match=f"FEATBENCH_NUM_THREADS must be an integer ≥ 1; got '{value}'"):
        spread(lambda start, stop: None, 1)


def total(values):
    result = np.float32(0)
    for value in values:
        result += value
    return result


def test_both_ways_to_decorate_sum_the_same_integers():
    values = np.arange(100, dtype=np.float32)
    assert kernel(total)(values) == kernel(any_order=True)(total)(values) == 4950


def test_no_folder_for_the_cache_is_one_warning(monkeypatch):
    class Numba:
        @staticmethod
        def njit(**options):
            def compiled(function):
                if options.get("cache"):
                    raise RuntimeError("cannot cache function: no locator available")
                return function

            return compiled

    monkeypatch.setattr(threads, "numba", Numba)
    monkeypatch.setattr(threads, "_warned", False)
    with pytest.warns(RuntimeWarning, match="NUMBA_CACHE_DIR"):
        kernel(total)
    kernel(total)  # a second warning would be an error
