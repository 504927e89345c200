"""CIFAR-10: found, fetched, checked, read; on batches of forty images, and on the real ones where they are."""

import hashlib
import lzma
import os
import pickle

import numpy as np
import pytest
from test_download import archive, server  # noqa: F401 - a fixture

from featbench.datasets import Cifar10, cifar10, open_dataset
from featbench.errors import DataError

ROWS = 40


def batch(name):
    rng = np.random.default_rng(list(name.encode()))
    labels = (np.arange(ROWS) % 10).tolist()
    pixels = rng.integers(0, 256, (ROWS, 3072)).astype(np.uint8)
    return pickle.dumps({b"data": pixels, b"labels": labels, b"filenames": [b"a.png"] * ROWS}, protocol=4)


@pytest.fixture
def batches(monkeypatch):
    """Six small batches by name, taken for the published ones; and no other data on this machine."""
    contents = {name: batch(name) for name in cifar10._MD5}
    monkeypatch.setattr(cifar10, "_MD5", {n: hashlib.md5(c).hexdigest() for n, c in contents.items()})
    monkeypatch.setattr(cifar10, "_BATCH_ROWS", ROWS)
    return contents


@pytest.fixture(autouse=True)
def nothing_here(monkeypatch, tmp_path):
    monkeypatch.delenv("FEATBENCH_DATA", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(cifar10, "_URL", "http://127.0.0.1:9/nowhere")


def write(folder, contents, packed=False):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        if packed:
            (folder / f"{name}.xz").write_bytes(lzma.compress(content))
        else:
            (folder / name).write_bytes(content)
    return folder


def pixels(contents, name):
    planes = pickle.loads(contents[name])[b"data"]
    return planes.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("inner", ["", "cifar-10-batches-py"])
@pytest.mark.parametrize("place", ["root", "environment", "home"])
def test_found_and_read(tmp_path, monkeypatch, batches, place, inner, packed):
    parameters = {"download": False}
    if place == "root":
        folder = tmp_path / "some where"
        parameters["root"] = str(folder)
    elif place == "environment":
        folder = tmp_path / "other"
        monkeypatch.setenv("FEATBENCH_DATA", str(folder))
    else:
        folder = tmp_path / "home" / "featbench"
    write(folder / inner, batches, packed)
    dataset = open_dataset("cifar10", parameters)
    assert dataset.classes[6] == "frog"
    names = [f"data_batch_{i}" for i in range(1, 6)]
    assert (dataset.train.images == np.concatenate([pixels(batches, name) for name in names])).all()
    assert (dataset.test.images == pixels(batches, "test_batch")).all()
    assert dataset.train.labels.tolist() == [i % 10 for i in range(ROWS)] * 5
    assert dataset.official_split
    assert not dataset.shareable


def test_the_first_images_need_the_first_batches_alone(tmp_path, batches):
    write(tmp_path / "data", {name: batches[name] for name in ("data_batch_1", "data_batch_2", "test_batch")})
    dataset = Cifar10(root=str(tmp_path / "data"), max_train=ROWS + 3, max_test=5).load()
    assert (dataset.train.images[ROWS:] == pixels(batches, "data_batch_2")[:3]).all()
    assert (len(dataset.train), len(dataset.test)) == (ROWS + 3, 5)
    assert dataset.notes == ("the first 43 training images only", "the first 5 test images only")
    with pytest.raises(
        DataError, match="data: data_batch_3 must be there as data_batch_3 or data_batch_3.xz; got neither"
    ):
        Cifar10(root=str(tmp_path / "data")).load()


def test_root_comes_first(tmp_path, monkeypatch, batches):
    write(tmp_path / "other", batches)
    monkeypatch.setenv("FEATBENCH_DATA", str(tmp_path / "other"))
    (tmp_path / "root").mkdir()
    assert Cifar10(root=str(tmp_path / "root")).find() == tmp_path / "other"
    write(tmp_path / "root" / "cifar-10-batches-py", batches)
    assert Cifar10(root=str(tmp_path / "root")).find() == tmp_path / "root" / "cifar-10-batches-py"


def test_a_root_that_is_not_there(tmp_path):
    with pytest.raises(
        DataError, match="cifar10: root must be an existing folder; got '.*nowhere'. Correct or make it"
    ):
        open_dataset("cifar10", {"root": str(tmp_path / "nowhere")})


def test_not_there_and_not_to_be_fetched(tmp_path):
    with pytest.raises(
        DataError,
        match="the batches must be in .*home/featbench; got nothing there. Get them with `featbench data prepare cifar10`",
    ):
        open_dataset("cifar10", {"download": False})


@pytest.mark.parametrize("packed", [False, True])
def test_a_wrong_sum_names_the_file_and_the_remedy(tmp_path, batches, packed):
    changed = {**batches, "data_batch_3": batches["data_batch_3"] + b"x"}
    write(tmp_path / "data", changed, packed)
    with pytest.raises(
        DataError,
        match=f"data_batch_3.*: the md5 of data_batch_3 must be {cifar10._MD5['data_batch_3']}; got .*Put the original there",
    ):
        open_dataset("cifar10", {"root": str(tmp_path / "data")})


def test_a_truncated_xz(tmp_path, batches):
    folder = write(tmp_path / "data", batches, packed=True)
    packed = folder / "test_batch.xz"
    packed.write_bytes(packed.read_bytes()[:-40])
    with pytest.raises(
        DataError, match="test_batch.xz: the batch must be a file that can be read; got .*cut short"
    ):
        open_dataset("cifar10", {"root": str(folder)})


def test_an_xz_that_would_fill_the_memory(tmp_path, batches, monkeypatch):
    """Unpacking stops behind the largest size that a batch may have."""
    folder = write(tmp_path / "data", batches)
    (folder / "test_batch").unlink()
    (folder / "test_batch.xz").write_bytes(lzma.compress(bytes(2**22), preset=0))
    monkeypatch.setattr(cifar10, "MAX_BYTES", 1000)
    assert len(cifar10._content(folder / "test_batch.xz")) == 1001


class Bomb:
    def __reduce__(self):
        return os.mkdir, ("owned",)


@pytest.mark.parametrize("right_sum", [False, True])
def test_a_malicious_batch_is_refused_by_its_sum_and_by_the_reader(tmp_path, monkeypatch, batches, right_sum):
    monkeypatch.chdir(tmp_path)
    evil = pickle.dumps({b"data": Bomb()})
    folder = write(tmp_path / "data", {**batches, "data_batch_1": evil})
    if right_sum:
        monkeypatch.setitem(cifar10._MD5, "data_batch_1", hashlib.md5(evil).hexdigest())
    message = (
        "a pickle of arrays, .*got the name posix.mkdir" if right_sum else "the md5 of data_batch_1 must be"
    )
    with pytest.raises(DataError, match=message):
        open_dataset("cifar10", {"root": str(folder)})
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            {b"data": np.zeros((2, 3072), np.uint8)},
            "a batch must be 'data', uint8 .*, and as many 'labels'; got data",
        ),
        ({b"data": np.zeros((2, 3071), np.uint8), b"labels": [0, 1]}, "a batch must be 'data'"),
        ({b"data": np.zeros((2, 3072), np.int8), b"labels": [0, 1]}, "a batch must be 'data'"),
        ({b"data": np.zeros((2, 3072), np.uint8), b"labels": [0]}, "a batch must be 'data'"),
        ({b"data": np.zeros((2, 3072), np.uint8), b"labels": [0, 10]}, "labels must be integers from 0 to 9"),
        ({}, "a batch must be .*got neither"),
    ],
)
def test_a_batch_that_is_none(tmp_path, monkeypatch, batches, content, message):
    broken = pickle.dumps(content, protocol=4)
    monkeypatch.setitem(cifar10._MD5, "test_batch", hashlib.md5(broken).hexdigest())
    folder = write(tmp_path / "data", {**batches, "test_batch": broken})
    with pytest.raises(DataError, match=f"test_batch: {message}"):
        open_dataset("cifar10", {"root": str(folder)})


