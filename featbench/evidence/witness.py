"""One row's evidence, made where its pipeline is, outside every clock and without test labels."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from featbench.base import Classifier, Extractor
from featbench.evidence.confidence import Scores, confidence
from featbench.evidence.drawn import Picture, examples, learned
from featbench.evidence.occlusion import falls, hidden
from featbench.evidence.projection import principal_scores, tsne_map
from featbench.images import ImageBatch, chunks, image_shape, take
from featbench.numerics.neighbors import nearest
from featbench.sealed import SealedDataset
from featbench.thumbnails import encoded
from featbench.types import AnyArray, FeatureMatrix, Float64Array, ImageArray, Indices, Labels

__all__ = ["NOTHING", "NO_EVIDENCE", "Evidence", "Pipeline", "Wanted", "Witness"]

MAP_IMAGES = 150  # test images on the map: t-SNE takes half a second, and thumbnails still lie side by side
QUERIES = 4  # test images whose neighbours are shown
NEIGHBOURS = 5
CANDIDATES = 2000  # training images among which neighbours are looked for, at the most
CANDIDATE_NUMBERS = 16_000_000  # and of so many numbers, so that long rows take no longer
PICTURED = 2  # training images that the extractor draws
_WORD_IMAGES = 8  # training images that words are drawn from
PICTURE_SIDE = 320  # pixels of the longer side of a picture at the most
OCCLUDED = 2  # test images, of which parts are hidden
POSITIONS = 6  # of the square along each side: 37 copies an image

_STEPS = ("confidence", "pictures", "neighbours", "map", "occlusion")


@dataclass(frozen=True)
class Wanted:
    """What of the evidence is made: any at all, and what shows images of the data set."""

    evidence: bool = False
    images: bool = False


NO_EVIDENCE = Wanted()


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a cell keeps.

    Attributes
    ----------
    told : dict or None
        For the record, in JSON's types.
    arrays : dict of str to ndarray
        By name, without ``evidence.``.
    warnings : list of str
        What could not be made, and why.
    """

    told: dict[str, Any] | None = None
    arrays: dict[str, AnyArray] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


NOTHING = Evidence()


@dataclass(frozen=True, eq=False)
class Pipeline:
    """A fitted row with what it made.

    Attributes
    ----------
    extractor : Extractor or None
        None for the rows of chance and majority.
    preprocess_name : str
    preprocess, classifier
        Fitted.
    train, test : ndarray, (n, d)
        Prepared rows; the first of `train` are those of the training images.
    scores : Scores
        Of `test`.
    predictions : ndarray of int64, (n_test,)
    """

    extractor: Extractor | None
    preprocess_name: str
    preprocess: Any
    classifier: Classifier
    train: FeatureMatrix
    test: FeatureMatrix
    scores: Scores
    predictions: Labels


