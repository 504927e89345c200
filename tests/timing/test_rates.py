"""Rates are of whole batches, and what a record tells of a device is what the extractor says."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest

from featbench.base import Extractor
from featbench.base.placement import Placement
from featbench.environment import cpu
from featbench.extractors import HOG, BagOfVisualWords, Concat, HueHistogram, Mapped
from featbench.maps import L2
from featbench.timing import rates
from featbench.timing.rates import device_told, gpu_told, images_per_s, placed


@pytest.fixture
def clock(monkeypatch):
    """A clock that only `work` moves."""
    now = [0.0]
    monkeypatch.setattr(rates.time, "perf_counter", lambda: now[0])
    return now


def test_a_rate_is_that_of_whole_batches(clock, rng):
    images = rng.integers(0, 256, (3, 4, 4, 3)).astype(np.uint8)
    seen = []

    def transform(batch):
        seen.append(batch)
        clock[0] += 0.01 + 0.001 * len(batch)

    told = images_per_s(transform, images)
    assert told == {str(n): pytest.approx(n / (0.01 + 0.001 * n)) for n in (1, 8, 64, 512)}
    assert [len(batch) for batch in seen].count(512) == 1, "one call that is long is enough"
    assert [len(batch) for batch in seen].count(1) > 20, (
        "short ones are repeated, after one that does not count"
    )
    np.testing.assert_array_equal(seen[-1][[0, 1, 2, 3, 511]], images[[0, 1, 2, 0, 1]])


def test_a_first_call_that_is_slow_by_itself_does_not_count(clock, rng):
    first = iter([0.2])

    def transform(batch):
        clock[0] += next(first, 0.1)

    assert images_per_s(transform, np.zeros((1, 4, 4), np.uint8), [5]) == {"5": pytest.approx(50)}


@dataclass(kw_only=True, eq=False, repr=False)
class Somewhere(Extractor):
    """Says that it is a network."""

    def placement(self):
        return Placement("cpu", "float32", 16)

    def _n_features(self, shape):
        return 1

    def _extract(self, images):
        self.calls_ = getattr(self, "calls_", 0) + 1
        return np.zeros((len(images), 1), np.float32)


def test_it_is_measured_once_for_each_extractor(monkeypatch):
    monkeypatch.setattr(rates, "_BUDGET_S", 0.0)
    images = np.zeros((2, 16, 16, 3), np.uint8)
    extractor = Somewhere().fit(images)
    told = placed(extractor, images)
    assert told == {
        "device": cpu(), "driver": None, "precision": "float32", "batch_size": 16, "images_per_s": told["images_per_s"],
    }  # fmt: skip
    assert set(told["images_per_s"]) == {"1", "8", "64", "512"}
    calls = extractor.calls_
    assert placed(extractor, images) is told
    assert extractor.calls_ == calls
    assert placed(HOG().fit(images), images) is None


def test_wholes_run_where_their_parts_do():
    somewhere = Placement("cpu", "float32", 16)
    assert Concat([HueHistogram(), Somewhere()]).placement() == somewhere
    assert Concat([HueHistogram(), HOG()]).placement() is None
    assert Mapped(Somewhere(), [L2()]).placement() == somewhere
    assert BagOfVisualWords().placement() is None
    assert BagOfVisualWords(device="cuda").placement() == Placement("cuda", "float32", None)


@pytest.fixture
def no_torch(monkeypatch):
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    gpu_told.cache_clear()
    yield
    gpu_told.cache_clear()


def test_a_gpu_is_told_by_name_and_driver(monkeypatch, no_torch):
    monkeypatch.setattr(
        subprocess,
        "run",
        lambda *_, **__: subprocess.CompletedProcess([], 0, stdout="NVIDIA H200, 580.159.03\n"),
    )
    told = device_told(Placement("cuda", "bfloat16", 64))
    assert told == {
        "device": "NVIDIA H200",
        "driver": "580.159.03",
        "precision": "bfloat16",
        "batch_size": 64,
    }


def test_a_gpu_that_nobody_tells_of(monkeypatch, no_torch):
    def missing(*_, **__):
        raise FileNotFoundError("nvidia-smi")

    monkeypatch.setattr(subprocess, "run", missing)
    assert gpu_told() == (None, None)
