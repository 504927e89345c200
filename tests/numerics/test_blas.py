"""One BLAS thread inside, what there was before outside."""

from __future__ import annotations

import threading

import pytest
import scipy.linalg  # noqa: F401 - brings a BLAS of its own
from threadpoolctl import ThreadpoolController, threadpool_limits

from featbench.numerics.blas import serial_blas


def counts():
    return [library["num_threads"] for library in ThreadpoolController().select(user_api="blas").info()]


def test_nested_and_restored():
    with threadpool_limits(2, user_api="blas"):
        before = counts()
        with serial_blas():
            with serial_blas():
                assert set(counts()) == {1}
            assert set(counts()) == {1}
        assert counts() == before


def test_restored_after_an_error():
    with threadpool_limits(2, user_api="blas"):
        before = counts()
        with pytest.raises(KeyError), serial_blas():
            raise KeyError
        assert counts() == before


def test_blocks_that_overlap_in_time_leave_nothing_behind():
    """The first to enter leaves first; the second, in another thread, must not bring its limit back."""
    with threadpool_limits(2, user_api="blas"):
        before = counts()
        entered, leave = threading.Event(), threading.Event()

        def other():
            with serial_blas():
                entered.set()
                leave.wait(10)

        with serial_blas():
            thread = threading.Thread(target=other)
            thread.start()
            assert entered.wait(10)
            assert set(counts()) == {1}
        leave.set()
        thread.join()
        assert counts() == before
