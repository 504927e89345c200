"""Extraction to a file: the rows, what is learned, what is refused, and that nothing is lost or mixed."""

import json
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest

from featbench.base import Extractor
from featbench.datasets.decode import MAX_PIXELS, decode
from featbench.errors import ConfigError, DataError, InputError, StoreError
from featbench.extraction import extract_to, files
from featbench.extractors import HOG, ColorHistogram, Concat, HueHistogram, Mapped, RawPixels
from featbench.maps import Power

NAMES = ["1.png", "2.png", "10.png", "b/deep/x.png", "b/y.png"]


def decoded(root, size=16, resize="squash", names=NAMES):
    images = [decode(root / name, size, resize, MAX_PIXELS) for name in names]
    return images if size is None else np.stack(images)


@pytest.mark.parametrize(
    "extractor",
    [
        HOG(cell=4),
        RawPixels(dtype="uint8"),
        RawPixels(center=True, grey=True),
        Concat([HOG(cell=8), HueHistogram()]),
    ],
    ids=repr,
)
@pytest.mark.parametrize("resize", ["squash", "pad"])
def test_rows_are_those_of_transform(photos, two_at_once, extractor, resize):
    done = extract_to(extractor, photos, photos.parent / "out/f.npy", size=16, resize=resize)
    images = decoded(photos, resize=resize)
    expected = type(extractor)(**extractor.get_params(deep=False)).fit(images).transform(images)
    rows = np.load(done.output, mmap_mode="r")
    assert rows.dtype == expected.dtype
    np.testing.assert_array_equal(rows, expected)
    assert done.shape == expected.shape
    assert not hasattr(extractor, "image_shape_"), "the caller's own extractor is left as it was"


def test_images_that_keep_their_sizes(photos, two_at_once):
    extractor = ColorHistogram()
    done = extract_to(extractor, photos, photos.parent / "f.npy", size="keep")
    images = decoded(photos, None)
    assert len({image.shape for image in images}) == 5
    np.testing.assert_array_equal(np.load(done.output), ColorHistogram().fit(images).transform(images))


@pytest.mark.parametrize(
    "extractor",
    [
        HueHistogram(),
        Concat([HueHistogram(), Concat([ColorHistogram()], scale="none")], scale="none"),
        Mapped(HueHistogram(), [Power()]),
    ],
    ids=repr,
)
def test_images_of_one_size_that_keep_it(photos, extractor):
    """Fitted on one size by chance, the saved extractor takes every other, and so do those inside it."""
    done = extract_to(extractor, [photos / "1.png"], photos.parent / "f.npy", size="keep")
    assert done.shape[0] == 1
    saved = Extractor.load(photos.parent / "f.extractor")
    again = extract_to(saved, photos, photos.parent / "g.npy")
    images = decoded(photos, None)
    np.testing.assert_array_equal(np.load(again.output), extractor.fit(images).transform(images))


def test_a_saved_extractor_gives_features_of_the_same_space(photos, tmp_path):
    """What was learned from one folder is used on another; without saving, another mean is learned."""
    extract_to(RawPixels(center=True), photos, tmp_path / "f.npy", size=16)
    saved = Extractor.load(tmp_path / "f.extractor")
    other = extract_to(saved, photos / "b", tmp_path / "g.npy")
    np.testing.assert_array_equal(np.load(other.output), np.load(tmp_path / "f.npy")[3:])
    anew = extract_to(RawPixels(center=True), photos / "b", tmp_path / "h.npy", size=16)
    assert not np.array_equal(np.load(anew.output), np.load(other.output))


def test_a_single_image(photos, tmp_path):
    done = extract_to(HOG(), photos / "2.png", tmp_path / "f.npy", size=32)
    np.testing.assert_array_equal(
        np.load(done.output), HOG().fit_transform(decoded(photos, 32, names=["2.png"]))
    )


class _Labels(RawPixels):
    uses_labels = True


