"""The benchmark of how time grows, tried out on few rows."""

import pytest

pytestmark = pytest.mark.long


@pytest.fixture
def growth(repository, monkeypatch):
    monkeypatch.syspath_prepend(str(repository))
    import benchmarks.growth

    return benchmarks.growth


def test_every_size_is_doubled_once(growth, monkeypatch):
    monkeypatch.setattr(growth, "_SAMPLES", 1)
    found = list(growth.rows(scale=0.05))
    assert [row.work.rpartition(", ")[2] for row in found] == [
        *("n = 2,000", "d = 320", "classes = 20"),
        *("n = 1,000", "d = 320", "classes = 20", "regs = 20", "folds = 10"),
        *("n = 1,000", "m = 1,000", "d = 1,024"),
    ]
    assert [row.peer_name for row in found[:2]] == ["n = 1,000", "d = 160"]
    for row in found:
        assert row.ours > 0
        assert row.limit == pytest.approx(row.peer * (2.25 if "folds" in row.work else 2))
