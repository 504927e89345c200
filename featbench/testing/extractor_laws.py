"""The laws that every extractor keeps; `check_extractor` runs them all."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from featbench.images import ImageSource
from featbench.testing.case import Case, law
from featbench.types import AnyArray, ImageArray, Indices

__all__: list[str] = []

_PIXELS_FOR_THREADS = 1 << 18  # so many pixels are spread over several threads


@law("The constructor only assigns: clone, get_params and set_params agree")
def _parameters(case: Case) -> str | None:
    given = case.extractor.get_params(deep=False)
    rebuilt = type(case.extractor)(**given)
    changed = [name for name, value in rebuilt.get_params(deep=False).items() if value is not given[name]]
    if changed:
        return f"{', '.join(changed)} changed in the constructor"
    copy = clone(case.extractor)
    if repr(copy.set_params(**copy.get_params())) != repr(case.extractor):
        return f"set_params(**get_params()) made {copy!r} of {case.extractor!r}"
    return None


@law("Fit returns the extractor itself and leaves its parameters alone")
def _fitting(case: Case) -> str | None:
    extractor = clone(case.extractor)
    before = repr(extractor)
    if extractor.fit(case.images, case.labels) is not extractor:
        return "fit returned something else"
    return None if repr(extractor) == before else f"{before} became {extractor!r}"


@law("Transform, and names of features, before fit raise NotFittedError")
def _unfitted(case: Case) -> str | None:
    extractor = clone(case.extractor)
    attempts: dict[str, Callable[[], object]] = {
        "transform": lambda: extractor.transform(case.images),
        "get_feature_names_out": extractor.get_feature_names_out,
    }
    for method, attempt in attempts.items():
        try:
            attempt()
        except NotFittedError:
            continue
        return f"{method} returned"
    return None


@law("Features are a C-contiguous array of one finite row an image, float32 unless feature_dtype says uint8")
def _output(case: Case) -> str | None:
    features = case.features()
    if not isinstance(features, np.ndarray) or features.ndim != 2 or len(features) != len(case.images):
        return f"{type(features).__name__} of shape {np.shape(features)} for {len(case.images)} images"
    promised = getattr(case.extractor, "feature_dtype", np.dtype(np.float32))
    if (
        features.dtype != promised
        or promised not in (np.float32, np.uint8)
        or not features.flags.c_contiguous
    ):
        return f"{features.dtype}, promised {promised}, C-contiguous: {features.flags.c_contiguous}"
    return None if np.isfinite(features).all() else "a value is not finite"


@law("An image's features do not depend on the images beside it")
def _independence(case: Case) -> str | None:
    extractor = case.fitted()
    together = extractor.transform(case.images)
    alone = np.concatenate([extractor.transform(image[None]) for image in case.images])
    backwards = extractor.transform(case.images[::-1].copy())[::-1]
    for other, how in ((alone, "one at a time"), (backwards, "in reverse order")):
        if not case.equal(together, other):
            return f"they differ {how}"
    return None


@law("Fitting twice gives the same features")
def _repeatability(case: Case) -> str | None:
    extractor = case.fitted()
    first = extractor.transform(case.images)
    again = extractor.fit(case.images, case.labels).transform(case.images)
    if not case.equal(first, again):
        return "the same object, fitted again, differs"
    return None if case.equal(first, case.features()) else "a clone differs"


@law("No images, in an array or a list, give (0, d)")
def _empty(case: Case) -> str | None:
    extractor = case.fitted()
    width = extractor.transform(case.images[:1]).shape[1]
    for images, how in ((case.images[:0], "an array"), ([], "a list")):
        shape = extractor.transform(images).shape
        if shape != (0, width):
            return f"{how} gives {shape}, d = {width}"
    return None


@law("Inputs are never written, and read-only ones are as good")
def _reading(case: Case) -> str | None:
    for freeze in (False, True):
        images = case.images.copy()
        images.flags.writeable = not freeze
        features = clone(case.extractor).fit(images, case.labels).transform(images)
        if not np.array_equal(images, case.images):
            return "images were changed"
        if not case.equal(features, case.features()):
            return "read-only images give other features"
    return None


@law("Only values count, not how they lie in memory")
def _layouts(case: Case) -> str | None:
    expected, extractor = case.features(), case.fitted()
    wide = np.repeat(case.images, 2, axis=2)[:, :, ::2]
    for images, how in ((wide, "every other column"), (np.asfortranarray(case.images), "Fortran order")):
        if not case.equal(expected, extractor.transform(images)):
            return f"a view ({how}) gives other features"
    return None


@law("Images of another shape than fit saw are refused with a ValueError")
def _shapes(case: Case) -> str | None:
    extractor, images = case.fitted(), case.images
    taller = np.concatenate([images, images[:, :1]], axis=1)
    other = images[..., 0] if images.ndim == 4 else np.stack([images] * 3, axis=-1)
    return _accepted(extractor.transform, {"one row more": taller, "grey for colour or back": other})


@law("What is no batch of 8-bit images is refused with a ValueError")
def _inputs(case: Case) -> str | None:
    images = case.images
    wrong = {
        "floats": images / 255.0,
        "objects": images.astype(object),
        "a single image": images[0, ..., 0] if images.ndim == 4 else images[0],
        "two channels": np.stack([images.reshape(*images.shape[:3], -1)[..., 0]] * 2, axis=-1),
        "no pixels": images[:, :0],
        "hidden pixels": np.ma.masked_equal(images, 0),
        "paths": ["one.png", "two.png"],
    }
    complaint = _accepted(lambda x: clone(case.extractor).fit(x, case.labels), wrong)
    if complaint or not hasattr(case.extractor, "pictures"):
        return complaint
    complaint = _accepted(case.fitted().pictures, wrong)
    return f"pictures of {complaint}" if complaint else None


def _accepted(function: Callable[[AnyArray], object], wrong: Mapping[str, Any]) -> str | None:
    for what, images in wrong.items():
        try:
            function(images)
        except ValueError:
            continue
        return f"{what}: accepted"
    return None


@law("Features do not depend on the number of threads, nor on who else extracts")
def _threads(case: Case) -> str | None:
    copies = max(1, _PIXELS_FOR_THREADS // (case.images.shape[1] * case.images.shape[2]) // len(case.images))
    many = np.concatenate([case.images] * copies)
    results = []
    for threads in ("1", "3"):
        with _environment("FEATBENCH_NUM_THREADS", threads):
            results.append(case.fitted().transform(many))
    if not case.equal(*results):
        return "one thread and three differ"
    extractor = case.fitted()
    with ThreadPoolExecutor(2) as pool:
        for features in pool.map(extractor.transform, [many, many]):
            if not case.equal(results[0], features):
                return "two callers at the same time get other features"
    return None


@contextmanager
def _environment(variable: str, value: str) -> Iterator[None]:
    before = os.environ.get(variable)
    os.environ[variable] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[variable]
        else:
            os.environ[variable] = before


@law("A fitted extractor comes out of pickle the same")
def _pickling(case: Case) -> str | None:
    extractor = case.fitted()
    copy = pickle.loads(pickle.dumps(extractor))  # noqa: S301 - our own bytes
    return None if case.equal(extractor.transform(case.images), copy.transform(case.images)) else "it differs"


class _Listed(ImageSource):
    """An array behind the face of a source."""

    def __init__(self, images: ImageArray) -> None:
        self.image_shape = images.shape[1:]
        self._images = images

    def __len__(self) -> int:
        return len(self._images)

    def read(self, indices: Indices) -> ImageArray:
        return self._images[indices]


@law("An ImageSource gives the same features as its images in an array")
def _sources(case: Case) -> str | None:
    source = _Listed(case.images)
    features = clone(case.extractor).fit(source, case.labels).transform(source)
    return None if case.equal(case.features(), features) else "they differ"


@law("Labels are read only where uses_labels says so")
def _labels(case: Case) -> str | None:
    if getattr(case.extractor, "uses_labels", False):
        return None
    without = clone(case.extractor).fit(case.images).transform(case.images)
    swapped = clone(case.extractor).fit(case.images, 1 - case.labels).transform(case.images)
    same = case.equal(case.features(), without) and case.equal(without, swapped)
    return None if same else "other labels, other features"
