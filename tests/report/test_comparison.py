"""Two runs side by side: what is compared, what is refused, what a gate lets through."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from featbench.errors import ConfigError
from featbench.report.comparison import Comparison, compare_runs
from featbench.report.gates import failures, metrics, parse_gates
from featbench.store import Store

sys.path.append(str(Path(__file__).parent.parent / "records"))
from made_up import MACHINE, cell, folder

ELSEWHERE = {**MACHINE, "cpu": "another processor"}


def compared(tmp_path: Path, ours: Any, theirs: Any) -> Comparison:
    a = folder(tmp_path / "a", *(ours if isinstance(ours, list) else [ours]))
    b = folder(tmp_path / "b", *(theirs if isinstance(theirs, list) else [theirs]))
    return compare_runs(Store(a), Store(b))


@pytest.mark.parametrize(
    ("right", "chance"), [(0.6, "within chance"), (0.62, "within chance"), (0.7, "beyond chance")]
)
def test_what_is_beyond_chance(tmp_path: Path, right: float, chance: str) -> None:
    """200 images, of which 120 and then so many more are right: 4 of 4 new ones have p = 1/8, 20 of 20 far less."""
    (pair,) = compared(tmp_path, cell("hog → svm"), cell("hog → svm", right)).pairs
    assert pair.chance == chance
    if right == 0.62:
        assert pair.p_value == pytest.approx(2 / 2**4)


def test_grouped_images_are_tested_by_their_groups(tmp_path: Path) -> None:
    """Twenty new hits of 200 are those of 20 images, or of two of twenty groups."""
    (record, arrays), (other, others) = cell("hog → svm"), cell("hog → svm", 0.7)
    scores = {**record["scores"], "interval": "cluster bootstrap"}
    groups = {"groups": np.arange(200) // 10}
    (pair,) = compared(
        tmp_path,
        ({**record, "scores": scores}, arrays | groups),
        ({**other, "scores": scores}, others | groups),
    ).pairs
    assert pair.test is not None
    assert pair.test.method == "cluster bootstrap"
    assert pair.chance == "within chance"
    assert pair.test.p_value > 1000 * 2 / 2**20


def test_grouped_images_without_their_groups_and_other_images_are_not_tested(tmp_path: Path) -> None:
    record, arrays = cell("hog → svm")
    grouped = {**record, "scores": {**record["scores"], "interval": "cluster bootstrap"}}
    (pair,) = compared(tmp_path / "1", (grouped, arrays), cell("hog → svm", 0.9)).pairs
    assert pair.chance == ""
    other = {**record, "data": {**record["data"], "fingerprint": "other"}}
    (pair,) = compared(tmp_path / "2", (other, arrays), cell("hog → svm", 0.9)).pairs
    assert not pair.same_images
    assert pair.p_value is None
    (pair,) = compared(tmp_path / "3", (record, {}), cell("hog → svm", 0.9)).pairs
    assert pair.p_value is None


def test_seeds_on_the_same_images_count_once(tmp_path: Path) -> None:
    """Four images that are right with each of three seeds are four, not twelve."""
    ours = [cell("hog → svm", seed=seed) for seed in range(3)]
    theirs = [cell("hog → svm", 0.62, seed=seed) for seed in range(3)]
    (pair,) = compared(tmp_path, ours, theirs).pairs
    assert pair.p_value == pytest.approx(2 / 2**4)


def test_splits_of_one_seed_are_images_of_their_own(tmp_path: Path) -> None:
    ours = [cell("hog → svm", split=split) for split in range(3)]
    theirs = [cell("hog → svm", 0.62, split=split) for split in range(3)]
    (pair,) = compared(tmp_path / "1", ours, theirs).pairs
    assert pair.p_value == pytest.approx(2 / 2**12)
    more = [cell("hog → svm", split=split, seed=1) for split in range(3)]
    (pair,) = compared(tmp_path / "2", ours + more, theirs + more).pairs
    assert pair.p_value is None  # each image was judged twice, at other places


def test_means_over_other_seeds_are_not_comparable(tmp_path: Path) -> None:
    (pair,) = compared(
        tmp_path, [cell("hog → svm", seed=s) for s in range(3)], cell("hog → svm", seed=1)
    ).pairs
    assert not pair.same_images
    assert pair.p_value is None


def test_a_row_that_failed_has_nothing_to_compare(tmp_path: Path) -> None:
    (pair,) = compared(tmp_path, cell("hog → svm"), cell("hog → svm", status="failed", reason="why")).pairs
    assert pair.chance == ""
    assert pair.figures("fit_s") == (1.0, None)


def test_runs_without_a_common_row_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="have no row in common; set against set"):
        compared(tmp_path, cell("hog → svm"), cell("hue → svm"))


def gate(tmp_path: Path, text: str, theirs: Any, *, across: bool = False, ours: Any = None) -> list[str]:
    comparison = compared(tmp_path, ours or cell("hog → svm"), theirs)
    return failures(comparison, parse_gates(text), across_machines=across)


def test_a_gate_names_each_row_that_fails(tmp_path: Path) -> None:
    ours = [cell("hog → svm"), cell("hue → svm", 0.5), cell("raw → knn")]
    theirs = [cell("hog → svm", 0.5), cell("hue → svm", 0.495), cell("raw → knn", seconds={"predict": 0.2})]
    assert gate(tmp_path, "accuracy:-0.5,predict_s:+10%", theirs, ours=ours) == [
        "set: hog → svm: accuracy fell by 10.00 points, from 60.00 to 50.00 %, more than the 0.5 allowed "
        "(beyond chance).",
        "set: raw → knn: predict_s rose by 100.0 %, from 0.10 to 0.20, more than the 10 % allowed.",
    ]


def test_a_gate_holds_at_its_limit(tmp_path: Path) -> None:
    """From 60 to 59.5 % is half a point, which subtraction of floats makes a little more of."""
    assert gate(tmp_path / "1", "accuracy:-0.5", cell("hog → svm", 0.595)) == []
    assert gate(tmp_path / "2", "accuracy:-0.4", cell("hog → svm", 0.595)) != []
    assert gate(tmp_path / "3", "accuracy:-0", cell("hog → svm")) == []
    assert gate(tmp_path / "4", "fit_s:+0%", cell("hog → svm")) == []


def test_what_is_better_fails_no_gate(tmp_path: Path) -> None:
    theirs = cell("hog → svm", 0.9, seconds={"predict": 0.01}, images_per_s=9000.0, peak_rss_mb=1.0)
    text = "accuracy:-0.1,predict_s:+1%,images_per_s:-1%,peak_rss_mb:+1%,train_s:+1%"
    assert gate(tmp_path, text, theirs) == []


def test_a_row_that_is_not_there_or_failed_fails_the_gate(tmp_path: Path) -> None:
    ours = [cell("hog → svm"), cell("hue → svm")]
    assert gate(tmp_path / "1", "accuracy:-0.5", cell("hog → svm"), ours=ours) == [
        "set: hue → svm: is not in the second run."
    ]
    theirs = [cell("hog → svm", status="timeout", reason="slow"), cell("hue → svm", val_accuracy=None)]
    assert gate(tmp_path / "2", "val_accuracy:-0.5", theirs, ours=ours) == [
        "set: hog → svm: is timeout in the second run.",
        "set: hue → svm: has no val_accuracy in the second run.",
    ]


def test_times_of_differing_machines_are_refused(tmp_path: Path) -> None:
    theirs = cell("hog → svm", environment=ELSEWHERE)
    with pytest.raises(
        ConfigError, match=r"a processor, 2 cores, 2 threads against another.*--across-machines"
    ):
        gate(tmp_path / "1", "predict_s:+10%", theirs)
    assert gate(tmp_path / "2", "predict_s:+10%", theirs, across=True) == []
    assert gate(tmp_path / "3", "accuracy:-0.5,peak_rss_mb:+10%", theirs) == []
    threads = cell("hog → svm", environment={**MACHINE, "threads": {"kernels": 1}})
    with pytest.raises(ConfigError, match="the machines differ"):
        gate(tmp_path / "4", "train_s:+10%", threads)


def test_accuracies_of_differing_images_are_refused(tmp_path: Path) -> None:
    theirs = cell("hog → svm", seed=1, data={"fingerprint": "other"})
    with pytest.raises(ConfigError, match="different images, splits or seeds"):
        gate(tmp_path / "1", "accuracy:-0.5", theirs)
    assert gate(tmp_path / "2", "predict_s:+10%", theirs) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("acuracy:-0.5", "unknown metric 'acuracy'. Did you mean 'accuracy'? Known: accuracy, test_accuracy,"),
        ("fit:+10%", "unknown metric 'fit'. Did you mean 'fit_s'?"),
        ("accuracy", "metric:limit, such as accuracy:-0.5 or predict_s:+10%; got 'accuracy'"),
        ("accuracy:0.5", "accuracy must be the points that it may fall by, such as accuracy:-0.5; got '0.5'"),
        ("accuracy:+0.5", "such as accuracy:-0.5"),
        ("accuracy:-1%", "such as accuracy:-0.5"),
        ("predict_s:+10", "predict_s must be the percent that it may rise by, such as predict_s:+10%; got '+10'"),
        ("predict_s:-10%", "such as predict_s:+10%"),
        ("images_per_s:+10%", "the percent that it may fall by, such as images_per_s:-10%"),
        ("accuracy:-0.5,", "metric:limit"),
        ("accuracy:-inf", "such as accuracy:-0.5"),
    ],
)  # fmt: skip
def test_a_gate_that_is_wrong(text: str, told: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse_gates(text)
    assert told in str(error.value)


def test_a_gate_that_could_not_fail_is_refused(tmp_path: Path) -> None:
    """Of a quick run no row has a test accuracy; chance and majority are not judged."""
    quick = cell("hog → svm", test_accuracy=None)
    with pytest.raises(ConfigError, match="no row of the first run has it"):
        gate(tmp_path / "1", "accuracy:-0.5", quick, ours=quick)
    with pytest.raises(ConfigError, match="no row of the first run has it"):
        gate(tmp_path / "2", "accuracy:-0.5", cell("chance"), ours=cell("chance"))


def test_every_metric_can_be_a_gate() -> None:
    for name in metrics():
        tried = [f"{name}:-0.5", f"{name}:+10%", f"{name}:-10%"]
        valid = 0
        for text in tried:
            try:
                valid += len(parse_gates(text))
            except ConfigError:
                continue
        assert valid == 1, name
