"""What a benchmark measures and how it is printed; the same for every suite."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from featbench.timing import PeakMemory

__all__ = ["Row", "best", "first_call", "peak_memory", "show", "threads"]

_SAMPLES = 7
_HEADER = ("work", "ours", "peer", "", "ratio", "bar", "equality", "peak MB", "cores", "limit", "share")


@dataclass(frozen=True)
class Row:
    """One piece of work, ours beside a peer's.

    Attributes
    ----------
    work : str
        What is computed.
    ours, peer : float or None
        Seconds an item; None where the peer could not be had.
    peer_name : str
        Who the peer is, or why there is none.
    bar : str
        The ratio that must be reached, as text; empty where there is none.
    equality : str
        How near our results are to those that they must equal.
    differs : bool
        Whether they are too far.
    peak_mb : float
        Highest resident memory while ours ran, 10⁶ bytes.
    cores : int
        Threads that ours ran on.
    limit : float
        Seconds an item that no program could beat on these cores.
    limited_by : str
        What sets that limit.
    first_call : float or None
        Seconds of the first call in a fresh process, compilation included; given once a kernel.
    """

    work: str
    ours: float
    peer_name: str
    peer: float | None
    equality: str
    differs: bool
    peak_mb: float
    cores: int
    limit: float
    limited_by: str
    bar: str = ""
    first_call: float | None = None


def best(*functions: Callable[[], object]) -> list[float]:
    """Return the shortest of seven runs of each function, in seconds, taking turns.

    What else runs on a machine makes runs longer and never shorter; taking turns spreads it evenly.
    """
    seconds = [float("inf")] * len(functions)
    for _ in range(_SAMPLES):
        for i, function in enumerate(functions):
            start = time.perf_counter()
            function()
            seconds[i] = min(seconds[i], time.perf_counter() - start)
    return seconds


def peak_memory(function: Callable[[], object]) -> float:
    """Return the highest resident memory while a function runs, 10⁶ bytes."""
    memory = PeakMemory()
    function()
    return memory.megabytes()


@contextmanager
def threads(n: int) -> Iterator[None]:
    """Let kernels use `n` threads."""
    before = os.environ.get("FEATBENCH_NUM_THREADS")
    os.environ["FEATBENCH_NUM_THREADS"] = str(n)
    try:
        yield
    finally:
        if before is None:
            del os.environ["FEATBENCH_NUM_THREADS"]
        else:
            os.environ["FEATBENCH_NUM_THREADS"] = before


def first_call(prepare: str, call: str) -> float:
    """Return the seconds of a call in a fresh process that finds no compiled kernel.

    Parameters
    ----------
    prepare, call : str
        Python code; only the second is timed.
    """
    code = f"{prepare}\nimport time\nstart = time.perf_counter()\n{call}\nprint(time.perf_counter() - start)"
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "NUMBA_CACHE_DIR": folder}
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            cwd=Path(__file__).parent.parent,
            capture_output=True,
            text=True,
            check=True,
            timeout=300,
        )
    return float(done.stdout)


def show(rows: Iterable[Row]) -> int:
    """Print a table as its rows come in; return 1 where one differs, otherwise 0."""
    print(f"{_processor()}, {len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}\n")
    widths = (48, 10, 28, 10, 7, 6, 24, 8, 5, 26, 6)
    print("  ".join(f"{text:{w}}" for text, w in zip(_HEADER, widths, strict=True)).rstrip())
    shown = []
    for row in rows:
        cells = _cells(row)
        print("  ".join(f"{text:{w}}" for text, w in zip(cells, widths, strict=True)).rstrip(), flush=True)
        shown.append(row)
    print("\nFirst call in a fresh process, with compilation:")
    for row in shown:
        if row.first_call is not None:
            print(f"  {row.work:48}{row.first_call:6.1f} s")
    return int(any(row.differs for row in shown))


def _cells(row: Row) -> tuple[str, ...]:
    peer = "–" if row.peer is None else _time(row.peer)
    ratio = "–" if row.peer is None else f"{row.peer / row.ours:.2f}×"
    equality = f"DIFFERS: {row.equality}" if row.differs else row.equality
    limit = f"{_time(row.limit)} {row.limited_by}"
    share = f"{row.limit / row.ours:.0%}"
    own = (row.work, _time(row.ours), row.peer_name, peer, ratio, row.bar, equality)
    return (*own, f"{row.peak_mb:.0f}", str(row.cores), limit, share)


def _time(seconds: float) -> str:
    for factor, unit in ((1, "s"), (1e3, "ms"), (1e6, "µs")):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "?")
