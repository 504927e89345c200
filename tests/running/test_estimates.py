"""What a stage will cost: made-up stages with known laws, whose clock is made up too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from featbench.config import Cell, Document, read_experiment
from featbench.estimates import memory_told, repeated, told_of_features, told_of_row
from featbench.growth import grow, growth
from featbench.imagesets import ImageSet
from featbench.sealed import SealedDataset, SealedLabels
from featbench.timing import ONCE, Repeats

# What is asked of an estimate; a quadratic stage with 1 % of jitter, from 200 and 800 to 50,000, is within a twelfth.
WITHIN = 0.2


class Clock:
    """Goes on only when a stage says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def timed(clock: Clock, calls: list[int], seconds: Callable[[int], float]) -> Callable[[int], None]:
    """Return a stage with a law of its own."""

    def stage(size: int) -> None:
        calls.append(size)
        clock.now += seconds(size)

    return stage


LAWS: dict[str, Callable[[float], float]] = {
    "linear": lambda n: 2e-4 * n,
    "with a fixed part": lambda n: 0.3 + 2e-4 * n,
    "quadratic": lambda n: 2e-7 * n**2,
    "of the power 1.5": lambda n: 1e-5 * n**1.5,
    "cubic": lambda n: 1e-9 * n**3,
}


@pytest.mark.parametrize("n", [800, 5000, 50_000])
@pytest.mark.parametrize("law", LAWS)
def test_a_stage_is_extrapolated(law: str, n: int) -> None:
    clock, rng = Clock(), np.random.default_rng(0)
    stage = timed(clock, [], lambda size: LAWS[law](size) * (1 + 0.01 * rng.uniform(-1, 1)))
    grown = grow({"stage": stage}, 200, n, 1.0, clock=clock)["stage"]
    assert grown.at(n) == pytest.approx(LAWS[law](n), rel=WITHIN)


def test_a_short_stage_is_measured_on_all_images() -> None:
    clock, calls = Clock(), list[int]()
    grown = grow({"stage": timed(clock, calls, lambda n: 1e-5 * n)}, 100, 10_000, 1.0, clock=clock)["stage"]
    assert sorted(set(calls)) == [100, 400, 1600, 6400, 10_000]
    assert grown.largest == 10_000
    assert grown.at(10_000) == pytest.approx(0.1)


def test_no_sample_is_begun_that_will_take_too_long() -> None:
    """0.2 s at 100 images, and 1.2 at 600: three times as many as 400 would take 2.4 s, and twice as many 1.6."""
    clock, calls = Clock(), list[int]()
    grow({"stage": timed(clock, calls, lambda n: 2e-3 * n)}, 100, 10_000, 1.0, clock=clock)
    assert calls == [100, 400]
    calls.clear()
    grow({"stage": timed(clock, calls, lambda n: 2e-3 * n)}, 100, 10_000, 1.7, clock=clock)
    assert calls == [100, 400, 800]


def test_stages_share_the_limit_and_the_sizes() -> None:
    clock, calls = Clock(), list[int]()
    stages = {name: timed(clock, calls, lambda n: 1e-3 * n) for name in ("one", "two")}
    grown = grow(stages, 100, 10_000, 1.0, clock=clock)
    assert calls == [100, 100, 400, 400]
    assert grown["one"].at(1000) == pytest.approx(1.0)


def test_a_long_first_sample_is_the_only_one() -> None:
    clock, calls = Clock(), list[int]()
    grown = grow({"stage": timed(clock, calls, lambda n: n / 10)}, 200, 5000, 1.0, clock=clock)["stage"]
    assert calls == [200]
    assert grown.at(1000) == pytest.approx(100)


