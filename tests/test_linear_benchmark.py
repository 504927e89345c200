"""The benchmark of linear heads, tried out on few images."""

import numpy as np
import pytest

pytestmark = pytest.mark.long


@pytest.fixture
def linear(repository, monkeypatch):
    monkeypatch.syspath_prepend(str(repository))
    import benchmarks.linear

    return benchmarks.linear


def test_without_images_there_are_no_rows_and_it_says_so(linear, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(linear.Cifar10, "find", lambda self: None)
    assert list(linear.rows()) == []
    assert "no rows: CIFAR-10 is not here" in capsys.readouterr().err


def test_a_search_and_a_wide_fit(linear, rng):
    y = np.arange(600) % 10
    X = (rng.normal(size=(600, 12)) + 2 * np.eye(12)[y]).astype(np.float32)
    peer = linear.LogisticRegression(C=0.01)
    row = linear._search("work", X, y, linear.Softmax(tol=1e-3), linear.SOFTMAX, [1e-2, 1.0], 3, peer)
    assert not row.differs
    assert row.peer > 0
    wide = linear._wide(X, y, 40)
    assert not wide.differs
    assert wide.peer is None


@pytest.mark.data
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # 400 rows of 324 columns
def test_rows_of_a_few_photographs(linear, cifar10_root, monkeypatch):
    monkeypatch.setenv("FEATBENCH_DATA", str(cifar10_root.parent))
    found = list(linear.rows(n=800, n_regs=2, n_folds=3, wide=50))
    assert [row.bar for row in found] == ["≥ 2", "≥ 2", ""]
    assert not found[0].differs
