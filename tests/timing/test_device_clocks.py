from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from featbench.timing import Memory, PeakMemory, synchronize


class Cuda:
    """Stands for ``torch.cuda`` and notes what it is asked."""

    def __init__(self, used: bool) -> None:
        self.used, self.asked, self.most = used, list[str](), 7_000_000

    def is_initialized(self) -> bool:
        return self.used

    def synchronize(self) -> None:
        self.asked.append("synchronize")

    def reset_peak_memory_stats(self) -> None:
        self.asked.append("reset")
        self.most = 3_000_000

    def max_memory_allocated(self) -> int:
        return self.most


def put(monkeypatch: pytest.MonkeyPatch, torch: Any) -> None:
    if torch is None:
        monkeypatch.delitem(sys.modules, "torch", raising=False)
    else:
        monkeypatch.setitem(sys.modules, "torch", torch)


def test_without_torch_nothing_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    put(monkeypatch, None)
    synchronize()
    assert PeakMemory().memory().device_mb is None
    assert "torch" not in sys.modules


@pytest.mark.parametrize("used", [False, True])
def test_only_a_device_in_use_is_waited_for(monkeypatch: pytest.MonkeyPatch, used: bool) -> None:
    cuda = Cuda(used)
    put(monkeypatch, SimpleNamespace(cuda=cuda))
    synchronize()
    assert cuda.asked == ["synchronize"] * used


def test_peak_memory_of_a_device_is_the_stages_own(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = Cuda(used=True)
    put(monkeypatch, SimpleNamespace(cuda=cuda))
    memory: Memory = PeakMemory().memory()
    assert cuda.asked == ["reset"]
    assert memory.device_mb == 3.0


def test_torch_that_is_half_imported_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    put(monkeypatch, SimpleNamespace())
    synchronize()
