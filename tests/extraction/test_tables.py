"""Parquet tables, read back by pandas."""

import numpy as np
import pandas
import pytest

from featbench.extraction import extract_to, tables
from featbench.extractors import HOG, RawPixels


@pytest.mark.parametrize("extractor", [HOG(cell=4), RawPixels(dtype="uint8")], ids=repr)
def test_a_column_a_feature(photos, two_at_once, tmp_path, extractor, monkeypatch):
    monkeypatch.setattr(tables, "_GROUP_BYTES", 4000)  # so that there are several groups of rows
    extract_to(extractor, photos, tmp_path / "f.npy", size=16)
    expected = np.load(tmp_path / "f.npy")
    done = extract_to(extractor, photos, tmp_path / "g.parquet", size=16)
    table = pandas.read_parquet(done.output)
    assert list(table["file"]) == ["1.png", "2.png", "10.png", "b/deep/x.png", "b/y.png"]
    names = extractor.fit(np.zeros((1, 16, 16, 3), np.uint8)).get_feature_names_out()
    assert list(table.columns) == ["file", *names]
    values = table.drop(columns="file").to_numpy()
    assert values.dtype == expected.dtype
    np.testing.assert_array_equal(values, expected)
    assert sorted(path.name for path in tmp_path.iterdir() if path.name[0] == "g") == [
        "g.extractor", "g.json", "g.parquet",
    ]  # fmt: skip


def test_many_features_are_one_column_of_lists(photos, tmp_path):
    done = extract_to(RawPixels(), photos, tmp_path / "f.parquet", size=32)
    table = pandas.read_parquet(done.output)
    assert list(table.columns) == ["file", "features"]
    extract_to(RawPixels(), photos, tmp_path / "g.npy", size=32)
    np.testing.assert_array_equal(np.stack(table["features"]), np.load(tmp_path / "g.npy"))


def test_names_that_are_taken_twice_make_no_columns(tmp_path):
    np.save(tmp_path / "rows.npy", np.arange(6, dtype=np.float32).reshape(2, 3))
    tables.write_parquet(tmp_path / "rows.npy", ["x", "y"], ["a", "a", "file"], tmp_path / "t.parquet")
    table = pandas.read_parquet(tmp_path / "t.parquet")
    np.testing.assert_array_equal(np.stack(table["features"]), [[0, 1, 2], [3, 4, 5]])
