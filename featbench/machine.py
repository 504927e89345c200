"""The machine: how many threads work on it, whether it keeps its speed, and what it can do at the most."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from featbench.environment import cpu, describe, versions
from featbench.numerics.threads import n_threads, spread
from featbench.timing import Load

__all__ = ["Peaks", "Speed", "described", "loop_ms", "peaks", "pinned_threads"]

_BLOCK = bytes(1 << 20)
_LOOPS = 15
# Libraries that are loaded later, and processes that are started, read how many threads they may use from here.
_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

_SIDE = 1536  # of the matrices multiplied: 7 · 10⁹ operations, and three of them lie in no nearest cache
_COPIED = 1 << 26  # bytes copied: beyond the caches
_SAMPLES = 7


@contextmanager
def pinned_threads() -> Iterator[None]:
    """Let no library use more threads inside the block than kernels do, `featbench.numerics.threads.n_threads`.

    A library that was told to use fewer keeps to that. What they use is recorded by `featbench.environment.describe`.
    """
    import scipy.linalg  # noqa: F401 - a controller knows the libraries that are loaded when it is made
    from threadpoolctl import ThreadpoolController

    most = n_threads()
    unset = [name for name in _VARIABLES if name not in os.environ]
    os.environ.update(dict.fromkeys(unset, str(most)))
    try:
        with ExitStack() as limits:
            controller = ThreadpoolController()
            for pool in controller.info():
                if pool["num_threads"] > most:
                    one = controller.select(filepath=pool["filepath"])
                    limits.enter_context(one.limit(limits=most))
            yield
    finally:
        for name in unset:
            os.environ.pop(name, None)


def loop_ms() -> float:
    """Return the milliseconds that one core takes to hash 2²⁰ zeros with SHA-256: the shortest of 15 times.

    The work is always the same, needs no memory, and the shortest time is that without interruptions: it tells the
    core's frequency, which falls where a machine is throttled.
    """
    shortest = float("inf")
    for _ in range(_LOOPS):
        start = time.perf_counter()
        hashlib.sha256(_BLOCK).digest()
        shortest = min(shortest, time.perf_counter() - start)
    return 1000 * shortest


class Speed:
    """Whether the machine kept its speed, and what others did on it, from the making of this object on."""

    def __init__(self) -> None:
        self._first_ms = loop_ms()
        self._load = Load()

    def to_json(self) -> dict[str, Any]:
        """Return the loop's milliseconds at begin and now, and the share of the processors' time that others took."""
        load = self._load.share()
        told: dict[str, Any] = {"loop_ms": [self._first_ms, loop_ms()]}
        return told if load is None else {**told, "load": load._asdict()}


@dataclass(frozen=True)
class Peaks:
    """The most that this machine did, with as many threads as kernels use.

    Attributes
    ----------
    gflop_s : float
        10⁹ operations a second of a product of two float32 matrices of 1,536 × 1,536.
    gb_s : float
        10⁹ bytes a second, read and written, of a copy of 64 MiB.
    quiet : bool
        False where others took so much of the processors meanwhile that it could do more.
    """

    gflop_s: float
    gb_s: float
    quiet: bool = True


def peaks(*, measure: bool = False) -> Peaks:
    """Return this machine's peaks: those that were measured before, or measured now, in half a second.

    They are kept in the user's cache folder, for this processor, number of threads and version of numpy;
    ``FEATBENCH_CACHE`` names another folder. Where none can be written, or the machine is busy with other work, they
    are measured in each process.

    Parameters
    ----------
    measure : bool, optional
        Measure anew, whatever is kept.
    """
    key = f"{cpu()}; {n_threads()} threads; numpy {versions()['numpy']}"
    kept = {**_read(), **_MEASURED}
    if key not in kept or measure:
        load = Load()
        gflop_s, gb_s, share = round(_gflop_s(), 1), round(_gb_s(), 2), load.share()
        # On a quiet machine that is done before its load can be told.
        kept[key] = _MEASURED[key] = Peaks(gflop_s, gb_s, quiet=share is None or not share.disturbs)
        _write({key: found for key, found in kept.items() if found.quiet})
    return kept[key]


def described() -> dict[str, Any]:
    """Return what records tell of the machine: `featbench.environment.describe`, and its peaks."""
    return {**describe(), "peaks": asdict(peaks())}


_MEASURED: dict[str, Peaks] = {}


def _place() -> Path:
    folder = os.environ.get("FEATBENCH_CACHE")
    if not folder:
        from platformdirs import user_cache_dir

        folder = user_cache_dir("featbench")
    return Path(folder) / "peaks.json"


def _read() -> dict[str, Peaks]:
    """Return what is kept; what is damaged is measured again."""
    try:
        kept = json.loads(_place().read_text(encoding="utf-8"))
        return {key: Peaks(float(of["gflop_s"]), float(of["gb_s"])) for key, of in kept.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def _write(kept: dict[str, Peaks]) -> None:
    place = _place()
    with contextlib.suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=place.parent, prefix=".peaks-")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump({key: asdict(found) for key, found in kept.items()}, file, indent=1, sort_keys=True)
        Path(temporary).replace(place)


def _gflop_s() -> float:
    a = np.ones((_SIDE, _SIDE), dtype=np.float32)
    product = np.empty_like(a)
    return 2 * _SIDE**3 / _shortest(lambda: np.matmul(a, a, out=product)) / 1e9


def _gb_s() -> float:
    source = np.ones(_COPIED, dtype=np.uint8)
    target = np.empty_like(source)

    def copy(start: int, stop: int) -> None:
        target[start:stop] = source[start:stop]

    return 2 * _COPIED / _shortest(lambda: spread(copy, _COPIED)) / 1e9


def _shortest(work: Any) -> float:
    """Return the seconds of the shortest of seven runs: what else runs on a machine makes them longer."""
    seconds = []
    for _ in range(_SAMPLES):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)