@pytest.fixture
def official(server, tmp_path, monkeypatch, batches):  # noqa: F811
    """The loopback server serves the archive."""
    members = [(f"cifar-10-batches-py/{name}", content) for name, content in batches.items()]
    members += [("cifar-10-batches-py/batches.meta", b"x"), ("cifar-10-batches-py/readme.html", b"x")]
    server.content = archive(tmp_path / "served.tar.gz", *members).read_bytes()
    monkeypatch.setattr(cifar10, "_URL", server.url)
    monkeypatch.setattr(cifar10, "_ARCHIVE_MD5", hashlib.md5(server.content).hexdigest())
    return server


@pytest.mark.parametrize("place", ["root", "environment", "home"])
def test_fetched_once(tmp_path, monkeypatch, official, batches, place):
    parameters, folder = {}, tmp_path / "home" / "featbench"
    if place == "root":
        folder = tmp_path / "root"
        folder.mkdir()
        parameters["root"] = str(folder)
    elif place == "environment":
        folder = tmp_path / "data"
        monkeypatch.setenv("FEATBENCH_DATA", str(folder))
    dataset = open_dataset("cifar10", parameters)
    assert (dataset.test.images == pixels(batches, "test_batch")).all()
    assert sorted(p.name for p in folder.iterdir()) == [".fetching", "cifar-10-batches-py"]
    open_dataset("cifar10", {**parameters, "download": False})
    assert len(official.requests) == 1


def test_an_interrupted_download_goes_on(tmp_path, official):
    official.faults = ["hang up"] + [503] * 3
    with pytest.raises(DataError, match="goes on where it stopped"):
        open_dataset("cifar10", {})
    open_dataset("cifar10", {})
    assert "Range" in official.requests[-1]


def test_an_archive_with_another_sum_is_not_unpacked(tmp_path, official, monkeypatch):
    monkeypatch.setattr(cifar10, "_ARCHIVE_MD5", "0" * 32)
    with pytest.raises(DataError, match="the file must be the one with md5 000"):
        open_dataset("cifar10", {})
    assert [p.name for p in (tmp_path / "home" / "featbench").iterdir()] == [".fetching"]


def test_a_folder_that_cannot_be_written(tmp_path, official):
    (tmp_path / "home").write_text("a file where the folder should be")
    with pytest.raises(
        DataError,
        match="home/featbench must be a folder that can be written; got Not a directory. Make it writable, or name another",
    ):
        open_dataset("cifar10", {})


@pytest.mark.data
def test_the_real_one(first_batch):
    train, test = first_batch.train, first_batch.test
    # The first training image is a frog, the second a truck; the first test image is a cat.
    assert [first_batch.classes[label] for label in (*train.labels[:2], test.labels[0])] == [
        "frog",
        "truck",
        "cat",
    ]
    # Red, green and blue of its upper left pixel, as torchvision gives them.
    assert train.images[0, 0, 0].tolist() == [59, 62, 63]
    assert np.bincount(test.labels).tolist() == [1000] * 10
