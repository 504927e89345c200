"""What is told about a data set, and its fingerprint."""

import dataclasses
import json

import numpy as np
import pytest

from featbench.datasets import duplicates
from featbench.datasets.summary import fingerprint, summarize
from featbench.images import ImageSource
from featbench.imagesets import Dataset, ImageSet


def made(groups=True):
    rng = np.random.default_rng(0)
    parts = [
        ImageSet(
            rng.integers(0, 256, (n, 20, 24, 3)).astype(np.uint8),
            np.arange(n) % 2,
            np.arange(n) // 2 + 100 * n if groups else None,
        )
        for n in (8, 4)
    ]
    return Dataset("made", ("[/red]", "b\udcff"), *parts, False, True, "a test", ("a note",))


def test_summary_is_json_and_complete():
    summary = json.loads(json.dumps(summarize(made())))
    digits = summary.pop("fingerprint")
    assert len(digits) == 64
    assert summary == {
        "name": "made", "source": "a test", "shareable": True, "official_split": False, "notes": ["a note"],
        "classes": ["[/red]", "b\udcff"], "image_shape": [20, 24, 3],
        "n_train": 8, "train_counts": [4, 4], "train_groups": 4,
        "n_test": 4, "test_counts": [2, 2], "test_groups": 2,
        "duplicates": {"exact": 0, "near": 0, "compared": 4},
    }  # fmt: skip
    assert summarize(made(groups=False))["train_groups"] is None


def test_a_sample_is_said_to_be_one(monkeypatch):
    monkeypatch.setattr(duplicates, "_MOST_PAIRS", 8)
    assert summarize(made())["notes"][1] == "near duplicates were looked for among 1 of 4 test images"


def test_fingerprint_is_sha256_of_what_is_documented():
    import hashlib

    dataset = made()
    content = json.dumps(["[/red]", "b\udcff"]).encode()
    for part in (dataset.train, dataset.test):
        content += json.dumps([len(part), 20, 24, 3, 1]).encode()
        content += part.labels.astype("<i8").tobytes() + part.groups.astype("<i8").tobytes()
        content += part.images.tobytes()
    assert fingerprint(dataset) == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("what", ["pixel", "label", "group", "class", "side"])
def test_any_change_changes_it(what):
    dataset, changed = made(), made()
    if what == "pixel":
        changed.test.images[3, 19, 23, 2] ^= 1
    elif what == "label":
        changed.train.labels[0] = 1
    elif what == "group":
        changed.test.groups[0] += 1
    elif what == "class":
        changed = dataclasses.replace(changed, classes=("[/red]", "c"))
    else:
        changed = dataclasses.replace(changed, train=changed.test, test=changed.train)
    assert fingerprint(changed) != fingerprint(dataset)


def test_names_and_notes_do_not_enter():
    dataset = made()
    assert fingerprint(dataclasses.replace(dataset, name="other", notes=())) == fingerprint(dataset)


def test_images_in_files_have_the_same_fingerprint():
    class InFiles(ImageSource):
        def __init__(self, images):
            self.image_shape, self.images = images.shape[1:], images

        def __len__(self):
            return len(self.images)

        def read(self, indices):
            return self.images[indices]

    dataset = made()
    train = dataclasses.replace(dataset.train, images=InFiles(dataset.train.images))
    assert summarize(dataclasses.replace(dataset, train=train)) == summarize(dataset)
