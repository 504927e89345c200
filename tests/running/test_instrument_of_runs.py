"""What a run tells of the instrument: how often phases ran, the machine meanwhile, memory, work."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from featbench import pipeline, stages
from featbench.config import Document, read_experiment
from featbench.errors import ConfigError
from featbench.extractors import HOG
from featbench.runner import run
from featbench.timing import Repeats, clocks
from featbench.timing.memory import read_parts

pytestmark = pytest.mark.long

DIGITS: dict[str, Any] = {
    "dataset": "digits",
    "extractor": {"name": "hog", "cell": 4, "block": 1},
    "preprocess": "standardize",
    "classifiers": [{"name": "svm", "reg": 0.01}, {"name": "knn", "n_neighbors": 3}],
    "selection": "none",
    # Of two samples the interval is never wider than the median, so that there are two whatever else the machine does.
    "timing": {"repeats": 2, "budget_s": 1000.0, "width": 1.0},
}
IN_TURN = ("fit_extractor", "transform_train", "transform_test", "preprocess_test", "fit", "predict")
ONCE = ("load", "warmup_extractor", "warmup", "preprocess")


def plan(**timing: Any) -> Any:
    return read_experiment(
        Document("digits.yaml", {**DIGITS, "timing": {**DIGITS["timing"], **timing}}), "digits"
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return run(plan(), output=tmp_path_factory.mktemp("run"), cache=False)


def pipelines(finished: Any) -> list[dict[str, Any]]:
    return [record for record in finished.records if record["extractor"]]


def test_every_phase_is_repeated_as_often_as_asked(finished: Any) -> None:
    for record in pipelines(finished):
        counts = {name: len(timing["samples"]) for name, timing in record["phases"].items()}
        assert {name: counts[name] for name in IN_TURN} == dict.fromkeys(IN_TURN, 2)
        assert {name: counts[name] for name in ONCE} == dict.fromkeys(ONCE, 1)


def test_quartiles_are_those_of_the_samples(finished: Any) -> None:
    for timing in pipelines(finished)[0]["phases"].values():
        lower, upper = np.percentile(timing["samples"], [25, 75])
        assert timing["quartiles"] == [lower, upper]
        assert lower <= timing["seconds"] <= upper
        assert isinstance(timing["noisy"], bool)


def test_work_is_that_of_the_phases_of_the_row(finished: Any) -> None:
    svm, knn = pipelines(finished)
    n_train, n_test, d = svm["n_train"], svm["n_test"], svm["dim"]
    extractor, shape = HOG(cell=4, block=1), (8, 8)
    for phase, n in (("transform_train", n_train), ("transform_test", n_test)):
        assert svm["phases"][phase]["cost"] == extractor.cost(n, shape).to_json()
    assert knn["phases"]["predict"]["cost"]["operations"] == 2 * n_train * n_test * d
    assert svm["phases"]["predict"]["cost"]["operations"] == n_test * (2 * d * 10 + 19)
    assert svm["phases"]["fit"]["cost"]["operations"] > n_train * d * d
    assert "cost" not in knn["phases"]["fit"]


def test_memory_is_told_apart(finished: Any) -> None:
    if read_parts() is None:
        pytest.skip("this system does not tell memory apart")
    for record in pipelines(finished):
        assert 0 < record["peak_anonymous_mb"] < record["peak_rss_mb"] * 1.05
        assert 0 < record["peak_mapped_mb"] < record["peak_rss_mb"] * 1.05
        assert record["peak_device_mb"] is None


def test_a_run_tells_of_its_machine(finished: Any) -> None:
    told = json.loads((finished.root / "run.json").read_text())
    before, after = told["machine"]["loop_ms"]
    assert min(before, after) > 0
    assert set(told["environment"]["peaks"]) == {"gflop_s", "gb_s", "quiet"}
    assert finished.records[0]["environment"]["peaks"] == told["environment"]["peaks"]
    assert set(told["environment"]["threads"].values()) == {1}
    row = finished.to_frame().iloc[-1]
    assert row["predict_gflop_s"] > 0
    assert "GFLOP/s" in (finished.root / "results.md").read_text()


def test_phases_take_turns(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rounds: list[list[str]] = []
    measured = clocks.measure_in_turn

    def noted(phases: Any, repeats: Repeats) -> Any:
        assert repeats == Repeats(least=2, budget_s=1000.0, width=1.0)
        order: list[str] = []
        rounds.append(order)

        def with_name(name: str, phase: Any) -> Any:
            return lambda made: (order.append(name), phase(made))[1]

        return measured({name: with_name(name, phase) for name, phase in phases.items()}, repeats)

    monkeypatch.setattr(stages, "measure_in_turn", noted)
    monkeypatch.setattr(pipeline, "measure_in_turn", noted)
    run(plan(), output=tmp_path, cache=False)
    assert list(IN_TURN[:3]) * 2 in rounds
    assert rounds.count(list(IN_TURN[3:]) * 2) == 4, "two pipelines, chance and majority"


def test_a_noisy_phase_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Repeats, "enough", lambda self, samples: len(samples) >= self.least)
    monkeypatch.setattr(Repeats, "noisy", lambda self, samples: len(samples) > 1)
    made = run(plan(), output=tmp_path, cache=False)
    row = made.to_frame().iloc[-1]
    assert row["noisy"] == ", ".join(name for name in made.records[-1]["phases"] if name in IN_TURN)
    assert "~" in (tmp_path / "results.md").read_text()


def test_what_timing_asks_for_is_checked() -> None:
    for timing, said in (
        ({"width": 0.0}, "timing.width"),
        ({"budget_s": -1}, "timing.budget_s"),
        ({"repeats": 0}, "timing.repeats"),
        ({"widht": 0.1}, "Did you mean 'width'?"),
    ):
        with pytest.raises(ConfigError, match=said):
            plan(**timing)
    assert plan(budget_s=3, width=0.5).timing.rule() == Repeats(2, 3.0, 0.5)


def test_nothing_is_left_of_pinned_threads(finished: Any) -> None:
    assert os.environ["OMP_NUM_THREADS"] == "1", "the tests' own"
