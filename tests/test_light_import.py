"""An extractor in a stranger's project: light to import, at home on a read-only disk, in threads, after a fork."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import featbench


def run(code, folder, **environment):
    """Run Python code in a process of its own and return what it printed."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**variables, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_extractor_brings_in_nothing_but_featbench(tmp_path):
    # In one process, so that what scikit-learn and numba import by themselves is the same on both sides.
    code = """
import sys
import sklearn.base, numba
before = set(sys.modules)
from featbench.extractors import (
    CNN, GIST, HOG, LBP, SIFT, Autoencoder, BagOfVisualWords, ColorHistogram, ColorMoments, Concat, FilterBank, Gram, HueHistogram, Mapped,
    RandomCNN, RawPixels
)
print(*sorted({name.partition(".")[0] for name in set(sys.modules) - before}))
import numpy
images = numpy.zeros((2, 32, 32, 3), numpy.uint8)
parts = [HOG(), HueHistogram(), RawPixels(), ColorHistogram(), ColorMoments(), LBP(), GIST(), SIFT(), FilterBank()]
Concat(parts).fit_transform(images)
noise = numpy.random.default_rng(0).integers(0, 256, (2, 12, 12, 3)).astype(numpy.uint8)
BagOfVisualWords(codebook={"words": 5}).fit_transform(noise)
from featbench.maps import L2, PCA, Power, Whiten
Mapped(HOG(), [Power(), PCA(components=2), Whiten(), L2()]).fit_transform(images)
heavy = {"pydantic", "pandas", "cv2", "skimage", "matplotlib", "joblib", "torch", "typer"}
print(*sorted((heavy & set(sys.modules)) - before))
"""
    imported, used = run(code, tmp_path).splitlines()
    assert imported == "featbench"
    assert used == ""


def test_a_read_only_install_costs_one_warning(tmp_path):
    # The tests may run as root, whom permissions do not stop: a file where the cache folder should be does.
    install = tmp_path / "site"
    package = install / "featbench"
    shutil.copytree(Path(featbench.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    for folder in [package, *(path for path in package.rglob("*") if path.is_dir())]:
        (folder / "__pycache__").touch()
    home = tmp_path / "home"
    home.touch()
    before = sorted(install.rglob("*"))
    code = """
import warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    from featbench.extractors import HOG, HueHistogram
    import featbench, numpy
    images = numpy.full((1, 8, 8, 3), (0, 200, 0), numpy.uint8)
    features = HueHistogram(bins=3).fit_transform(images)
print(featbench.__file__)
print(features.tolist())
print([f"{w.category.__name__}: {w.message}" for w in caught])
"""
    where = {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"), "PYTHONPATH": str(install)}
    file, features, warnings = run(code, tmp_path, **where).splitlines()
    assert Path(file).is_relative_to(install)
    assert features == "[[0.0, 1.0, 0.0]]"
    assert warnings.count("Warning: ") == 1
    assert "RuntimeWarning: featbench: no folder can be written for compiled kernels" in warnings
    assert sorted(install.rglob("*")) == before


def test_two_threads_at_once_and_a_fork_afterwards(tmp_path):
    code = """
import os
from concurrent.futures import ThreadPoolExecutor
import numpy
from featbench.extractors import HOG
images = numpy.random.default_rng(0).integers(0, 256, (600, 32, 32, 3)).astype(numpy.uint8)
with ThreadPoolExecutor(2) as pool:
    first, second = pool.map(lambda i: HOG().fit_transform(images), range(2))
assert numpy.array_equal(first, second)
child = os.fork()
if child == 0:
    same = numpy.array_equal(first, HOG().fit_transform(images))
    os._exit(0 if same else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert run(code, tmp_path, FEATBENCH_NUM_THREADS="2") == "0\n"
