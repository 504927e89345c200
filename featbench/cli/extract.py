"""``featbench extract EXTRACTOR FOLDER``: the features of a folder of images, in a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer

from featbench.cli.console import notice, print_rows
from featbench.cli.progress import FileProgress, spoken
from featbench.errors import ConfigError, FeatbenchError, must_be
from featbench.text import counted, first_few

if TYPE_CHECKING:
    from featbench.extraction import Extraction

__all__ = ["extract"]

_BECAME = {
    "squash": "squashed to",
    "crop": "cropped to a square and brought to",
    "pad": "padded with black to",
}


class _InterruptedError(FeatbenchError):
    """Ctrl-C before anything was done, of which nothing is kept."""

    exit_code: ClassVar[int] = 130


def extract(
    extractor: Annotated[
        str,
        typer.Argument(
            metavar="EXTRACTOR",
            help="A name that `featbench list` shows, a YAML experiment, or a folder that holds a saved extractor.",
        ),
    ],
    images: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="A folder of images, however nested, or a single image.")
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Where to: NAME.npy or NAME.parquet. [required]"),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(
            help="Pixels that images are brought to, 8 to 1024, or keep for their own [default: 64]."
        ),
    ] = None,
    resize: Annotated[
        str | None,
        typer.Option(metavar="squash|crop|pad", help="How an image becomes square [default: squash]."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="A parameter, such as cell=4; with an experiment a path, such as extractor.cell=4. Repeatable.",
        ),
    ] = None,
    which: Annotated[
        str | None, typer.Option(metavar="LABEL", help="Which extractor of an experiment that has several.")
    ] = None,
    skip_unreadable: Annotated[
        bool, typer.Option("--skip-unreadable", help="Leave out files that cannot be used, and list them.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an output that is there.")] = False,
) -> None:
    """Write the features of a folder of images to a file; interrupted, the same command goes on."""
    from featbench.extraction import choose_extractor, extract_to
    from featbench.extraction.outputs import Outputs

    if output is None:  # typer would call it a missing parameter, and not say how to write it
        raise ConfigError("extract: --output is missing. Say where to, such as --output features.npy.")
    choice = choose_extractor(extractor, settings or (), which)
    try:
        done = extract_to(
            choice.extractor,
            images,
            output,
            size=choice.size if size is None else _pixels(size),
            resize=choice.resize or "squash" if resize is None else _way(resize),
            skip_unreadable=skip_unreadable,
            force=force,
            progress=FileProgress(),
        )
    except KeyboardInterrupt:
        if Outputs(output).stage.exists():
            raise
        raise _InterruptedError(
            "interrupted before anything was done. The same command begins at the first file."
        ) from None
    _tell(done)


def _pixels(text: str) -> Any:
    if text != "keep" and not text.isdecimal():
        raise ConfigError(must_be("--size", "the size", "keep, or a number of pixels from 8 to 1024", text))
    return text if text == "keep" else int(text)


def _way(text: str) -> Any:
    if text not in _BECAME:
        raise ConfigError(must_be("--resize", "the way an image becomes square", "squash, crop or pad", text))
    return text


def _tell(done: Extraction) -> None:
    """Print what was written, how fast, and how to read it."""
    n, d = done.shape
    kinds = {".npy": "features", ".parquet": "features and file names", ".csv": "file name of each row",
             ".json": "how they were made", ".extractor": "the extractor, for other images"}  # fmt: skip
    print_rows(["file", "what"], [[str(path), kinds[path.suffix]] for path in done.files])
    took = f"{done.seconds:.1f} s" if done.seconds < 10 else spoken(done.seconds)
    fitted = f", after {spoken(done.fit_seconds)} of fitting" if done.fit_seconds >= 1 else ""
    notice(f"{counted(n, 'image')} × {d:,} numbers in {took} ({n / done.seconds:,.0f} images/s{fitted}).")
    if done.n_resumed:
        notice(f"{counted(done.n_resumed, 'file was', 'files were')} done already before an interruption.")
    if done.left_out:
        notice(f"{counted(len(done.left_out), 'file')} left out: {first_few(done.left_out)}.")
    for note in done.passed_over:
        notice(f"{note[0].upper()}{note[1:]}.")
    if done.size is not None:
        notice(f"Images were {_BECAME[done.resize]} {done.size} × {done.size} pixels (--size, --resize).")
    if done.output.suffix == ".npy":
        notice(f'Read them: numpy.load("{done.output}", mmap_mode="r")')
    else:
        notice(f'Read them: pandas.read_parquet("{done.output}")')
