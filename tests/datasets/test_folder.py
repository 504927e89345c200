"""One's own images, from files to a data set."""

import numpy as np
import pytest
from PIL import Image

from featbench.datasets import folder, open_dataset
from featbench.datasets.decode import FileImages
from featbench.datasets.summary import fingerprint, summarize
from featbench.errors import DataError
from featbench.images import chunks


def draw(root, *names, level=None):
    """Write images; each is full of its number among those written, or of `level`."""
    for number, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.full((20, 30, 3), number if level is None else level, np.uint8)
        Image.fromarray(pixels).save(path)


def numbers(part):
    return next(chunks(part.images, 10_000))[:, 0, 0, 0].tolist()


@pytest.fixture
def pictures(tmp_path):
    """Twelve cats and eight dogs, numbered."""
    root = tmp_path / "pics"
    draw(root, *[f"cat/{n}.png" for n in range(12)], *[f"dog/{n}.png" for n in range(8)])
    return root


def load(root, seed=0, **parameters):
    return open_dataset("folder", {"root": str(root), **parameters}, seed=seed)


def test_a_split_is_drawn(pictures):
    dataset = load(pictures)
    assert dataset.name == "folder pics"
    assert dataset.classes == ("cat", "dog")
    assert np.bincount(dataset.train.labels).tolist() == [9, 6]
    assert np.bincount(dataset.test.labels).tolist() == [3, 2]
    assert sorted(numbers(dataset.train) + numbers(dataset.test)) == list(range(20))
    for part in (dataset.train, dataset.test):
        assert part.images.shape[1:] == (64, 64, 3)
        assert [number >= 12 for number in numbers(part)] == [label == 1 for label in part.labels]
        assert part.names == [f"{'dog' if n > 11 else 'cat'}/{n % 12}.png" for n in numbers(part)]
    assert not dataset.official_split
    assert not dataset.shareable
    assert numbers(load(pictures, seed=1).test) != numbers(dataset.test)
    assert fingerprint(load(pictures)) == fingerprint(dataset)


def test_a_given_split(tmp_path):
    draw(tmp_path, "train/a/0.png", "train/b/1.png", "test/b/2.png", "test/a/3.png")
    dataset = load(tmp_path)
    assert dataset.official_split
    assert (numbers(dataset.train), dataset.train.labels.tolist()) == ([0, 1], [0, 1])
    assert (numbers(dataset.test), dataset.test.labels.tolist()) == ([3, 2], [0, 1])


def test_a_csv_with_split_and_groups(pictures, tmp_path):
    lines = ["file,label,split,group"]
    lines += [f"cat/{n}.png,{n % 3},{'train' if n < 8 else 'test'},p{n // 2}" for n in range(12)]
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    dataset = load(pictures, csv=str(tmp_path / "labels.csv"))
    assert dataset.classes == ("0", "1", "2")
    assert numbers(dataset.test) == [8, 9, 10, 11]
    assert dataset.train.groups.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]


def test_a_csv_with_groups_is_split_by_them(pictures, tmp_path):
    rows = [f"cat/{n}.png,{'even' if n // 2 % 2 else 'odd'},{n // 2}" for n in range(12)]
    (tmp_path / "labels.csv").write_text("\n".join(["file,label,group", *rows]))
    dataset = load(pictures, csv=str(tmp_path / "labels.csv"))
    assert len(dataset.test) == 4, "one pair of each class"
    assert not set(dataset.train.groups) & set(dataset.test.groups)


def test_a_group_of_a_csv_that_crosses_its_split(pictures, tmp_path):
    (tmp_path / "labels.csv").write_text(
        "file,label,split,group\ncat/0.png,a,train,g\ncat/1.png,b,train,h\ncat/2.png,a,test,g\n"
    )
    with pytest.raises(DataError, match=r"got 'cat/0.png' in training and 'cat/2.png' in test, of one group"):
        load(pictures, csv=str(tmp_path / "labels.csv"))


def test_size_and_resize(pictures):
    assert load(pictures, size=10).train.images.shape[1:] == (10, 10, 3)
    padded = load(pictures, size=12, resize="pad").test
    assert padded.images[:, 0].max() == 0
    assert padded.images[:, 6].max() > 0


def test_a_broken_image_stops_with_its_name(pictures):
    (pictures / "dog" / "3.png").write_bytes(b"")
    (pictures / "cat" / "1.png").write_bytes(b"nonsense")
    with pytest.raises(DataError) as caught:
        load(pictures)
    message = str(caught.value)
    assert message.startswith(f"{pictures}/cat/1.png: cannot be read as an image: ")
    assert f"; {pictures}/dog/3.png: cannot" in message
    assert message.endswith("Mend or remove what is named, or set on_error: skip.")


def test_or_is_skipped_and_counted(pictures):
    for n in range(5):
        (pictures / "cat" / f"{n}.png").write_bytes(b"")
    (pictures / "cat" / "loop").symlink_to(pictures / "cat")
    (pictures / "cat" / ".DS_Store").touch()
    dataset = load(pictures, on_error="skip")
    assert sorted(numbers(dataset.train) + numbers(dataset.test)) == list(range(5, 20))
    skipped = [note for note in dataset.notes if note.startswith("files left out: 6: ")]
    assert len(skipped) == 1
    assert skipped[0].endswith("; and 3 more")
    assert "hidden files and folders passed over: 1" in dataset.notes