def test_a_first_sample_that_is_long_whatever_its_size_is_not_scaled() -> None:
    clock, calls = Clock(), list[int]()
    stage = timed(clock, calls, lambda n: 3.0 + 1e-3 * n)
    grown = grow({"stage": stage}, 200, 5000, 1.0, clock=clock, fixed_s=5.0)["stage"]
    assert calls == [200, 400]
    assert grown.at(5000) == pytest.approx(8.0)


def test_a_short_sample_counts_by_the_least_of_three() -> None:
    clock, spent = Clock(), iter([0.02, 0.001, 0.004])
    grown = grow({"stage": timed(clock, [], lambda _: next(spent))}, 200, 200, 1.0, clock=clock)["stage"]
    assert grown.at(200) == pytest.approx(0.001)


def test_what_learns_from_a_sample_does_not_grow_beyond_it() -> None:
    """A dictionary learned from as many patches as 275 images have: tried on 100, told of 10,000."""
    clock, calls = Clock(), list[int]()

    def work(n: int) -> float:
        return min(n, 275.0)

    stage = timed(clock, calls, lambda n: 0.035 * work(n))
    grown = grow({"fit": stage}, 100, 10_000, 1.0, work, clock)["fit"]
    assert calls == [100]
    assert grown.at(work(10_000)) == pytest.approx(0.035 * 275)


def test_what_takes_no_time_takes_none() -> None:
    grown = grow({"stage": lambda _: None}, 200, 800, 1.0, clock=Clock())["stage"]
    assert 0 <= grown.at(1e6) < 1e-2


def test_a_power_that_no_stage_has_is_noise() -> None:
    assert growth([(100, 1.0), (200, 100.0)]).at(400) == pytest.approx(800)
    assert growth([(100, 1.0), (200, 0.5)]).at(400) == 0.5


def test_a_power_of_times_too_short_to_tell_is_a_straight_line() -> None:
    """2 ms at 200 and 0.1 s at 800, where something else ran: the cube of 10,000 would be 195 s."""
    assert growth([(200, 0.002), (800, 0.1)]).at(10_000) == pytest.approx(0.1 + 0.098 / 600 * 9200)


def test_of_the_same_size_the_median_counts() -> None:
    assert growth([(100, 1.0), (100, 99.0), (100, 2.0)]).at(200) == pytest.approx(4.0)


def test_what_was_measured_is_told_as_it_was_and_between_two_sizes_both_decide() -> None:
    by = growth([(100, 1.0), (300, 5.0), (1000, 6.0), (4000, 6.5)])
    assert [by.at(n) for n in (100, 300, 1000, 4000)] == pytest.approx([1.0, 5.0, 6.0, 6.5])
    assert by.at(650) == pytest.approx(5.5)
    assert by.at(7000) == pytest.approx(7.0)
    assert by.at(200) == pytest.approx(5.0 * (2 / 3) ** (np.log(5) / np.log(3)))


def test_sizes_that_lie_close_together_tell_no_law() -> None:
    by = growth([(100, 1.0), (9000, 90.0), (10_000, 110.0)])
    assert by.at(20_000) == pytest.approx(110 * 2 ** (np.log(110) / np.log(100)))
    assert growth([(9000, 90.0), (10_000, 110.0)]).at(20_000) == pytest.approx(220)


@pytest.mark.parametrize(
    ("seconds", "rule", "spent"),
    [
        (3.0, Repeats(), 3.0),
        (1.4, Repeats(), 2.8),
        (0.5, Repeats(), 1.5),
        (0.001, Repeats(least=1), 0.001),
        (0.001, Repeats(least=10), 0.01),
    ],
)
def test_repeats_for_the_clock_are_part_of_what_a_run_takes(
    seconds: float, rule: Repeats, spent: float
) -> None:
    """Phases are repeated three times as long as all samples took less than 2 s."""
    assert repeated(seconds, rule) == pytest.approx(spent)


def cell(**changes: Any) -> Cell:
    data = {"dataset": "digits", "extractor": "raw", "classifier": {"name": "svm", "reg": 1.0}, **changes}
    cells = read_experiment(Document("x", data), "x").cells()
    return next(c for c in cells if isinstance(c, Cell) and c.extractor)


