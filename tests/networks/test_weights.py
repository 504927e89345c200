"""Weights as arrays, in files and back."""

import json
import pickle
import re

import numpy as np
import pytest
import torch
from torch import nn

from featbench.errors import DataError, InputError, StoreError
from featbench.networks.weights import arrays_of, fingerprint_file, put, read_weights, write_weights


def network(width=3):
    return nn.Sequential(nn.Conv2d(1, width, 3), nn.BatchNorm2d(width), nn.Flatten(), nn.LazyLinear(2))


@pytest.fixture
def made():
    net = network()
    net(torch.randn(2, 1, 5, 5))
    return net.to(memory_format=torch.channels_last)


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_weights_come_back_from_a_file(made, tmp_path, suffix):
    path = tmp_path / f"weights{suffix}"
    arrays = arrays_of(made)
    if suffix == ".pt":
        torch.save(made.state_dict(), path)
    else:
        write_weights(path, arrays, "CNN")
    found = read_weights(path, "CNN")
    assert set(found) == set(arrays)
    for name, values in arrays.items():
        np.testing.assert_array_equal(found[name], values)
        assert found[name].dtype == values.dtype
        assert found[name].shape == values.shape
    copy = network()
    copy(torch.randn(2, 1, 5, 5))
    put(copy, found, "CNN")
    x = torch.randn(2, 1, 5, 5)
    assert torch.equal(copy.eval()(x), made.eval()(x))


def test_arrays_are_copies(made):
    arrays = arrays_of(made)
    arrays["0.weight"][:] = 7
    assert not (made[0].weight == 7).any()


def test_weights_of_another_architecture_are_refused(made):
    other = network(4)
    other(torch.randn(2, 1, 5, 5))
    message = r"CNN: weights must be those of this architecture; got 0.weight has shape \(3, 1, 3, 3\), not \(4, 1, 3, 3\), and \d more"
    with pytest.raises(InputError, match=message):
        put(other, arrays_of(made), "CNN")
    arrays = arrays_of(made)
    arrays["last.bias"] = arrays.pop("3.bias")
    with pytest.raises(InputError, match=r"got 3.bias is missing, and 1 more. Give the architecture"):
        put(made, arrays, "CNN")


def test_weights_of_a_torch_that_counted_no_batches(made):
    arrays = arrays_of(made)
    assert arrays.pop("1.num_batches_tracked") == 1
    copy = network()
    copy(torch.randn(2, 1, 5, 5))
    put(copy, arrays, "CNN")
    x = torch.randn(2, 1, 5, 5)
    assert torch.equal(copy.eval()(x), made.eval()(x))


def test_weights_that_are_no_numbers_are_refused(made):
    for value in (np.nan, np.inf):
        arrays = arrays_of(made)
        arrays["3.bias"][1] = value
        with pytest.raises(
            InputError, match=r"CNN: weights must be finite numbers; got NaN or infinity in 3.bias"
        ):
            put(made, arrays, "CNN")


class Strict(nn.Linear):
    """As torchvision's MNASNet, it asks for what torch's own files tell beside the weights."""

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *rest):
        raise ValueError(f"version should be 1 or 2 instead of {local_metadata.get('version')}")


def test_weights_of_a_module_that_asks_for_its_version():
    made, copy = Strict(3, 2), Strict(3, 2)
    put(copy, arrays_of(made), "CNN")
    assert torch.equal(copy.weight, made.weight)


class Harmful:
    def __reduce__(self):
        return (print, ("executed",))


def test_reading_executes_nothing(tmp_path, capsys):
    path = tmp_path / "weights.pt"
    with path.open("wb") as file:
        pickle.dump({"0.weight": Harmful()}, file)
    with pytest.raises(DataError, match=r"weights must be a .safetensors file, .*cannot be read as one"):
        read_weights(path, "CNN")
    torch.save({"0.weight": Harmful()}, path)
    with pytest.raises(DataError, match="cannot be read as one"):
        read_weights(path, "CNN")
    assert capsys.readouterr().out == ""


def test_files_that_are_none_are_refused(tmp_path):
    (tmp_path / "text.safetensors").write_text("weights")
    with pytest.raises(DataError, match="cannot be read as one"):
        read_weights(tmp_path / "text.safetensors", "CNN")


@pytest.mark.parametrize("ask", [read_weights, fingerprint_file])
def test_a_file_that_is_not_there_is_told_with_where_and_what_to_do(tmp_path, monkeypatch, ask):
    monkeypatch.chdir(tmp_path)
    told = r"CNN: weights must be a .safetensors file, .*; got 'wieghts.pt'. There is no file "
    place = re.escape(str(tmp_path / "wieghts.pt"))
    with pytest.raises(DataError, match=told + place + r"\. A relative path starts at .* save_weights"):
        ask("wieghts.pt", "CNN")
    (tmp_path / "weights.pt").write_bytes(b"")
    with pytest.raises(
        DataError, match=told + place + r"\. Did you mean 'weights.pt', which is there\? A rel"
    ):
        ask("wieghts.pt", "CNN")
    (tmp_path / "saved").mkdir()
    with pytest.raises(
        DataError,
        match=r"saved is a folder: name the file in it; that of a saved extractor is weights.safetensors",
    ):
        ask("saved", "CNN")
    for path in ("a" * 5000, "a\0b", "~nobody-of-this-name/w.pt"):
        with pytest.raises(DataError, match=r"CNN: weights must be .*got .*"):
            ask(path, "CNN")


def test_the_home_of_a_user_is_known(made, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    write_weights(tmp_path / "w.safetensors", arrays_of(made), "CNN")
    assert set(read_weights("~/w.safetensors", "CNN")) == set(arrays_of(made))


@pytest.mark.parametrize("content", ["pickle", "cut off", "absurd offsets"])
def test_safetensors_that_lie_are_refused_and_nothing_is_executed(made, tmp_path, capsys, content):
    path = tmp_path / "w.safetensors"
    write_weights(path, arrays_of(made), "CNN")
    header = json.dumps({"a": {"dtype": "F32", "shape": [2**60], "data_offsets": [0, 2**62]}}).encode()
    path.write_bytes({
        "pickle": pickle.dumps({"0.weight": Harmful()}),
        "cut off": path.read_bytes()[:-5],
        "absurd offsets": len(header).to_bytes(8, "little") + header,
    }[content])  # fmt: skip
    with pytest.raises(DataError, match=r"got '.*w.safetensors'. It cannot be read as one: "):
        read_weights(path, "CNN")
    assert capsys.readouterr().out == ""


def test_where_nothing_can_be_written(made, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError):
        write_weights(tmp_path / "file" / "w.safetensors", arrays_of(made), "CNN")


def test_a_file_of_more_than_tensors_is_refused_without_advice_to_execute_it(tmp_path):
    for held in ({"state_dict": {"a": torch.zeros(1)}}, {"a": print}):
        torch.save(held, tmp_path / "w.pth")
        with pytest.raises(
            DataError, match=r"something else than named tensors.*state_dict\(\) alone\.$"
        ) as caught:
            read_weights(tmp_path / "w.pth", "CNN")
        assert "weights_only" not in str(caught.value)
