"""Results are whole or not there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from featbench import store as module
from featbench.errors import ConfigError, StoreError
from featbench.store import Store, to_json, write_atomic


def record(cell_id: str = "hog-svm-1", **more: Any) -> dict[str, Any]:
    return {"cell_id": cell_id, "status": "ok", **more}


def test_a_cell_comes_back_as_it_was(tmp_path: Path) -> None:
    store = Store(tmp_path)
    arrays = {"predictions": np.arange(5), "truth": np.ones(5)}
    store.write_cell(record(score=np.float32(0.5), per_class=[0.25, None]), arrays)
    read = store.read_cell("hog-svm-1")
    assert read is not None
    assert read["score"] == 0.5
    assert read["per_class"] == [0.25, None]
    for name, array in store.read_arrays(read).items():
        np.testing.assert_array_equal(array, arrays[name])
    assert store.cell_ids() == ["hog-svm-1"]
    assert store.read_cell("another") is None


def test_a_cell_written_again_replaces_the_old_one_and_its_arrays(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write_cell(record(), {"a": np.arange(3)})
    store.write_cell(record(), {"a": np.arange(4)})
    read = store.read_cell("hog-svm-1")
    assert read is not None
    assert len(store.read_arrays(read)["a"]) == 4
    assert len(list((tmp_path / "cells").iterdir())) == 2


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_crash_while_writing_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = tmp_path / "results.csv"
    write_atomic(path, "old")

    def crash(*_: Any) -> None:
        raise KeyboardInterrupt

    if step == "fsync":
        monkeypatch.setattr(module.os, "fsync", crash)
    else:
        monkeypatch.setattr(Path, "replace", crash)
    with pytest.raises(KeyboardInterrupt):
        write_atomic(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_says_so_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.os, "fsync", full)
    with pytest.raises(StoreError, match=r"No space left on device.*what is finished is kept"):
        write_atomic(tmp_path / "a" / "x.json", "{}")
    assert list((tmp_path / "a").iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(StoreError, match="taken"):
        write_atomic(tmp_path / "taken" / "x.json", "{}")
    with pytest.raises(ConfigError, match="--output"), Store(tmp_path / "taken"):
        pass


def test_arrays_come_before_the_record_that_names_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    real = module.write_atomic

    def noted(path: Path, content: Any) -> None:
        written.append(path.suffix)
        real(path, content)

    monkeypatch.setattr(module, "write_atomic", noted)
    Store(tmp_path).write_cell(record(), {"a": np.arange(3)})
    assert written == [".npz", ".json"]


def test_json_holds_no_nan() -> None:
    text = to_json({"a": float("nan"), "b": np.inf, "c": np.int64(3), "d": (1, 2), "e": np.array([0.5])})
    assert json.loads(text) == {"a": None, "b": None, "c": 3, "d": [1, 2], "e": [0.5]}


@pytest.mark.parametrize("content", ["", "{", "[]", '{"schema": 99}', '{"schema": 1, "cell_id": "other"}'])
def test_a_foreign_file_is_refused_by_name(tmp_path: Path, content: str) -> None:
    (tmp_path / "cells").mkdir()
    (tmp_path / "cells" / "x.json").write_text(content)
    with pytest.raises(StoreError, match=r"x\.json"):
        Store(tmp_path).read_cell("x")


def test_arrays_are_never_unpickled(tmp_path: Path) -> None:
    (tmp_path / "cells").mkdir()
    np.savez(tmp_path / "cells" / "x-1.npz", a=np.array([{"any": "object"}], dtype=object))
    with pytest.raises(StoreError, match="x-1"):
        Store(tmp_path).read_arrays({"arrays": "x-1.npz"})


def test_an_array_file_outside_the_folder_is_not_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "secret.npz", a=np.arange(3))
    (tmp_path / "run" / "cells").mkdir(parents=True)
    with pytest.raises(StoreError):
        Store(tmp_path / "run").read_arrays({"arrays": "../../secret.npz"})


def test_the_ledger_counts_and_survives_a_torn_line(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.openings() == []
    store.enter_opening({"dataset": "photos"})
    with (tmp_path / "ledger.jsonl").open("a") as file:
        file.write('{"dataset": "pho')
    store.enter_opening({"dataset": "digits"})
    assert [o["dataset"] for o in store.openings()] == ["photos", "unknown", "digits"]


def test_two_runs_do_not_share_a_folder(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.write_run({"name": "x", "cells": []})
    with Store(tmp_path), pytest.raises(StoreError, match="another run is writing"), Store(tmp_path):
        pass
    with Store(tmp_path):
        pass


def test_files_are_readable_by_others(tmp_path: Path) -> None:
    write_atomic(tmp_path / "x", b"1")
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o644


def test_a_folder_without_a_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"holds no run.*featbench run"):
        Store(tmp_path).read_run()


def test_a_run_that_died_before_its_first_file_may_begin_again(tmp_path: Path) -> None:
    (tmp_path / ".lock").write_text("")
    (tmp_path / ".writing-x").write_text("{")
    with Store(tmp_path):
        pass


def test_results_are_not_mixed_into_a_folder_of_other_things(tmp_path: Path) -> None:
    (tmp_path / "class a").mkdir()
    with pytest.raises(ConfigError, match="a folder of other things"), Store(tmp_path):
        pass
    assert [p.name for p in tmp_path.iterdir()] == ["class a"]
