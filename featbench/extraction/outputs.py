"""What an extraction leaves: features, the names of their files, a manifest, the fitted extractor.

The features come last, by a rename: where the file stands, everything else stands beside it, whole.
"""

from __future__ import annotations

import csv
import importlib.util
import io
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from featbench.base import Extractor
from featbench.errors import ConfigError, MissingExtraError, StoreError, must_be
from featbench.extraction.files import Decoding, ImageFiles
from featbench.extraction.stage import Stage
from featbench.extraction.tables import write_parquet
from featbench.plugins import TABLES
from featbench.store import to_json, write_atomic
from featbench.text import csv_cell

__all__ = ["Outputs", "describe_extractor", "plugin_classes"]

_FORMAT = 1
# Longer lists of names are left to the saved extractor's get_feature_names_out().
_MOST_NAMES = 20_000


class Outputs:
    """Where everything goes.

    Parameters
    ----------
    output : Path
        ``NAME.npy`` or ``NAME.parquet``.
    """

    def __init__(self, output: Path) -> None:
        self.output = output
        self.stage = output.with_name(f"{output.name}.partial")
        self.manifest = output.with_suffix(".json")
        self.names = output.with_suffix(".files.csv")
        self.extractor = output.with_suffix(".extractor")
        self.unreadable = self.stage / f"{output.stem}.unreadable.txt"

    @property
    def paths(self) -> tuple[Path, ...]:
        """All that is written, the features first."""
        names = [] if self._is_parquet else [self.names]
        return (self.output, *names, self.manifest, self.extractor)

    @property
    def _is_parquet(self) -> bool:
        return self.output.suffix == ".parquet"

    def check(self, *, force: bool) -> None:
        """Refuse a place where nothing can be written, before any work is done.

        Raises
        ------
        ConfigError
            Another suffix; something is there already and `force` is false.
        MissingExtraError
            Parquet without pyarrow.
        """
        if self.output.suffix not in (".npy", ".parquet"):
            constraint = "a file that ends in .npy or .parquet"
            raise ConfigError(must_be("extract", "output", constraint, str(self.output)))
        if self._is_parquet and importlib.util.find_spec("pyarrow") is None:
            raise MissingExtraError(f"{self.output}: Parquet", "pyarrow", "parquet")
        if self.output.is_dir():
            raise ConfigError(f"{self.output}: is a folder. Give the name of a file.")
        # What stands beside the output belongs to it, or an interrupted extraction has begun to write it.
        there = [self.output] if self.stage.exists() else list(self.paths)
        taken = [path for path in there if path.exists()]
        if taken and not force:
            raise ConfigError(
                f"{taken[0]}: is there already. Replace it with --force, or choose another --output."
            )

    def write(
        self, stage: Stage, fitted: Extractor, files: ImageFiles, decoding: Decoding, made_of: dict[str, Any]
    ) -> None:
        """Write everything, the features last, and remove the stage.

        Raises
        ------
        StoreError
            The disk is full; nothing stands under the final name.
        """
        kept = [i for i in range(len(files.names)) if str(i) not in stage.done.problems]
        names = [files.names[i] for i in kept]
        source = stage.rows_path
        try:
            if self._is_parquet:
                source = stage.folder / "table.parquet"
                write_parquet(stage.rows_path, names, list(map(str, fitted.get_feature_names_out())), source)
            # Everything is made inside the stage first, so that a crash leaves nothing of it in the user's folder.
            made = stage.folder / "beside"
            shutil.rmtree(made, ignore_errors=True)
            if not self._is_parquet:
                write_atomic(made / self.names.name, _names_csv(names))
            fitted.save(made / self.extractor.name)
            write_atomic(made / self.extractor.name / "images.json", to_json(decoding.to_json()))
            manifest = self._manifest(stage, fitted, files, kept, made_of)
            write_atomic(made / self.manifest.name, to_json(manifest))
            self.output.unlink(missing_ok=True)
            self._move(made)
            source.replace(self.output)
        except OSError as error:
            raise StoreError(
                f"{self.output}: cannot be written ({error.strerror}). Nothing stands under this name. Free space and "
                "run the same command again, which goes on from there."
            ) from error
        stage.remove()

    def _move(self, made: Path) -> None:
        """Bring what stands beside the features to its place."""
        self.extractor.mkdir(exist_ok=True)
        # Without its plugin.json a folder holds nothing; in alphabetical order that comes after its arrays.
        (self.extractor / "plugin.json").unlink(missing_ok=True)
        for path in sorted(made.rglob("*")):
            if path.is_file():
                path.replace(self.output.parent / path.relative_to(made))

    def _manifest(
        self, stage: Stage, fitted: Extractor, files: ImageFiles, kept: list[int], made_of: dict[str, Any]
    ) -> dict[str, Any]:
        done, d = stage.done, fitted.n_features_out_
        named = self._is_parquet or d <= _MOST_NAMES
        return {
            "format": _FORMAT,
            "features": self.output.name,
            "shape": [done.n_rows, d],
            "dtype": str(fitted.feature_dtype),
            "row_names": None if self._is_parquet else self.names.name,
            # The CSV file is safe to open in a spreadsheet; here is how such files are really called.
            "escaped_names": {
                str(row): files.names[i]
                for row, i in enumerate(kept)
                if csv_cell(files.names[i]) != files.names[i] and i not in files.percent_names
            },
            # JSON holds text, and these names are none.
            "percent_names": {
                str(row): files.percent_names[i] for row, i in enumerate(kept) if i in files.percent_names
            },
            "extractor": made_of["extractor"],
            "saved_extractor": self.extractor.name,
            "images": {
                "source": files.source,
                "n_files": len(files.paths),
                "fingerprint": made_of["files"],
                "fingerprint_of": "names, sizes and times of change",
                "notes": files.notes,
                **made_of["decoding"],
            },
            "left_out": [_left_out(files, int(i), reason) for i, reason in done.problems.items()],
            "versions": made_of["versions"],
            "code": made_of["code"][0],
            "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "fit_seconds": round(done.fit_seconds, 3),
            "seconds": round(done.seconds, 3),
            "images_per_second": round(done.n_rows / done.seconds, 1) if done.seconds else None,
            "feature_names": list(map(str, fitted.get_feature_names_out())) if named else None,
        }


def _left_out(files: ImageFiles, position: int, reason: str) -> dict[str, str]:
    told = {"file": files.names[position], "reason": reason}
    percent = files.percent_names.get(position)
    return told if percent is None else {**told, "percent_name": percent}


def _names_csv(names: list[str]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["row", "file"])
    writer.writerows([row, csv_cell(name)] for row, name in enumerate(names))
    return buffer.getvalue()


def describe_extractor(value: Any) -> Any:
    """Return a plug-in with all its parameters in JSON's types: names, numbers, text and lists of those."""
    if hasattr(value, "get_params"):
        parameters = value.get_params(deep=False)
        return {"name": _name(type(value)), **{k: describe_extractor(v) for k, v in parameters.items()}}
    if isinstance(value, (list, tuple)):
        return [describe_extractor(item) for item in value]
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    return value if value is None or isinstance(value, (bool, int, float, str)) else repr(value)


def plugin_classes(value: Any) -> Iterator[type[Any]]:
    """Yield the classes of a plug-in and of those inside its parameters."""
    if hasattr(value, "get_params"):
        yield type(value)
        value = list(value.get_params(deep=False).values())
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from plugin_classes(item)


def _name(cls: type[Any]) -> str:
    """Return the registered name of a class, or its own."""
    names = [table.name_of(cls) for table in TABLES.values()]
    return next((name for name in names if name), cls.__qualname__)
