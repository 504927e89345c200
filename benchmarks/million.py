"""A million images of 32 × 32 through HOG, PCA and softmax: `python -m benchmarks million [--dask] FOLDER`.

The images are CIFAR-10's, under FEATBENCH_DATA (or ../shared/data): its 50,000 training images as they are, and then
copies of all of them again and again, each shifted by up to 4 pixels, mirrored or not, and made up to a fifth darker or
brighter, by a fixed seed. They lie in FOLDER, 3 GB, in an uncompressed archive that the data set `npz` reads, until the
end. The test images are CIFAR-10's own 10,000, which count among the million.

What is run is `featbench run` in a process of its own: five folds, six penalties, one seed, a clock that reads each
phase once, no cache. With ``--dask``, a scheduler and two workers are started as docs/cluster.md says, and make the
features. Memory is the sum over all these processes, read every 50 ms: anonymous memory as the kernel tells it
(RssAnon), interpreters and libraries included, and mapped memory, which the system can drop; what several processes
map counts for each.

Predictions are straight lines through two smaller runs, phase by phase: one of 50,000 images, and one of 12,000, which
says what does not grow. The line of ``fit_extractor`` ends where PCA has all the images that it learns from. ``rest``
is all outside the phases: start, duplicates and fingerprint of the data set, folds, latency, report. Processor time,
of all processes together, is what other work on the machine disturbs least; it is predicted in the same way.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks.rows import Row
from featbench.datasets import open_dataset
from featbench.images import cropped
from featbench.imagesets import ImageSet
from featbench.maps.in_turn import _LEARNED_FROM
from featbench.numerics.threads import n_threads
from featbench.timing.memory import read_parts
from featbench.types import ImageArray, Labels

__all__ = ["predicted", "rows", "tiled", "write_archive"]

_ROOT = Path(__file__).parents[1]
_TINY, _SMALL, _LARGE = 12_000, 50_000, 1_000_000
_HOG = 324  # numbers in a row of HOG of 32 × 32
_LEARNED = _LEARNED_FROM // _HOG  # images that PCA learns from at the most
_MOST_MB, _MOST_RATIO = 2000.0, 1.3
_WORKERS = 2
_EVERY_S = 0.05
_BRIGHTNESS = 0.2
_CHUNK = 10_000
_GRID = {
    "extractor": {"name": "hog", "maps": [{"name": "pca", "components": 64}]},
    "classifier": "softmax",
    "selection": {"folds": 5},
    "timing": {"repeats": 1},
}


@dataclass
class Measured:
    """One run.

    Attributes
    ----------
    seconds : dict of str to float
        By phase, ``rest`` the last.
    processor_s : float
        Of all processes together; of a cluster, its start and end included.
    anonymous_mb, mapped_mb : float
        The most that all processes together held, in 10⁶ bytes.
    parts : dict of str to float
        The most anonymous memory of one process of each kind.
    accuracy : float
        Of the test images.
    """

    seconds: dict[str, float]
    processor_s: float
    anonymous_mb: float
    mapped_mb: float
    parts: dict[str, float]
    accuracy: float


def rows(*arguments: str) -> Iterator[Row]:
    """Measure and yield a row a phase, and one of all; arguments are those of the command line."""
    asked = _parsed(arguments)
    data = _cifar10()
    with tempfile.TemporaryDirectory(dir=asked.folder, prefix="million-") as name:
        folder = Path(name)
        runs = []
        # The first time compiles what is not compiled yet, which no other would.
        for n in (asked.tiny, asked.tiny, asked.small, asked.images):
            archive = folder / f"{n}.npz"
            write_archive(archive, data.train, data.test, n)
            runs.append(measure(archive, folder / str(n), dask=asked.dask))
            archive.unlink()
            shutil.rmtree(folder / str(n))
            print(_told(n, runs[-1]), file=sys.stderr)
        n_test = len(data.test)
        trained = [n - n_test for n in (asked.tiny, asked.small, asked.images)]
    yield from _compared(asked.images, trained, runs[1:])


def _compared(n: int, trained: Sequence[int], runs: Sequence[Measured]) -> Iterator[Row]:
    tiny, small, large = runs
    lines = {
        phase: predicted(phase, trained, (tiny.seconds[phase], small.seconds[phase]))
        for phase in large.seconds
    }
    common: dict[str, Any] = {"peak_mb": large.anonymous_mb + large.mapped_mb, "cores": n_threads()}
    for phase, seconds in large.seconds.items():
        expected = lines[phase]
        yield Row(
            f"{n:,} images, {phase}", seconds, "as small runs predict", expected, "", False,
            limit=expected, limited_by="as small runs predict", **common,
        )  # fmt: skip
    spent, expected = sum(large.seconds.values()), sum(lines.values())
    yield Row(
        f"{n:,} images, in all", spent, "as small runs predict", expected,
        f"anonymous {large.anonymous_mb:,.0f} MB", large.anonymous_mb > _MOST_MB,
        limit=expected, limited_by="as small runs predict", bar=f"≥ {1 / _MOST_RATIO:.2f}×", **common,
    )  # fmt: skip
    expected = predicted("processor time", trained, (tiny.processor_s, small.processor_s))
    yield Row(
        f"{n:,} images, processor time", large.processor_s, "as small runs predict", expected, "", False,
        limit=expected, limited_by="as small runs predict", **common,
    )  # fmt: skip


def predicted(phase: str, trained: Sequence[int], seconds: tuple[float, float]) -> float:
    """Return the seconds of a phase on many training images, from those on few and on more.

    Parameters
    ----------
    phase : str
    trained : sequence of int
        Training images of the three runs, the smallest first.
    seconds : tuple of float
        Of the first two.
    """
    tiny, small, large = (min(n, _LEARNED) for n in trained) if phase == "fit_extractor" else trained
    slope = max(0.0, seconds[1] - seconds[0]) / (small - tiny)
    return seconds[0] + slope * (large - tiny)


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks million", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("folder", type=Path, help="on whose disk images and results lie until the end")
    parser.add_argument("--images", type=int, default=_LARGE, metavar="N")
    parser.add_argument("--small", type=int, default=_SMALL, metavar="N")
    parser.add_argument("--tiny", type=int, default=_TINY, metavar="N")
    parser.add_argument(
        "--dask", action="store_true", help="features are made by two workers of a Dask cluster"
    )
    return parser.parse_args(list(arguments))


def _cifar10() -> Any:
    data = Path(os.environ.get("FEATBENCH_DATA") or _ROOT.parent / "shared/data")
    root = data / "cifar-10-batches-py"
    if not root.is_dir():
        raise SystemExit(f"{root}: no images. Set FEATBENCH_DATA to the folder that holds CIFAR-10.")
    return open_dataset("cifar10", {"root": str(root)})


def tiled(images: ImageArray, n: int, seed: int = 0) -> Iterator[ImageArray]:
    """Yield `n` images in parts: those that there are, and then copies of them that were changed a little.

    Parameters
    ----------
    images : ndarray of uint8, (m, h, w, 3)
    n : int
    seed : int, optional
        Image i is made of image ``i % m``, and depends on the seed and i alone.

    Yields
    ------
    ndarray of uint8, (k, h, w, 3)
    """
    m = len(images)
    for copy in range(-(-n // m)):
        rng = np.random.default_rng([seed, copy])
        moved = cropped(images, [seed, copy]) if copy else images
        mirrored = rng.random(m) < 0.5
        factors = rng.uniform(1 - _BRIGHTNESS, 1 + _BRIGHTNESS, m).astype(np.float32)
        for start in range(0, min(m, n - copy * m), _CHUNK):
            part = slice(start, min(start + _CHUNK, n - copy * m))
            made = moved[part]
            if copy:
                made = np.where(mirrored[part, None, None, None], made[:, :, ::-1], made)
                bright = np.rint(made * factors[part, None, None, None])
                made = np.minimum(bright, 255).astype(np.uint8)
            yield made


def write_archive(path: Path, train: ImageSet, test: ImageSet, n: int) -> None:
    """Write an archive of `n` images, test images among them, part after part."""
    images, n_train = np.asarray(train.images), n - len(test)
    labels: Labels = np.resize(train.labels, n_train)
    header = {"descr": "|u1", "fortran_order": False, "shape": (n_train, *images.shape[1:])}
    with zipfile.ZipFile(path, "w") as archive:
        with archive.open("x_train.npy", "w", force_zip64=True) as member:
            np.lib.format.write_array_header_1_0(member, header)
            for part in tiled(images, n_train):
                member.write(np.ascontiguousarray(part).data)
        for name, array in {"y_train": labels, "x_test": test.images, "y_test": test.labels}.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asarray(array))


def measure(archive: Path, output: Path, *, dask: bool) -> Measured:
    """Run the grid on an archive in processes of their own, and watch them."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(_ROOT), *sys.path])}
    grid: dict[str, Any] = {"dataset": {"name": "npz", "path": str(archive)}, **_GRID}
    processor = _processor_s()
    with ExitStack() as stack:
        watched = stack.enter_context(_watch())
        if dask:
            address = stack.enter_context(_cluster(environment, watched))
            grid["executor"] = {"name": "dask", "address": address, "spread": 1}
        config = output.with_suffix(".yaml")
        config.write_text(json.dumps(grid), encoding="utf-8")  # JSON is YAML
        command = ["featbench", "run", str(config), "--output", str(output), "--no-cache"]
        start = time.perf_counter()
        with watched.started("run", command, environment) as run:
            if run.wait() != 0:
                raise SystemExit(
                    f"{' '.join(command)}: ended with {run.returncode}; what it said stands above."
                )
        spent = time.perf_counter() - start
    found = [json.loads(path.read_text()) for path in (output / "cells").glob("*.json")]
    (record,) = (cell for cell in found if cell["extractor"])
    phases = {name: float(np.median(clock["samples"])) for name, clock in record["phases"].items()}
    phases["rest"] = spent - sum(phases.values())
    memory = watched.anonymous_mb, watched.mapped_mb, watched.parts
    return Measured(phases, _processor_s() - processor, *memory, record["test_accuracy"])


