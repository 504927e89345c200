"""Which images a folder holds, and what is passed over, refused or a problem."""

import os

import pytest

from featbench.datasets.listing import list_folders, list_images
from featbench.errors import DataError


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def listed(root):
    return [
        (entry.label, entry.part, entry.path.relative_to(root).as_posix())
        for entry in list_folders(root).entries
    ]


def test_a_folder_a_class(tmp_path):
    touch(tmp_path, "dog/10.png", "dog/9.JPG", "cat/a.webp", "cat/inner/b.tiff", "Bee/x.bmp")
    assert listed(tmp_path) == [
        ("Bee", None, "Bee/x.bmp"), ("cat", None, "cat/a.webp"), ("cat", None, "cat/inner/b.tiff"),
        ("dog", None, "dog/9.JPG"), ("dog", None, "dog/10.png"),
    ]  # fmt: skip
    assert list_folders(tmp_path).notes == []


def test_train_and_test_above(tmp_path):
    touch(tmp_path, "train/a/1.png", "train/b/1.png", "test/a/1.png", "val/a/1.png", "stray.jpg")
    assert [(label, part) for label, part, _ in listed(tmp_path)] == [
        ("a", "train"),
        ("b", "train"),
        ("a", "test"),
    ]
    assert list_folders(tmp_path).notes == ["the folder val/ beside train/ and test/ was left out"]


def test_what_is_passed_over_is_counted(tmp_path):
    touch(tmp_path, "a/1.png", "a/.hidden.png", "a/Thumbs.db", "a/notes.txt", "b/2.png", "b/README", "b/x.TXT",
          ".git/x.png", "__MACOSX/a/1.png", "stray.jpg", "labels.json")  # fmt: skip
    listing = list_folders(tmp_path)
    assert len(listing.entries) == 2
    assert listing.problems == []
    assert listing.notes == [
        "hidden files and folders passed over: 3",
        "images beside the class folders, left out: 1",
        "files that are no images passed over: .db 1, .txt 2, without a suffix 1",
    ]


HOSTILE = [
    "[red]",
    "<script>alert(1)",
    "=cmd()",
    "\x1b[31mred",
    "日本語",
    "a b",
    "-rf",
    "%s{0}",
    "$(reboot)",
]


def test_hostile_names_are_kept(tmp_path):
    for name in HOSTILE:
        touch(tmp_path, f"{name}/{name}.png")
    assert sorted(label for label, *_ in listed(tmp_path)) == sorted(HOSTILE)


def test_names_that_are_no_text(tmp_path):
    touch(tmp_path, os.fsdecode(b"caf\xe9/\xff.png"))
    (entry,) = list_folders(tmp_path).entries
    assert entry.label == "caf\\xe9"
    assert entry.path.exists()


def test_a_link_that_loops_is_a_problem_and_ends(tmp_path):
    touch(tmp_path, "a/1.png", "b/2.png")
    (tmp_path / "a" / "back").symlink_to(tmp_path / "a")
    (tmp_path / "b" / "up").symlink_to(tmp_path)
    (tmp_path / "b" / "self").symlink_to("self")
    listing = list_folders(tmp_path)
    assert len(listing.entries) == 2
    assert listing.problems == [
        f"{tmp_path}/a/back: the link leads to a folder that is read already, {tmp_path}/a",
        f"{tmp_path}/b/self: the link leads back to itself",
        f"{tmp_path}/b/up: the link leads to a folder that is read already, {tmp_path}",
    ]


def test_links_do_not_multiply(tmp_path):
    """Two links to each next folder would make 2³⁰ visits."""
    touch(tmp_path, "a/1.png", "b/2.png")
    store = tmp_path.parent / f"{tmp_path.name}-store"
    for depth in range(30):
        (store / str(depth)).mkdir(parents=True)
        for name in "xy":
            (store / str(depth) / name).symlink_to(store / str(depth + 1))
    (tmp_path / "a" / "deep").symlink_to(store / "0")
    assert len(list_folders(tmp_path).problems) == 29


def test_a_linked_class_is_followed(tmp_path):
    touch(tmp_path, "elsewhere/1.png", "set/b/2.png")
    (tmp_path / "set" / "a").symlink_to(tmp_path / "elsewhere")
    assert [label for label, *_ in listed(tmp_path / "set")] == ["a", "b"]


BAD = {
    "empty": ([], "the folder must be one of class folders; got an empty folder. Put the images of each class into a folder of its own"),
    "images without a class": (["1.png", "2.jpg"], "got 2 images without a class. Put the images"),
    "a class without images": (["a/1.png", "b/notes.txt"], "b: images must be at least one in every class folder; got none, but 1 files of other kinds. Add images or remove the folder."),
    "an empty class": (["a/1.png", "b/.keep"], "b: images must be at least one in every class folder; got none. Add"),
    "no test": (["train/a/1.png", "val/a/1.png"], "a split must be given as train/ and test/; got train/, val/. Name the two folders"),
    "train alone": (["train/a/1.png"], "a split must be given as train/ and test/; got train/"),
    "an empty test": (["train/a/1.png", "test/.keep"], "test: the folder must be one of class folders; got an empty folder"),
}  # fmt: skip


@pytest.mark.parametrize("fault", BAD)
def test_what_is_no_set_of_classes_is_refused(tmp_path, fault):
    files, message = BAD[fault]
    touch(tmp_path, *files)
    with pytest.raises(DataError, match=message) as caught:
        list_folders(tmp_path)
    assert str(caught.value).startswith(str(tmp_path))


def test_a_folder_that_cannot_be_read(tmp_path, monkeypatch):
    touch(tmp_path, "a/1.png")

    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(DataError, match="the folder must be one that can be read; got Permission denied"):
        list_folders(tmp_path)


def test_every_image_under_a_folder(tmp_path):
    touch(tmp_path, "10.png", "9.JPG", "b/c/d/x.webp", "b/notes.txt", "b/.hidden.png", ".git/x.png")
    listing = list_images(tmp_path)
    assert [e.path.relative_to(tmp_path).as_posix() for e in listing.entries] == [
        "9.JPG",
        "10.png",
        "b/c/d/x.webp",
    ]
    assert {e.label for e in listing.entries} == {""}
    assert listing.notes == [
        "hidden files and folders passed over: 2",
        "files that are no images passed over: .txt 1",
    ]


def test_one_file_is_a_list_of_one_whatever_its_suffix(tmp_path):
    touch(tmp_path, "picture.dat")
    (entry,) = list_images(tmp_path / "picture.dat").entries
    assert entry.path == tmp_path / "picture.dat"


def test_a_folder_without_images_says_what_it_holds(tmp_path):
    touch(tmp_path, "notes.txt")
    with pytest.raises(
        DataError, match=r"at least one; got none \(files that are no images passed over: .txt 1\)"
    ):
        list_images(tmp_path)
    with pytest.raises(DataError, match="nowhere"):
        list_images(tmp_path / "nowhere")
