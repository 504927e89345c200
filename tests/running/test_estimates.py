"""What a stage will cost: power laws through made-up stages, whose clock is made up too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from featbench.config import Cell, Document, read_experiment
from featbench.estimates import fit_power_law, memory_told, probe, told_of_features, told_of_row
from featbench.imagesets import ImageSet
from featbench.sealed import SealedDataset, SealedLabels

# What is asked of an estimate; a quadratic stage with 1 % of jitter, from 200 and 800 to 50,000, is within a twelfth.
WITHIN = 0.2


class Clock:
    """Goes on only when a stage says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("n", [800, 5000, 50_000])
@pytest.mark.parametrize("exponent", [1.0, 1.5, 2.0, 3.0])
def test_a_stage_is_extrapolated(n: int, exponent: float) -> None:
    clock, calls, rng = Clock(), list[int](), np.random.default_rng(0)

    def stage(size: int) -> None:
        compiles = 7.0 if not calls else 0.0  # the first time, which does not count
        calls.append(size)
        clock.now += compiles + 0.01 * (size / 200) ** exponent * (1 + 0.01 * rng.uniform(-1, 1))

    law = probe(stage, (200, 800), clock)
    assert calls == [200, 200, 800]
    assert law.sizes == (200, 800)
    assert law.at(n) == pytest.approx(0.01 * (n / 200) ** exponent, rel=WITHIN)


def test_a_long_first_sample_is_the_only_one() -> None:
    clock = Clock()

    def stage(size: int) -> None:
        clock.now += size / 10

    law = probe(stage, (200, 800), clock)
    assert law.sizes == (200,)
    assert law.at(1000) == pytest.approx(100)


def test_what_takes_no_time_takes_none() -> None:
    law = probe(lambda _: None, (200, 800), Clock())
    assert 0 <= law.at(1e6) < 1e-5


def test_an_exponent_that_no_stage_has_is_noise() -> None:
    assert fit_power_law([(100, 1.0), (200, 100.0)]).exponent == 3
    assert fit_power_law([(100, 1.0), (200, 0.5)]).exponent == 0


def test_of_the_same_size_the_median_counts() -> None:
    law = fit_power_law([(100, 1.0), (100, 99.0), (100, 2.0)])
    assert (law.exponent, law.at(200)) == (1, pytest.approx(4.0))


def test_through_several_sizes_the_fit_is_that_of_least_squares() -> None:
    sizes = np.array([100, 300, 1000, 4000])
    seconds = 1e-5 * sizes**1.4 * np.array([1.1, 0.9, 1.05, 0.95])
    slope, offset = np.polyfit(np.log(sizes), np.log(seconds), 1)
    law = fit_power_law(zip(sizes.tolist(), seconds.tolist(), strict=True))
    assert law.at(7000) == pytest.approx(float(np.exp(offset) * 7000**slope), rel=1e-9)


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
    features, row = told_of_features(asked, data, records), told_of_row(asked, data, records)
    assert features is not None
    assert row is not None
    assert features.seconds == pytest.approx(0.004 * 4000 + 0.003 * 1000, rel=1e-6)
    assert row.seconds == pytest.approx(1e-5 * 4000**2 + 1e-6 * 4000 * 1000, rel=1e-6)
    assert features.source == row.source == "records of 100 and 1,000 images"


def test_a_record_of_one_size_is_scaled_and_says_so() -> None:
    features = told_of_features(cell(), images(4000, 50), [record(cell(), 1000)])
    assert features is not None
    assert features.seconds == pytest.approx(0.004 * 4000 + 0.003 * 50)
    assert features.source == "records of 1,000 images, linearly"


def test_an_extractor_is_known_from_other_classifiers_rows_and_a_pipeline_is_not() -> None:
    asked, data = cell(), images(4000, 50)
    others = [record(cell(classifier={"name": "svm", "reg": 2.0}), n) for n in (100, 1000)]
    assert told_of_features(asked, data, others) is not None
    assert told_of_row(asked, data, others) is None


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
    assert told_of_features(cell(), images(4000, 50), records) is None
    assert told_of_row(cell(), images(4000, 50), records) is None
    assert memory_told(cell(), images(4000, 50), records, 50.0) is None


def test_memory_beyond_what_the_process_has_grows_with_the_images() -> None:
    records = [record(cell(), n) for n in (100, 1000)]  # 110 and 200 MB
    assert memory_told(cell(), images(4000, 50), records, 120.0) == pytest.approx(120 + 80 * 4)
    assert memory_told(cell(), images(4000, 50), records, 500.0) == 500.0