class Witness:
    """Makes the evidence of rows on one extractor's features, of one split.

    What rows share, such as the map of the same features, is made once. Which images are looked at is drawn by the
    seed from all test images, so that all rows of a split tell of the same ones.

    Parameters
    ----------
    data : SealedDataset
        Its test labels stay sealed.
    seed : int
    wanted : Wanted
    """

    def __init__(self, data: SealedDataset, seed: int, wanted: Wanted) -> None:
        self._data, self._wanted = data, wanted
        rng = np.random.default_rng(seed)
        self._tests, self._trains = (rng.permutation(n) for n in (len(data.test_labels), len(data.train)))
        self._shared: dict[Any, Any] = {}

    def look(self, row: Pipeline) -> Evidence:
        """Return the evidence of a row; none where none is wanted, or test labels stay closed.

        Parameters
        ----------
        row : Pipeline

        Returns
        -------
        Evidence
        """
        if not self._wanted.evidence or self._data.test_labels.closed or row.extractor is None:
            return NOTHING
        start, made = time.perf_counter(), Evidence({"confidence": None, "calibrated": False, "pictures": []})
        for step in _STEPS:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    getattr(self, f"_{step}")(row, row.extractor, made)
            except Exception as error:
                made.warnings.append(f"evidence, {step}: {type(error).__name__}: {error}")
        assert made.told is not None
        made.told["seconds"] = round(time.perf_counter() - start, 3)
        return made

    def _once(self, key: Any, make: Callable[[], Any]) -> Any:
        if key not in self._shared:
            self._shared[key] = make()
        return self._shared[key]

    def _confidence(self, row: Pipeline, extractor: Extractor, made: Evidence) -> None:  # noqa: ARG002
        found = confidence(row.scores, row.predictions)
        if found is not None and made.told is not None:
            made.told["confidence"], told = found
            made.arrays["confidence"] = told.astype(np.float32)

    def _pictures(self, row: Pipeline, extractor: Extractor, made: Evidence) -> None:
        names = [self._data.classes[int(label)] for label in row.classifier.classes_]
        some = np.sort(self._trains[:PICTURED])
        pictures: list[Picture] = []
        if self._wanted.images:
            images = _read(self._data.train.images, some)
            made.arrays["pictured"] = some
            pictures += self._once("examples", lambda: list(examples(extractor, images, some.tolist())))
        words = _read(self._data.train.images, np.sort(self._trains[:_WORD_IMAGES]))
        for picture in learned(extractor, row.preprocess, row.classifier, names, words):
            if self._wanted.images or not picture.shows_images:
                pictures.append(picture)
        files = [encoded(p.pixels, PICTURE_SIDE, lossless=not p.shows_images) for p in pictures]
        ends = np.cumsum([len(file) for file in files], dtype=np.int64)
        made.arrays["pictures"] = np.frombuffer(b"".join(files), dtype=np.uint8)
        assert made.told is not None
        made.told["pictures"] = [
            {"name": p.name, "of": p.of, "shows_images": p.shows_images, "start": end - len(file), "end": end}
            for p, file, end in zip(pictures, files, ends.tolist(), strict=True)
        ]

    def _neighbours(self, row: Pipeline, extractor: Extractor, made: Evidence) -> None:  # noqa: ARG002
        numbers = max(row.train.shape[1], int(np.prod(image_shape(self._data.train.images))))
        few = self._trains[: min(CANDIDATES, max(NEIGHBOURS, CANDIDATE_NUMBERS // numbers))]
        among, queries = np.sort(few), self._tests[:QUERIES]
        pixels = self._once(("pixels", len(among)), lambda: self._near_pixels(among, queries))
        rows = [_measurable(X) for X in (row.train[among], row.test[queries])]
        made.arrays["queries"], made.arrays["near_pixels"] = queries, pixels
        made.arrays["near_features"] = among[nearest(rows[0], rows[1], min(NEIGHBOURS, len(among)))[1]]
        for space in ("near_pixels", "near_features"):
            made.arrays[f"{space}_labels"] = self._data.train.labels[made.arrays[space]]
        assert made.told is not None
        made.told["neighbours_among"] = len(among)

    def _near_pixels(self, among: Indices, queries: Indices) -> Indices:
        train, test = (
            _read(images, rows).reshape(len(rows), -1)
            for images, rows in ((self._data.train.images, among), (self._data.test_images, queries))
        )
        return among[nearest(train, test, min(NEIGHBOURS, len(among)))[1]]

    def _map(self, row: Pipeline, extractor: Extractor, made: Evidence) -> None:  # noqa: ARG002
        shown = np.sort(self._tests[:MAP_IMAGES])

        def laid_out() -> tuple[Float64Array, Float64Array | None]:
            scores = principal_scores(row.test[shown])
            return scores[:, :2], tsne_map(scores)

        pca, tsne = self._once(("map", row.preprocess_name, row.test.shape[1]), laid_out)
        if pca.shape[1] == 2:
            made.arrays["mapped"], made.arrays["pca"] = shown, pca.astype(np.float32)
        if tsne is not None:
            made.arrays["tsne"] = tsne.astype(np.float32)

    def _occlusion(self, row: Pipeline, extractor: Extractor, made: Evidence) -> None:
        rows = self._tests[:OCCLUDED]

        def described() -> list[FeatureMatrix]:
            images = _read(self._data.test_images, rows)
            return [extractor.transform(hidden(image, POSITIONS)) for image in images]

        features = self._once("hidden", described)
        labels = row.predictions[rows].tolist()
        told = [
            _score_of(row.classifier, row.preprocess.transform(X), label)
            for X, label in zip(features, labels, strict=True)
        ]
        made.arrays["occluded"] = rows
        made.arrays["occlusion_whole"] = np.asarray([scores[0] for _, scores in told], dtype=np.float32)
        made.arrays["occlusion"] = np.stack([falls(scores) for _, scores in told]).astype(np.float32)
        assert made.told is not None
        made.told["occlusion"] = told[0][0]


def _score_of(classifier: Classifier, X: FeatureMatrix, label: int) -> tuple[str, Float64Array]:
    """Return the scores of a class; of a classifier without scores 1 where it is predicted, otherwise 0."""
    scores = Scores(classifier, X)
    found = scores.first("predict_proba", "decision_function")
    if found is None:
        return "label", (np.asarray(classifier.predict(X)) == label).astype(np.float64)
    method, told = found
    kind = "probability" if method == "predict_proba" else "score"
    return kind, told[:, np.searchsorted(scores.classes, label)]


def _read(images: ImageBatch, rows: Indices) -> ImageArray:
    return np.concatenate(list(chunks(take(images, rows), max(len(rows), 1))))


def _measurable(X: FeatureMatrix) -> AnyArray:
    """Return rows of a dtype that distances are measured in."""
    return X if X.dtype in (np.uint8, np.float32, np.float64) else X.astype(np.float32)
