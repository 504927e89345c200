"""Ten photographs in crops: the same everywhere, without a leak, neither trivial nor hopeless."""

import dataclasses
import hashlib
import time

import numpy as np
import pytest
from PIL import Image, features

from featbench.datasets import photos as module
from featbench.datasets.opening import check_dataset
from featbench.datasets.photos import COLUMNS, CROPS, PHOTOGRAPHS, ROWS, Photos
from featbench.datasets.summary import fingerprint
from featbench.errors import DataError
from featbench.imagesets import ImageSet

# Of everything, with libjpeg-turbo 3 as Pillow's wheels bring it; and of the five photographs that are PNG
# files, and so decode to the same pixels everywhere.
FINGERPRINT = "8b7abad06b095ef55ddac23c64a2ddeab81999ac2be8e534eea44b2c4cf61f07"
FINGERPRINT_PNG = "930f6e37a0d65948d7b5dedd26061bc8f8c2f663b1f4bb34c1138778d0f18b02"
# Of labels and groups, in their order: the geometry, which depends on no decoder.
FINGERPRINT_SPLIT = "270839b41536f36254bd0524f8d5d8c842dd2dede40f551dcd585ba18d3112ea"

# Mean of red, green and blue over the training crops of each JPEG photograph, computed once. Decoders of other
# libraries round differently, by less than one level in the mean.
JPEG_MEANS = {
    "galaxies": [17.6, 19.1, 18.4],
    "retina": [216.9, 88.1, 62.9],
    "rocket": [50.7, 60.0, 81.8],
    "pagoda": [143.9, 144.9, 139.0],
    "dahlia": [53.9, 71.7, 54.8],
}
DECODER_ROUNDING = 1.0


@pytest.fixture
def dataset(photos):
    return photos


def test_ten_classes_of_500_and_100(dataset):
    check_dataset(dataset)
    assert len(dataset.classes) == len(set(dataset.classes)) == 10
    for part, images, groups in ((dataset.train, 500, 50), (dataset.test, 100, 10)):
        assert part.images.shape == (10 * images, 32, 32, 3)
        assert part.images.dtype == np.uint8
        assert np.bincount(part.labels).tolist() == [images] * 10
        for label in range(10):
            assert len(np.unique(part.groups[part.labels == label])) == groups
    assert dataset.official_split
    assert dataset.shareable


