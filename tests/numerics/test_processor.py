"""What numba is told about the processor is what counts."""

from __future__ import annotations

import pytest

from featbench.numerics import processor
from featbench.numerics.processor import features, register_bytes


def test_numba_settings_go_before_the_processor(monkeypatch):
    monkeypatch.setattr(processor.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(processor.config, "CPU_FEATURES", "+avx2,-avx512f,+fma")
    assert features() == {"avx2": True, "avx512f": False, "fma": True}
    monkeypatch.setattr(processor.config, "CPU_FEATURES", "")
    assert features() == {}
    monkeypatch.setattr(processor.config, "CPU_FEATURES", None)
    monkeypatch.setattr(processor.binding, "get_host_cpu_features", lambda: {"sse2": True})
    assert features() == {"sse2": True}
    monkeypatch.setattr(processor.config, "ENABLE_AVX", 0)
    assert features() == {}


def test_another_architecture_has_none_of_these(monkeypatch):
    monkeypatch.setattr(processor.platform, "machine", lambda: "aarch64")
    assert features() == {}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ((), 0),
        (("avx2",), 0),
        (("avx2", "fma"), 32),
        (("avx2", "fma", "avx512f"), 32),
        (("avx512f", "avx512bw", "avx512vl"), 64),
    ],
)
def test_register_bytes(names, expected):
    assert register_bytes(dict.fromkeys(names, True)) == expected