@pytest.mark.parametrize(
    ("extractor", "options", "said"),
    [
        (HOG(), {"size": "keep"}, "HOG: needs images of one size"),
        (HOG(), {"size": 4}, "size must be 'keep', or pixels from 8 to 1024; got 4"),
        (HOG(), {"resize": "stretch"}, "resize must be 'squash', 'crop' or 'pad'; got 'stretch'"),
        (HOG(), {"size": "keep", "resize": None}, "resize must be 'squash', 'crop' or 'pad'; got None"),
        (_Labels(), {}, "learns from labels, which a folder of images does not tell"),
        (HOG().fit(np.zeros((1, 32, 32, 3), np.uint8)), {"size": 16}, "fitted on images of 32 × 32 pixels, and size is 16"),
        (HOG().fit(np.zeros((1, 32, 32), np.uint8)), {}, "one fitted on (32, 32)"),
        (HueHistogram().fit(np.zeros((1, 32, 32, 3), np.uint8)), {"size": "keep"}, "was fitted on images of (32, 32, 3)"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_for(photos, tmp_path, extractor, options, said):
    with pytest.raises(ConfigError) as caught:
        extract_to(extractor, photos, tmp_path / "f.npy", **options)
    assert said in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photos"]


def test_an_extractor_that_learned_from_labels_may_be_used_once_fitted(photos, tmp_path):
    fitted = _Labels().fit(decoded(photos), np.arange(5))
    np.testing.assert_array_equal(
        np.load(extract_to(fitted, photos, tmp_path / "f.npy").output), fitted.transform(decoded(photos))
    )


def test_parameters_are_checked_before_anything_is_read(photos, tmp_path):
    with pytest.raises(InputError, match="cell"):
        extract_to(HOG(cell=0), photos, tmp_path / "f.npy")
    with pytest.raises(InputError, match="16"):
        extract_to(HOG(cell=32), photos, tmp_path / "out/f.npy", size=16)
    assert [path.name for path in tmp_path.iterdir()] == ["photos"], "nothing is left where nothing was done"


@pytest.mark.parametrize(
    ("extractor", "said"),
    [
        ("hog", r"got the text 'hog'\. .*choose_extractor\('hog'\)"),
        (HOG, r"got the class HOG\. Make one of it: HOG\(\)"),
        (None, "got a value of type NoneType"),
    ],
)
def test_what_is_no_extractor(photos, tmp_path, extractor, said):
    with pytest.raises(InputError, match=f"the extractor must be an Extractor object; {said}"):
        extract_to(extractor, photos, tmp_path / "f.npy")


def test_an_extractor_at_fault_is_named(photos, tmp_path):
    class Broken(RawPixels):
        def _extract(self, images):
            return super()._extract(images) * np.float32(np.nan)

    with pytest.raises(InputError, match=r"Broken: features must be finite.*check_extractor"):
        extract_to(Broken(), photos, tmp_path / "f.npy")


# Files that cannot be used ------------------------------------------------------------------------------


def spoil(photos):
    (photos / "2.png").write_bytes(b"no image")
    (photos / "b/y.png").write_bytes((photos / "b/y.png").read_bytes()[:60])


def test_unreadable_files_are_told_together_and_nothing_done_is_lost(photos, two_at_once, tmp_path):
    spoil(photos)
    with pytest.raises(DataError) as caught:
        extract_to(HOG(), photos, tmp_path / "f.npy", size=16)
    told = str(caught.value)
    assert told.startswith("2.png: cannot be read as an image: ")
    assert "; b/y.png: cannot be read as an image: " in told
    assert "The features of 3 other files are kept: add --skip-unreadable" in told
    assert not (tmp_path / "f.npy").exists()
    listed = tmp_path / "f.npy.partial/f.unreadable.txt"
    assert f"All 2 are listed in {listed}." in told
    assert [line.partition("\t")[0] for line in listed.read_text().splitlines()] == ["2.png", "b/y.png"]

    done = extract_to(HOG(), photos, tmp_path / "f.npy", size=16, skip_unreadable=True)
    assert done.n_resumed == 5, "nothing is extracted a second time"
    assert [reason.partition(":")[0] for reason in done.left_out] == ["2.png", "b/y.png"]
    good = decoded(photos, names=["1.png", "10.png", "b/deep/x.png"])
    np.testing.assert_array_equal(np.load(tmp_path / "f.npy", mmap_mode="r"), HOG().fit_transform(good))
    names = (tmp_path / "f.files.csv").read_text()
    assert names == "row,file\n0,1.png\n1,10.png\n2,b/deep/x.png\n"
    manifest = json.loads((tmp_path / "f.json").read_text())
    assert [left["file"] for left in manifest["left_out"]] == ["2.png", "b/y.png"]
    assert manifest["left_out"][0]["reason"].startswith("cannot be read as an image")
    assert manifest["shape"] == [3, 36 * 1]


@pytest.mark.parametrize("size", [16, "keep"])
def test_once_what_is_listed_is_removed_the_same_call_goes_on(photos, two_at_once, tmp_path, size):
    spoil(photos)
    with pytest.raises(DataError, match="Once all that are listed are removed, the same command goes on"):
        extract_to(HueHistogram(), photos, tmp_path / "f.npy", size=size)
    (photos / "2.png").unlink()
    with pytest.raises(ConfigError, match="the image files changed"):
        extract_to(HueHistogram(), photos, tmp_path / "f.npy", size=size)
    (photos / "b/y.png").unlink()
    done = extract_to(HueHistogram(), photos, tmp_path / "f.npy", size=size)
    assert (done.n_resumed, done.left_out) == (3, ())
    anew = extract_to(HueHistogram(), photos, tmp_path / "g.npy", size=size)
    np.testing.assert_array_equal(np.load(done.output), np.load(anew.output))
    assert (tmp_path / "f.files.csv").read_text() == (tmp_path / "g.files.csv").read_text()
    assert not (tmp_path / "f.npy.partial").exists()


def test_a_file_changed_while_it_was_worked_on_is_no_removal(photos, two_at_once, tmp_path):
    """What goes on is compared with the files as they were at the start."""
    spoil(photos)

    class Touch:
        def begin(self, n_files, n_done): ...
        def stage(self, text): ...
        def end(self): ...

        def advance(self, n_done, n_left_out):
            (photos / "1.png").touch()

    with pytest.raises(DataError):
        extract_to(HOG(), photos, tmp_path / "f.npy", progress=Touch())
    for name in ("2.png", "b/y.png"):
        (photos / name).unlink()
    with pytest.raises(ConfigError, match="the image files changed"):
        extract_to(HOG(), photos, tmp_path / "f.npy")


def test_what_was_learned_from_other_files_does_not_go_on(photos, two_at_once, tmp_path):
    """Fitted on drawn images, of which fewer would have been others."""
    spoil(photos)
    with pytest.raises(DataError, match="Once a file is mended or removed, only --force goes on"):
        extract_to(RawPixels(center=True, size=4), photos, tmp_path / "f.npy", size="keep")
    for name in ("2.png", "b/y.png"):
        (photos / name).unlink()
    with pytest.raises(ConfigError, match="the image files changed"):
        extract_to(RawPixels(center=True, size=4), photos, tmp_path / "f.npy", size="keep")


@pytest.mark.parametrize("size", [16, "keep"])
def test_what_is_learned_is_learned_from_files_that_can_be_read(photos, tmp_path, size):
    extractor = RawPixels(center=True, size=8)
    spoil(photos)
    options = {"size": size, "skip_unreadable": True}
    done = extract_to(extractor, photos, tmp_path / "f.npy", **options)
    good = decoded(photos, None if size == "keep" else size, names=["1.png", "10.png", "b/deep/x.png"])
    np.testing.assert_array_equal(
        np.load(done.output), RawPixels(center=True, size=8).fit(good).transform(good)
    )


def test_what_has_to_be_learned_stops_at_unreadable_files_and_names_all(photos, tmp_path):
    spoil(photos)
    with pytest.raises(
        DataError, match=r"^2\.png.*; b/y\.png.*All 2 are listed.*mend or remove them and run"
    ):
        extract_to(RawPixels(center=True), photos, tmp_path / "f.npy")
    assert len((tmp_path / "f.npy.partial/f.unreadable.txt").read_text().splitlines()) == 2
    for name in ("2.png", "b/y.png"):
        (photos / name).unlink()
    assert extract_to(RawPixels(center=True), photos, tmp_path / "f.npy").shape[0] == 3


def test_an_image_too_small_for_the_extractor_is_a_file_that_cannot_be_used(photos, tmp_path):
    from featbench.extractors import LBP

    extractor = LBP(grid=9)
    with pytest.raises(DataError, match=r"10\.png: LBP: "):
        extract_to(extractor, photos, tmp_path / "f.npy", size="keep")
    done = extract_to(extractor, photos, tmp_path / "f.npy", size="keep", skip_unreadable=True)
    kept = [name for name in NAMES if name not in {left.partition(":")[0] for left in done.left_out}]
    images = decoded(photos, None, names=kept)
    np.testing.assert_array_equal(np.load(done.output), LBP(grid=9).fit(images).transform(images))


def test_no_file_can_be_used(photos, tmp_path):
    for name in NAMES:
        (photos / name).write_bytes(b"")
    for extractor in (HueHistogram(), RawPixels(center=True, size=4)):
        for size in (16, "keep"):
            with pytest.raises(DataError, match="no image can be used: "):
                extract_to(extractor, photos, tmp_path / "f.npy", size=size, skip_unreadable=True)
    assert not (tmp_path / "f.npy").exists()


# Interruptions ------------------------------------------------------------------------------------------

_BOUNDARIES = (
    (os, "fsync"),
    (os, "posix_fallocate"),
    (Path, "replace"),
    (Path, "unlink"),
    (shutil, "rmtree"),
)


def killed_before(call, boundary):
    """Run a call in a child that is killed before its n-th step on the disk; tell whether it was."""
    child = os.fork()
    if child == 0:
        left = [boundary]

        def counted(real):
            def step(*arguments, **keywords):
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                left[0] -= 1
                return real(*arguments, **keywords)

            return step

        for owner, name in _BOUNDARIES:
            setattr(owner, name, counted(getattr(owner, name)))
        call()
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.parametrize("suffix", ["npy", "parquet"])
def test_killed_at_any_step_the_same_call_finishes(photos, two_at_once, tmp_path, suffix, monkeypatch):
    """At each flush, rename and removal: what stands under the final name is whole, and the rest goes on."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)  # a step as before, which need not wait for a disk
    extractor = RawPixels(center=True)
    fitted = RawPixels(center=True).fit(decoded(photos))
    expected = fitted.transform(decoded(photos))
    resumed = set()
    boundary = 0 if suffix == "npy" else 18  # the table is written after all that
    while True:
        output = tmp_path / str(boundary) / f"f.{suffix}"

        def call(output=output):
            return extract_to(extractor, photos, output, size=16)

        if not killed_before(call, boundary):
            break
        if not output.exists():
            resumed.add(call().n_resumed)
        if suffix == "npy":
            np.testing.assert_array_equal(np.load(output), expected)
        beside = {p.name for p in output.parent.iterdir()} - {f"f.{suffix}.partial"}
        names = {"f.files.csv"} if suffix == "npy" else set()
        assert beside == {output.name, "f.json", "f.extractor"} | names
        assert json.loads((output.parent / "f.json").read_text())["shape"] == [5, 768]
        loaded = Extractor.load(output.parent / "f.extractor")
        np.testing.assert_array_equal(loaded.mean_, fitted.mean_)
        boundary += 1
    assert boundary > 20
    assert resumed == {0, 2, 4, 5} if suffix == "npy" else 5 in resumed


def test_rows_are_on_the_disk_before_they_are_promised(photos, two_at_once, tmp_path, monkeypatch):
    events = []
    fsync, replace = os.fsync, Path.replace

    def synced(handle):
        events.append(("flush", Path(f"/proc/self/fd/{handle}").readlink().name))
        fsync(handle)

    def replaced(self, target):
        events.append(("rename", target.name))
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", replaced)
    extract_to(HOG(), photos, tmp_path / "f.npy", size=16)
    promises = [i for i, event in enumerate(events) if event == ("rename", "progress.json")]
    assert len(promises) == 5, "once fitted, once opened, and after each of three chunks"
    for i in promises[2:]:
        assert events[i - 2] == ("flush", "rows.npy")
        assert events[i - 1][0] == "flush", "of the promise itself"


def interrupted(photos, output, extractor, after=2, **options):
    """Extract until so many files are done, and press Ctrl-C."""

    class Stop:
        def begin(self, n_files, n_done): ...
        def stage(self, text): ...
        def end(self): ...

        def advance(self, n_done, n_left_out):
            if n_done >= after:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        extract_to(extractor, photos, output, progress=Stop(), **options)


def test_after_ctrl_c_only_the_rest_is_extracted(photos, two_at_once, tmp_path, monkeypatch):
    interrupted(photos, tmp_path / "f.npy", RawPixels(center=True), after=4, size=16)
    counts = []
    transform = RawPixels.transform
    monkeypatch.setattr(
        RawPixels, "transform", lambda self, images: (counts.append(len(images)), transform(self, images))[1]
    )
    monkeypatch.setattr(RawPixels, "fit", lambda *_: pytest.fail("what was learned is kept"))
    done = extract_to(RawPixels(center=True), photos, tmp_path / "f.npy", size=16)
    assert counts == [1]
    assert done.n_resumed == 4
    monkeypatch.undo()
    np.testing.assert_array_equal(np.load(done.output), RawPixels(center=True).fit_transform(decoded(photos)))
    assert not (tmp_path / "f.npy.partial").exists()


def test_rows_of_different_makes_are_not_mixed(photos, two_at_once, tmp_path):
    output = tmp_path / "f.npy"
    interrupted(photos, output, HOG(cell=4), size=16)
    changes = {
        "the extractor or its parameters": (HOG(cell=8), {"size": 16}),
        "the size of the images": (HOG(cell=4), {"size": 24}),
        "or how they become square": (HOG(cell=4), {"size": 16, "resize": "crop"}),
        "what the extractor has learned": (HOG(cell=4).fit(decoded(photos)), {}),
    }
    for said, (extractor, options) in changes.items():
        with pytest.raises(ConfigError, match=rf"holds 2 rows of an extraction.*{said}.*--force"):
            extract_to(extractor, photos, output, **options)
    (photos / "1.png").touch()
    with pytest.raises(ConfigError, match="since then the image files changed"):
        extract_to(HOG(cell=4), photos, output, size=16)
    done = extract_to(HOG(cell=8), photos, output, size=16, force=True)
    assert done.n_resumed == 0
    np.testing.assert_array_equal(np.load(output), HOG(cell=8).fit_transform(decoded(photos)))


def test_other_code_is_another_make(photos, two_at_once, tmp_path, monkeypatch):
    from featbench.extraction import extracting

    interrupted(photos, tmp_path / "f.npy", HOG(), size=16)
    monkeypatch.setattr(extracting, "code_fingerprint", lambda: "other")
    with pytest.raises(ConfigError, match="the code of featbench or of a plug-in changed"):
        extract_to(HOG(), photos, tmp_path / "f.npy", size=16)


def test_what_is_there_is_not_replaced_unasked(photos, tmp_path):
    extract_to(HOG(), photos, tmp_path / "f.npy", size=16)
    before = (tmp_path / "f.npy").read_bytes()
    with pytest.raises(ConfigError, match=r"f\.npy: is there already\. Replace it with --force"):
        extract_to(HueHistogram(), photos, tmp_path / "f.npy")
    with pytest.raises(ConfigError, match=r"f\.json: is there already"):
        extract_to(HueHistogram(), photos, tmp_path / "f.parquet")
    assert (tmp_path / "f.npy").read_bytes() == before
    extract_to(HueHistogram(), photos, tmp_path / "f.npy", force=True)
    assert json.loads((tmp_path / "f.json").read_text())["extractor"]["name"] == "hue"


def test_two_at_once_into_one_output(photos, two_at_once, tmp_path):
    class Second:
        def begin(self, n_files, n_done): ...
        def stage(self, text): ...
        def end(self): ...

        def advance(self, n_done, n_left_out):
            with pytest.raises(StoreError, match="another extraction is writing here"):
                extract_to(HOG(), photos, tmp_path / "f.npy", size=16)

    extract_to(HOG(), photos, tmp_path / "f.npy", size=16, progress=Second())


# Memory -------------------------------------------------------------------------------------------------

# What the allocator holds back differs by some megabytes from run to run; 6,000 rows are 42.
_SLACK_KB = 20_000


def anonymous_kb():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon:"))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="RssAnon is told by Linux alone")
def test_memory_does_not_grow_with_the_number_of_images(photos, tmp_path):
    def peak(n):
        most = [0]

        class Watch:
            def begin(self, n_files, n_done): ...
            def stage(self, text): ...
            def end(self): ...

            def advance(self, n_done, n_left_out):
                most[0] = max(most[0], anonymous_kb())

        done = extract_to(HOG(), [photos / "10.png"] * n, tmp_path / f"{n}.npy", progress=Watch())
        assert done.shape == (n, 1764)
        return most[0]

    assert files._MOST_FILES < 1000
    few = peak(2000)
    assert peak(8000) - few < _SLACK_KB


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="files are limited as on Linux")
@pytest.mark.parametrize("reserved", [True, False])
def test_a_full_disk_is_told_and_leaves_nothing_half_written(
    photos, two_at_once, tmp_path, monkeypatch, reserved
):
    import resource

    from featbench.extraction import stage

    if not reserved:  # as where a file system cannot promise space
        monkeypatch.setattr(stage, "reserve", lambda handle, n_bytes: None)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, hard))  # a row is 12,288 bytes
    try:
        with pytest.raises(StoreError) as caught:
            extract_to(RawPixels(), photos, tmp_path / "f.npy", size=32)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "Nothing was written under the final name. Free space" in str(caught.value)
    assert ("0 MB are needed" in str(caught.value)) == reserved
    assert not (tmp_path / "f.npy").exists()
    monkeypatch.undo()
    done = extract_to(RawPixels(), photos, tmp_path / "f.npy", size=32)
    assert done.n_resumed == (0 if reserved else 2)
    np.testing.assert_array_equal(np.load(done.output), RawPixels().fit_transform(decoded(photos, 32)))
