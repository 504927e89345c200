"""What is wrong with something that is no batch of images, and what makes it one.

`featbench.images` asks when a batch is refused; a remedy is code that works on what came.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from featbench.errors import InputError, Shown, must_be
from featbench.types import AnyArray

__all__ = ["bad_dtype", "bad_kind", "bad_shape", "is_masked"]

_LOAD = "Load the images first (`featbench extract` reads files)."


def bad_kind(images: Any, where: str, what: str = "images") -> InputError:
    """Return the error for what is neither an array nor a list of arrays; `what` is ``"image 3"`` in a list."""
    it = "image" if what != "images" else "images"
    wanted = "a NumPy array" if it == "image" else "a NumPy array, a list of images or an ImageSource"
    got: Any = type(images)
    if isinstance(images, (str, bytes, os.PathLike)):
        got, remedy = images, _LOAD
    elif images is None:
        got, remedy = None, "Leave it out, or find out why there is none."
    elif is_masked(images):
        got = Shown("a masked array")
        remedy = f"Say what hidden pixels are: {it}.filled(0), for instance."
    elif type(images).__module__.partition(".")[0] == "torch":
        got = Shown(f"a torch tensor {tuple(images.shape)}")
        order = _permutation(images.shape, it)
        remedy = f"Hand over {it}{f'.permute{order}' if order else ''}.detach().cpu().numpy()."
    elif hasattr(images, "__array__") or hasattr(images, "__array_interface__"):
        remedy = f"Hand over numpy.asarray({it})."
    elif hasattr(images, "__iter__") and not isinstance(images, (dict, list, tuple)):
        remedy = f"Collect what it yields: list({it})."
    else:
        remedy = ""
    return InputError(must_be(where, what, wanted, got, remedy))


def is_masked(images: Any) -> bool:
    """Tell whether pixels are hidden, which no extractor would notice."""
    return isinstance(images, np.ma.MaskedArray)


def bad_dtype(images: AnyArray, where: str, what: str = "images", *, any_size: bool = False) -> InputError:
    """Return the error for pixels that are not 8-bit; `any_size` where a list of differing sizes would do."""
    it = "image" if what != "images" else "images"
    got: Any = Shown(images.dtype)
    remedy = f"Turn the pixels into 0 to 255 and {it}.astype(numpy.uint8)."
    if _is_text(images):
        remedy = _LOAD
    elif images.dtype == object:
        got, remedy = Shown(f"an object array {images.shape}"), _object_remedy(images, it, any_size)
    elif images.dtype == bool:
        remedy = f"True and False become ({it} * 255).astype(numpy.uint8)."
    elif images.dtype.kind in "iuf" and images.size:
        low, high = np.min(images), np.max(images)  # NaN where any is NaN
        got = Shown(f"{images.dtype} from {low:g} to {high:g}")
        if images.dtype.kind == "f":
            remedy = _float_remedy(images, float(low), float(high), it)
        elif low >= 0 and high <= 255:
            remedy = f"They become 8-bit with {it}.astype(numpy.uint8)."
        elif images.dtype == np.uint16:
            remedy = f"16 bits become 8 with ({it} >> 8).astype(numpy.uint8)."
    return InputError(must_be(where, what, "of dtype uint8, 0 to 255", got, remedy))


def _is_text(images: AnyArray) -> bool:
    """Tell whether an array holds text, such as paths."""
    if images.dtype.kind in "SU":
        return True
    return images.dtype == object and any(isinstance(x, (str, bytes, os.PathLike)) for x in images.flat[:1])


def _float_remedy(images: AnyArray, low: float, high: float, it: str) -> str:
    finite = np.isfinite(images)
    if not finite.all():
        return f"{int((~finite).sum())} of the values are not finite: mend those first."
    if low >= 0 and high <= 1:
        return f"Floats in [0, 1] become ({it} * 255).round().astype(numpy.uint8)."
    if low >= 0 and high <= 255 and (images == np.rint(images)).all():
        return f"Whole numbers become 8-bit with {it}.astype(numpy.uint8)."
    return "Only floats in [0, 1] have an obvious meaning: undo what normalised these, and round."


def _object_remedy(images: AnyArray, it: str, any_size: bool) -> str:
    if images.ndim != 1 or not all(isinstance(image, np.ndarray) for image in images):
        return f"Where all values are whole numbers from 0 to 255, take {it}.astype(numpy.uint8)."
    if len({image.shape for image in images}) == 1:
        return f"The images are of one size: numpy.stack({it})."
    return f"Take list({it})." if any_size else f"Resize the images to one size, then numpy.stack({it})."


def bad_shape(shape: tuple[int, ...], where: str, what: str = "images") -> InputError | None:
    """Return the error for pixels of a shape that no batch has (``"images"``) or no image, or None."""
    batch = what == "images"
    it, image = ("images" if batch else "image"), (shape[1:] if batch else shape)
    n = "n, " if batch else ""
    wanted = f"of shape ({n}h, w, 3) or ({n}h, w)"
    remedy = ""
    if len(image) == 2 and image[1] == 3:
        # Three columns of grey would be a strange picture; a colour image without its leading axis is common.
        wanted, remedy = (
            "more than 3 pixels wide where they are grey",
            "A single colour image goes in as image[None].",
        )
    elif len(image) == 2 or (len(image) == 3 and image[2] == 3):
        if 0 not in image:
            return None
        wanted = "at least one pixel high and wide"
    elif len(image) == 3:
        remedy = _channel_remedy(image, it)
    elif len(image) == 1:
        remedy = f"Rows of pixels get their height and width back with {it}.reshape({n}h, w, 3)."
        if batch:
            remedy = f"A single grey image goes in as image[None]. {remedy}"
    elif len(image) > 3 and image[-1] == 3:
        remedy = (
            "Join the leading axes: images.reshape(-1, *images.shape[-3:])."
            if batch
            else ("Batches are joined with numpy.concatenate(images).")
        )
    return InputError(must_be(where, what, wanted, Shown(shape), remedy))


def _channel_remedy(image: tuple[int, ...], it: str) -> str:
    batch = it == "images"
    if image[2] == 1:
        return f"Grey images have no axis of channels: {it}[..., 0]."
    if image[2] == 4:
        return f"Drop the alpha channel: {it}[..., :3]."
    if image[0] == 1:
        return f"Grey images have no axis of channels: {it}[:, 0]." if batch else "Take image[0]."
    order = _permutation((0, *image) if batch else image, it)
    return f"Channels go last: {it}.transpose{order}." if order else ""


def _permutation(shape: Any, it: str) -> str:
    """Return the axes that bring channels to the end, ``(0, 2, 3, 1)``, or nothing where they are not second."""
    image = tuple(shape)[1:] if it == "images" else tuple(shape)
    if len(image) != 3 or image[0] != 3 or image[2] == 3:
        return ""
    return "(0, 2, 3, 1)" if it == "images" else "(1, 2, 0)"