def test_a_group_is_one_block_of_one_photograph_on_one_side(dataset):
    train, test = dataset.train, dataset.test
    assert not set(train.groups) & set(test.groups)
    for part in (train, test):
        assert (part.groups // (COLUMNS * ROWS) == part.labels).all()
        assert set(np.bincount(part.groups)) <= {0, CROPS}


def test_the_seed_changes_nothing(dataset):
    again = Photos().load(seed=7)
    assert fingerprint(again) == fingerprint(dataset)


def test_fingerprint(dataset):
    split = hashlib.sha256()
    for part in (dataset.train, dataset.test):
        split.update(np.stack([part.labels, part.groups]).astype("<i8").tobytes())
    assert split.hexdigest() == FINGERPRINT_SPLIT
    png = [number for number, p in enumerate(PHOTOGRAPHS) if p.file.endswith(".png")]
    parts = [part.take(np.flatnonzero(np.isin(part.labels, png))) for part in (dataset.train, dataset.test)]
    assert fingerprint(dataclasses.replace(dataset, train=parts[0], test=parts[1])) == FINGERPRINT_PNG
    for name, mean in JPEG_MEANS.items():
        label = dataset.classes.index(name)
        got = dataset.train.images[dataset.train.labels == label].mean(axis=(0, 1, 2))
        np.testing.assert_allclose(got, mean, atol=DECODER_ROUNDING)
    if features.check_feature("libjpeg_turbo") and features.version_feature("libjpeg_turbo").startswith("3."):
        assert fingerprint(dataset) == FINGERPRINT


def test_crops_stay_inside_their_blocks(monkeypatch):
    """A picture that is the number of its blocks gives crops of one number each."""
    photograph = dataclasses.replace(PHOTOGRAPHS[0], box=None)
    blocks = np.arange(COLUMNS * ROWS, dtype=np.uint8).reshape(ROWS, COLUMNS)
    width, height = 45, 50  # of a block, as the smallest photograph has it
    picture = np.zeros((ROWS * height + 3, COLUMNS * width + 7, 3), dtype=np.uint8)
    picture[: ROWS * height, : COLUMNS * width] = blocks.repeat(height, 0).repeat(width, 1)[..., None]
    monkeypatch.setattr(module, "_read", lambda _: Image.fromarray(picture))
    crops = module._cut(photograph, 0).reshape(COLUMNS * ROWS, -1)
    assert (crops == crops[:, :1]).all()
    assert crops[:, 0].tolist() == list(range(COLUMNS * ROWS))


def test_no_crop_is_enlarged():
    for photograph in PHOTOGRAPHS:
        picture = module._read(photograph)
        if photograph.box:
            picture = picture.crop(photograph.box)
        shorter = min(picture.width // COLUMNS, picture.height // ROWS)
        assert int(module.SMALLEST * shorter) >= 32
        assert shorter <= 145  # as the docstring says


def test_loads_in_two_seconds(dataset):
    """The best of three, so that another process does not fail it; the first load was the fixture's."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        Photos().load()
        times.append(time.perf_counter() - start)
    assert min(times) < 2


def test_neither_at_chance_nor_at_the_ceiling(dataset):
    """With the classifiers of another library; chance is 0.1."""
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import LinearSVC

    from featbench.extractors import HOG

    train, test = dataset.train, dataset.test
    hog, scaler = HOG(orientations=9, cell=8, block=2), StandardScaler()
    svm = LinearSVC(C=1e-3).fit(scaler.fit_transform(hog.fit_transform(train.images)), train.labels)
    accuracy = svm.score(scaler.transform(hog.transform(test.images)), test.labels)
    assert 0.35 < accuracy < 0.8
    flat = [part.images.reshape(len(part), -1) / np.float32(255) for part in (train, test)]
    nearest = KNeighborsClassifier(1).fit(flat[0], train.labels).score(flat[1], test.labels)
    assert 0.35 < nearest < 0.9


def test_training_rows_are_shuffled(dataset):
    """So that the first images of the set are a fair part of it."""
    first = np.bincount(dataset.train.labels[:1000], minlength=10)
    # Binomial with p = 0.1: five deviations of sqrt(1000 · 0.09).
    assert (abs(first - 100) < 5 * np.sqrt(90)).all()


@pytest.mark.parametrize("fault", ["missing", "changed", "no package"])
def test_a_file_that_is_not_there_or_not_the_one_is_named(monkeypatch, fault):
    broken = {
        "missing": dataclasses.replace(PHOTOGRAPHS[8], file="datasets/images/nowhere.jpg"),
        "changed": dataclasses.replace(PHOTOGRAPHS[8], sha256="0" * 64),
        "no package": dataclasses.replace(PHOTOGRAPHS[8], package="no_such_package"),
    }[fault]
    monkeypatch.setattr(module, "PHOTOGRAPHS", (*PHOTOGRAPHS[:1], broken))
    with pytest.raises(DataError) as caught:
        Photos().load()
    message = str(caught.value)
    assert f"photos: {broken.file} of scikit-learn must be" in message
    assert "pip install --force-reinstall scikit-learn" in message
    assert "constraints.txt" in message
    if fault == "changed":
        assert "8378025ad2519d64… in " in message


def test_ten_different_photographs():
    assert len({p.sha256 for p in PHOTOGRAPHS}) == len(PHOTOGRAPHS) == 10


def test_take_keeps_rows_together(dataset):
    rows = np.array([3, 1])
    taken = dataset.train.take(rows)
    assert isinstance(taken, ImageSet)
    assert (taken.images == dataset.train.images[rows]).all()
    assert (taken.groups == dataset.train.groups[rows]).all()
