"""The laws of what an extractor offers beside features: names, pictures, saving, differing sizes, descriptors."""

from __future__ import annotations

import tempfile

import numpy as np
from sklearn.base import clone

from featbench.testing.case import Case, law

__all__: list[str] = []


@law("Every feature has a name of its own, which set_output shows")
def _names(case: Case) -> str | None:
    extractor = case.fitted()
    names, features = list(extractor.get_feature_names_out()), extractor.transform(case.images)
    if len(names) != features.shape[1] or len(set(names)) != len(names):
        return f"{len(names)} names, {len(set(names))} different, for {features.shape[1]} features"
    try:
        import pandas  # noqa: F401 - a stranger's project may have none
    except ImportError:
        return None
    frame = extractor.set_output(transform="pandas").transform(case.images)
    same = list(frame.columns) == names and np.array_equal(frame.to_numpy(), features)
    return None if same else "the frame has other columns or values"


@law("Pictures are named uint8 arrays, one picture an image")
def _pictures(case: Case) -> str | None:
    extractor = case.fitted()
    if not hasattr(extractor, "pictures"):
        return None
    for name, picture in extractor.pictures(case.images[:2]).items():
        if picture.dtype != np.uint8 or picture.ndim not in (3, 4) or len(picture) != 2:
            return f"{name!r}: {picture.dtype}, shape {picture.shape} for 2 images"
    return None


@law("A saved extractor comes back the same, without pickle")
def _saving(case: Case) -> str | None:
    extractor = case.fitted()
    if not hasattr(extractor, "save"):
        return None
    with tempfile.TemporaryDirectory() as folder:
        extractor.save(folder)
        copy = type(extractor).load(folder)
    if repr(copy) != repr(extractor):
        return f"{extractor!r} came back as {copy!r}"
    return None if case.equal(extractor.transform(case.images), copy.transform(case.images)) else "it differs"


@law("Images of differing sizes give, where any_size says so, what each gives alone")
def _sizes(case: Case) -> str | None:
    if not getattr(case.extractor, "any_size", False):
        return None
    images = [case.images[0], case.images[4][:, :-1], case.images[5][:-1], case.images[4][:, :-1] // 2]
    images = [image for image in images if case.extractor.supports(image.shape) is None]
    extractor = clone(case.extractor).fit(images, case.labels[: len(images)])
    together = extractor.transform(images)
    alone = np.concatenate([extractor.transform(image[None]) for image in images])
    return None if case.equal(together, alone) else "they differ"


@law("Local descriptors lie in their image and do not depend on the images beside it")
def _descriptors(case: Case) -> str | None:
    if not getattr(case.extractor, "describes", False):
        return None
    found = case.extractor.describe(case.images)
    m, last = len(found.values), np.asarray(case.images.shape[1:3]) - 1
    shapes = (
        found.values.ndim,
        found.positions.shape,
        found.scales.shape,
        int(found.offsets[-1]),
        len(found),
    )
    if shapes != (2, (m, 2), (m,), m, len(case.images)):
        return (
            f"{found.values.shape} values, {shapes[1]} positions, {shapes[2]} scales, offsets {found.offsets}"
        )
    if any(a.dtype != np.float32 for a in (found.values, found.positions, found.scales)):
        return "values, positions and scales must be float32"
    if not np.isfinite(found.values).all() or (found.positions < 0).any() or (found.positions > last).any():
        return "a value is not finite, or a position outside its image"
    for i in range(len(case.images)):
        alone = case.extractor.describe(case.images[i : i + 1])
        if not case.equal(found.images(i, i + 1).values, alone.values):
            return f"those of image {i} differ alone"
    nothing = case.extractor.describe(case.images[:0])
    return None if len(nothing) == 0 and nothing.values.shape == (0, found.values.shape[1]) else "none differ"
