"""Reading a model's folder, which may come from anywhere: checked whole, tried on one image, never executed.

::

    DIR/model.json         class names, how image files are read, where it comes from and how good it is
    DIR/extractor/         plugin.json and arrays.npz, as `featbench.saved` writes them; a network with its head
    DIR/preprocess.npz     what preprocessing has learned
    DIR/classifier/        as the extractor
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from featbench.archives import read_arrays
from featbench.base import Classifier, Extractor
from featbench.base.own_head import OwnHead, ScoresOf
from featbench.classifiers.own_head import HighestScore
from featbench.datasets.decode import Resize
from featbench.errors import FeatbenchError, Shown, StoreError, must_be
from featbench.model.pipeline import Pipeline
from featbench.model.pixels import Pixels
from featbench.model.states import restore_preprocess
from featbench.store import read_json

__all__ = ["FORMAT", "load"]

FORMAT = 1

_MOST_BYTES = 16 * 2**20  # of model.json
_LARGEST = 4096  # height and width of the images, pixels


class _Image(BaseModel):
    model_config = ConfigDict(strict=True)
    shape: list[int] = Field(min_length=2, max_length=3)
    resize: Resize
    max_pixels: int = Field(ge=1, le=178_956_970)


class _Manifest(BaseModel):
    """What must be right in model.json; what else it tells is told on."""

    model_config = ConfigDict(strict=True, extra="allow")
    format: int
    classes: list[str] = Field(min_length=2)
    image: _Image
    preprocess: str


def load(folder: str | Path) -> Pipeline:
    """Read a model that `export` wrote.

    Parameters
    ----------
    folder : path

    Returns
    -------
    Pipeline

    Raises
    ------
    StoreError
        No model is there, or it is damaged, incomplete, of another version, or contradicts itself. A plug-in of
        another package must be installed here.
    """
    root = Path(folder)
    told = _read_manifest(root / "model.json")
    manifest = _checked_manifest(root / "model.json", told)
    extractor = Extractor.load(root / "extractor")
    classifier = Classifier.load(root / "classifier")
    pixels = Pixels(tuple(manifest.image.shape), manifest.image.resize, manifest.image.max_pixels)
    try:
        if isinstance(classifier, HighestScore):
            extractor = _scores(extractor, classifier)
        _check_shapes(extractor, classifier, pixels, len(manifest.classes))
        _check_neighbours(classifier)
        arrays = read_arrays(root / "preprocess.npz")
        preprocess = restore_preprocess(manifest.preprocess, arrays, extractor.n_features_out_)
        pipeline = Pipeline(extractor, preprocess, classifier, tuple(manifest.classes), pixels, told)
        _try_out(pipeline)
    except FeatbenchError as error:
        raise StoreError(f"{root}: is no model that can be used: {error}") from error
    except Exception as error:  # fitted values that are not what they should be fail in many ways
        reason = f"{type(error).__name__}: {error}"
        raise StoreError(f"{root}: is damaged, or no model ({reason}). Export it again.") from error
    return pipeline


def _read_manifest(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise StoreError(
            f"{path.parent}: holds no model (no model.json). Give a folder that `featbench model export` wrote."
        )
    if path.stat().st_size > _MOST_BYTES:
        constraint = f"at most {_MOST_BYTES:,} bytes"
        raise StoreError(must_be(str(path), "the file", constraint, Shown(f"{path.stat().st_size:,}")))
    told = read_json(path)
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        got = told.get("format") if isinstance(told, dict) else type(told).__name__
        remedy = "Export it again with this version."
        raise StoreError(must_be(str(path), "format", f"{FORMAT}, as this version writes it", got, remedy))
    return told


def _checked_manifest(path: Path, told: dict[str, Any]) -> _Manifest:
    try:
        manifest = _Manifest.model_validate(told)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise StoreError(f"{path}: {where}: {first['msg']}. Export it again.") from error
    shape = manifest.image.shape
    if not all(1 <= side <= _LARGEST for side in shape[:2]) or shape[2:] not in ([], [3]):
        constraint = f"[h, w, 3] or [h, w], up to {_LARGEST}"
        raise StoreError(must_be(str(path), "image.shape", constraint, shape))
    return manifest


def _scores(extractor: Extractor, head: HighestScore) -> Extractor:
    """Return what gives an extractor's own scores, behind which `own_head` stands in the place of features."""
    if not isinstance(extractor, OwnHead):
        constraint = "one with a classifier of its own before own_head, such as cnn"
        raise StoreError(must_be("extractor", "the plug-in", constraint, Shown(type(extractor).__name__)))
    if not np.array_equal(extractor.classes_, head.classes_):
        constraint = f"those of the extractor's own head, {extractor.classes_.tolist()}"
        raise StoreError(must_be("classifier", "classes_", constraint, head.classes_.tolist()))
    return ScoresOf.fitted(extractor)


