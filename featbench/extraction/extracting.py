"""From image files to a file of features, in chunks, with everything written down that they were made of."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from sklearn.base import clone

from featbench.base import Extractor
from featbench.datasets.decode import MAX_PIXELS, Resize
from featbench.datasets.labelling import readable
from featbench.environment import code_fingerprint, source_fingerprint, versions
from featbench.errors import DataError, FeatbenchError, InputError, Shown, must_be
from featbench.extraction.files import Decoding, ImageFiles, find_images, fingerprint
from featbench.extraction.fitting import fit_extractor, learns, settle_decoding
from featbench.extraction.outputs import Outputs, describe_extractor, plugin_classes
from featbench.extraction.stage import Stage
from featbench.extraction.unreadable import UnreadableFilesError, not_learned, unusable, write_list
from featbench.saved import fingerprint_plugin
from featbench.types import AnyArray, ImageArray

__all__ = ["Extraction", "Progress", "extract_to"]


class Progress(Protocol):
    """What an extraction tells while it goes on; the command line draws it."""

    def begin(self, n_files: int, n_done: int) -> None:
        """Tell how many files there are, and how many an earlier sitting has done."""

    def stage(self, text: str) -> None:
        """Tell what is being worked on."""

    def advance(self, n_done: int, n_left_out: int) -> None:
        """Tell how many files are done, and how many of them gave no row."""

    def end(self) -> None:
        """Tell that no more will come."""


class _Silent:
    def begin(self, n_files: int, n_done: int) -> None: ...
    def stage(self, text: str) -> None: ...
    def advance(self, n_done: int, n_left_out: int) -> None: ...
    def end(self) -> None: ...


@dataclass(frozen=True)
class Extraction:
    """A finished extraction.

    Attributes
    ----------
    output : Path
        The file of features.
    files : tuple of Path
        All that was written, `output` first.
    shape : tuple of int
        ``(n, d)``.
    n_resumed : int
        Files that an earlier sitting had done.
    left_out : tuple of str
        Why files gave no row, a sentence each.
    fit_seconds, seconds : float
        Of the fit; of decoding, extracting and writing; over all sittings.
    size : int or None
        Height and width that images were brought to; None, their own.
    resize : {"squash", "crop", "pad"}
        How they became square, where `size` is a number.
    passed_over : tuple of str
        What else lay in the folder, a phrase each.
    """

    output: Path
    files: tuple[Path, ...]
    shape: tuple[int, int]
    n_resumed: int
    left_out: tuple[str, ...]
    fit_seconds: float
    seconds: float
    size: int | None
    resize: Resize
    passed_over: tuple[str, ...]


def extract_to(
    extractor: Extractor,
    images: str | Path | Sequence[str | Path],
    output: str | Path,
    *,
    size: int | Literal["keep"] | None = None,
    resize: Resize = "squash",
    max_pixels: int = MAX_PIXELS,
    skip_unreadable: bool = False,
    force: bool = False,
    progress: Progress | None = None,
) -> Extraction:
    """Write the features of image files to a file, with their names and a manifest beside it.

    The same call after an interruption goes on where it stopped, as long as files, extractor, code and
    libraries are the same.

    Parameters
    ----------
    extractor : Extractor
        One that is not fitted is cloned and fitted on these images; a fitted one is used as it is.
    images : path, or sequence of path
        A folder, of which every image at any depth is taken; one file; or the files themselves.
    output : path
        ``.npy``, or ``.parquet`` with the extra ``[parquet]``.
    size : int, "keep" or None, optional
        Height and width that images are brought to, 8 to 1024 pixels; ``"keep"`` leaves them as they are, for
        extractors whose `any_size` is true; None is the size that a fitted extractor saw, otherwise 64.
    resize : {"squash", "crop", "pad"}, optional
        How an image becomes square.
    max_pixels : int, optional
        A larger image is not decoded.
    skip_unreadable : bool, optional
        Leave out files that cannot be used, and list them, rather than raise when all the others are done.
    force : bool, optional
        Replace an output that is there, and drop what an interrupted extraction of something else left.
    progress : Progress, optional
        Is told what happens.

    Returns
    -------
    Extraction

    Raises
    ------
    ConfigError
        The output is there, or what was interrupted was made of something else; an extractor that learns from
        labels; a size that it cannot take; no such `resize`.
    DataError
        No images, or files that cannot be read.
    InputError
        No extractor or no paths; parameters or images that the extractor refuses.
    StoreError
        The disk is full.
    """
    outputs = Outputs(Path(output))
    outputs.check(force=force)
    decoding = settle_decoding(extractor, size, resize, max_pixels)
    files = find_images(images)
    states = files.states()
    made_of = _made_of(extractor, states, decoding)
    progress = progress or _Silent()
    with Stage(outputs.stage, made_of, anew=force) as stage:
        try:
            progress.begin(len(files.paths), stage.done.n_files)
            work = _Work(extractor, files, decoding, stage, progress)
            work.fit(outputs.unreadable, skip_unreadable=skip_unreadable)
            n_resumed = work.run()
            problems = {int(position): reason for position, reason in stage.done.problems.items()}
            left_out = tuple(f"{files.names[position]}: {reason}" for position, reason in problems.items())
            if left_out and not (skip_unreadable and stage.done.n_rows):
                removable = not learns(extractor)
                if removable:
                    stage.done.without = fingerprint(s for i, s in enumerate(states) if i not in problems)
                    stage.note()
                write_list(outputs.unreadable, files.names, problems)
                raise DataError(
                    unusable(left_out, outputs.unreadable, stage.done.n_rows, may_be_removed=removable)
                )
            progress.stage("writing")
            d = work.fitted.n_features_out_
            stage.close(d, work.fitted.feature_dtype)
            outputs.write(stage, work.fitted, files, decoding, made_of)
        finally:
            progress.end()
        shape = (stage.done.n_rows, d)
        done = stage.done
    return Extraction(
        outputs.output, outputs.paths, shape, n_resumed, left_out, done.fit_seconds, done.seconds,
        decoding.size, decoding.resize, tuple(files.notes),
    )  # fmt: skip


class _Work:
    """The walk over the files."""

    def __init__(
        self, extractor: Extractor, files: ImageFiles, decoding: Decoding, stage: Stage, progress: Progress
    ) -> None:
        self.fitted, self.files, self.decoding, self.stage, self.progress = (
            extractor, files, decoding, stage, progress,
        )  # fmt: skip
        self._reasons: dict[tuple[int, ...], str | None] = {}

    def fit(self, unreadable: Path, *, skip_unreadable: bool) -> None:
        """Fit the extractor, unless it is fitted or an earlier sitting has done so."""
        if hasattr(self.fitted, "image_shape_"):
            return
        saved = self.stage.extractor_path
        if self.stage.done.fitted:
            with contextlib.suppress(FeatbenchError):  # damaged: it is fitted again
                self.fitted = type(self.fitted).load(saved)
                return
        self.progress.stage("fitting")
        start = time.perf_counter()
        learned = learns(self.fitted)
        try:
            self.fitted = fit_extractor(
                clone(self.fitted), self.files, self.decoding, skip_unreadable=skip_unreadable
            )
        except UnreadableFilesError as error:
            problems = {i: self._reason(i, problem) for i, problem in error.problems.items()}
            self.stage.keep = True
            write_list(unreadable, self.files.names, problems)
            reasons = [f"{self.files.names[i]}: {reason}" for i, reason in problems.items()]
            if len(problems) == len(self.files.paths):
                raise DataError(unusable(reasons, unreadable, 0, may_be_removed=False)) from None
            raise DataError(not_learned(reasons, unreadable)) from None
        self.stage.keep = self.stage.keep or learned
        self.stage.done.fit_seconds += time.perf_counter() - start
        self.fitted.save(saved)
        self.stage.done.fitted = True
        self.stage.note()

    def run(self) -> int:
        """Extract what is left; return how many files were done already."""
        stage, paths = self.stage, self.files.paths
        stage.open(self.fitted.n_features_out_, self.fitted.feature_dtype, len(paths))
        self.progress.stage("extracting")
        start_time = time.perf_counter()
        n_resumed = stage.done.n_files
        for start, stop in self.decoding.chunks(paths, stage.done.n_files):
            images, unreadable = self.decoding.read(paths[start:stop])
            problems = {
                start + position: self._reason(start + position, r) for position, r in unreadable.items()
            }
            if isinstance(images, list):
                images, unusable = self._usable(images, [p for p in range(start, stop) if p not in problems])
                problems.update(unusable)
            rows = self.fitted.transform(images) if len(images) else self._none()
            _check(rows, self.fitted)
            now = time.perf_counter()
            stage.append(rows, stop, problems, now - start_time)
            start_time = now
            self.progress.advance(stop, len(stage.done.problems))
        return n_resumed

    def _reason(self, position: int, problem: str) -> str:
        """Return what is wrong with a file, without its path."""
        return problem.removeprefix(f"{readable(str(self.files.paths[position]))}: ")

    def _none(self) -> AnyArray:
        return np.empty((0, self.fitted.n_features_out_), dtype=self.fitted.feature_dtype)

    def _usable(
        self, images: list[ImageArray], positions: list[int]
    ) -> tuple[list[ImageArray], dict[int, str]]:
        """Sort out images of a size that the extractor cannot take."""
        kept, problems = [], {}
        for image, position in zip(images, positions, strict=True):
            if image.shape not in self._reasons:
                self._reasons[image.shape] = self.fitted.supports(image.shape)
            reason = self._reasons[image.shape]
            if reason is None:
                kept.append(image)
            else:
                problems[position] = reason.rstrip(".")
        return kept, problems


def _made_of(extractor: Extractor, states: Sequence[str], decoding: Decoding) -> dict[str, Any]:
    """Return all that decides the rows."""
    fitted = hasattr(extractor, "image_shape_")
    return {
        "extractor": describe_extractor(extractor),
        "learned": fingerprint_plugin(extractor) if fitted else None,
        "decoding": decoding.to_json(),
        "files": fingerprint(states),
        "versions": versions(),
        "code": [code_fingerprint(), *(source_fingerprint(cls) for cls in plugin_classes(extractor))],
    }


def _check(rows: Any, extractor: Extractor) -> None:
    """Refuse rows that no extractor may give."""
    d, dtype = extractor.n_features_out_, extractor.feature_dtype
    name = type(extractor).__name__
    if rows.dtype != dtype or rows.shape[1:] != (d,):
        raise InputError(
            must_be(name, "features", f"{dtype} of shape (n, {d})", Shown(f"{rows.dtype} {rows.shape}"))
        )
    if dtype.kind == "f" and not np.isfinite(rows).all():
        remedy = "This is a fault of the extractor; run featbench.testing.check_extractor on it."
        raise InputError(must_be(name, "features", "finite", Shown("values that are not"), remedy))
