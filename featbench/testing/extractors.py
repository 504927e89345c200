"""The one call that checks an extractor against the laws."""

from __future__ import annotations

from typing import Any

import numpy as np

from featbench.errors import InputError, must_be
from featbench.testing import extractor_laws, offer_laws  # noqa: F401 - which fill the list of laws
from featbench.testing.case import LAWS, Case
from featbench.types import ImageArray

__all__ = ["check_extractor"]


def check_extractor(extractor: Any, *, images: ImageArray | None = None, exact: bool = True) -> None:
    """Check that an extractor keeps the laws; return nothing where it does.

    Parameters
    ----------
    extractor : Extractor
        An instance with the parameters to check; it is cloned and never fitted itself.
    images : ndarray of uint8, (n, h, w, 3) or (n, h, w), optional
        At least four images to check with. By default small ones, in colour and grey, square and not, of
        which it must support at least one kind.
    exact : bool, default=True
        Whether an image's features must be the same to the last bit whatever stands beside it. False
        grants 1e-5 of the largest value, for an extractor with a matrix product inside.

    Raises
    ------
    AssertionError
        Naming the class, the law that it breaks, and how.
    InputError
        A class instead of an instance, or parameters that are out of range.

    Examples
    --------
    >>> from featbench.extractors import HueHistogram
    >>> check_extractor(HueHistogram(bins=8))
    """
    if isinstance(extractor, type):
        remedy = f"Write {extractor.__name__}()."
        raise InputError(must_be("check_extractor", "extractor", "an instance", extractor, remedy))
    refusals = []
    batches = _examples() if images is None else [images]
    for batch in batches:
        refusal = extractor.supports(batch.shape[1:]) if hasattr(extractor, "supports") else None
        if refusal is None:
            _check_on(Case(extractor, batch, exact))
        else:
            refusals.append(refusal)
    if len(refusals) == len(batches):
        raise AssertionError(
            f"{type(extractor).__name__}: supports none of the images: {'; '.join(refusals)}"
        )


def _check_on(case: Case) -> None:
    for sentence, law in LAWS.items():
        where = f"{type(case.extractor).__name__} on images {case.images.shape}: broken law: {sentence}"
        try:
            complaint = law(case)
        except Exception as error:
            raise AssertionError(f"{where} ({type(error).__name__}: {error})") from error
        if complaint:
            raise AssertionError(f"{where} ({complaint})")


def _examples() -> list[ImageArray]:
    """Return small images of three shapes: noise, with flat black, flat white, a ramp and low contrast."""
    rng = np.random.default_rng(0)
    batches = []
    for shape in ((32, 32, 3), (40, 33, 3), (33, 36)):
        images = rng.integers(0, 256, (8, *shape), dtype=np.uint8)
        ramp = np.linspace(0, 255, shape[1]).astype(np.uint8)
        images[0], images[1] = 0, 255
        images[2] = ramp if len(shape) == 2 else ramp[:, None]
        images[3] //= 32
        batches.append(images)
    return batches