def test_a_link_that_loops_stops(pictures):
    (pictures / "cat" / "loop").symlink_to(pictures)
    with pytest.raises(
        DataError, match=r"cat/loop: the link leads to a folder that is read already, .*pics. Mend or remove"
    ):
        load(pictures)


def test_a_missing_file_of_a_csv(pictures, tmp_path):
    (tmp_path / "labels.csv").write_text("file,label\ncat/0.png,a\ncat/99.png,b\n")
    with pytest.raises(
        DataError, match=r"cat/99.png: cannot be read as an image: it is not there. Mend or remove"
    ):
        load(pictures, csv=str(tmp_path / "labels.csv"))


def test_an_enormous_image(pictures):
    with pytest.raises(
        DataError, match="0.png: cannot be read as an image: it has 30 × 20 pixels, and max_pixels allows 599"
    ):
        load(pictures, max_pixels=599)
    assert len(load(pictures, max_pixels=600).train) == 15


def test_max_images_are_drawn_evenly(pictures):
    dataset = load(pictures, max_images=8)
    assert np.bincount(np.concatenate([dataset.train.labels, dataset.test.labels])).tolist() == [4, 4]
    assert dataset.notes == ("8 of 20 images, drawn by the seed",)
    other = load(pictures, max_images=8, seed=1)
    assert sorted(numbers(other.train)) != sorted(numbers(dataset.train))
    most = load(pictures, max_images=18)
    counts = np.bincount(np.concatenate([most.train.labels, most.test.labels]))
    assert counts.tolist() == [10, 8], "there are no more dogs"
    assert load(pictures, max_images=20).notes == ()


def test_more_than_fits_stays_in_the_files(pictures, monkeypatch):
    kept = load(pictures)
    (pictures / "dog" / "broken.png").write_bytes(b"")
    monkeypatch.setattr(folder, "_MOST_BYTES", 1000)
    lazy = load(pictures, on_error="skip")
    assert lazy.notes[-1] == "images stay in their files: the times of extraction include decoding"
    assert fingerprint(lazy) == fingerprint(kept)
    assert summarize(lazy)["duplicates"] == summarize(kept)["duplicates"]
    images, rows = folder.Folder(root=str(pictures))._decode(folder.list_folders(pictures).entries, [])
    assert isinstance(images, FileImages)
    assert len(rows) == 20


def test_exact_duplicates_across_the_split_are_counted(tmp_path):
    draw(tmp_path, *[f"{c}/{n}.png" for c in "ab" for n in range(8)], level=7)
    assert summarize(load(tmp_path))["duplicates"]["exact"] == 4


def test_class_names_are_kept_as_they_are(tmp_path):
    names = ["[red]", "<script>", "=cmd()", "日本", "\x1b[31m"]
    for name in names:
        draw(tmp_path, f"{name}/a.png", f"{name}/b.png")
    assert sorted(load(tmp_path).classes) == sorted(names)
    rows = [f"{name}/{n}.png,[/red]{name}" for name in names for n in "ab"]
    (tmp_path / "labels.csv").write_text("\n".join(["file,label", *rows]))
    dataset = load(tmp_path, csv=str(tmp_path / "labels.csv"))
    assert sorted(dataset.classes) == sorted(f"[/red]{name}" for name in names)


def one_class(root):
    draw(root, "cat/1.png", "cat/2.png")


def one_image(root):
    draw(root, "cat/1.png", "cat/2.png", "dog/1.png")


def all_broken(root):
    draw(root, "cat/1.png", "cat/2.png")
    (root / "dog").mkdir()
    (root / "dog" / "1.png").write_bytes(b"")


def untrained(root):
    draw(root, "train/a/1.png", "train/b/1.png", "test/a/1.png", "test/c/1.png")


@pytest.mark.parametrize(
    ("make", "parameters", "message"),
    [
        (one_class, {}, r"classes must be at least two; got \['cat'\]. A classifier needs .* add a folder"),
        (one_image, {}, "images must be at least 2 in every class .*; got 1 in class 'dog'. Add images of this class, or remove"),
        (all_broken, {"on_error": "skip"}, "images that can be read must be there for every class; got none for 'dog'. Every file"),
        (untrained, {}, "got no training image of 'c'. Add training images of it"),
        (lambda root: root.mkdir(), {}, "the folder must be one of class folders; got an empty folder"),
        (lambda root: None, {}, "folder: root must be an existing folder; got '.*pics'. Correct the path"),
        (lambda root: root.write_text(""), {}, "folder: root must be an existing folder"),
        (one_image, {"csv": "nowhere.csv"}, "nowhere.csv: csv must be a CSV file that can be read; got No such file"),
    ],
)  # fmt: skip
def test_what_cannot_serve(tmp_path, make, parameters, message):
    root = tmp_path / "pics"
    make(root)
    with pytest.raises(DataError, match=message):
        load(root, **parameters)


def test_one_class_is_refused_before_anything_is_decoded(tmp_path, monkeypatch):
    one_class(tmp_path)
    monkeypatch.setattr(folder, "decode_files", lambda *a: pytest.fail("decoded"))
    with pytest.raises(DataError, match="classes must be at least two"):
        load(tmp_path)


@pytest.mark.data
def test_caltech(caltech_root):
    dataset = load(caltech_root, size=32, max_images=120)
    assert len(dataset.classes) == 12
    assert len(dataset.train) + len(dataset.test) == 120
    assert dataset.train.images.reshape(len(dataset.train), -1).std(axis=1).min() > 5, "no picture is blank"
