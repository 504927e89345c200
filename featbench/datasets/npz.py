"""Images out of a NumPy archive, read without unpickling anything."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from featbench.datasets.labelling import natural_key
from featbench.datasets.splitting import split
from featbench.datasets.stored import stored_images
from featbench.errors import DataError, InputError, Shown, must_be
from featbench.images import check_images
from featbench.imagesets import Dataset, DatasetLoader, ImageSet
from featbench.parameters import Bounds
from featbench.types import AnyArray, Groups, Labels

__all__ = ["Npz"]

_SPLIT = {"x_train", "y_train", "x_test", "y_test"}
_WHOLE = {"images", "labels"}
_KNOWN = _SPLIT | _WHOLE | {"groups", "groups_train", "groups_test", "classes"}
_IMAGES = {"x_train", "x_test", "images"}

# What the archive may unpack to; a few kilobytes of zeros could otherwise fill any memory.
MAX_BYTES = 32 * 2**30

_MAPPED = 64 << 20  # bytes of an uncompressed array of images from which on it stays on the disk


@dataclass(kw_only=True, eq=False, repr=False)
class Npz(DatasetLoader):
    """Images and labels out of a NumPy ``.npz`` archive.

    Either ``x_train``, ``y_train``, ``x_test`` and ``y_test`` (and ``groups_train`` with ``groups_test``), or
    ``images`` and ``labels`` (and ``groups``), which are split. Images are ``uint8 (n, h, w, 3)`` RGB or
    ``(n, h, w)`` grey. Labels are integers or text; an optional ``classes`` names integer labels, which
    then count from 0. Groups are integers or text, equal where images belong together.

    Images that stand in the archive uncompressed, as `numpy.savez` writes them, and take 64 MiB or more, are read where
    they are used, so that an archive may be larger than memory.

    Parameters
    ----------
    path : str
        The archive, as `numpy.savez` or `numpy.savez_compressed` writes it.
    test_size : float
        Share of each class's images that is kept for the test, drawn by the seed, where the archive is not
        split.
    """

    path: str
    test_size: Annotated[float, Bounds(gt=0, lt=1)] = 0.25

    def load(self, seed: int = 0) -> Dataset:
        """Read the archive, check its arrays, and draw a split where it has none."""
        path = Path(self.path).expanduser()
        arrays = _read(path)
        where = str(path)
        official = set(arrays) >= _SPLIT
        keys = (("x_train", "y_train", "groups_train"), ("x_test", "y_test", "groups_test"))
        parts = [
            _part(arrays, *names, where) for names in (keys if official else [("images", "labels", "groups")])
        ]
        classes, labels = _classes([part[1] for part in parts], arrays.get("classes"), where)
        groups = _groups([part[2] for part in parts])
        sets = [
            ImageSet(images, numbers, together)
            for (images, *_), numbers, together in zip(parts, labels, groups, strict=True)
        ]
        if not official:
            rows = split(sets[0].labels, sets[0].groups, self.test_size, seed, classes)
            sets = [sets[0].take(part) for part in rows]
        return Dataset(
            name=f"npz {path.stem}",
            classes=classes,
            train=sets[0],
            test=sets[1],
            official_split=official,
            shareable=False,
            source=f"the archive {self.path}",
        )


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        remedy = "Correct the path; a relative one starts at the working folder."
        raise DataError(must_be("npz", "path", "an existing .npz file", str(path), remedy))
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > MAX_BYTES:
            got = Shown(f"{size / 2**30:,.0f} GiB")
            wanted = f"at most {MAX_BYTES // 2**30} GiB when unpacked"
            raise DataError(
                must_be(str(path), "the archive", wanted, got, "Use the folder data set instead.")
            )
        with np.load(path, allow_pickle=False) as archive:
            names = set(archive.files)
            _check_names(names, str(path))
            mapped = {name: stored_images(path, name, _MAPPED) for name in names & _IMAGES}
            read = {name: archive[name] for name in names & _KNOWN if mapped.get(name) is None}
            return read | {name: images for name, images in mapped.items() if images is not None}
    except (DataError, InputError):
        raise
    except Exception as error:  # a damaged archive fails in as many ways as it has bytes
        reason = str(error)
        if "allow_pickle" in reason:
            remedy = "Arrays of objects would have to be unpickled: save plain numbers or text."
        else:
            remedy = "Write it anew with numpy.savez_compressed."
        got = Shown(f"one that cannot be read ({type(error).__name__}: {reason})")
        raise DataError(must_be(str(path), "the archive", "a NumPy .npz file", got, remedy)) from error


def _check_names(names: set[str], where: str) -> None:
    if names >= _SPLIT or (names >= _WHOLE and not names & _SPLIT):
        return
    wanted = "x_train, y_train, x_test and y_test, or images and labels"
    got = Shown(", ".join(sorted(names)) or "none")
    raise DataError(
        must_be(where, "the names of its arrays", wanted, got, "Save the arrays under these names.")
    )


def _part(
    arrays: dict[str, Any], x: str, y: str, group: str, where: str
) -> tuple[Any, AnyArray, AnyArray | None]:
    """Return images, labels and groups of one part, checked each for itself and against each other."""
    images = arrays[x]
    if isinstance(images, np.ndarray) and images.dtype.kind == "f" and np.isnan(images).any():
        rows = np.flatnonzero(np.isnan(images).reshape(len(images), -1).any(axis=1))
        remedy = "Mend or drop them, then save uint8 pixels, 0 to 255."
        got = Shown(f"NaN in {len(rows)} images, the first of them number {rows[0]}")
        raise DataError(must_be(where, x, "free of NaN", got, remedy))
    images = check_images(arrays[x], f"{where}: {x}")
    for name in (y, group):
        column = arrays.get(name)
        if column is None:
            continue
        if column.ndim != 1 or column.dtype.kind not in "iuU":
            nan = column.dtype.kind == "f" and np.isnan(column).any()
            got = Shown(f"{column.dtype} of shape {column.shape}{' with NaN' if nan else ''}")
            remedy = "Convert it: numpy.asarray(labels).astype(int), or .astype(str) for names."
            raise DataError(must_be(where, name, "integers or text of shape (n,)", got, remedy))
        if len(column) != len(images):
            got = Shown(f"{len(column)} of them")
            raise DataError(must_be(where, name, f"as many as the {len(images)} images of {x}", got))
    return images, arrays[y], arrays.get(group)


def _classes(
    labels: list[AnyArray], names: AnyArray | None, where: str
) -> tuple[tuple[str, ...], list[Labels]]:
    """Return class names, and each part's labels as numbers that index them."""
    kinds = {part.dtype.kind == "U" for part in labels}
    if len(kinds) == 2:
        got = Shown(" and ".join(str(part.dtype) for part in labels))
        raise DataError(must_be(where, "labels of both parts", "of one kind", got))
    if names is not None:
        if names.ndim != 1 or names.dtype.kind != "U" or kinds == {True}:
            got = Shown(f"{names.dtype} of shape {names.shape} beside labels of {labels[0].dtype}")
            raise DataError(must_be(where, "classes", "text of shape (n_classes,) that integers index", got))
        return tuple(str(name) for name in names), [part.astype(np.int64) for part in labels]
    found = np.unique(np.concatenate(labels))
    ordered = sorted(found.tolist(), key=natural_key) if kinds == {True} else found.tolist()
    number = {label: index for index, label in enumerate(ordered)}
    numbered = [np.array([number[label] for label in part.tolist()], dtype=np.int64) for part in labels]
    return tuple(str(label) for label in ordered), numbered


def _groups(groups: list[AnyArray | None]) -> list[Groups | None]:
    """Give groups numbers, the same in both parts."""
    told = [part for part in groups if part is not None]
    if not told:
        return [None] * len(groups)
    # As text, so that 3 in one part and "3" in the other are one group.
    names = np.unique(np.concatenate([part.astype(str) for part in told]))
    return [
        None if part is None else np.searchsorted(names, part.astype(str)).astype(np.int64) for part in groups
    ]
