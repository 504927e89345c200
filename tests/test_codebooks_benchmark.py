"""The benchmark of codebooks, tried out on few rows."""

import pytest

pytestmark = pytest.mark.long


@pytest.fixture
def codebooks(repository, monkeypatch):
    monkeypatch.syspath_prepend(str(repository))
    import benchmarks.codebooks

    monkeypatch.setattr(benchmarks.codebooks.Cifar10, "find", lambda self: None)
    return benchmarks.codebooks


def test_rows_of_few_random_rows(codebooks):
    found = list(codebooks.rows(m=5000, n_words=40, iterations=3))
    assert [row.peer_name for row in found][1:] == ["scikit-learn, Lloyd", "the bare float32 products"]
    assert [row.bar for row in found] == ["≥ 0.9", "≥ 1.3", ""]
    assert not any(row.differs for row in found)
    assert found[1].equality.startswith("inertia")


def test_a_peer_that_is_not_installed_is_a_row(codebooks, monkeypatch):
    monkeypatch.setattr(codebooks.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(codebooks, "first_call", lambda *code: 1.0)
    found = list(codebooks.rows(m=300, n_words=5, iterations=1))
    assert found[0].peer_name == "faiss: not installed"
    assert found[0].peer is None


def test_more_inertia_than_the_peers_is_a_difference(codebooks, monkeypatch):
    monkeypatch.setattr(codebooks, "first_call", lambda *code: 1.0)
    original = codebooks.lloyd
    monkeypatch.setattr(codebooks, "lloyd", lambda X, start, n: original(X, start * 9, 1))
    assert any(row.differs for row in codebooks.rows(m=300, n_words=5, iterations=4))
