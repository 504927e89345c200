"""Probes of extractors whose laws are known: how many images they are tried on, and what is told of all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from featbench.base import Extractor
from featbench.base.own_head import OwnHead
from featbench.config import Cell, Component, Document, read_experiment
from featbench.extractors import CNN, BagOfVisualWords
from featbench.heads import Skipped
from featbench.imagesets import ImageSet
from featbench.probing import Probe
from featbench.sealed import SealedDataset, SealedLabels
from featbench.timing import ONCE, Repeats
from featbench.types import AnyArray, FeatureMatrix, ImageArray

N_TRAIN, N_TEST = 5000, 1000
SHAPE = (32, 32, 3)
CLOCK = [0.0]  # seconds, which stages move on


def spend(seconds: float) -> None:
    CLOCK[0] += seconds


@dataclass(kw_only=True, eq=False, repr=False)
class Lawful(Extractor):
    """Learns from 300 images at most, 0.02 s each; 0.01 s an image for features."""

    def _n_features(self, shape: tuple[int, ...]) -> int:
        return 4

    def fit_images(self, n: int, shape: tuple[int, ...]) -> float:
        return min(n, 300.0)

    def _fit(self, images: Any, y: AnyArray | None) -> None:
        spend(0.02 * min(len(images), 300))

    def _extract(self, images: ImageArray) -> FeatureMatrix:
        spend(0.01 * len(images))
        return images.reshape(len(images), -1)[:, :4].astype(np.float32)


@dataclass(kw_only=True, eq=False, repr=False)
class Headed(OwnHead):
    """0.002 s an image in the fit; 1 ms for features and 3 ms for scores."""

    def _n_features(self, shape: tuple[int, ...]) -> int:
        return 4

    def _fit(self, images: Any, y: AnyArray | None) -> None:
        self._codes(y, len(images))
        spend(0.002 * len(images))

    def _extract(self, images: ImageArray) -> FeatureMatrix:
        spend(0.001 * len(images))
        return images.reshape(len(images), -1)[:, :4].astype(np.float32)

    def _scores(self, images: ImageArray) -> FeatureMatrix:
        spend(0.003 * len(images))
        return np.eye(len(self.classes_), dtype=np.float32)[images.reshape(len(images), -1)[:, 0] % 2]


def data() -> SealedDataset:
    rng = np.random.default_rng(0)
    train = ImageSet(rng.integers(0, 256, (N_TRAIN, 4, 4)).astype(np.uint8), np.arange(N_TRAIN) % 2)
    test, summary = np.zeros((N_TEST, 4, 4), np.uint8), {"image_shape": [4, 4], "fingerprint": "f"}
    return SealedDataset("x", ("a", "b"), train, test, None, SealedLabels(np.zeros(N_TEST, int)), summary)


def cell(**changes: Any) -> Cell:
    written = {"dataset": "digits", "extractor": "raw", "classifier": {"name": "softmax", "reg": 1.0}}
    cells = read_experiment(Document("x", {**written, "selection": {"holdout": 0.2}, **changes}), "x").cells()
    return next(c for c in cells if isinstance(c, Cell) and c.extractor)


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what makes a probe of an extractor that is not registered, on a clock that only laws move on."""

    def made(extractor: Extractor, rule: Repeats = ONCE) -> Probe:
        build = Component.build

        def built(component: Component, seed: int) -> Any:
            return extractor if component.name in ("raw", "cnn") else build(component, seed)

        monkeypatch.setattr(Component, "build", built)
        return Probe(cell(), data(), rule, set(), lambda: CLOCK[0])

    return made


def test_what_learns_from_a_part_is_scaled_to_that_part(probe: Any) -> None:
    cost = probe(Lawful()).features()
    assert cost.seconds == pytest.approx(0.02 * 300 + 0.01 * (N_TRAIN + N_TEST), rel=1e-3)
    assert cost.source == "a probe of 100 images"


def test_repeats_are_counted(probe: Any) -> None:
    """A fit of 6 s is measured once, as are features of 50 s and of 10 s."""
    once, thrice = (probe(Lawful(), rule).features().seconds for rule in (ONCE, Repeats(3, 1000.0)))
    assert thrice == pytest.approx(3 * once, rel=1e-3)


def test_what_learns_from_labels_is_fitted_twice_and_its_head_counts(probe: Any) -> None:
    made = probe(Headed())
    cost = made.features()
    rows, again = N_TRAIN + N_TEST, 0.8 * N_TRAIN
    expected = 0.002 * N_TRAIN + 0.004 * rows + 0.002 * again + 0.004 * N_TRAIN
    assert cost.seconds == pytest.approx(expected, rel=1e-3)


def test_a_row_behind_the_extractors_own_head_gets_scores(probe: Any) -> None:
    """Four features an image would be refused: there are two classes."""
    made = probe(Headed())
    made.features()
    cost = made.row(cell(classifier="own_head"))
    assert cost.source.startswith("a probe of ")


def test_a_row_that_wants_scores_of_what_has_none_says_so(probe: Any) -> None:
    made = probe(Lawful())
    made.features()
    with pytest.raises(Skipped, match="no classifier of its own"):
        made.row(cell(classifier="own_head"))


def test_memory_is_that_of_features_as_they_are_and_prepared(probe: Any) -> None:
    made = probe(Lawful())
    made.features()
    assert made.row_mb(cell()) == pytest.approx(3 * 4 * 4 * (N_TRAIN + N_TEST) / 1e6)
    assert made.row_mb(cell(preprocess="none")) == pytest.approx(2 * 4 * 4 * (N_TRAIN + N_TEST) / 1e6)
    assert made.held_mb < made.row_mb(cell())


def test_words_are_learned_from_a_sample_of_patches() -> None:
    """27 × 27 patches of 6 × 6 an image of 32 × 32."""
    assert BagOfVisualWords().fit_images(10_000, SHAPE) == pytest.approx(400_000 / 729)
    assert BagOfVisualWords(mirrored=True).fit_images(10_000, SHAPE) == pytest.approx(200_000 / 729)
    assert BagOfVisualWords().fit_images(100, SHAPE) == 100
    assert BagOfVisualWords(final=[{"name": "pca", "components": 2}]).fit_images(10_000, SHAPE) == 10_000
    assert BagOfVisualWords(sampling="keypoints", descriptor={"size": 8}).fit_images(10_000, SHAPE) == 10_000


def test_an_epoch_of_a_network_is_whole_batches() -> None:
    pytest.importorskip("torch")
    assert [CNN().fit_images(n, SHAPE) for n in (100, 200, 10_000)] == [100, 128, 9984]
    assert CNN(batch_size=64).fit_images(200, SHAPE) == 192