def images(n_train: int, n_test: int) -> SealedDataset:
    train = ImageSet(np.zeros((n_train, 8, 8), np.uint8), np.arange(n_train) % 2)
    summary = {"image_shape": [8, 8], "fingerprint": "f"}
    test = np.zeros((n_test, 8, 8), np.uint8)
    return SealedDataset("x", ("a", "b"), train, test, None, SealedLabels(np.zeros(n_test, int)), summary)


def record(of: Cell, n: int, n_test: int = 50, **more: Any) -> dict[str, Any]:
    """What a run would have stored whose selection is quadratic and whose every other phase is linear."""
    seconds = {"fit_extractor": 0.001 * n, "transform_train": 0.003 * n, "transform_test": 0.003 * n_test,
               "preprocess": 0.0, "search": 1e-5 * n**2, "fit": 0.0, "preprocess_test": 0.0, "predict": 1e-6 * n * n_test}  # fmt: skip
    return {
        "status": "ok", "n_train": n, "n_test": n_test, "spec": of.spec(), "peak_rss_mb": 100 + 0.1 * n,
        "data": {"image_shape": [8, 8], "classes": ["a", "b"]},
        "phases": {name: {"seconds": s} for name, s in seconds.items()}, **more,
    }  # fmt: skip


def test_records_of_two_sizes_tell_a_third() -> None:
    asked, data = cell(), images(4000, 1000)
    records = [record(cell(train_size=n), n) for n in (100, 1000)]
    features, row = told_of_features(asked, data, records, ONCE), told_of_row(asked, data, records, ONCE)
    assert features is not None
    assert row is not None
    assert features.seconds == pytest.approx(0.004 * 4000 + 0.003 * 1000, rel=1e-6)
    assert row.seconds == pytest.approx(1e-5 * 4000**2 + 1e-6 * 4000 * 1000, rel=1e-6)
    assert features.source == row.source == "records of 100 and 1,000 images"


def test_a_record_of_one_size_is_scaled_and_says_so() -> None:
    features = told_of_features(cell(), images(4000, 50), [record(cell(), 1000)], ONCE)
    assert features is not None
    assert features.seconds == pytest.approx(0.004 * 4000 + 0.003 * 50)
    assert features.source == "records of 1,000 images, linearly"


def test_an_extractor_is_known_from_other_classifiers_rows_and_a_pipeline_is_not() -> None:
    asked, data = cell(), images(4000, 50)
    others = [record(cell(classifier={"name": "svm", "reg": 2.0}), n) for n in (100, 1000)]
    assert told_of_features(asked, data, others, ONCE) is not None
    assert told_of_row(asked, data, others, ONCE) is None


@pytest.mark.parametrize(
    "change",
    [
        {"status": "failed"},
        {"data": {"image_shape": [9, 9], "classes": ["a", "b"]}},
        {"data": {"image_shape": [8, 8], "classes": ["a", "b", "c"]}},
        {"spec": cell(extractor={"name": "hog", "cell": 4}).spec()},
    ],
)
def test_records_of_other_things_tell_nothing(change: dict[str, Any]) -> None:
    records = [record(cell(), 100, **change)]
    assert told_of_features(cell(), images(4000, 50), records, ONCE) is None
    assert told_of_row(cell(), images(4000, 50), records, ONCE) is None
    assert memory_told(cell(), images(4000, 50), records, 50.0) is None


def test_memory_beyond_what_the_process_has_grows_with_the_images() -> None:
    records = [record(cell(), n) for n in (100, 1000)]  # 110 and 200 MB
    assert memory_told(cell(), images(4000, 50), records, 120.0) == pytest.approx(120 + 80 * 4)
    assert memory_told(cell(), images(4000, 50), records, 500.0) == 500.0
