"""Settings beside a model are plain data, whatever somebody wrote there."""

from __future__ import annotations

import pytest

from featbench.errors import InputError
from featbench.networks.sidecar import read_sidecar, sidecar_of

KEYS = ("output", "size", "mean")


@pytest.mark.parametrize(
    ("ending", "text"),
    [
        (".yaml", "size: 227\nmean: [104, 117.5, 123]\n"),
        (".json", '{"size": 227, "mean": [104, 117.5, 123]}'),
    ],
)
def test_it_is_yaml_or_json(tmp_path, ending, text):
    model = tmp_path / "net.onnx"
    assert read_sidecar(model, KEYS, "ONNX") == {}
    (tmp_path / f"net.onnx{ending}").write_text(text)
    assert read_sidecar(model, KEYS, "ONNX") == {"size": 227, "mean": [104, 117.5, 123]}


def test_two_are_one_too_many(tmp_path):
    for ending in (".yaml", ".json"):
        (tmp_path / f"net.onnx{ending}").write_text("{}")
    with pytest.raises(InputError, match=r"in one file; got net.onnx.yaml and net.onnx.json. Remove one."):
        sidecar_of(tmp_path / "net.onnx", "ONNX")


BOMB = "a: &a [1, 1]\n" + "".join(
    f"{c}: &{c} [*{p}, *{p}]\n" for p, c in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("sise: 3", r"must be a setting; got sise. Did you mean 'size'\? Known: output, size, mean."),
        ("- 1", "must be a mapping such as 'size: 224'; got list"),
        ("", "must be a mapping such as 'size: 224'; got NoneType"),
        ("size: [", "must be readable as yaml; got one that is not"),
        ("size: 1\nsize: 2", "must be readable as yaml; got one that is not .DuplicateKeyError"),
        ("size: {a: 1}", "size in .* must be a number, text or a list of them; got dict"),
        ("size: [[1]]", "size in .* must be a number, text or a list of them; got list"),
        ("size: !!python/object/apply:os.system ['true']", "must be readable as yaml; got one that is not"),
        ("size: !!python/name:os.system", "must be readable as yaml; got one that is not"),
        (BOMB.replace("a: ", "size: ", 1), "a key of .* must be a setting; got b"),
        ("mean: [" + "1, " * 17 + "]", "mean in .* must be a number, text or a list of them"),
        ("size: " + "1" * 70_000, "must be at most 64,000 bytes; got more"),
    ],
)
def test_what_is_none_is_refused(tmp_path, text, complaint):
    (tmp_path / "net.onnx.yaml").write_text(text)
    with pytest.raises(InputError, match=complaint):
        read_sidecar(tmp_path / "net.onnx", KEYS, "ONNX")


def test_nothing_is_executed(tmp_path):
    proof = tmp_path / "proof"
    (tmp_path / "net.onnx.yaml").write_text(f"size: !!python/object/apply:os.mkdir ['{proof}']")
    with pytest.raises(InputError):
        read_sidecar(tmp_path / "net.onnx", KEYS, "ONNX")
    assert not proof.exists()
