"""The benchmarks' own promises: a difference fails the run, a peer that cannot be had is a row and no crash."""

import dataclasses
import os

import numpy as np
import pytest


@pytest.fixture
def suite(repository, monkeypatch):
    monkeypatch.syspath_prepend(str(repository))
    import benchmarks.rows

    return benchmarks.rows


@pytest.fixture
def row(suite):
    numbers = {"ours": 2e-6, "peer": 1e-5, "peak_mb": 100.0, "cores": 1, "limit": 5e-7}
    return suite.Row("work", peer_name="peer", equality="exact", differs=False, limited_by="bytes", **numbers)


def test_a_row_shows_ratio_and_share_of_the_limit(suite, row, capsys):
    assert suite.show([row]) == 0
    line = next(
        line for line in capsys.readouterr().out.splitlines() if line.startswith("work  ") and "µs" in line
    )
    assert line.split() == [
        "work",
        "2",
        "µs",
        "peer",
        "10",
        "µs",
        "5.00×",
        "exact",
        "100",
        "1",
        "500",
        "ns",
        "bytes",
        "25%",
    ]


def test_a_difference_is_an_exit_code(suite, row, capsys):
    assert suite.show([row, dataclasses.replace(row, differs=True)]) == 1
    assert "DIFFERS: exact" in capsys.readouterr().out


def test_a_peer_that_cannot_be_had_is_a_row_that_says_why(suite, row, capsys, monkeypatch):
    from benchmarks import opencv4

    def offline():
        raise opencv4.subprocess.CalledProcessError(1, "pip", stderr="first\nno route to host\n")

    monkeypatch.setattr(opencv4, "_environment", offline)
    name, seconds = opencv4.opencv4_hog(np.zeros((1, 16, 16, 3), np.uint8))
    assert (name, seconds) == ("OpenCV 4: no route to host", None)
    assert suite.show([dataclasses.replace(row, peer_name=name, peer=seconds)]) == 0
    assert "no route to host" in capsys.readouterr().out


def test_the_floor_is_the_slowest_of_what_is_needed(suite, monkeypatch):
    from benchmarks import limits

    monkeypatch.setattr(limits, "_rates", lambda: (100.0, 10.0, 1.0))
    assert limits.floor(limits.Cost(moved=1000, wide=50, scattered=2), cores=2) == (5.0, "bytes")
    assert limits.floor(limits.Cost(moved=0, wide=0, scattered=2), cores=1) == (2.0, "scattered sums")


def test_a_comparison_notices_results_that_differ(suite):
    from benchmarks.extractors import compare

    images = np.zeros((2, 4, 4), np.uint8)
    off = compare("w", images, lambda x: x + 0.1, "p", lambda x: x, tolerance=0.05)
    assert off.differs
    assert not compare("w", images, lambda x: x + 0.1, "p", lambda x: x, tolerance=0.2).differs


def test_threads_are_set_for_a_while(suite):
    before = os.environ["FEATBENCH_NUM_THREADS"]
    with suite.threads(3):
        assert os.environ["FEATBENCH_NUM_THREADS"] == "3"
    assert os.environ["FEATBENCH_NUM_THREADS"] == before


def test_an_unknown_suite_is_told_the_known_ones(suite, capsys):
    from benchmarks.__main__ import main

    assert main(["extractor"]) == 2
    assert "extractors" in capsys.readouterr().err
