"""Work on a GPU, which goes on after the call that began it has returned."""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["device_in_use", "device_peak_mb", "forget_device_peak", "synchronize"]


def device_in_use() -> Any | None:
    """Return ``torch.cuda`` where this process has worked on a GPU, otherwise None; nothing is imported."""
    cuda = getattr(sys.modules.get("torch"), "cuda", None)
    return cuda if cuda is not None and cuda.is_initialized() else None


def synchronize() -> None:
    """Wait until the GPU has done what it was asked for, where one is in use."""
    cuda = device_in_use()
    if cuda is not None:
        cuda.synchronize()


def forget_device_peak() -> None:
    """Begin anew to look for the most memory that tensors take on the GPU."""
    cuda = device_in_use()
    if cuda is not None:
        cuda.reset_peak_memory_stats()


def device_peak_mb() -> float | None:
    """Return the most memory that tensors took on the GPU, 10⁶ bytes; None where none is in use."""
    cuda = device_in_use()
    return None if cuda is None else float(cuda.max_memory_allocated()) / 1e6
