"""Dense patches written in words on a GPU, by torch: unfolded, normalised, encoded and pooled there.

Maps and encodings run by the same lines as on the processor's definition (`FeatureMap._map`, `Encoding.codes`), on
tensors in the place of arrays. TF32 is off. Features are those of the processor within 1e-4 of their length; the codes
`hard` and `nearest` may differ where two words are equally near but for rounding.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from featbench.errors import InputError, Shown, must_be
from featbench.maps import MAPS
from featbench.numerics.torch_device import full_precision, torch_for
from featbench.plugins import PluginTable
from featbench.types import FeatureMatrix, ImageArray
from featbench.words import ENCODINGS
from featbench.words.building import Parts
from featbench.words.coding import in_cells, normalized
from featbench.words.patch import Patch
from featbench.words.places import PatchGrid
from featbench.words.sampling import Dense

__all__ = ["check_device", "features"]

# Numbers in patches, distances and codes of the images that are on the device at once, 256 MB or one image; with what
# they are computed from some five times as much, and where they are computed in float64 ten times.
_CODES = 2**26

_REMEDY = 'Use device="cpu".'

# Maps and encodings that know tensors; others may be anybody's.
_MAPS = ("contrast", "whiten", "pca", "power", "l2")
_ENCODINGS = ("hard", "soft", "triangle", "soft_threshold", "nearest", "vlad", "fisher")


def check_device(parts: Parts, device: str, where: str) -> Any:
    """Return torch if it can write images in these parts' words on a device.

    Parameters
    ----------
    parts : Parts
        Fitted or not.
    device : str
        ``"cuda"``, or ``"torch:cpu"``, which runs the same lines on the processor.
    where : str
        Who asks; begins the message.

    Raises
    ------
    MissingExtraError
        torch is not installed.
    InputError
        A part that knows no tensors, or torch finds no GPU.
    """
    sampling, descriptor = parts.sampling, parts.descriptor
    if not (
        isinstance(sampling, Dense)
        and isinstance(descriptor, Patch)
        and {int(side) for side in np.ravel(sampling.sizes)} == {descriptor.size}
    ):
        wanted = f'a dense grid of patches of one size, not resized, where device="{device}"'
        got = Shown(f"{sampling!r} and {descriptor!r}")
        raise InputError(must_be(where, "patches", wanted, got, _REMEDY))
    for step in parts.normalization:
        _check_known("maps of descriptors", step, MAPS, _MAPS, device, where)
    _check_known("encoding", parts.encoding, ENCODINGS, _ENCODINGS, device, where)
    return torch_for(device.removeprefix("torch:"), where)


def features(images: ImageArray, parts: Parts, n_out: int, device: str) -> FeatureMatrix:
    """Write images in words on a device; what `featbench.words.coding.code` does on the processor.

    Parameters
    ----------
    images : ndarray of uint8, (n, h, w, 3) or (n, h, w)
    parts : Parts
        Fitted, and such as `check_device` admits.
    n_out : int
        Length of a row.
    device : str
        ``"cuda"``, or ``"torch:cpu"``.

    Returns
    -------
    ndarray of float32, (n, n_out)
        On the host. The maps of `final` are computed there.

    Raises
    ------
    MissingExtraError, InputError
        As `check_device`.
    """
    torch = check_device(parts, device, "BagOfVisualWords")
    place = device.removeprefix("torch:")
    rows = np.empty((len(images), n_out), dtype=np.float32)
    if not len(images):
        return rows
    places = parts.sampling.places(images[:1], 0)
    assert places.grids is not None
    atoms = parts.pooling.atoms(places.positions, images.shape[1:])
    counts = np.bincount(atoms, minlength=parts.pooling.n_atoms)
    order = torch.tensor(np.argsort(atoms, kind="stable"), device=place)
    channels = images.shape[3] if images.ndim == 4 else 1
    length = (
        parts.encoding.length(parts.codebook) + len(parts.codebook.words_) + parts.descriptor.length(channels)
    )
    size = max(1, _CODES // (len(atoms) * length))
    with full_precision(torch, place), torch.inference_mode():
        for first in range(0, len(images), size):
            chunk = torch.tensor(images[first : first + size], device=place)
            X = torch.cat([_unfold(chunk, grid) for grid in places.grids], dim=1)[:, order]
            pooled = _pooled(X, parts, counts)
            joined = in_cells(pooled, np.tile(counts, (len(pooled), 1)), parts)
            rows[first : first + size] = normalized(joined, parts.final)
    return rows


def _unfold(images: Any, grid: PatchGrid) -> Any:
    """Return the patches of a grid, float32 ``(n, m, size · size · c)``, of images ``(n, h, w)`` or with channels."""
    n, size = len(images), grid.size
    images = images.reshape(*images.shape[:3], -1)
    for axis, firsts in ((1, grid.tops), (2, grid.lefts)):
        step = int(firsts[1] - firsts[0]) if len(firsts) > 1 else 1
        images = images.narrow(axis, int(firsts[0]), int(firsts[-1] - firsts[0]) + size).unfold(
            axis, size, step
        )
    patches = images.permute(0, 1, 2, 4, 5, 3)  # from (n, rows, columns, c, size, size)
    return patches.reshape(n, len(grid.tops) * len(grid.lefts), -1).float()


def _pooled(X: Any, parts: Parts, counts: Any) -> FeatureMatrix:
    """Return the sums or maxima of the codes in each atom, ``(n, n_atoms, L)``; patches are in the atoms' order."""
    n, m = X.shape[:2]
    X = X.reshape(n * m, -1)
    for step in parts.normalization:
        tensor: Any = step._map(X)
        X = tensor.float()
    codes: Any = parts.encoding.codes(X, parts.codebook)
    codes = codes.reshape(n, m, -1)
    pooled = codes.new_zeros((n, len(counts), codes.shape[2]))
    for atom, (start, stop) in enumerate(pairwise(np.r_[0, np.cumsum(counts)].tolist())):
        if stop > start:
            members = codes[:, start:stop]
            sums = parts.pooling.reduction == "sum"
            pooled[:, atom] = members.sum(dim=1) if sums else members.amax(dim=1)
    host: FeatureMatrix = pooled.float().cpu().numpy()
    return host


def _check_known(
    what: str, part: object, table: PluginTable, known: tuple[str, ...], device: str, where: str
) -> None:
    if table.name_of(type(part)) not in known:
        constraint = f'among {", ".join(known)} where device="{device}"'
        raise InputError(must_be(where, what, constraint, part, _REMEDY))
