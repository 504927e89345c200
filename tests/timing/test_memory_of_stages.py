from __future__ import annotations

import mmap
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from featbench.timing import Memory, PeakMemory, memory
from featbench.timing.memory import read_parts

needs_parts = pytest.mark.skipif(read_parts() is None, reason="this system does not tell memory apart")


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


@needs_parts
def test_what_an_earlier_stage_freed_is_not_the_next_ones() -> None:
    """Many blocks from the allocator's own heap, each too small to be given back alone, under one that is kept."""
    before = PeakMemory().memory()
    earlier = [bytearray(100_000) for _ in range(1000)]
    kept = bytearray(100_000)
    del earlier
    after = PeakMemory().memory()
    assert before.anonymous_mb is not None
    assert after.anonymous_mb is not None
    assert after.anonymous_mb - before.anonymous_mb < 10
    assert len(kept) == 100_000


@needs_parts
def test_anonymous_and_mapped_memory_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "mapped"
    path.write_bytes(bytes(50_000_000))
    with PeakMemory() as quiet:
        pass
    with PeakMemory() as peak:
        array = np.ones(60_000_000, dtype=np.uint8)  # more than the allocator keeps of what was freed
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            assert np.frombuffer(mapped, dtype=np.uint8).sum() == 0
            _wait_for_readings(peak)
        del array
    at_rest, busy = quiet.memory(), peak.memory()
    assert busy.anonymous_mb - at_rest.anonymous_mb == pytest.approx(60, abs=10)  # type: ignore[operator]
    assert busy.mapped_mb - at_rest.mapped_mb == pytest.approx(50, abs=10)  # type: ignore[operator]


def _wait_for_readings(peak: PeakMemory) -> None:
    """Wait until the watch has read what is there now."""
    seen = threading.Event()
    read = peak._read

    def told() -> None:
        read()
        seen.set()

    peak._read = told  # type: ignore[method-assign]
    assert seen.wait(10)


def test_the_watch_ends_with_its_block_and_with_an_error() -> None:
    def watchers() -> list[threading.Thread]:
        return [thread for thread in threading.enumerate() if thread.name == "memory of a stage"]

    with PeakMemory():
        assert len(watchers()) == 1
    assert not watchers()
    with pytest.raises(RuntimeError, match="broken"), PeakMemory():
        raise RuntimeError("broken")
    assert not watchers()


def test_a_system_that_tells_nothing_is_measured_as_a_whole(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(memory, "_STATUS", tmp_path / "status")
    monkeypatch.setattr(memory, "_CLEAR", tmp_path / "no" / "clear_refs")
    with PeakMemory() as peak:
        time.sleep(0)
    found = peak.memory()
    assert not found.exact
    assert found.resident_mb > 10
    assert found.anonymous_mb is None
    assert found.mapped_mb is None


def test_what_the_system_says_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    status = tmp_path / "status"
    text = (
        "VmHWM:\t   9000 kB\nVmRSS:\t 8000 kB\nRssAnon:\t 5000 kB\nRssFile:\t 2000 kB\nRssShmem:\t  500 kB\n"
    )
    status.write_text(text)
    monkeypatch.setattr(memory, "_STATUS", status)
    assert read_parts() == (5.12, 2.56)
    status.write_text("VmHWM:\t   9000 kB\n")
    assert read_parts() is None


def test_of_several_stages_the_highest_figures_are_told() -> None:
    first = Memory(100.0, exact=True, anonymous_mb=70.0, mapped_mb=30.0)
    second = Memory(90.0, exact=False, anonymous_mb=80.0, mapped_mb=10.0, device_mb=5.0)
    most = Memory.most([first, second])
    assert most == Memory(100.0, exact=False, anonymous_mb=80.0, mapped_mb=30.0, device_mb=5.0)
    assert Memory.from_json(most.to_json()) == most
    assert Memory.from_json({"peak_rss_mb": 1.0, "peak_exact": True}) == Memory(1.0, exact=True)
