"""Labels of files equal those of the pixels that the files hold, whatever the files are called."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from featbench.datasets.opening import open_dataset
from featbench.model import label_files, load
from featbench.model import labelling as labelling_module
from featbench.model.labelling import list_files


@pytest.fixture(scope="module")
def images():
    return open_dataset("digits", {}, seed=0).test.images[:20]


def test_files_get_the_labels_of_their_pixels_in_chunks_of_any_size(
    digits_model, images, tmp_path, monkeypatch
):
    model = load(digits_model)
    paths = [tmp_path / f"{i:02}.png" for i in range(20)]
    for path, image in zip(paths, images, strict=True):
        Image.fromarray(image).save(path)
    rows = model.features(images)
    for most in (512, 7, 1):
        monkeypatch.setattr(labelling_module, "_MOST_FILES", most)
        found = list(label_files(model, paths))
        assert [f.label for f in found] == model.predict(images).tolist()
        np.testing.assert_allclose([f.confidence for f in found], model.confidence(rows), rtol=1e-9)
        assert [f.file for f in found] == [str(path) for path in paths]


def test_odd_names_and_files_that_are_none(digits_model, images, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    names = ["=cmd().png", "new\nline.png", "ünï 数.png", "-rf.png", "\x1b[31m.png"]
    for name, image in zip(names, images, strict=False):
        Image.fromarray(image).save(folder / name)
    undecodable = os.fsencode(str(folder)) + b"/caf\xe9.png"
    with open(undecodable, "wb") as file:  # noqa: PTH123 - a name that is no UTF-8
        Image.fromarray(images[5]).save(file, format="PNG")
    (folder / "torn.png").write_bytes((folder / "-rf.png").read_bytes()[:40])
    files, problems = list_files([folder, tmp_path / "missing.png"])
    assert not problems
    found = list(label_files(load(digits_model), files))
    assert len(found) == 8
    bad = [f for f in found if f.problem is not None]
    assert [Path(f.file).name for f in bad] == ["torn.png", "missing.png"]
    assert all(f.label is None and f.confidence is None for f in bad)
    assert any(f.file.endswith(r"caf\xe9.png") for f in found)


def test_a_folder_without_images_is_a_problem_of_its_own(tmp_path, images):
    (tmp_path / "empty").mkdir()
    Image.fromarray(images[0]).save(tmp_path / "a.png")
    files, problems = list_files([tmp_path / "empty", tmp_path / "a.png"])
    assert files == [tmp_path / "a.png"]
    assert len(problems) == 1
