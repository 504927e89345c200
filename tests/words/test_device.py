"""The torch path against the processor's, torch's own processor standing in for a GPU."""

import numpy as np
import pytest
from fused_sums import Given

from featbench.errors import InputError
from featbench.maps import L2, PCA, Chi2, Contrast, Power, Whiten
from featbench.words import (
    Dense,
    Hard,
    Nearest,
    Patch,
    Pyramid,
    Quadrants,
    RandomCrops,
    Soft,
    SoftThreshold,
    Triangle,
    Whole,
)
from featbench.words import device as device_module
from featbench.words.building import Parts
from featbench.words.coding import code
from featbench.words.device import features
from featbench.words.fisher import Fisher
from featbench.words.llc import LLC
from featbench.words.mixture import Mixture
from featbench.words.vlad import VLAD

torch = pytest.importorskip("torch")

PROMISED = 1e-4  # of a row's length

DEVICES = [
    "torch:cpu",
    pytest.param(
        "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no GPU")
    ),
]


def fitted(
    images, *, encoding=None, normalization=None, sampling=None, pooling=None, codebook=None, final=()
):
    """Parts fitted to some images: patches of 4 pixels, whitened, 30 words, the triangle, quadrants."""
    sampling, descriptor = sampling or Dense(stride=2, sizes=4), Patch(size=4)
    X = descriptor.describe(images, sampling.places(images, 0))
    maps = []
    for step in [Contrast(), Whiten()] if normalization is None else normalization:
        maps.append(step.fit(X))
        X = step.transform(X)
    book = (
        Given(X[np.random.default_rng(1).permutation(len(X))[:30]]) if codebook is None else codebook.fit(X)
    )
    return Parts(
        sampling, descriptor, maps, book, encoding or Triangle(), pooling or Quadrants(), list(final)
    )


def compare(images, parts, device):
    length = parts.pooling.n_cells * parts.encoding.length(parts.codebook)
    found, (expected, _) = features(images, parts, length, device), code(images, parts, length, 0)
    assert found.dtype == np.float32
    lengths = np.linalg.norm(expected, axis=1)
    assert (lengths > 0).all()
    assert (np.linalg.norm(found - expected, axis=1) <= PROMISED * lengths).all()


@pytest.fixture(params=[(), (3,)], ids=["grey", "colour"])
def images(request, rng):
    smooth = rng.integers(0, 256, (5, 5, 6, *request.param)).repeat(3, axis=1).repeat(3, axis=2)
    return (smooth // 2 + rng.integers(0, 128, smooth.shape)).astype(np.uint8)


ENCODINGS = [
    Hard(),
    Soft(beta=0.1),
    Triangle(),
    SoftThreshold(),
    SoftThreshold(split=False),
    Nearest(),
    Nearest(neighbors=3, negatives=False),
    VLAD(),
]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("encoding", ENCODINGS, ids=repr)
def test_features_are_the_processors(images, encoding, device):
    compare(images, fitted(images, encoding=encoding), device)


@pytest.mark.parametrize("device", DEVICES)
def test_fisher_vectors_are_the_processors(images, device):
    book = Mixture(words=4)
    normalization = [PCA(components=5)]
    parts = fitted(images, encoding=Fisher(), codebook=book, normalization=normalization, pooling=Whole())
    compare(images, parts, device)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    "pooling", [Whole(), Quadrants(how="max"), Pyramid(how="mean"), Pyramid(how="max")], ids=repr
)
def test_cells_are_the_processors(images, pooling, device):
    compare(images, fitted(images, pooling=pooling, final=[Power().fit(np.ones((1, 2))), L2()]), device)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    "normalization", [[], [L2(), Power()], [PCA(components=7, whiten=True), L2()]], ids=repr
)
def test_maps_are_the_processors(images, normalization, device):
    compare(images, fitted(images, normalization=normalization), device)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    "sampling", [Dense(stride=1, sizes=4), Dense(stride=5, sizes=4), Dense(stride=11, sizes=4)], ids=repr
)
def test_grids_are_the_processors(images, sampling, device):
    compare(images, fitted(images, sampling=sampling), device)


@pytest.mark.parametrize("device", DEVICES)
def test_chunks_change_nothing(images, device, monkeypatch):
    parts = fitted(images)
    whole = features(images, parts, 120, device)
    monkeypatch.setattr(device_module, "_CODES", 1)
    np.testing.assert_allclose(features(images, parts, 120, device), whole, rtol=1e-5, atol=1e-5)
    assert features(images[:0], parts, 120, device).shape == (0, 120)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"sampling": RandomCrops(count=3, sizes=4)},
            r"patches must be a dense grid .*RandomCrops\(.*Use device=\"cpu\"",
        ),
        (
            {"sampling": Dense(sizes=[4, 8])},
            "patches must be a dense grid of patches of one size, not resized",
        ),
        (
            {"normalization": [Chi2()]},
            r"maps of descriptors must be among contrast, .* where device=\"torch:cpu\"",
        ),
        ({"encoding": LLC()}, r"encoding must be among hard, .*got LLC\("),
    ],
)
def test_what_knows_no_tensors_is_refused(images, change, message):
    parts = fitted(images, **change)
    with pytest.raises(InputError, match=message):
        features(images, parts, 1, "torch:cpu")


def test_without_a_gpu_it_says_so(images, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="BagOfVisualWords: device must be .*finds no GPU"):
        features(images, fitted(images), 120, "cuda")
