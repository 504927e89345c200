"""Opening a data set by name, and what is checked of what came."""

import dataclasses
from dataclasses import dataclass

import numpy as np
import pytest

from featbench.datasets import DATASETS, Digits, open_dataset
from featbench.datasets.opening import check_dataset
from featbench.errors import ConfigError, DataError, InputError, UnknownNameError
from featbench.imagesets import Dataset, DatasetLoader, ImageSet


def images(labels, groups=None, names=None, shape=(4, 4, 3)):
    labels = np.asarray(labels)
    groups = None if groups is None else np.asarray(groups)
    return ImageSet(np.zeros((len(labels), *shape), np.uint8), labels, groups, names)


GOOD = Dataset("made", ("cat", "[/red]"), images([0, 1, 1]), images([1]), True, True, "a test")


def test_every_registered_name_loads_a_loader_that_is_exported():
    import featbench.datasets

    for name in DATASETS.rows():
        cls = DATASETS.load(name)
        assert issubclass(cls, DatasetLoader)
        assert cls.__name__ in featbench.datasets.__all__
        assert getattr(featbench.datasets, cls.__name__) is cls
    with pytest.raises(AttributeError, match="has no attribute 'Nonsense'"):
        _ = featbench.datasets.Nonsense


def test_every_loader_has_a_schema_and_documents_its_parameters():
    """What an experiment file is validated against, and what `featbench info` shows."""
    from pydantic import TypeAdapter

    from featbench.docstrings import read_docstring

    for name in DATASETS.rows():
        cls = DATASETS.load(name)
        fields = [field.name for field in dataclasses.fields(cls)]
        schema = TypeAdapter(cls).json_schema()
        assert list(schema.get("properties", {})) == fields
        assert list(read_docstring(cls).parameters) == fields


def test_parameters_reach_the_loader():
    dataset = open_dataset("digits", {"test_size": 0.5}, seed=3)
    assert len(dataset.test) == len(Digits(test_size=0.5).load(3).test)


@pytest.mark.parametrize(
    ("name", "params", "error", "message"),
    [
        ("digts", {}, UnknownNameError, "exp.yaml:1: unknown dataset 'digts'. Did you mean 'digits'"),
        ("digits", {"testsize": 0.5}, UnknownNameError, "exp.yaml:1: unknown parameter 'testsize'. Did you mean 'test_size'"),
        ("folder", {}, ConfigError, "exp.yaml:1: 'root' is missing. Write it: {name: folder, root: …}"),
        ("npz", {}, ConfigError, "exp.yaml:1: 'path' is missing"),
        ("folder", {"root": 3}, InputError, "Folder: root must be text; got 3"),
        ("folder", {"root": "x", "size": 4}, InputError, "Folder: size must be an integer ≥ 8 and ≤ 1024; got 4"),
        ("folder", {"root": "x", "resize": "stretch"}, InputError, "Folder: resize must be one of 'squash', 'crop', 'pad'"),
        ("cifar10", {"max_train": 0}, InputError, "Cifar10: max_train must be .*≥ 1"),
        ("cifar10", {"download": "no"}, InputError, "Cifar10: download must be true or false; got 'no'"),
    ],
)  # fmt: skip
def test_bad_names_and_parameters(name, params, error, message):
    with pytest.raises(error, match=message):
        open_dataset(name, params, where="exp.yaml:1")


def test_a_loader_of_somebody_else_is_checked_too(monkeypatch):
    @dataclass(kw_only=True, eq=False, repr=False)
    class Empty(DatasetLoader):
        def load(self, seed=0):
            return dataclasses.replace(GOOD, test=images([]))

    monkeypatch.setitem(DATASETS._own, "empty", "somewhere:Empty")
    monkeypatch.setitem(DATASETS._classes, "empty", Empty)
    with pytest.raises(DataError, match="made: the test part must be at least one image; got none"):
        open_dataset("empty", {})


def test_a_good_one_passes():
    check_dataset(GOOD)


BAD = {
    "labels of another number": (
        {"test": ImageSet(np.zeros((2, 4, 4, 3), np.uint8), np.array([0]))},
        "made: test labels must be as many as the 2 test images; got 1",
    ),
    "names of another number": ({"test": images([1], names=[])}, "made: test names must be as many as the 1"),
    "a label without a name": (
        {"train": images([0, 1, 2])},
        "made: training labels must be from 0 to 1, as there are 2 class names; got 2",
    ),
    "a negative label": ({"train": images([0, 1, -1])}, "training labels must be from 0 to 1.*got -1"),
    "labels that are no integers": ({"train": images([0.0, 1.0])}, "training labels must be integers; got float64"),
    "one class": (
        {"train": images([1, 1]), "test": images([1])},
        r"made: training classes must be at least two; got \['\[/red\]'\]. .*add images of another class",
    ),
    "a class that is not learned": (
        {"classes": ("cat", "dog", "fox"), "test": images([2])},
        "a class that is tested must be trained on; got no training image of 'fox'. Add training images",
    ),
    "another shape": (
        {"test": images([1], shape=(5, 4, 3))},
        r"made: test images must be of the training images' shape, \(4, 4, 3\); got \(5, 4, 3\). Resize",
    ),
    "groups on one side": ({"test": images([1], [0])}, "made: groups must be told for both parts; got one only"),
    "a group on both sides": (
        {
            "train": images([0, 1, 1], [1, 2, 3], ["a.png", "b.png", "c.png"]),
            "test": images([1], [3], ["d.png"]),
        },
        "a group must be on one side of the split; got 'c.png' in training and 'd.png' in test.*mend the split",
    ),
    "a group on both sides, no names": (
        {"train": images([0, 1, 1], [1, 2, 3]), "test": images([1], [3])},
        "got 'row 2' in training and 'row 0' in test",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", BAD)
def test_what_contradicts_itself_is_refused(fault):
    change, message = BAD[fault]
    with pytest.raises(DataError, match=message):
        check_dataset(dataclasses.replace(GOOD, **change))


def test_images_of_another_kind_are_refused():
    floats = ImageSet(np.zeros((1, 4, 4, 3)), np.array([0]))
    with pytest.raises(InputError, match="made: test part: images must be of dtype uint8"):
        check_dataset(dataclasses.replace(GOOD, test=floats))
