"""Entries are whole or not there: whoever writes, dies or damages them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from write_boundaries import counted, kill_at_once

from featbench.cache import Cache, Entry, cache_limit, cache_root, entry, writing
from featbench.errors import ConfigError, StoreError
from featbench.extractors import HOG
from featbench.saved import load_plugin, save_plugin

ROWS = np.arange(60, dtype=np.float32).reshape(12, 5)
KEY = "ab" + 62 * "0"


@pytest.fixture(autouse=True)
def unverified(monkeypatch: pytest.MonkeyPatch) -> None:
    """Verify anew in each test, and take no folder for one that is being made just now."""
    monkeypatch.setattr(entry, "_verified", set())
    monkeypatch.setattr(writing, "_YOUNG_S", 0.0)


def put(cache: Cache, key: str = KEY, rows: Any = ROWS, by: int = 0) -> Entry:
    with cache.draft() as draft:
        save_plugin(HOG(cell=4).fit(np.zeros((1, 16, 16), np.uint8)), draft.folder / "extractor")
        made = draft.finish(key, {"train": rows}, {"by": by, "label": "hog"})
    cache.prune()
    return made


def left_over(root: Path) -> list[str]:
    return [path.name for path in root.iterdir() if path.name.startswith(".")]


def test_what_is_put_is_found(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    assert cache.find(KEY) is None
    assert cache.entries() == cache.damaged() == []
    made = put(cache)
    found = cache.find(KEY)
    assert found == made
    np.testing.assert_array_equal(found.array("train", 1e9), ROWS)
    assert found.description() == {"by": 0, "label": "hog"}
    assert load_plugin(found.folder / "extractor", HOG).cell == 4
    assert cache.find("ff" + KEY[2:]) is None
    assert left_over(tmp_path) == []


def test_checksums_are_those_of_sha256sum(tmp_path: Path) -> None:
    import subprocess

    made = put(Cache(tmp_path))
    done = subprocess.run(
        ["sha256sum", "-c", "SHA256SUMS"], cwd=made.folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 4


def test_large_arrays_are_mapped_and_never_written_back(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    mapped = put(cache).array("train", 0)
    assert isinstance(mapped.base, np.memmap)
    mapped[0] = -1
    entry._verified.clear()
    np.testing.assert_array_equal(cache.find(KEY).array("train", 1e9), ROWS)


FILES = ["SHA256SUMS", "entry.json", "train.npy", "extractor/plugin.json", "extractor/arrays.npz"]


def test_the_files_of_an_entry(tmp_path: Path) -> None:
    folder = put(Cache(tmp_path)).folder
    assert sorted(FILES) == sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


@pytest.mark.parametrize("name", FILES)
def test_a_bit_that_flipped_is_found(tmp_path: Path, name: str, rng: np.random.Generator) -> None:
    cache = Cache(tmp_path)
    size = (put(cache).folder / name).stat().st_size
    for bit in [0, 8 * size - 1, *rng.integers(0, 8 * size, 12)]:
        path = put(cache).folder / name
        content = bytearray(path.read_bytes())
        content[bit // 8] ^= 1 << bit % 8
        path.write_bytes(content)
        entry._verified.clear()
        with pytest.raises(StoreError, match="entry ab0000000000: is damaged: checksums differ for"):
            cache.find(KEY)
        assert cache.find(KEY) is None, "it is out of the way"
    assert len(cache.damaged()) == 14
    assert put(cache) == cache.find(KEY)
    cache.prune(0)
    assert list(tmp_path.glob("*/*")) == cache.damaged() == []


@pytest.mark.parametrize("change", ["missing", "cut", "more", "no sums", "no description"])
def test_an_entry_that_is_not_as_it_was_is_set_aside(tmp_path: Path, change: str) -> None:
    cache = Cache(tmp_path)
    folder = put(cache).folder
    rows = folder / "train.npy"
    {
        "missing": rows.unlink,
        "cut": lambda: rows.write_bytes(rows.read_bytes()[:-1]),
        "more": lambda: (folder / "stranger").touch(),
        "no sums": (folder / "SHA256SUMS").unlink,
        "no description": (folder / "entry.json").unlink,
    }[change]()
    with pytest.raises(StoreError):
        cache.find(KEY)
    assert cache.find(KEY) is None
    assert len(cache.damaged()) == 1


def test_checksums_are_verified_once_unless_the_entry_is_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, verified = Cache(tmp_path), []
    real = entry.checksums
    monkeypatch.setattr(entry, "checksums", lambda folder: (verified.append(folder), real(folder))[1])
    put(cache)
    cache.find(KEY)
    cache.find(KEY)
    assert len(verified) == 1
    cache.prune(0)
    put(cache)
    cache.find(KEY)
    assert len(verified) == 2


def test_the_first_writer_wins(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    with cache.draft() as slow:
        fast = put(cache, by=1)
        assert slow.finish(KEY, {"train": ROWS}, {"by": 2}) == fast
    assert cache.find(KEY).description()["by"] == 1
    assert left_over(tmp_path) == []


KEYS = [f"{i:02x}" + 62 * "1" for i in range(20)]


def _compete(root: Path, by: int, barrier: Any) -> None:
    cache = Cache(root)
    for key in KEYS:
        barrier.wait(20)
        put(cache, key, by=by)
        found = cache.find(key)
        assert np.array_equal(found.array("train", 1e9), ROWS)


def test_two_processes_that_write_the_same_entries_at_once(tmp_path: Path) -> None:
    fork = multiprocessing.get_context("fork")
    barrier = fork.Barrier(2)
    writers = [fork.Process(target=_compete, args=(tmp_path, by, barrier)) for by in (1, 2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0, 0]
    cache = Cache(tmp_path)
    assert sorted(found.key for found in cache.entries()) == KEYS
    for found in cache.entries():
        found.verify(again=True)
    assert left_over(tmp_path) == []


def _dies(root: Path, n: int) -> bool:
    """Put an entry in a process that is killed at its n-th write; tell whether there was one."""
    child = os.fork()
    if child == 0:
        try:
            with counted(root, n, kill_at_once):
                put(Cache(root))
        finally:
            os._exit(0)
    status = os.waitpid(child, 0)[1]
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def test_a_kill_at_any_write_leaves_no_half_entry(tmp_path: Path) -> None:
    put(Cache(tmp_path / "first"))  # what is compiled and imported on the way is done
    n = 1
    while _dies(root := tmp_path / str(n), n):
        cache = Cache(root)
        for found in cache.entries():
            found.verify(again=True)
        assert len(cache.entries()) <= 1
        assert put(cache) == cache.find(KEY)
        assert left_over(root) == [], f"what was left of a kill at write {n} is gone"
        n += 1
    assert n > 10, "folders, four files, sums, renames"


def test_what_another_process_is_writing_stays(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    with cache.draft() as draft:
        put(cache)
        assert draft.folder.is_dir()
    assert left_over(tmp_path) == []


def test_the_least_recently_used_go_first(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    made = [put(cache, key) for key in KEYS[:5]]
    size = made[0].n_bytes
    for age, one in enumerate(made):
        os.utime(one.folder / "SHA256SUMS", (time.time() - 100 + age,) * 2)
    assert cache.find(KEYS[0]) is not None, "used now"
    assert [found.key for found in cache.entries()] == [*KEYS[1:5], KEYS[0]]
    assert [gone.key for gone in cache.prune(3 * size)] == [KEYS[1], KEYS[2]]
    assert [found.key for found in cache.entries()] == [KEYS[3], KEYS[4], KEYS[0]]
    assert cache.prune(3 * size) == []
    assert [gone.key for gone in cache.prune(3 * size - 1)] == [KEYS[3]]
    assert left_over(tmp_path) == []


def test_damaged_entries_go_before_whole_ones(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    old, damaged = put(cache, KEYS[0]), put(cache, KEYS[1])
    os.utime(old.folder / "SHA256SUMS", (0, 0))
    cache.set_aside(damaged)
    assert cache.prune(1_000_000) == []
    (gone,) = cache.prune(old.n_bytes)
    assert gone.key.startswith(".damaged-")
    assert cache.entries() == [old]
    assert cache.damaged() == []


def test_a_reader_keeps_what_is_removed_under_it(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    rows = put(cache).array("train", 0)
    cache.prune(0)
    np.testing.assert_array_equal(rows, ROWS)
    with pytest.raises(StoreError, match="cannot be read"):
        Entry(tmp_path / "ab" / KEY).array("train", 0)


def test_an_entry_that_vanishes_while_it_is_read_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = Cache(tmp_path)
    put(cache)
    real = entry.checksums
    monkeypatch.setattr(entry, "checksums", lambda folder: (cache.prune(0), real(folder))[1])
    assert cache.find(KEY) is None
    assert cache.damaged() == []


def test_a_folder_that_cannot_be_made_is_told() -> None:
    with pytest.raises(StoreError, match=r"/sys/featbench: cannot be written \(.+\)\."):
        Cache("/sys/featbench").draft()
    assert Cache("/sys/featbench").find(KEY) is None
    assert Cache("/sys/featbench").prune() == []


def test_more_than_the_disk_holds_is_not_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    monkeypatch.setattr(shutil, "disk_usage", lambda path: type("Usage", (), {"free": ROWS.nbytes - 1})())
    cache = Cache(tmp_path)
    with pytest.raises(StoreError, match="No space left"):
        put(cache)
    assert list(tmp_path.iterdir()) == []


def test_where_it_lies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FEATBENCH_CACHE", str(tmp_path / "told"))
    assert cache_root() == Cache().root == tmp_path / "told"
    monkeypatch.delenv("FEATBENCH_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_root() == tmp_path / "featbench" / "features"
    assert Cache(tmp_path / "here").root == tmp_path / "here"


def test_how_large_it_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache_limit() == Cache().limit == 10_000_000_000
    monkeypatch.setenv("FEATBENCH_CACHE_LIMIT", "1.5GB")
    assert Cache().limit == 1_500_000_000
    monkeypatch.setenv("FEATBENCH_CACHE_LIMIT", "much")
    with pytest.raises(ConfigError, match="FEATBENCH_CACHE_LIMIT: a size must be a number and a unit"):
        Cache()
