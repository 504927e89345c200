"""Which extractor a word stands for."""

import numpy as np
import pytest

from featbench.errors import ConfigError, UnknownNameError
from featbench.extraction import choose_extractor, extract_to
from featbench.extractors import HOG, Concat, HueHistogram, RawPixels

EXPERIMENT = """\
dataset: {name: folder, root: nowhere, size: 48, resize: pad}
extractors: [hog, {name: hog, cell: 4}, {concat: [hog, hue]}]
classifier: knn
"""


@pytest.fixture
def experiment(tmp_path):
    path = tmp_path / "x.yaml"
    path.write_text(EXPERIMENT)
    return str(path)


def test_a_registered_name_and_its_parameters():
    assert repr(choose_extractor("hog").extractor) == repr(HOG())
    choice = choose_extractor("hog", ["cell=4", "signed=true"])
    assert repr(choice.extractor) == repr(HOG(cell=4, signed=True))
    assert choice.label == "hog(cell=4, signed=true)"
    assert choice.size is choice.resize is None


def test_one_of_an_experiment(experiment):
    choice = choose_extractor(experiment, which="hog(cell=4)")
    assert repr(choice.extractor) == repr(HOG(cell=4))
    assert (choice.size, choice.resize) == (48, "pad")
    joined = choose_extractor(experiment, which="hog & hue").extractor
    assert repr(joined) == repr(Concat([HOG(), HueHistogram()]))


def test_the_only_one_of_an_experiment_with_an_override(experiment):
    choice = choose_extractor(experiment, ["extractor={name: raw}", "extractor.size=8"])
    assert repr(choice.extractor) == repr(RawPixels(size=8))


def test_a_packaged_experiment():
    assert isinstance(choose_extractor("hog_svm").extractor, HOG)


def test_a_saved_one_brings_the_size_of_its_images(photos, tmp_path):
    extract_to(RawPixels(center=True), photos, tmp_path / "f.npy", size=24, resize="crop")
    choice = choose_extractor(str(tmp_path / "f.extractor"))
    assert choice.extractor.mean_.shape == (24 * 24 * 3,)
    assert (choice.size, choice.resize) == (24, "crop")


@pytest.mark.parametrize("damage", [None, "no JSON", "[1]"])
def test_saved_by_hand_it_tells_no_size(tmp_path, damage):
    HOG().fit(np.zeros((1, 16, 16, 3), np.uint8)).save(tmp_path)
    if damage:
        (tmp_path / "images.json").write_text(damage)
    choice = choose_extractor(str(tmp_path))
    assert choice.extractor.image_shape_ == (16, 16, 3)
    assert choice.size is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("hogg",), "unknown extractor .* 'hogg'. Did you mean 'hog'?"),
        (("hog", ["cel=4"]), "--set cel=4: unknown key 'cel'. Did you mean 'cell'?"),
        (("hog", ["cell=0"]), "--set cell=0: must be .*1; got 0"),
        (("hog", ["cell"]), "of the form key=value, such as cell=4; got 'cell'"),
        (("hog", ["name=hue"]), "of the form key=value"),
        (("hog", ["cell=[1"]), r"--set cell=\[1: .*quote the whole"),
        (("hog", (), "hog"), "--which: picks one of an experiment's extractors, and hog is a single one"),
        (("missing.yaml",), "missing.yaml"),
    ],
)
def test_what_cannot_be_meant(arguments, said):
    with pytest.raises(ConfigError, match=said):
        choose_extractor(*arguments)


def test_several_of_an_experiment_are_listed(experiment):
    with pytest.raises(
        ConfigError, match=r"has 3 extractors\. Pick one with --which: hog; hog\(cell=4\); hog & hue\."
    ):
        choose_extractor(experiment)
    with pytest.raises(
        UnknownNameError, match=r"--which: unknown extractor of .* 'hog & hu'\. Did you mean 'hog & hue'\?"
    ):
        choose_extractor(experiment, which="hog & hu")


def test_a_folder_of_images_in_the_wrong_place(photos):
    with pytest.raises(ConfigError, match="The folder of images comes second"):
        choose_extractor(str(photos))


def test_a_fitted_one_has_its_parameters(tmp_path):
    HOG().fit(np.zeros((1, 16, 16, 3), np.uint8)).save(tmp_path)
    with pytest.raises(ConfigError, match="--set cell=4: .* fitted already"):
        choose_extractor(str(tmp_path), ["cell=4"])
