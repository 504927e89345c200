"""What others did on the processors while something was measured: other processes, and other guests of the host."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

__all__ = ["Load", "Share"]

_STAT = Path("/proc/stat")
# The system counts in hundredths of a second, on each processor: a shorter while is not told apart from none.
_LEAST_S = 0.5
# Shares from which on times are not taken for those of a machine at rest: what is stolen stops a thread at once, what
# other processes take may have been idle.
_OTHERS, _STOLEN = 0.1, 0.02


class Share(NamedTuple):
    """Of the time of the processors that this process may run on, what it did not get, 0 to 1.

    Attributes
    ----------
    others : float
        Taken by other processes and by interrupts.
    stolen : float
        Taken by the host of a virtual machine for other guests.
    """

    others: float
    stolen: float

    @property
    def disturbs(self) -> bool:
        """Whether that is so much that times are longer than those of a machine at rest."""
        return self.others > _OTHERS or self.stolen > _STOLEN


class _Reading(NamedTuple):
    """Seconds since the system was started, over the processors that this process may run on."""

    busy: float
    stolen: float
    total: float
    own: float


class Load:
    """Watches, from its making on, what others do on the processors."""

    def __init__(self) -> None:
        self._start = _read()

    def share(self) -> Share | None:
        """Return what others took since, or None where the system does not tell, or after less than half a second."""
        start, now = self._start, _read()
        if start is None or now is None:
            return None
        total = now.total - start.total
        if total < _LEAST_S * len(os.sched_getaffinity(0)):
            return None
        stolen = now.stolen - start.stolen
        others = now.busy - start.busy - (now.own - start.own)
        return Share(*(round(min(max(part / total, 0.0), 1.0), 3) for part in (others, stolen)))


def _read() -> _Reading | None:
    """Return Linux's counters, in seconds; None elsewhere."""
    try:
        lines = _STAT.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    mine = {f"cpu{number}" for number in os.sched_getaffinity(0)}
    busy = stolen = total = 0
    for line in lines:
        name, *numbers = line.split()
        if name in mine:
            # user, nice, system, idle, waiting for a disk, two kinds of interrupts, stolen; then parts of user.
            user, nice, system, idle, waiting, hard, soft, steal = map(int, numbers[:8])
            busy += user + nice + system + hard + soft
            stolen += steal
            total += user + nice + system + hard + soft + steal + idle + waiting
    tick = float(os.sysconf("SC_CLK_TCK"))
    spent = os.times()
    own = spent.user + spent.system + spent.children_user + spent.children_system
    return _Reading(busy / tick, stolen / tick, total / tick, own)
