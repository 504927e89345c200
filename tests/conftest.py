"""What every test shares: one kernel thread a worker, and the way to the real images."""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Before numpy is imported: as many workers as cores run side by side, each with one thread.
for variable in ("FEATBENCH_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np
import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


def _data(folder: str) -> Path:
    root = Path(os.environ.get("FEATBENCH_DATA") or REPOSITORY.parent / "shared" / "data")
    path = root / folder
    if path.is_dir():
        return path
    reason = f"{folder} is not under FEATBENCH_DATA or ../shared/data"
    if os.environ.get("CI") == "true" and root.is_dir():
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def cifar10_root() -> Path:
    """Folder of the original CIFAR-10 python batches."""
    return _data("cifar-10-batches-py")


@pytest.fixture(scope="session")
def caltech_root() -> Path:
    """Folder of twelve classes of Caltech-101."""
    return _data("caltech101-12")


@pytest.fixture(scope="session")
def squeezenet() -> Path:
    """SqueezeNet 1.1 as an ONNX file, beside the data."""
    data = Path(os.environ.get("FEATBENCH_DATA") or REPOSITORY.parent / "shared" / "data").resolve()
    for folder in (data.parent / "weights", REPOSITORY.parent / "shared" / "weights"):
        if (path := folder / "squeezenet1_1.onnx").is_file():
            return path
    pytest.skip("squeezenet1_1.onnx is not in ../shared/weights, nor in weights beside FEATBENCH_DATA")


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator that is the same in every run."""
    return np.random.default_rng(0)


@pytest.fixture
def repository() -> Path:
    """Root of the checkout."""
    return REPOSITORY


@pytest.fixture(autouse=True, scope="session")
def _no_cache_of_the_user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What fixtures of modules run keeps its features in a temporary folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FEATBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test begins with an empty cache, a folder that is not there yet."""
    monkeypatch.setenv("FEATBENCH_CACHE", str(tmp_path_factory.getbasetemp() / f"cache-{uuid.uuid4().hex}"))


@pytest.fixture(autouse=True, scope="session")
def _loopback_alone() -> Iterator[None]:
    """Tests open no socket but loopback's."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        host = address[0] if isinstance(address, tuple) else "localhost"
        assert host in ("127.0.0.1", "::1", "localhost"), f"a test went beyond loopback, to {host}"
        connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded)
        yield
