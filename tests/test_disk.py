"""A folder has one writer; space is reserved, or its lack is an exception."""

from __future__ import annotations

import errno
import os
import resource
from pathlib import Path

import pytest

from featbench.disk import hold_folder, reserve
from featbench.errors import StoreError


def test_a_folder_is_held_once(tmp_path: Path) -> None:
    lock = hold_folder(tmp_path, "run")
    with pytest.raises(StoreError, match="another run is writing here"):
        hold_folder(tmp_path, "run")
    lock.close()
    hold_folder(tmp_path, "run").close()


@pytest.mark.parametrize("supported", [True, False])
def test_space_is_reserved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, supported: bool) -> None:
    if not supported:

        def refuse(*_: object) -> None:
            raise OSError(errno.EOPNOTSUPP, "Operation not supported")

        monkeypatch.setattr(os, "posix_fallocate", refuse)
    with (tmp_path / "file").open("wb") as file:
        reserve(file.fileno(), 100_000)
        status = (tmp_path / "file").stat()
    assert status.st_size == 100_000
    assert (status.st_blocks * 512 >= 100_000) == supported


def test_no_room_is_an_exception(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        with (tmp_path / "file").open("wb") as file, pytest.raises(OSError, match="File too large"):
            reserve(file.fileno(), 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