def _processor_s() -> float:
    """Return the processor time of all processes that this one has started and that have ended."""
    told = resource.getrusage(resource.RUSAGE_CHILDREN)
    return told.ru_utime + told.ru_stime


@dataclass
class _Watched:
    """Processes that were started here, with their memory together."""

    processes: list[tuple[str, subprocess.Popen[bytes]]] = field(default_factory=list)
    anonymous_mb: float = 0.0
    mapped_mb: float = 0.0
    parts: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def started(
        self, kind: str, command: Sequence[str], environment: Mapping[str, str]
    ) -> Iterator[subprocess.Popen[bytes]]:
        """Start a module of Python, watch it and what it starts, and end it with the block."""
        process = subprocess.Popen(
            [sys.executable, "-m", *command], env=dict(environment), stdout=subprocess.DEVNULL
        )
        self.processes.append((kind, process))
        try:
            yield process
        finally:
            process.terminate()
            process.wait()

    def look(self) -> None:
        """Read the memory of all."""
        anonymous, mapped = 0.0, 0.0
        for kind, process in list(self.processes):
            for member in _family(process):
                told = read_parts(member) or (0.0, 0.0)
                anonymous += told[0]
                mapped += told[1]
                self.parts[kind] = max(self.parts.get(kind, 0.0), told[0])
        self.anonymous_mb, self.mapped_mb = max(anonymous, self.anonymous_mb), max(mapped, self.mapped_mb)


