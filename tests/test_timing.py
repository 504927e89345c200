from __future__ import annotations

import gc

import numpy as np
import pytest

from featbench import timing
from featbench.timing import PeakMemory, latency, measure


def test_only_the_phase_is_inside_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([10.0, 10.5, 20.0, 20.25, 30.0, 30.75])
    monkeypatch.setattr(timing.time, "perf_counter", lambda: next(clock))
    results = iter("abc")
    result, taken = measure(lambda: next(results), repeats=3)
    assert result == "c"
    assert taken.samples == [0.5, 0.25, 0.75]
    assert taken.seconds == 0.5


def test_a_long_phase_is_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 2.5])
    monkeypatch.setattr(timing.time, "perf_counter", lambda: next(clock))
    assert measure(lambda: None, repeats=5)[1].samples == [2.5]


def test_the_collector_rests_inside_and_works_after() -> None:
    seen = []
    measure(lambda: seen.append(gc.isenabled()))
    assert seen == [False]
    assert gc.isenabled()


def test_a_phase_that_fails_leaves_the_collector_on() -> None:
    def phase() -> None:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        measure(phase)
    assert gc.isenabled()


def test_latency_takes_images_in_turn() -> None:
    numbers: list[int] = []
    found = latency(numbers.append, 3)
    assert found.n == 200
    assert numbers[:5] == [0, 0, 1, 2, 0]
    assert 0 <= found.p50_ms <= found.p95_ms


def test_latency_stops_at_its_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]

    def slow(_: int) -> None:
        now[0] += 0.4

    monkeypatch.setattr(timing.time, "perf_counter", lambda: now[0])
    found = latency(slow, 10)
    assert found.n == 3
    assert found.p50_ms == pytest.approx(400)


def test_peak_memory_is_that_of_the_phase() -> None:
    block = np.ones(60_000_000, dtype=np.uint8)
    before = PeakMemory()
    if not before.exact:
        pytest.skip("this system does not reset its high-water mark")
    start = before.megabytes()
    big = np.ones(80_000_000, dtype=np.uint8)
    highest = before.megabytes()
    assert highest - start == pytest.approx(80, abs=15)
    del big, block
    assert PeakMemory().megabytes() < highest - 60
