"""The folder of a run: cells that are whole or not there, and a ledger of opened test labels.

::

    DIR/cells/<cell_id>.json            one result, the truth; its file name is the cell's identity
    DIR/cells/<cell_id>-<hash>.npz      its arrays and evidence, written before the result that names them
    DIR/thumbnails/*.npz                small copies of images, once a split; see `featbench.thumbnails`
    DIR/ledger.jsonl                    one line for each opening of test labels
    DIR/run.json                        which cells make up the run, and how it was started
    DIR/results.*, DIR/report.html      derived, made anew from the cells

Every file is written beside its place, flushed to the disk and renamed, so that a reader sees the old
file or the new one. Arrays are read with ``allow_pickle=False``.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np

from featbench.disk import hold_folder
from featbench.errors import ConfigError, StoreError
from featbench.types import AnyArray

__all__ = ["Store", "read_json", "to_json", "write_atomic"]

SCHEMA = 1

_WRITING = ".writing-"
_EVIDENCE = "evidence."  # begins the names of arrays that only a report reads


def write_atomic(path: Path, content: str | bytes) -> None:
    """Write a file so that at any moment the old content or the new stands there, whole.

    Parameters
    ----------
    path : Path
        Its folder is made where it is missing.
    content : str or bytes
        Text is written as UTF-8.

    Raises
    ------
    StoreError
        The folder cannot be written: a full disk, no permission; nothing is left behind.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=_WRITING)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise StoreError(
            f"{path}: cannot be written ({error.strerror or error}). Nothing half-written was left. Free space "
            "or choose another folder; what is finished is kept, and the same command goes on from there."
        ) from error
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise


