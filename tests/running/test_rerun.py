"""Results made again: the same where nothing changed, and told where something did."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from featbench.cli import _code
from featbench.config import parse, read_experiment
from featbench.errors import ConfigError
from featbench.rerun import differences, rerun
from featbench.runner import run
from featbench.store import Store

pytestmark = pytest.mark.long

TEXT = """\
dataset: digits
extractor: raw
classifiers:
- {name: knn, search: {n_neighbors: {linear: [1, 9]}}}
- {name: softmax, search: {reg: [0.01, 0.1]}}
selection: {folds: 2, search: {name: random, trials: 4}}
timing: {repeats: 1}
train_size: [300, all]
ensembles: [{cells: [raw -> knn, raw -> softmax]}]
"""


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("runs") / "study"
    records = run(read_experiment(parse(TEXT, "x.yaml"), "x"), output=root).records
    assert {r["status"] for r in records} == {"ok"}
    return {
        r["classifier"] + (" of 300" if r["drawn"] else ""): root / "cells" / f"{r['cell_id']}.json"
        for r in records
    }


@pytest.mark.parametrize("name", ["knn", "ensemble of 300", "majority"])
def test_made_again_the_result_is_the_same(cells: dict[str, Path], tmp_path: Path, name: str) -> None:
    done = rerun(cells[name], tmp_path / "again")
    assert done.same
    assert [d.what for d in done.differences if not d.what.startswith("seconds")] == []
    before = json.loads(cells[name].read_text())
    assert done.record["cell_id"] == before["cell_id"]
    assert done.record["label"] == before["label"]
    assert done.record["selection"].get("search", {}).get("name") == ("random" if name == "knn" else None)
    assert len(Store(tmp_path / "again").openings()) == (3 if name == "ensemble of 300" else 1)


def changed(path: Path, tmp_path: Path, **more: Any) -> Path:
    """Copy a result with other contents."""
    shutil.copytree(path.parent, tmp_path / "cells")
    copy = tmp_path / "cells" / path.name
    copy.write_text(json.dumps({**json.loads(path.read_text()), **more}))
    return copy


def test_what_differs_is_told(cells: dict[str, Path], tmp_path: Path) -> None:
    record = json.loads(cells["knn"].read_text())
    environment = {**record["environment"], "code": "older", "versions": {"numpy": "1.0", "gone": "3"}}
    path = changed(cells["knn"], tmp_path, environment=environment, test_accuracy=0.5)
    arrays = Store(tmp_path).read_arrays(record)
    store = Store(tmp_path)
    told = json.loads(path.read_text())
    flipped = {
        **arrays,
        "predictions": np.where(np.arange(len(arrays["truth"])) < 90, 0, arrays["predictions"]),
    }
    store.write_cell({**told, "arrays": None}, flipped)
    done = rerun(path, tmp_path / "again")
    found = {d.what: d for d in done.differences}
    assert found["code"].before.startswith("older")
    assert found["version of numpy"].before == "1.0"
    assert found["version of gone"].after == "none"
    assert found["test accuracy"].before == "50.00 %"
    n_changed = int((flipped["predictions"] != arrays["predictions"]).sum())
    assert found["predictions"].after == f"{n_changed} others, its accuracy beyond chance"
    assert not done.same
    assert {d.what for d in done.differences if d.of_result} == {"test accuracy", "predictions"}


def test_times_within_noise_are_no_difference() -> None:
    def record(*samples: float, **environment: Any) -> dict[str, Any]:
        timing = {"seconds": float(np.median(samples)), "samples": list(samples)}
        same = {"status": "ok", "selection": {"parameters": {}}, "phases": {"fit": timing}}
        return {**same, "environment": environment}

    def told(before: Any, after: Any) -> list[str]:
        return [d.what for d in differences(before, after, {}, {})]

    assert told(record(1.0, 1.1), record(1.05, 1.2)) == []  # they overlap
    assert told(record(1.0, 1.01), record(1.02, 1.03)) == []  # a few percent
    assert told(record(1.0, 1.1), record(1.5, 1.6)) == ["seconds of fit"]
    assert told(record(1.5, 1.6), record(1.0, 1.1)) == ["seconds of fit"]
    assert told(record(1.0e-4, 1.1e-4), record(4.0e-4, 4.1e-4)) == []  # too short to tell anything
    busy = record(9.0)
    busy["phases"]["fit"]["noisy"] = True
    assert told(record(1.0), busy) == []  # and it was told so
    assert told(record(1.0, cpu="a"), record(9.0, cpu="b")) == ["machine"]  # times of another machine


def test_another_status_is_another_result() -> None:
    before = {"status": "ok", "selection": {"parameters": {}}}
    (found,) = differences(before, {"status": "failed", "reason": "why"}, {}, {})
    assert (found.before, found.after, found.of_result) == ("ok", "failed: why", True)


def test_predictions_of_closed_labels_are_compared() -> None:
    record = {"status": "ok", "selection": {"parameters": {}}}
    told = differences(record, record, {"predictions": np.zeros(9)}, {"predictions": np.arange(9)})
    assert [(d.what, d.after) for d in told] == [("predictions", "8 others")]
    apart = (
        {"predictions": np.zeros(9), "truth": np.zeros(9)},
        {"predictions": np.zeros(9), "truth": np.ones(9)},
    )
    assert [d.what for d in differences(record, record, *apart)] == ["test images"]
    assert list(differences(record, record, apart[0], apart[0])) == []


def test_a_file_without_its_arrays_is_made_again(cells: dict[str, Path], tmp_path: Path) -> None:
    copy = tmp_path / "lone.json"
    shutil.copy(cells["knn"], copy)
    assert rerun(copy, tmp_path / "again").same


def test_what_cannot_be_made_again(cells: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="RUN/cells"):
        rerun(tmp_path / "nowhere.json")
    (tmp_path / "other.json").write_text("[]")
    with pytest.raises(ConfigError, match="a cell that featbench wrote"):
        rerun(tmp_path / "other.json")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("")
    with pytest.raises(ConfigError, match="holds something already"):
        rerun(cells["knn"], tmp_path / "full")
    spec = json.loads(cells["knn"].read_text())["spec"]
    path = changed(cells["knn"], tmp_path, spec={**spec, "seed": 7})
    with pytest.raises(ConfigError, match="that of the cell that the file is named for"):
        rerun(path, tmp_path / "again")


def test_the_verb(cells: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _code(["rerun", str(cells["majority"]), "-o", str(tmp_path / "1")], debug=False) == 0
    shown = capsys.readouterr()
    assert shown.out.splitlines()[0].split("\t") == ["what", "then", "now"]
    assert "the result is the same" in shown.err
    path = changed(cells["majority"], tmp_path, test_accuracy=0.9)
    assert _code(["rerun", str(path), "-o", str(tmp_path / "2")], debug=False) == 1
    shown = capsys.readouterr()
    assert "test accuracy\t90.00 %\t" in shown.out
    assert "the result is another one" in shown.err
