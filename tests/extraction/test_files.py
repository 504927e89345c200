"""Which files are read, how they are told apart, and how much of them is decoded at once."""

import os
from urllib.parse import unquote_to_bytes

import numpy as np
import pytest
from PIL import Image

from featbench.datasets.decode import MAX_PIXELS
from featbench.errors import DataError, InputError
from featbench.extraction import files
from featbench.extraction.files import Decoding, find_images, fingerprint


def test_names_are_relative_to_the_folder(photos):
    found = find_images(photos)
    assert found.names == ["1.png", "2.png", "10.png", "b/deep/x.png", "b/y.png"]
    assert [path.relative_to(photos).as_posix() for path in found.paths] == found.names
    assert find_images(photos / "b").names == ["deep/x.png", "y.png"]
    assert find_images(photos / "2.png").names == ["2.png"]


def test_a_name_that_is_no_text_can_be_written(tmp_path):
    (tmp_path / os.fsdecode(b"caf\xe9.png")).touch()
    found = find_images(tmp_path)
    assert found.names == ["caf\\xe9.png"]
    assert found.paths[0].exists()
    assert len(fingerprint(found.states())) == 64
    assert found.percent_names == {0: "caf%E9.png"}
    assert os.fsencode(found.paths[0].parent) + b"/" + unquote_to_bytes("caf%E9.png") == os.fsencode(
        found.paths[0]
    )


def test_files_may_be_listed(photos):
    found = find_images([photos / "2.png", str(photos / "1.png"), photos / "2.png"])
    assert [path.name for path in found.paths] == ["2.png", "1.png", "2.png"]
    with pytest.raises(DataError, match="at least one file"):
        find_images([])


def test_a_list_may_hold_no_folder(photos):
    with pytest.raises(DataError, match=r"must be files; got the folder .*photos/b\. Give one folder alone"):
        find_images([photos / "1.png", photos / "b"])


@pytest.mark.parametrize(
    ("images", "got"),
    [
        (np.zeros((2, 8, 8, 3), np.uint8), r"ndarray of shape \(2, 8, 8, 3\)"),
        ([np.zeros((8, 8, 3), np.uint8)], "list that holds ndarray"),
        (3, "int"),
        (None, "NoneType"),
    ],
    ids=["array", "list of arrays", "number", "none"],
)
def test_what_names_no_files(images, got):
    with pytest.raises(
        InputError, match=f"images must be a folder, a file or a list of files; got {got}.*fit_transform"
    ):
        find_images(images)


def test_a_link_that_loops_is_refused(photos):
    (photos / "b" / "up").symlink_to(photos)
    with pytest.raises(
        DataError, match=r"b/up: the link leads to a folder that is read already.*Remove the link"
    ):
        find_images(photos)


def test_the_fingerprint_follows_names_sizes_and_times(photos):
    seen = {fingerprint(find_images(photos).states())}
    os.utime(photos / "1.png", ns=(0, 1))
    seen.add(fingerprint(find_images(photos).states()))
    (photos / "2.png").write_bytes(b"")
    seen.add(fingerprint(find_images(photos).states()))
    (photos / "2.png").rename(photos / "3.png")
    seen.add(fingerprint(find_images(photos).states()))
    (photos / "3.png").unlink()
    seen.add(fingerprint(find_images(photos).states()))
    assert len(seen) == 5


def test_chunks_are_bounded_in_files_and_bytes(photos, monkeypatch):
    paths = find_images(photos).paths
    monkeypatch.setattr(files, "_MOST_FILES", 3)
    assert list(Decoding(16, "squash", MAX_PIXELS).chunks(paths, 0)) == [(0, 3), (3, 5)]
    assert list(Decoding(16, "squash", MAX_PIXELS).chunks(paths, 3)) == [(3, 5)]
    assert list(Decoding(16, "squash", MAX_PIXELS).chunks(paths, 5)) == []
    monkeypatch.setattr(files, "_MOST_BYTES", 2 * 16 * 16 * 3)
    assert list(Decoding(16, "squash", MAX_PIXELS).chunks(paths, 0)) == [(0, 2), (2, 4), (4, 5)]
    assert list(Decoding(1024, "squash", MAX_PIXELS).chunks(paths, 0)) == [(i, i + 1) for i in range(5)]
    # Of their own sizes: 192, 180, 64, 256 and 330 pixels; 512 fit.
    assert list(Decoding(None, "squash", MAX_PIXELS).chunks(paths, 0)) == [(0, 3), (3, 4), (4, 5)]


def test_chunks_begin_small_and_grow_while_they_are_quick(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(files.time, "monotonic", lambda: now[0])
    took = iter([0.1, 0.5, 0.9, 0.9, 1.5, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0])
    sizes = []
    for start, stop in Decoding(8, "squash", MAX_PIXELS).chunks([None] * 2506, 0):
        sizes.append(stop - start)
        now[0] += next(took)
    assert sizes == [64, 128, 256, 512, 512, 512, 256, 128, 64, 64, 10]


def test_reading_leaves_out_what_cannot_be_decoded(photos):
    (photos / "2.png").write_bytes(b"no image")
    paths = find_images(photos).paths
    whole, problems = Decoding(8, "squash", MAX_PIXELS).read(paths)
    assert whole.shape == (4, 8, 8, 3)
    assert list(problems) == [1]
    own, problems = Decoding(None, "squash", MAX_PIXELS).read(paths)
    assert [image.shape for image in own] == [(12, 16, 3), (8, 8, 3), (16, 16, 3), (30, 11, 3)]
    assert list(problems) == [1]
    np.testing.assert_array_equal(own[1], np.asarray(Image.open(photos / "10.png")))


def test_resize_means_nothing_to_images_that_keep_their_size():
    kept = [Decoding(None, resize, 100).to_json() for resize in ("squash", "pad")]
    assert kept[0] == kept[1] == {"size": "keep", "resize": None, "max_pixels": 100}
