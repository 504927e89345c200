"""Where a cache lies and how large it may grow."""

from __future__ import annotations

import os
import re
from pathlib import Path

from featbench.errors import ConfigError, must_be

__all__ = ["cache_limit", "cache_root", "read_size", "told_size"]

_LIMIT = "10GB"
_UNITS = {"": 1, "k": 1e3, "ki": 2**10, "m": 1e6, "mi": 2**20, "g": 1e9, "gi": 2**30, "t": 1e12, "ti": 2**40}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]i?)?b?\s*", re.IGNORECASE)


def cache_root() -> Path:
    """Return the folder ``FEATBENCH_CACHE``, or else the user's own for caches."""
    told = os.environ.get("FEATBENCH_CACHE")
    if told:
        return Path(told)
    import platformdirs  # a bare GPU machine, which names a folder, need not have it

    return platformdirs.user_cache_path("featbench") / "features"


def cache_limit() -> int:
    """Return the bytes that a cache may hold: ``FEATBENCH_CACHE_LIMIT``, such as ``50GB``, or else 10 GB.

    Raises
    ------
    ConfigError
        The variable is no size.
    """
    return read_size(os.environ.get("FEATBENCH_CACHE_LIMIT") or _LIMIT, "FEATBENCH_CACHE_LIMIT")


def read_size(text: str, where: str) -> int:
    """Return the bytes that a text such as ``10GB``, ``1.5 GiB`` or ``0`` means.

    Raises
    ------
    ConfigError
        It means none; `where` says who gave it.
    """
    found = _SIZE.fullmatch(text)
    if found is None:
        raise ConfigError(must_be(where, "a size", "a number and a unit, such as 10GB or 500MB", text))
    return int(float(found[1]) * _UNITS[(found[2] or "").lower()])


def told_size(n_bytes: int) -> str:
    """Return ``1.2 GB`` or ``340 MB`` or ``12 kB``, in powers of 1,000."""
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if n_bytes >= size:
            return (
                f"{n_bytes / size:.3g} {unit}" if n_bytes < 1000 * size else f"{n_bytes / size:,.0f} {unit}"
            )
    return f"{n_bytes / 1e3:.3g} kB"
