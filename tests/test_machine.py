from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import scipy.linalg  # noqa: F401 - has a BLAS of its own, which is then among those that are pinned
from threadpoolctl import threadpool_limits

from featbench import machine
from featbench.environment import describe
from featbench.machine import Peaks, Speed, loop_ms, peaks, pinned_threads
from featbench.timing import Share


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A cache folder of its own, and measurements that count themselves and take no time."""
    monkeypatch.setenv("FEATBENCH_CACHE", str(tmp_path))
    monkeypatch.setattr(machine, "_MEASURED", {})
    counted = iter(range(1, 100))
    monkeypatch.setattr(machine, "_gflop_s", lambda: float(next(counted)))
    monkeypatch.setattr(machine, "_gb_s", lambda: 10.0)
    return tmp_path / "peaks.json"


def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be a new process."""
    monkeypatch.setattr(machine, "_MEASURED", {})


def test_peaks_are_measured_once_a_machine(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert peaks() == Peaks(1.0, 10.0)
    forget(monkeypatch)
    assert peaks() == Peaks(1.0, 10.0)
    assert peaks(measure=True) == Peaks(2.0, 10.0)
    forget(monkeypatch)
    assert peaks() == Peaks(2.0, 10.0)
    assert [path.name for path in kept.parent.iterdir()] == ["peaks.json"]


def test_what_a_busy_machine_did_is_not_kept(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.Load, "share", lambda _: Share(0.5, 0.0))
    assert peaks() == Peaks(1.0, 10.0, quiet=False)
    assert peaks() == Peaks(1.0, 10.0, quiet=False), "once a process is enough"
    forget(monkeypatch)
    monkeypatch.setattr(machine.Load, "share", lambda _: Share(0.05, 0.0))
    assert peaks() == Peaks(2.0, 10.0)
    forget(monkeypatch)
    assert peaks() == Peaks(2.0, 10.0)


def test_another_number_of_threads_has_peaks_of_its_own(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEATBENCH_NUM_THREADS", "1")
    one = peaks()
    monkeypatch.setenv("FEATBENCH_NUM_THREADS", "2")
    assert peaks() != one
    monkeypatch.setenv("FEATBENCH_NUM_THREADS", "1")
    forget(monkeypatch)
    assert peaks() == one
    assert len(json.loads(kept.read_text())) == 2


@pytest.mark.parametrize("text", ["", "{", "[]", '{"a": 1}', '{"a": {"gflop_s": "x", "gb_s": 1}}'])
def test_a_damaged_file_is_replaced(kept: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    kept.write_text(text)
    first = peaks()
    forget(monkeypatch)
    assert peaks() == first


def test_without_a_folder_peaks_are_kept_in_memory(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.with_name("file").touch()
    monkeypatch.setenv("FEATBENCH_CACHE", str(kept.with_name("file") / "folder"))
    assert peaks() == peaks()


def test_the_measured_work_is_what_it_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a clock that says one second: 2 · 64³ operations, and 4,096 bytes read and written."""
    monkeypatch.setattr(machine, "_SIDE", 64)
    monkeypatch.setattr(machine, "_COPIED", 4096)

    def second(work: Any) -> float:
        work()
        return 1.0

    monkeypatch.setattr(machine, "_shortest", second)
    assert machine._gflop_s() == pytest.approx(2 * 64**3 / 1e9)
    assert machine._gb_s() == pytest.approx(8192 / 1e9)


def test_threads_are_pinned_to_what_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in machine._VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FEATBENCH_NUM_THREADS", "1")
    with threadpool_limits(2):
        before = describe()["threads"]
        assert set(before.values()) == {1, 2}, "kernels are told by the variable alone"
        with pinned_threads():
            assert set(describe()["threads"].values()) == {1}
            assert [os.environ[name] for name in machine._VARIABLES] == ["1"] * 3
        assert describe()["threads"] == before
    assert not set(machine._VARIABLES) & set(os.environ)


def test_a_library_that_was_told_to_use_fewer_threads_keeps_to_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEATBENCH_NUM_THREADS", "4")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    before = describe()["threads"]
    with pinned_threads():
        assert os.environ["OMP_NUM_THREADS"] == "1"
        assert all(count <= before[name] for name, count in describe()["threads"].items())
        assert max(describe()["threads"].values()) <= 4


def test_a_run_is_told_how_fast_the_machine_was_at_both_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = iter([2.0, 3.0])
    monkeypatch.setattr(machine, "loop_ms", lambda: next(taken))
    share: list[Share | None] = [Share(0.5, 0.25)]
    monkeypatch.setattr(machine.Load, "share", lambda _: share[0])
    speed = Speed()
    assert speed.to_json() == {"loop_ms": [2.0, 3.0], "load": {"others": 0.5, "stolen": 0.25}}
    share[0], taken = None, iter([4.0])
    assert speed.to_json() == {"loop_ms": [2.0, 4.0]}


def test_the_loop_takes_some_time() -> None:
    assert 0.01 < loop_ms() < 1000
