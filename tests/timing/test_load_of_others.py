from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import pytest

from featbench.timing import Load, Share, load


class Times(NamedTuple):
    user: float
    system: float
    children_user: float
    children_system: float


class Machine:
    """A machine of two processors for this process and one that it may not use, in a file of its own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.stat = folder / "stat"
        self.cpus = {0: [0] * 10, 1: [0] * 10, 2: [0] * 10}
        self.own = Times(0.0, 0.0, 0.0, 0.0)
        monkeypatch.setattr(load, "_STAT", self.stat)
        monkeypatch.setattr(load.os, "sched_getaffinity", lambda _: {0, 2}, raising=False)
        monkeypatch.setattr(load.os, "times", lambda: self.own)
        monkeypatch.setattr(load.os, "sysconf", lambda _: 100)
        self.write()

    def write(self) -> None:
        lines = [f"cpu{number} {' '.join(map(str, ticks))}" for number, ticks in self.cpus.items()]
        self.stat.write_text("cpu  1 2 3 4 5 6 7 8 0 0\n" + "\n".join(lines) + "\nintr 12 0 0\nctxt 99\n")

    def spend(self, number: int, **ticks: int) -> None:
        names = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest", "guest_nice")
        for name, count in ticks.items():
            self.cpus[number][names.index(name)] += count
        self.write()


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    return Machine(monkeypatch, tmp_path)


def test_what_others_took_is_what_was_busy_and_not_ours(machine: Machine) -> None:
    watch = Load()
    machine.spend(0, user=70, system=20, idle=10)
    machine.spend(2, user=30, nice=10, irq=2, softirq=3, steal=5, iowait=20, idle=30)
    machine.spend(1, user=100)  # a processor that is not ours
    machine.own = Times(0.5, 0.2, 0.3, 0.1)
    # 90 + 45 ticks of 200 were busy, 110 of them by this process and what it started; 5 were stolen.
    assert watch.share() == Share(others=0.125, stolen=0.025)


def test_a_quiet_machine_has_no_others(machine: Machine) -> None:
    watch = Load()
    machine.spend(0, user=100)
    machine.spend(2, idle=100)
    machine.own = Times(1.02, 0.0, 0.0, 0.0)  # counted more finely than the processors
    assert watch.share() == Share(0.0, 0.0)


def test_a_short_while_says_nothing(machine: Machine) -> None:
    watch = Load()
    machine.spend(0, user=49)
    machine.spend(2, user=49)
    assert watch.share() is None


def test_a_system_without_counters_says_nothing(machine: Machine) -> None:
    watch = Load()
    machine.stat.unlink()
    assert watch.share() is None
    assert Load().share() is None


def test_the_real_counters_can_be_read() -> None:
    if not Path("/proc/stat").exists():
        pytest.skip("not Linux")
    reading = load._read()
    assert reading is not None
    assert 0 < reading.busy <= reading.total
    assert reading.own <= sum(os.times()[:4]) + 1


@pytest.mark.parametrize(
    ("share", "disturbs"),
    [((0.0, 0.0), False), ((0.1, 0.02), False), ((0.11, 0.0), True), ((0.0, 0.03), True)],
)
def test_how_much_disturbs(share: tuple[float, float], disturbs: bool) -> None:
    assert Share(*share).disturbs is disturbs