def read_json(path: Path) -> Any:
    """Read a JSON file of a run.

    Raises
    ------
    StoreError
        It cannot be read, or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StoreError(
            f"{path}: is not a result that featbench wrote ({error}). Remove it and run again."
        ) from error


class Store:
    """The folder that a run writes to.

    Parameters
    ----------
    root : path
        Made when something is first written.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        self._lock: Any = None

    def __enter__(self) -> Self:
        """Take the folder for this process alone."""
        # What begins with a dot is the lock and what a crash left of a write, or none of our business.
        visible = self.root.is_dir() and any(p.name[0] != "." for p in self.root.iterdir())
        if visible and not (self.root / "run.json").exists():
            raise ConfigError(
                f"{self.root}: is a folder of other things, not of a run; results are not mixed in. Choose an "
                "empty or new folder with --output."
            )
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self._lock = hold_folder(self.root, "run")
            for left in (*self.root.glob(f"{_WRITING}*"), *self.root.glob(f"*/{_WRITING}*")):
                left.unlink(missing_ok=True)  # by a process that was killed, for nobody else writes here now
        except OSError as error:
            raise ConfigError(
                f"{self.root}: cannot be written ({error.strerror}). Choose another folder with --output."
            ) from error
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.close()

    def write_run(self, description: Mapping[str, Any]) -> None:
        """Write which cells make up the run; their order is that of the tables."""
        write_atomic(self.root / "run.json", to_json({"schema": SCHEMA, **description}))

    def read_run(self) -> dict[str, Any]:
        """Return what `write_run` wrote.

        Raises
        ------
        ConfigError
            The folder is not that of a run.
        StoreError
            The file is damaged.
        """
        path = self.root / "run.json"
        if not path.is_file():
            raise ConfigError(
                f"{self.root}: holds no run (no run.json). Give a folder that `featbench run` wrote."
            )
        description = read_json(path)
        if not isinstance(description, dict) or not isinstance(description.get("cells"), list):
            raise StoreError(f"{path}: does not describe a run of this version. Run again.")
        return description

    def write_cell(
        self, record: Mapping[str, Any], arrays: Mapping[str, AnyArray] | None = None
    ) -> dict[str, Any]:
        """Write one finished cell; a cell of that name that was there before is replaced.

        Parameters
        ----------
        record : mapping
            JSON's types, with its ``cell_id``.
        arrays : mapping of str to ndarray, optional
            Predictions, curves, pictures.

        Returns
        -------
        dict
            The record as `read_cell` will return it.
        """
        cell_id = record["cell_id"]
        record = {"schema": SCHEMA, **record, "arrays": None}
        if arrays:
            buffer = io.BytesIO()
            np.savez_compressed(buffer, allow_pickle=False, **{k: np.asarray(v) for k, v in arrays.items()})
            content = buffer.getvalue()
            record["arrays"] = f"{cell_id}-{hashlib.sha256(content).hexdigest()[:12]}.npz"
            write_atomic(self.root / "cells" / record["arrays"], content)
        write_atomic(self.root / "cells" / f"{cell_id}.json", to_json(record))
        for old in (self.root / "cells").glob(f"{cell_id}-*.npz"):
            if old.name != record["arrays"]:
                old.unlink(missing_ok=True)
        stored: dict[str, Any] = _plain(record)
        return stored

    def read_cell(self, cell_id: str) -> dict[str, Any] | None:
        """Return a cell's record, or None where there is none."""
        path = self.root / "cells" / f"{cell_id}.json"
        if not path.exists():
            return None
        record = read_json(path)
        if not isinstance(record, dict) or record.get("schema") != SCHEMA or record.get("cell_id") != cell_id:
            raise StoreError(f"{path}: is not a cell of this version. Remove it and run again.")
        return record

    def finished(
        self, cell_id: str, key: str, *, retry_failed: bool = False, timeout_s: float | None = None
    ) -> dict[str, Any] | None:
        """Return a cell's record where making it again would come to the same; else None.

        Parameters
        ----------
        cell_id : str
        key : str
            Of what it is made of now.
        retry_failed : bool, optional
            Whether no failure is to stand.
        timeout_s : float, optional
            The limit that it has now.

        Returns
        -------
        dict or None
        """
        try:
            record = self.read_cell(cell_id)
        except StoreError:
            return None  # a damaged file is no result
        if record is None or record.get("key") != key:
            return None
        done = record["status"] in ("ok", "skipped")
        return record if done or (_stands(record, timeout_s) and not retry_failed) else None

    def read_arrays(self, record: Mapping[str, Any]) -> dict[str, AnyArray]:
        """Return the arrays of a cell but its evidence; empty where it has none."""
        return self._read(record, lambda name: not name.startswith(_EVIDENCE))

    def read_evidence(self, record: Mapping[str, Any]) -> dict[str, AnyArray]:
        """Return the evidence of a cell by name, as `featbench.evidence` makes it; empty where none was kept."""
        found = self._read(record, lambda name: name.startswith(_EVIDENCE))
        return {name.removeprefix(_EVIDENCE): array for name, array in found.items()}

    def _read(self, record: Mapping[str, Any], wanted: Callable[[str], bool]) -> dict[str, AnyArray]:
        if not record.get("arrays"):
            return {}
        path = self.root / "cells" / Path(record["arrays"]).name
        try:
            with np.load(path, allow_pickle=False) as file:
                return {name: file[name] for name in file.files if wanted(name)}
        except (OSError, ValueError, EOFError) as error:
            raise StoreError(f"{path}: cannot be read ({error}). Run the cell again with --force.") from error

    def cell_ids(self) -> list[str]:
        """Return the names of all cells in the folder, those of other experiments too."""
        return sorted(path.stem for path in (self.root / "cells").glob("*.json"))

    def enter_opening(self, line: Mapping[str, Any]) -> None:
        """Write one opening of test labels into the ledger, on the disk before this returns."""
        path = self.root / "ledger.jsonl"
        try:
            torn = path.exists() and not path.read_bytes().endswith(b"\n") and path.stat().st_size > 0
            with path.open("a", encoding="utf-8") as file:
                # A line that a crash tore off is ended, so that it spoils no other.
                file.write(("\n" if torn else "") + json.dumps(dict(line), sort_keys=True) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StoreError(
                f"{path}: cannot be written ({error.strerror}); test labels stay closed. Free space or choose "
                "another --output."
            ) from error

    def openings(self) -> list[dict[str, Any]]:
        """Return the ledger, oldest first; a line torn by a crash counts as an opening of unknown data."""
        path = self.root / "ledger.jsonl"
        if not path.exists():
            return []
        lines = []
        for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                line = json.loads(text)
            except ValueError:
                line = {"dataset": "unknown", "torn": True}
            lines.append(line)
        return lines


def _stands(record: Mapping[str, Any], timeout_s: float | None) -> bool:
    """Tell whether a failure would come again as far as its record tells."""
    failure = record.get("failure")
    if failure == "timeout":
        return timeout_s is not None and timeout_s <= record["timeout_s"]
    # What featbench refuses is mostly mended outside: an extra, a file, a worker.
    return failure not in (None, "refused")


def to_json(value: Any) -> str:
    """Write JSON that any reader takes: no NaN, keys as given, NumPy numbers as plain ones."""
    return json.dumps(_plain(value), ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
