"""What the processor that numba compiles for can do."""

from __future__ import annotations

import platform
from typing import Any

from llvmlite import binding
from numba.core import config

__all__ = ["MULTIPLIES_BYTES", "REGISTER_BYTES", "features", "register_bytes"]

_config: Any = config  # its names are made at run time


def features() -> dict[str, bool]:
    """Return the features by LLVM's names; none where the processor is no x86 or numba is told to avoid AVX."""
    if platform.machine().lower() not in ("x86_64", "amd64") or not _config.ENABLE_AVX:
        return {}
    if _config.CPU_FEATURES is not None:  # NUMBA_CPU_FEATURES, or none for NUMBA_CPU_NAME=generic
        named = str(_config.CPU_FEATURES).split(",")
        return {name[1:]: name[0] == "+" for name in named if name}
    try:
        return dict(binding.get_host_cpu_features())
    except RuntimeError:
        return {}


def register_bytes(found: dict[str, bool]) -> int:
    """Return the width of the registers that integers and floats are summed in, or 0."""
    if all(found.get(name) for name in ("avx512f", "avx512bw", "avx512vl")):
        return 64
    return 32 if found.get("avx2") and found.get("fma") else 0


REGISTER_BYTES = register_bytes(features())

MULTIPLIES_BYTES = bool(features().get("avx512vnni") and features().get("avx512vl"))
"""Whether there is ``vpdpbusd``, the sum of four products of bytes in each 32 bits."""
