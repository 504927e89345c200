"""Arrays out of an archive."""

import pickle
import zipfile

import numpy as np
import pytest

from featbench.datasets import npz, open_dataset
from featbench.datasets.stored import StoredImages, stored_images
from featbench.datasets.summary import fingerprint
from featbench.errors import DataError, InputError

X = np.random.default_rng(0).integers(0, 256, (12, 6, 5, 3)).astype(np.uint8)
Y = np.arange(12) % 3


def load(tmp_path, **arrays):
    path = tmp_path / "set.npz"
    np.savez_compressed(path, **arrays)
    return open_dataset("npz", {"path": str(path)})


def test_a_given_split(tmp_path):
    dataset = load(tmp_path, x_train=X[:8], y_train=Y[:8], x_test=X[8:], y_test=Y[8:], other=np.zeros(3))
    assert (dataset.train.images == X[:8]).all()
    assert dataset.test.labels.tolist() == Y[8:].tolist()
    assert dataset.official_split
    assert dataset.name == "npz set"
    assert dataset.classes == ("0", "1", "2")


def test_a_drawn_split_with_groups(tmp_path):
    groups = np.array([f"person {i // 2}" for i in range(24)])
    X24, Y24 = np.concatenate([X, X + 1]), (np.arange(24) // 2) % 3
    dataset = load(tmp_path, images=X24, labels=Y24, groups=groups)
    assert not dataset.official_split
    assert len(dataset.test) == 6
    assert not set(dataset.train.groups) & set(dataset.test.groups)
    for part in (dataset.train, dataset.test):
        rows = [np.flatnonzero((image == X24).all(axis=(1, 2, 3)))[0] for image in part.images]
        assert part.labels.tolist() == Y24[rows].tolist()
        assert [f"person {row // 2}" for row in rows] == [sorted(set(groups))[g] for g in part.groups]


@pytest.mark.parametrize(
    ("labels", "classes", "names", "numbers"),
    [
        (np.array(["b10", "b9", "<b>", "b10"] * 3), None, ("<b>", "b9", "b10"), [2, 1, 0, 2] * 3),
        (np.array([7, -3] * 6), None, ("-3", "7"), [1, 0] * 6),
        (np.array([0, 2] * 6), np.array(["x", "y", "z"]), ("x", "y", "z"), [0, 2] * 6),
    ],
)
def test_labels_of_any_kind(tmp_path, labels, classes, names, numbers):
    arrays = {"images": X, "labels": labels} | ({} if classes is None else {"classes": classes})
    dataset = load(tmp_path, **arrays)
    assert dataset.classes == names
    order = {image.tobytes(): number for image, number in zip(X, numbers, strict=True)}
    assert [order[image.tobytes()] for image in dataset.test.images] == dataset.test.labels.tolist()


def test_grey_images(tmp_path):
    assert load(tmp_path, images=X[..., 0], labels=Y).train.images.shape[1:] == (6, 5)


def nan_images():
    images = X.astype(np.float32)
    images[[4, 7], 0, 0, 0] = np.nan
    return images


def nan_labels():
    labels = Y.astype(float)
    labels[3] = np.nan
    return labels


BAD = {
    "no arrays": ({"a": X}, "the names of its arrays must be x_train, y_train, x_test and y_test, or images and labels; got a."),
    "half a split": ({"x_train": X, "y_train": Y, "images": X, "labels": Y}, "the names of its arrays must be"),
    "objects": ({"images": np.array([X[0], X[1][:3]], dtype=object), "labels": Y[:2]}, "Arrays of objects would have to be unpickled: save plain"),
    "NaN": ({"images": nan_images(), "labels": Y}, "images must be free of NaN; got NaN in 2 images, the first of them number 4. Mend"),
    "NaN among labels": ({"images": X, "labels": nan_labels()}, "labels must be integers or text .*; got float64 of shape .* with NaN. Convert"),
    "labels of another number": ({"images": X, "labels": Y[:5]}, "labels must be as many as the 12 images of images; got 5 of them"),
    "groups of another number": ({"images": X, "labels": Y, "groups": Y[:5]}, "groups must be as many as the 12 images"),
    "labels in two columns": ({"images": X, "labels": np.eye(12)[:, :3].astype(int)}, "labels must be integers or text of shape"),
    "text and numbers": ({"x_train": X, "y_train": Y, "x_test": X, "y_test": Y.astype(str)}, "labels of both parts must be of one kind; got int64 and"),
    "class names of text": ({"images": X, "labels": Y.astype(str), "classes": np.array(["a"])}, "classes must be text of shape"),
    "too few class names": ({"images": X, "labels": Y, "classes": np.array(["a", "b"])}, "must be .*"),
    "one class": ({"images": X, "labels": Y * 0}, "training classes must be at least two; got \\['0'\\]"),
    "one image of a class": ({"images": X, "labels": np.array([0] * 11 + [1])}, "at least 2 in every class .*; got 1 in class '1'"),
    "a group on both sides": (
        {"x_train": X, "y_train": Y, "groups_train": Y, "x_test": X, "y_test": Y, "groups_test": Y.astype(str)},
        "a group must be on one side of the split"),
    "groups on one side": (
        {"x_train": X, "y_train": Y, "groups_train": Y, "x_test": X, "y_test": Y}, "groups must be told for both parts"),
    "a class that is not learned": ({"x_train": X[:2], "y_train": Y[:2], "x_test": X, "y_test": Y}, "got no training image of '2'"),
}  # fmt: skip


@pytest.mark.parametrize("fault", BAD)
def test_what_cannot_serve_is_named(tmp_path, fault):
    arrays, message = BAD[fault]
    with pytest.raises(DataError, match=message):
        load(tmp_path, **arrays)


@pytest.mark.parametrize("images", [X.astype(np.float32), X[..., :2], X[:, 0, 0]])
def test_images_of_another_kind(tmp_path, images):
    with pytest.raises(InputError, match="set.npz: images: images must be of"):
        load(tmp_path, images=images, labels=Y[: len(images)])


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 nonsense", pickle.dumps([1, 2]), b"\x93NUMPY\x01\x00"])
def test_no_archive(tmp_path, content):
    path = tmp_path / "set.npz"
    path.write_bytes(content)
    with pytest.raises(
        DataError, match="set.npz: the archive must be a NumPy .npz file; got one that cannot be read"
    ):
        open_dataset("npz", {"path": str(path)})


def test_a_truncated_archive(tmp_path):
    load(tmp_path, images=X, labels=Y)
    path = tmp_path / "set.npz"
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(DataError, match="Write it anew with numpy.savez_compressed"):
        open_dataset("npz", {"path": str(path)})


def test_not_there(tmp_path):
    with pytest.raises(
        DataError, match="npz: path must be an existing .npz file; got '.*nowhere.npz'. Correct the path"
    ):
        open_dataset("npz", {"path": str(tmp_path / "nowhere.npz")})


def test_an_archive_that_would_fill_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(npz, "MAX_BYTES", 2**30)
    path = tmp_path / "set.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("images.npy", b"x")
        archive.writestr("labels.npy", b"x")
    content = bytearray(path.read_bytes())
    # The directory at the end claims two gigabytes for the first member.
    at = content.index(b"PK\x01\x02") + 24
    content[at : at + 4] = (2**31).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(DataError, match="the archive must be at most 1 GiB when unpacked; got 2 GiB"):
        open_dataset("npz", {"path": str(path)})


@pytest.mark.parametrize("images", [X, X[..., 0]], ids=["colour", "grey"])
def test_stored_images_are_read_where_they_are_used(tmp_path, monkeypatch, images):
    given = {"x_train": images[:8], "y_train": Y[:8], "x_test": images[8:], "y_test": Y[8:]}
    whole = load(tmp_path, **given)
    monkeypatch.setattr(npz, "_MAPPED", images[8:].nbytes + 200)  # with its header
    np.savez(tmp_path / "stored.npz", **given)
    mapped = open_dataset("npz", {"path": str(tmp_path / "stored.npz")})
    assert isinstance(mapped.train.images, StoredImages)
    assert isinstance(mapped.test.images, np.ndarray), "four images are few"
    assert len(mapped.train.images) == 8
    rows = np.array([6, 0, 0])
    read = mapped.train.images.read(rows)
    np.testing.assert_array_equal(read, images[rows])
    assert read.flags.writeable, "a copy, which the file has nothing to do with"
    assert fingerprint(mapped) == fingerprint(whole)
    assert isinstance(load(tmp_path, **given).train.images, np.ndarray), "what is compressed is read whole"


def test_a_split_of_stored_images_is_drawn_as_ever(tmp_path, monkeypatch):
    whole = load(tmp_path, images=X, labels=Y)
    monkeypatch.setattr(npz, "_MAPPED", 0)
    np.savez(tmp_path / "stored.npz", images=X, labels=Y)
    mapped = open_dataset("npz", {"path": str(tmp_path / "stored.npz")})
    assert not isinstance(mapped.test.images, np.ndarray)
    assert fingerprint(mapped) == fingerprint(whole)


def test_what_is_not_stored_as_images_is_read_whole(tmp_path):
    path = tmp_path / "set.npz"
    np.savez(path, images=np.asfortranarray(X), labels=Y.astype(np.uint8), floats=X / 255)
    for name in ("images", "floats", "nothing"):
        assert stored_images(path, name, 0) is None
    with pytest.raises(InputError, match="labels"):
        stored_images(path, "labels", 0)


def test_stored_images_of_a_header_that_promises_more_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(npz, "_MAPPED", 0)
    path = tmp_path / "set.npz"
    np.savez(path, images=X, labels=Y)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"'shape': (12, 6, 5, 3)", b"'shape': (11, 6, 5, 3)"))
    with pytest.raises(DataError, match="must be a NumPy .npz file"):
        open_dataset("npz", {"path": str(path)})