def _check_shapes(extractor: Extractor, classifier: Classifier, pixels: Pixels, n_classes: int) -> None:
    """Refuse parts that do not belong together, before they compute anything."""
    if tuple(extractor.image_shape_) != pixels.shape:
        raise StoreError(
            must_be(
                "extractor", "image_shape_", f"{pixels.shape}, as model.json says", extractor.image_shape_
            )
        )
    d, taken = extractor.n_features_out_, getattr(classifier, "n_features_in_", None)
    if not isinstance(d, int) or extractor._n_features(pixels.shape) != d or taken != d:
        raise StoreError(must_be("classifier", "n_features_in_", f"{d}, the extractor's features", taken))
    numbers = np.asarray(classifier.classes_)
    if numbers.ndim != 1 or numbers.dtype.kind not in "iu" or len(numbers) == 0:
        raise StoreError(must_be("classifier", "classes_", "class numbers", Shown(numbers.dtype)))
    if numbers.min() < 0 or numbers.max() >= n_classes or (np.diff(numbers) <= 0).any():
        raise StoreError(must_be("classifier", "classes_", f"ascending, below {n_classes}", numbers.tolist()))


def _check_neighbours(classifier: Any) -> None:
    """Refuse training rows of a kNN, or of one in an ensemble, that the two images of `_try_out` may not meet."""
    for member in getattr(classifier, "members_", ()):
        _check_neighbours(member)
    if not hasattr(classifier, "y_"):
        return
    rows, codes = classifier.X_, classifier.y_
    if rows.ndim != 2 or rows.shape[1] != classifier.n_features_in_ or codes.shape != (len(rows),):
        got = Shown(f"{rows.shape} and {codes.shape}")
        raise StoreError(must_be("classifier", "X_ and y_", "training rows and a class for each", got))
    if rows.dtype.kind not in "uf" or not np.isfinite(rows).all():
        raise StoreError(must_be("classifier", "X_", "finite numbers", Shown(rows.dtype)))
    if codes.dtype.kind != "i" or codes.min() < 0 or codes.max() >= len(classifier.classes_):
        raise StoreError(must_be("classifier", "y_", f"numbers of {len(classifier.classes_)} classes", codes))


def _try_out(pipeline: Pipeline) -> None:
    """Label a black image and one of noise, so that what is broken shows at once."""
    noise = np.random.default_rng(0).integers(0, 256, pipeline.pixels.shape, dtype=np.uint8)
    images = np.stack([np.zeros_like(noise), noise])
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        rows = pipeline.features(images)
        labels = pipeline.predict(images)
        confidence = pipeline.confidence(rows)
    if labels.shape != (2,) or confidence.shape != (2,):
        raise StoreError(must_be("the model", "its answer", "one label an image", Shown(labels.shape)))
    if pipeline.measure is not None and not np.isfinite(confidence).all():
        raise StoreError(must_be("the model", "its confidence", "finite", confidence.tolist()))
