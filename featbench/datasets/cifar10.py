"""CIFAR-10, from its original python batches."""

from __future__ import annotations

import hashlib
import lzma
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np

from featbench.datasets.download import alone, fetch, unpack
from featbench.datasets.restricted import MAX_BYTES, load_batch
from featbench.errors import DataError, Shown, must_be
from featbench.imagesets import Dataset, DatasetLoader, ImageSet
from featbench.numerics.threads import n_threads
from featbench.parameters import Bounds
from featbench.types import ImageArray, Labels

__all__ = ["Cifar10"]

FOLDER = "cifar-10-batches-py"
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

# The sums that are published for the unpacked files.
_MD5 = {
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
}
_TRAIN = tuple(name for name in _MD5 if name != "test_batch")
_BATCH_ROWS = 10_000

_URL = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
_ARCHIVE_MD5 = "c58f30108f718f92721af3b95e74349a"
_ARCHIVE_BYTES = 170_498_071
_OTHER_MEMBERS = ("batches.meta", "readme.html")

_REPLACE = "Put the original there, or remove the folder and run `featbench data prepare cifar10`."


@dataclass(kw_only=True, eq=False, repr=False)
class Cifar10(DatasetLoader):
    """60,000 colour photographs, 32 × 32, ten classes, with their own split of 50,000 and 10,000.

    The batches are looked for in `root`, in the folder that FEATBENCH_DATA names and in the user's data folder,
    in each directly or under ``cifar-10-batches-py``, plain or as ``.xz``; where there are none they are downloaded
    from the official address into the first of these folders that is named. Every batch is checked against its
    published sum, and read by an unpickler that can make arrays, bytes, numbers, lists and dictionaries only.

    Parameters
    ----------
    root : str or None
        Where to look first, and where a download is put. It must exist.
    max_train, max_test : int or None
        Use the first so many images, as the CS231n course does; None is all of them.
    download : bool
        Whether to download what is not there (163 MiB).

    References
    ----------
    A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, technical report, University of Toronto,
    2009. https://www.cs.toronto.edu/~kriz/cifar.html
    """

    root: str | None = None
    max_train: Annotated[int, Bounds(ge=1, le=50_000)] | None = None
    max_test: Annotated[int, Bounds(ge=1, le=10_000)] | None = None
    download: bool = True

    def load(self, seed: int = 0) -> Dataset:  # noqa: ARG002 - the split is the data set's own
        """Find, check and read the batches, after a download where one is needed."""
        folder = self.prepare()
        n_batches = -(-(self.max_train or len(_TRAIN) * _BATCH_ROWS) // _BATCH_ROWS)
        names = [*_TRAIN[:n_batches], "test_batch"]
        files = [_file(folder, name) for name in names]
        # Unpacking .xz and summing let other threads run, so a thread a core shares the batches.
        with ThreadPoolExecutor(min(n_threads(), len(names))) as pool:
            batches = list(pool.map(_read, files, names))
        train = _first(batches[:-1], self.max_train)
        test = _first(batches[-1:], self.max_test)
        return Dataset(
            name="cifar10",
            classes=CLASSES,
            train=train,
            test=test,
            official_split=True,
            shareable=False,
            source="CIFAR-10: A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
            notes=self._notes(),
        )

    def _notes(self) -> tuple[str, ...]:
        parts = ((self.max_train, "training"), (self.max_test, "test"))
        return tuple(f"the first {n:,} {part} images only" for n, part in parts if n is not None)

    def find(self) -> Path | None:
        """Return the folder that holds batches, or None where none does.

        Raises
        ------
        DataError
            `root` is no folder.
        """
        for place in self._places():
            for folder in (place, place / FOLDER):
                if any(_candidates(folder, name) for name in _MD5):
                    return folder
        return None

    def _places(self) -> Iterator[Path]:
        if self.root is not None:
            root = Path(self.root).expanduser()
            if not root.is_dir():
                remedy = (
                    "Correct or make it, or leave `root` out to use FEATBENCH_DATA or the user's data folder."
                )
                raise DataError(must_be("cifar10", "root", "an existing folder", str(root), remedy))
            yield root
        if os.environ.get("FEATBENCH_DATA"):
            yield Path(os.environ["FEATBENCH_DATA"]).expanduser()
        import platformdirs  # a bare GPU machine, which names a folder, need not have it

        yield platformdirs.user_data_path("featbench")

    def prepare(self) -> Path:
        """Return the folder that holds the batches, after a download where there is none.

        Raises
        ------
        DataError
            There are none and `download` is false, or the download failed.
        """
        folder = self.find()
        if folder is not None:
            return folder
        places = list(self._places())
        if not self.download:
            got = Shown("nothing there")
            remedy = (
                "Get them with `featbench data prepare cifar10`, or name the folder that holds them with `root` or "
                "FEATBENCH_DATA."
            )
            where = ", ".join(str(place) for place in places)
            raise DataError(must_be("cifar10", "the batches", f"in {where}", got, remedy))
        return _download(places[0])


def _download(place: Path) -> Path:
    """Fetch and unpack the official archive under a folder, and return the folder of the batches."""
    folder, archive = place / FOLDER, place / "cifar-10-python.tar.gz"
    try:
        with alone(place):
            if not folder.exists():  # another process may just have made it
                if not archive.exists():
                    fetch(_URL, archive, md5=_ARCHIVE_MD5, max_bytes=_ARCHIVE_BYTES, title="CIFAR-10")
                members = dict.fromkeys((*_MD5, *_OTHER_MEMBERS), MAX_BYTES)
                unpack(archive, folder, inside=FOLDER, members=members)
                archive.unlink()
    except OSError as error:
        remedy = "Make it writable, or name another with `root` or FEATBENCH_DATA."
        got = Shown(error.strerror or str(error))
        raise DataError(
            must_be("cifar10", str(place), "a folder that can be written", got, remedy)
        ) from error
    return folder


def _candidates(folder: Path, name: str) -> list[Path]:
    return [path for path in (folder / name, folder / f"{name}.xz") if path.is_file()]


def _file(folder: Path, name: str) -> Path:
    """Return the file of a batch, plain rather than packed where both are there."""
    found = _candidates(folder, name)
    if not found:
        got = Shown("neither")
        remedy = f"The folder holds other batches, so this one was lost. {_REPLACE}"
        raise DataError(must_be(str(folder), name, f"there as {name} or {name}.xz", got, remedy))
    return found[0]


def _read(path: Path, name: str) -> tuple[ImageArray, Labels]:
    """Read one batch: pixels ``uint8 (n, 3072)``, plane after plane, and labels."""
    content = _content(path)
    got = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if got != _MD5[name]:
        remedy = f"It is damaged or another file. {_REPLACE}"
        raise DataError(must_be(str(path), f"the md5 of {name}", _MD5[name], Shown(got), remedy))
    batch = load_batch(content, str(path))
    pixels, labels = batch.get("data"), batch.get("labels")
    if (
        not isinstance(pixels, np.ndarray)
        or (pixels.dtype, pixels.shape[1:]) != (np.uint8, (3072,))
        or not isinstance(labels, list)
        or len(labels) != len(pixels)
    ):
        wanted = "'data', uint8 (n, 3072), and as many 'labels'"
        raise DataError(must_be(str(path), "a batch", wanted, Shown(", ".join(batch) or "neither")))
    if not all(isinstance(label, int) and 0 <= label < len(CLASSES) for label in labels):
        raise DataError(must_be(str(path), "labels", "integers from 0 to 9", Shown("others")))
    return pixels, np.array(labels, dtype=np.int64)


def _content(path: Path) -> bytes:
    """Read a file, unpacked, and no more than a batch may have."""
    try:
        with lzma.open(path) if path.suffix == ".xz" else path.open("rb") as file:
            content: bytes = file.read(MAX_BYTES + 1)
    except (OSError, EOFError, lzma.LZMAError) as error:
        remedy = f"It is damaged or cut short. {_REPLACE}"
        got = Shown(f"one that cannot be ({error})")
        raise DataError(must_be(str(path), "the batch", "a file that can be read", got, remedy)) from error
    return content


def _first(batches: Sequence[tuple[ImageArray, Labels]], most: int | None) -> ImageSet:
    """Put batches together as images ``uint8 (n, 32, 32, 3)``, the first `most` of them."""
    labels = np.concatenate([numbers for _, numbers in batches])[:most]
    images = np.empty((len(labels), 32, 32, 3), dtype=np.uint8)
    start = 0
    for pixels, _ in batches:
        part = images[start : start + len(pixels)]
        part[:] = pixels[: len(part)].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        start += len(part)
    return ImageSet(images, labels)
