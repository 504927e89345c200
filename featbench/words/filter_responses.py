"""What a bank of filters answers in the middle of a patch: textons are words of these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from featbench.errors import InputError, Shown, must_be
from featbench.extractors.filtering import responses_of
from featbench.extractors.filters import BankName, filter_bank, radius_of
from featbench.extractors.raw import to_grey
from featbench.parameters import Bounds
from featbench.types import FeatureMatrix, ImageArray
from featbench.words.parts import Descriptor
from featbench.words.places import Places

__all__ = ["FilterResponses"]


@dataclass(kw_only=True, eq=False, repr=False)
class FilterResponses(Descriptor):
    """The responses of a filter bank at a pixel; clustered, they are textons.

    Parameters
    ----------
    bank : {"mr8", "lm", "schmid"}, default="mr8"
        ``mr8``: 8 responses that hardly change when an image is rotated; ``lm``: 48; ``schmid``: 13.
    scale : float, default=1.0
        Factor of all sizes of the filters, 0.5 to 4. At 1 a filter covers 49 × 49 pixels.
    normalize : bool, default=True
        Whether each image is brought to mean 0 and deviation 1 first.
    contrast : bool, default=True
        Whether the responses at a pixel are compressed by Weber's law.

    Notes
    -----
    Responses, in the order of the bank, are those of `featbench.extractors.FilterBank`, which tells more of all
    parameters and of what is done at borders. The pixel is the one that the middle of the patch lies in; where the
    middle lies between two pixels, as for even sides, the one before. Sides and angles of patches are not read:
    filters have sizes of their own. Images have sides of more than half a filter's, 25 pixels at scale 1.

    References
    ----------
    M. Varma and A. Zisserman, "A statistical approach to texture classification from single images", IJCV
    62(1–2), 2005, https://doi.org/10.1007/s11263-005-4635-4

    T. Leung and J. Malik, "Representing and recognizing the visual appearance of materials using
    three-dimensional textons", IJCV 43(1), 2001, https://doi.org/10.1023/A:1011126920638
    """

    bank: BankName = "mr8"
    scale: Annotated[float, Bounds(ge=0.5, le=4)] = 1.0
    normalize: bool = True
    contrast: bool = True

    def length(self, channels: int) -> int:  # noqa: ARG002 - colour becomes grey
        """Return how many responses the bank has."""
        return len(filter_bank(self.bank, self.scale).names)

    def describe(self, images: ImageArray, places: Places) -> FeatureMatrix:
        """Filter images one by one, and keep what is asked for.

        Raises
        ------
        InputError
            Images smaller than half a filter.
        """
        self.check_shape(images.shape[1:])
        grey = to_grey(images) if images.ndim == 4 else images
        rows = np.empty((len(places.sizes), self.length(1)), dtype=np.float32)
        pixels = np.clip(places.pixels(), 0, np.array(grey.shape[1:]) - 1)
        for i, image in enumerate(grey):
            own = slice(places.offsets[i], places.offsets[i + 1])
            if own.start == own.stop:
                continue
            responses = responses_of(
                image, bank=self.bank, scale=self.scale, normalize=self.normalize, contrast=self.contrast
            )
            rows[own] = responses[:, pixels[own, 0], pixels[own, 1]].T
        return rows

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """Refuse images smaller than half a filter."""
        least = radius_of(self.scale) + 1
        if min(shape[:2]) < least:
            constraint = f"at least {least} × {least} pixels for scale={self.scale:g}"
            remedy = "Enlarge the images, or take a smaller scale (0.5 at the least)."
            got = Shown(f"{shape[0]} × {shape[1]}")
            raise InputError(must_be("FilterResponses", "images", constraint, got, remedy))
