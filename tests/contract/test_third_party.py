"""An extractor of another distribution, installed as pip would and found through its entry point."""

import os
import subprocess
import sys

import pytest

MODULE = '''
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from featbench.base import Extractor
from featbench.parameters import Bounds


@dataclass(kw_only=True, eq=False, repr=False)
class Corners(Extractor):
    """The four corner pixels, divided.

    Parameters
    ----------
    divisor : int, default=1
        What they are divided by, at least 1.
    """

    divisor: Annotated[int, Bounds(ge=1)] = 1

    def _n_features(self, shape):
        return 4 * (shape[2] if len(shape) == 3 else 1)

    def _extract(self, images):
        corners = images[:, [0, 0, -1, -1], [0, -1, 0, -1]].reshape(len(images), -1)
        return np.ascontiguousarray(corners // self.divisor, dtype=np.float32)
'''

PYPROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "corner-features"
version = "1.0"

[project.entry-points."featbench.extractors"]
corners = "corner_features:Corners"
broken = "corner_features:Missing"
hog = "corner_features:Corners"

[tool.setuptools]
py-modules = ["corner_features"]
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder that pip has installed the distribution into, without the network."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("site")
    (source / "corner_features.py").write_text(MODULE)
    (source / "pyproject.toml").write_text(PYPROJECT)
    options = ["--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "install", *options, "--target", str(target), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return target


def run(code, installed, cwd):
    done = subprocess.run(
        [sys.executable, *code],
        env={**os.environ, "PYTHONPATH": str(installed), "COLUMNS": "200"},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_it_keeps_the_laws_and_is_saved_by_its_name(installed, tmp_path):
    code = """
import json, pathlib, numpy
from featbench.base import Extractor
from featbench.extractors import EXTRACTORS, HOG
from featbench.testing import check_extractor
corners = EXTRACTORS.load("corners")
check_extractor(corners(divisor=3))
corners(divisor=2).fit(numpy.zeros((1, 4, 4, 3), numpy.uint8)).save("saved")
print(json.loads(pathlib.Path("saved/plugin.json").read_text())["plugin"], Extractor.load("saved"))
print(EXTRACTORS.load("hog") is HOG)
"""
    assert run(["-c", code], installed, tmp_path) == (
        0,
        "['extractor', 'corners'] Corners(divisor=2)\nTrue\n",
        "",
    )


def test_experiments_and_listings_know_it_and_a_broken_neighbour_harms_nobody(installed, tmp_path):
    config = """
dataset: digits
extractor: {name: corners, divisor: 2}
classifier: {name: knn, search: {n_neighbors: [1, 3]}}
selection: {folds: 2}
"""
    (tmp_path / "corners.yaml").write_text(config)
    featbench = ["-m", "featbench"]
    status, output, errors = run([*featbench, "list"], installed, tmp_path)
    assert status == 0, errors
    assert "corner-features" in output
    status, output, errors = run([*featbench, "run", "corners.yaml", "--output", "out"], installed, tmp_path)
    assert status == 0, errors
    assert "corners(divisor=2)" in output
    status, output, errors = run([*featbench, "list", "--check"], installed, tmp_path)
    assert status == 1
    assert "corner_features:Missing cannot be imported" in output + errors


def test_a_typo_in_its_parameter_is_explained(installed, tmp_path):
    (tmp_path / "typo.yaml").write_text(
        "dataset: digits\nextractor: {name: corners, divisr: 2}\nclassifier: knn\n"
    )
    status, _, errors = run(["-m", "featbench", "run", "typo.yaml"], installed, tmp_path)
    assert status == 2
    assert "unknown key 'divisr'. Did you mean 'divisor'?" in errors
