from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

import featbench
from featbench import environment
from featbench.environment import code_fingerprint, describe, opencv_conflict, versions


def test_what_is_told_is_json_and_names_no_folder(tmp_path: Path) -> None:
    told = json.dumps(describe())
    for key in ("cpu", "cores", "versions", "threads", "code"):
        assert f'"{key}"' in told
    assert str(Path(featbench.__file__).parent) not in told
    assert versions()["featbench"] == featbench.__version__


def test_two_opencv_distributions_are_told_with_the_repair(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name in ("opencv-python", "opencv-python-headless"):
            return "4.0"
        raise environment.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(environment.metadata, "version", version)
    told = opencv_conflict()
    assert told is not None
    assert "opencv-python 4.0, opencv-python-headless 4.0" in told
    assert (
        "pip uninstall -y opencv-python opencv-python-headless && pip install opencv-python-headless" in told
    )


def test_one_opencv_is_no_conflict(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name == "opencv-python-headless":
            return "4.0"
        raise environment.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(environment.metadata, "version", version)
    assert opencv_conflict() is None


def test_the_code_has_a_fingerprint_that_changes_with_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    package = tmp_path / "featbench"
    package.mkdir()
    (package / "__init__.py").write_text("a = 1\n")
    monkeypatch.setattr(featbench, "__file__", str(package / "__init__.py"))
    seen = set()
    for text in ("a = 1\n", "a = 2\n"):
        (package / "__init__.py").write_text(text)
        code_fingerprint.cache_clear()
        seen.add(code_fingerprint())
    code_fingerprint.cache_clear()
    assert len(seen) == 2


def test_tests_reach_no_network() -> None:
    with socket.socket() as connection, pytest.raises(AssertionError, match="loopback"):
        connection.connect(("192.0.2.1", 80))