@contextmanager
def _watch() -> Iterator[_Watched]:
    watched, over = _Watched(), threading.Event()

    def look() -> None:
        while not over.wait(_EVERY_S):
            watched.look()

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield watched
    finally:
        over.set()
        watcher.join()


def _family(process: subprocess.Popen[bytes]) -> list[int]:
    if process.poll() is not None:
        return []
    try:
        return [process.pid, *(child.pid for child in psutil.Process(process.pid).children(recursive=True))]
    except psutil.NoSuchProcess:
        return []


@contextmanager
def _cluster(environment: Mapping[str, str], watched: _Watched) -> Iterator[str]:
    """Start a scheduler and workers, and yield the address of the first."""
    import distributed

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    scheduler = ["dask", "scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"]
    worker = ["dask", "worker", address, "--nthreads", "1", "--no-dashboard"]
    environment = {**environment, "DASK_LOGGING__DISTRIBUTED": "warning"}
    with ExitStack() as stack:
        stack.enter_context(watched.started("scheduler", scheduler, environment))
        for _ in range(_WORKERS):
            stack.enter_context(watched.started("worker", worker, environment))
        with distributed.Client(address, timeout=120, set_as_default=False) as client:
            client.wait_for_workers(_WORKERS, timeout=120)
        yield address


def _told(n: int, run: Measured) -> str:
    parts = ", ".join(f"{kind} {most:,.0f}" for kind, most in run.parts.items())
    phases = ", ".join(f"{name} {seconds:.2f}" for name, seconds in run.seconds.items())
    spent = f"{sum(run.seconds.values()):.1f} s, {run.processor_s:.1f} s of processors"
    memory = f"anonymous {run.anonymous_mb:,.0f} MB, mapped {run.mapped_mb:,.0f} MB"
    largest = f"anonymous, the largest process of each kind: {parts}"
    return f"{n:,} images: {spent}; {memory}; {run.accuracy:.2%} right\n  {phases}\n  {largest}"
