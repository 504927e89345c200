"""Sizes as people write them."""

from __future__ import annotations

import pytest

from featbench.cache import read_size, told_size
from featbench.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "n_bytes"),
    [
        ("0", 0), ("17", 17), ("17 B", 17), ("10GB", 10**10), ("10 gb", 10**10), ("1.5GiB", 3 * 2**29),
        ("500M", 5 * 10**8), ("2k", 2000), ("2KiB", 2048), ("1TB", 10**12), (" 3 MB ", 3 * 10**6),
    ],
)  # fmt: skip
def test_a_size(text: str, n_bytes: int) -> None:
    assert read_size(text, "--to") == n_bytes


@pytest.mark.parametrize("text", ["", "GB", "-1GB", "1e3", "10 XB", "1,5GB", "10GB more", "inf"])
def test_no_size(text: str) -> None:
    with pytest.raises(
        ConfigError, match=r"--to: a size must be a number and a unit, such as 10GB or 500MB; got"
    ):
        read_size(text, "--to")


@pytest.mark.parametrize(
    ("n_bytes", "text"),
    [
        (0, "0 kB"),
        (1234, "1.23 kB"),
        (78_000_000, "78 MB"),
        (1_500_000_000, "1.5 GB"),
        (2 * 10**12, "2,000 GB"),
    ],
)
def test_told(n_bytes: int, text: str) -> None:
    assert told_size(n_bytes) == text
