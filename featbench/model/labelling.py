"""Labels for image files, in chunks, so that memory does not grow with their number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from featbench.datasets.labelling import readable
from featbench.errors import DataError
from featbench.extraction.files import find_images
from featbench.model.pipeline import Pipeline

__all__ = ["Labelled", "label_files", "list_files"]

_MOST_FILES = 512
_MOST_BYTES = 64 * 2**20  # of pixels at once


@dataclass(frozen=True)
class Labelled:
    """What a model says of one file.

    Attributes
    ----------
    file : str
        As it was given, or found in a folder; bytes that are no UTF-8 are escaped.
    label : str or None
        None where the file cannot be read.
    confidence : float or None
        See `Pipeline.confidence`.
    problem : str or None
        Why it cannot be read.
    """

    file: str
    label: str | None
    confidence: float | None
    problem: str | None = None


def list_files(images: Sequence[str | Path]) -> tuple[list[Path], list[str]]:
    """List the files that are meant.

    Parameters
    ----------
    images : sequence of path
        Files, and folders of which every image at any depth is taken.

    Returns
    -------
    files : list of Path
        In the order given; a file that was given is listed even where it is not there.
    problems : list of str
        Folders that hold no images.
    """
    files: list[Path] = []
    problems: list[str] = []
    for given in map(Path, images):
        if not given.expanduser().is_dir():
            files.append(given.expanduser())
            continue
        try:
            files += find_images(given).paths
        except DataError as error:
            problems.append(str(error))
    return files, problems


def label_files(model: Pipeline, files: Sequence[str | Path]) -> Iterator[Labelled]:
    """Label image files.

    Parameters
    ----------
    model : Pipeline
    files : sequence of path
        Read and resized as the model's training images were.

    Yields
    ------
    Labelled
        One for each file, in order; those that cannot be read too.
    """
    paths = [Path(file) for file in files]
    n_bytes = 1
    for side in model.pixels.shape:
        n_bytes *= side
    size = max(1, min(_MOST_FILES, _MOST_BYTES // n_bytes))
    for start in range(0, len(paths), size):
        chunk = paths[start : start + size]
        images, problems = model.pixels.read(chunk)
        codes: Iterator[int] = iter(())
        confidences: Iterator[float] = iter(())
        if len(images):
            rows = model.features(images)
            codes, confidences = iter(model.codes(rows)), iter(model.confidence(rows))
        for position, path in enumerate(chunk):
            name = readable(str(path))
            if position in problems:
                yield Labelled(name, None, None, problems[position].removeprefix(f"{name}: "))
                continue
            label, confidence = model.classes[next(codes)], float(next(confidences))
            yield Labelled(name, label, None if model.measure is None else confidence)
