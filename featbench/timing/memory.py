"""Memory of a stage: the most that was resident, and how much of it was its own.

The kernel keeps the highest resident set size; on Linux that mark is reset when a stage begins, elsewhere it is that of
the whole process so far, and `Memory.exact` says so. What was anonymous (arrays, objects) and what was mapped (files,
such as spilled features or libraries, and shared memory) is read from time to time while the stage runs.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from featbench.timing.device import device_peak_mb, forget_device_peak

__all__ = ["EVERY_S", "Memory", "PeakMemory", "read_parts"]

EVERY_S = 0.02
"""Seconds between two readings of a stage's memory."""

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class Memory:
    """The most that a stage took, in units of 10⁶ bytes.

    Attributes
    ----------
    resident_mb : float
        Highest resident set size of the process: interpreter and libraries too.
    exact : bool
        False where it is that of the whole process so far, for want of a mark that can be reset.
    anonymous_mb, mapped_mb : float or None
        Highest readings of memory that nothing but this process can give back, and of mapped files and shared
        memory, which the system can drop; None where it does not tell.
    device_mb : float or None
        Highest memory of tensors on the GPU; None where none was in use.
    """

    resident_mb: float
    exact: bool
    anonymous_mb: float | None = None
    mapped_mb: float | None = None
    device_mb: float | None = None

    @classmethod
    def most(cls, memories: Iterable[Memory]) -> Memory:
        """Return the highest of each figure, of one stage or more; exact where all are."""
        stages = list(memories)

        def highest(values: Iterable[float | None]) -> float | None:
            return max((value for value in values if value is not None), default=None)

        return cls(
            max(stage.resident_mb for stage in stages),
            all(stage.exact for stage in stages),
            highest(stage.anonymous_mb for stage in stages),
            highest(stage.mapped_mb for stage in stages),
            highest(stage.device_mb for stage in stages),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the figures under the names that records have for them."""
        return {
            "peak_rss_mb": self.resident_mb,
            "peak_exact": self.exact,
            "peak_anonymous_mb": self.anonymous_mb,
            "peak_mapped_mb": self.mapped_mb,
            "peak_device_mb": self.device_mb,
        }

    @classmethod
    def from_json(cls, record: Any) -> Memory:
        """Return what `to_json` wrote, of a record that may have been made before memory was told apart."""
        return cls(
            record["peak_rss_mb"],
            record["peak_exact"],
            record.get("peak_anonymous_mb"),
            record.get("peak_mapped_mb"),
            record.get("peak_device_mb"),
        )


class PeakMemory:
    """The memory of a stage, from the making of this object on.

    As a context manager, it reads anonymous and mapped memory every 20 ms in a thread of its own until the block ends;
    otherwise only when it is made and asked.

    Attributes
    ----------
    exact : bool
        False where the high-water mark of the whole process is all that the system tells.
    """

    def __init__(self) -> None:
        _give_back()
        forget_device_peak()
        self.exact = _reset_mark()
        self._anonymous: float | None = None
        self._mapped: float | None = None
        self._over = threading.Event()
        self._watcher: threading.Thread | None = None
        self._read()

    def __enter__(self) -> Self:
        self._watcher = threading.Thread(target=self._watch, name="memory of a stage", daemon=True)
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._watcher is not None:
            self._watcher.join()
        self._read()

    def megabytes(self) -> float:
        """Return the highest resident set size so far, in units of 10⁶ bytes."""
        if self.exact:
            for line in _STATUS.read_text().splitlines():
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024 / 1e6
        return _process_peak() / 1e6

    def memory(self) -> Memory:
        """Return all figures so far."""
        self._read()
        return Memory(self.megabytes(), self.exact, self._anonymous, self._mapped, device_peak_mb())

    def _watch(self) -> None:
        while not self._over.wait(EVERY_S):
            self._read()

    def _read(self) -> None:
        parts = read_parts()
        if parts is not None:
            self._anonymous = max(parts[0], self._anonymous or 0.0)
            self._mapped = max(parts[1], self._mapped or 0.0)


def read_parts(pid: int | None = None) -> tuple[float, float] | None:
    """Return anonymous and mapped memory of a process now, of this one by default, in units of 10⁶ bytes.

    None where the system does not tell, or there is no such process any more.
    """
    try:
        status = (_STATUS if pid is None else Path(f"/proc/{pid}/status")).read_bytes()
    except OSError:
        return None
    kilobytes = {}
    for name in (b"RssAnon:", b"RssFile:", b"RssShmem:"):
        told = status.partition(name)[2].split(maxsplit=1)
        if not told:
            return None
        kilobytes[name] = int(told[0])
    anonymous, files, shared = kilobytes.values()
    return anonymous * 1024 / 1e6, (files + shared) * 1024 / 1e6


def _give_back() -> None:
    """Collect garbage, and let the allocator return what an earlier stage has freed: it is not the next one's."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # only the C library of GNU has it
        ctypes.CDLL(None).malloc_trim(0)


def _reset_mark() -> bool:
    try:
        _CLEAR.write_text("5")
    except OSError:
        return False
    return True


def _process_peak() -> float:
    import sys

    import psutil

    if sys.platform == "win32":
        return float(psutil.Process().memory_info().peak_wset)
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)
