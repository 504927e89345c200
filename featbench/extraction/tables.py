"""Rows and the names of their files as a Parquet table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["write_parquet"]

# More features than this make no columns of their own but one column of lists: readers slow down with every
# column, and nobody names so many.
_MOST_COLUMNS = 2000
_GROUP_BYTES = 64 * 2**20


def write_parquet(rows: Path, names: list[str], columns: list[str], output: Path) -> None:
    """Write a table with a row an image, a group of rows at a time.

    The column ``file`` comes first; then one column a feature, or for more than 2,000 one column ``features``
    of lists of fixed length.

    Parameters
    ----------
    rows : Path
        A ``.npy`` file, (n, d).
    names : list of str
        n names of files.
    columns : list of str
        d names of features.
    output : Path
        Is replaced.

    Raises
    ------
    OSError
        It cannot be written.
    """
    import pyarrow
    from pyarrow import parquet

    features = np.load(rows, mmap_mode="r", allow_pickle=False)
    n, d = features.shape
    wide = d <= _MOST_COLUMNS and len({"file", *columns}) == d + 1
    number = pyarrow.from_numpy_dtype(features.dtype)
    fields = [(name, number) for name in columns] if wide else [("features", pyarrow.list_(number, d))]
    schema = pyarrow.schema([("file", pyarrow.string()), *fields])
    size = max(1, _GROUP_BYTES // (d * features.dtype.itemsize))
    with parquet.ParquetWriter(output, schema) as writer:
        for start in range(0, n, size):
            part = np.ascontiguousarray(features[start : start + size])
            arrays: list[Any] = [pyarrow.array(names[start : start + size], pyarrow.string())]
            if wide:
                arrays += [pyarrow.array(np.ascontiguousarray(column)) for column in part.T]
            else:
                arrays.append(pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(part.ravel()), d))
            writer.write_table(pyarrow.Table.from_arrays(arrays, schema=schema), row_group_size=size)
