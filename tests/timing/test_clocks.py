from __future__ import annotations

import gc
import json
from functools import partial
from typing import Any

import numpy as np
import pytest

from featbench.base import Cost
from featbench.timing import ONCE, Repeats, Share, Timing, clocks, latency, measure, measure_in_turn


class Clock:
    """A clock that stands still but for what a phase lets it go on by."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(clocks.time, "perf_counter", lambda: self.now)

    def phase(self, *seconds: float) -> Any:
        """A phase that takes these seconds, one after another; it returns how often it ran."""
        left = list(seconds)

        def run() -> int:
            self.now += left.pop(0)
            return len(seconds) - len(left)

        return run


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_only_the_phase_is_inside_the_clock(clock: Clock) -> None:
    phase = clock.phase(0.5, 0.25, 0.75)

    def made_ready(_: Any) -> Any:
        clock.now += 100
        return phase

    made, taken = measure_in_turn({"fit": made_ready}, Repeats(least=3, budget_s=0))
    assert made == {"fit": 3}
    assert taken["fit"].samples == [0.5, 0.25, 0.75]
    assert taken["fit"].seconds == 0.5


def test_a_single_measurement_is_the_phase_and_its_result(clock: Clock) -> None:
    result, taken = measure(clock.phase(4.0))
    assert (result, taken.samples, taken.noisy) == (1, [4.0], False)


def test_repeats_take_turns_until_each_phase_is_known_well_enough(clock: Clock) -> None:
    order: list[str] = []

    def noted(name: str, *seconds: float) -> Any:
        phase = clock.phase(*seconds)

        def run() -> Any:
            order.append(name)
            return phase()

        return lambda made: run

    phases = {
        "long": noted("long", 3.0),
        "steady": noted("steady", 0.01, 0.01, 0.01),
        "noisy": noted("noisy", 0.01, 0.02, 0.03, 0.01, 0.04),
    }
    _, taken = measure_in_turn(phases, Repeats(least=3, budget_s=0.1, width=0.05))
    assert order == ["long", "steady", "noisy", "steady", "noisy", "steady", "noisy", "noisy", "noisy"]
    assert [timing.noisy for timing in taken.values()] == [False, False, True]


def test_a_phase_has_the_results_of_those_before_it_and_never_two_of_its_own(clock: Clock) -> None:
    held: list[tuple[str, list[str]]] = []

    def fit(made: Any) -> Any:
        held.append(("fit", sorted(made)))
        return clock.phase(0.1)

    def predict(made: Any) -> Any:
        held.append(("predict", sorted(made)))
        return partial(lambda fitted: fitted + 10, made["fit"])

    made, _ = measure_in_turn({"fit": fit, "predict": predict}, Repeats(least=2, budget_s=0))
    assert made == {"fit": 1, "predict": 11}
    assert held == [("fit", []), ("predict", ["fit"])] * 2


def test_a_repeated_phase_finds_the_result_of_one_that_ran_once(clock: Clock) -> None:
    phases = {"fit": lambda _: clock.phase(5.0), "predict": lambda made: partial(int, made["fit"])}
    made, taken = measure_in_turn(phases, Repeats(least=3, budget_s=0))
    assert made == {"fit": 1, "predict": 1}
    assert (len(taken["fit"].samples), len(taken["predict"].samples)) == (1, 3)


def test_what_a_timing_tells_can_be_read_again() -> None:
    timing = Timing(
        [1.0, 2.0, 4.0], shared=True, noisy=True, load=Share(others=0.25, stolen=0.0), cost=Cost(10.0, 20.0)
    )
    told = json.loads(json.dumps(timing.to_json()))
    assert told["seconds"] == 2.0
    assert told["quartiles"] == [1.5, 3.0]
    assert told["load"] == {"others": 0.25, "stolen": 0.0}
    assert told["cost"] == {"operations": 10.0, "bytes": 20.0}
    assert Timing.from_json(told) == timing
    assert Timing.from_json(Timing([1.0]).to_json()) == Timing([1.0])


def test_a_device_is_waited_for_before_each_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(clocks, "synchronize", lambda: told.append("wait"))
    monkeypatch.setattr(clocks.time, "perf_counter", lambda: float(told.append("read") or 0))
    measure(lambda: told.append("phase"))
    assert told == ["wait", "read", "phase", "wait", "read"]


def test_the_collector_rests_inside_and_works_after() -> None:
    seen = []
    measure(lambda: seen.append(gc.isenabled()))
    assert seen == [False]
    assert gc.isenabled()


def test_a_phase_that_fails_leaves_the_collector_on() -> None:
    def phase() -> None:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        measure_in_turn({"fit": lambda _: phase}, ONCE)
    assert gc.isenabled()


def test_latency_takes_images_in_turn() -> None:
    numbers: list[int] = []
    found = latency(numbers.append, 3)
    assert found.n == 200
    assert numbers[:5] == [0, 0, 1, 2, 0]
    assert 0 <= found.p50_ms <= found.p95_ms


def test_latency_stops_at_its_budget(clock: Clock) -> None:
    def slow(_: int) -> None:
        clock.now += 0.4

    found = latency(slow, 10)
    assert found.n == 3
    assert found.p50_ms == pytest.approx(400)


def test_samples_are_taken_of_numpy_work_as_well() -> None:
    made, taken = measure_in_turn({"sum": lambda _: np.ones(1000).sum}, Repeats(least=5, budget_s=0))
    assert made["sum"] == 1000
    assert len(taken["sum"].samples) == 5
    assert min(taken["sum"].samples) > 0
