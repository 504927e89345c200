"""What stands beside the features, and what is refused before any work is done."""

import csv
import json
import os
from urllib.parse import unquote_to_bytes

import numpy as np
import pytest
from PIL import Image

import featbench
from featbench.environment import code_fingerprint, versions
from featbench.errors import ConfigError, MissingExtraError
from featbench.extraction import extract_to, outputs
from featbench.extraction.outputs import describe_extractor, plugin_classes
from featbench.extractors import HOG, Concat, HueHistogram, RawPixels


def test_the_manifest_tells_how_the_features_were_made(photos, tmp_path):
    (photos / "notes.txt").touch()
    done = extract_to(HOG(cell=4), photos, tmp_path / "f.npy", size=16, resize="pad")
    told = json.loads((tmp_path / "f.json").read_text())
    assert told["features"] == "f.npy"
    assert (told["shape"], told["dtype"]) == ([5, 324], "float32")
    assert told["row_names"] == "f.files.csv"
    assert told["saved_extractor"] == "f.extractor"
    assert told["extractor"] == {"name": "hog", **HOG(cell=4).get_params()}
    images = told["images"]
    assert (images["size"], images["resize"], images["n_files"]) == (16, "pad", 5)
    assert images["notes"] == ["files that are no images passed over: .txt 1"]
    assert told["versions"] == versions()
    assert told["versions"]["featbench"] == featbench.__version__
    assert told["code"] == code_fingerprint()
    assert told["left_out"] == []
    assert told["feature_names"] == list(
        HOG(cell=4).fit(np.zeros((1, 16, 16, 3), np.uint8)).get_feature_names_out()
    )
    assert told["seconds"] == pytest.approx(done.seconds, abs=1e-3)
    assert done.files == tuple(tmp_path / name for name in ("f.npy", "f.files.csv", "f.json", "f.extractor"))
    assert sorted(p.name for p in (tmp_path / "f.extractor").iterdir()) == [
        "arrays.npz",
        "images.json",
        "plugin.json",
    ]


HOSTILE = [
    "=cmd().png",
    "-rf.png",
    "\x1b[31mred.png",
    'a,b".png',
    "日本語.png",
    "line\nbreak.png",
    "%s{0}.png",
]


def test_odd_names_are_harmless_in_the_table_and_exact_in_the_manifest(tmp_path):
    folder = tmp_path / "odd"
    folder.mkdir()
    for name in HOSTILE:
        Image.new("RGB", (8, 8)).save(folder / name)
    extract_to(RawPixels(), folder, tmp_path / "f.npy", size=8)
    text = (tmp_path / "f.files.csv").read_text(encoding="utf-8")
    assert "\x1b" not in text
    rows = list(csv.DictReader(text.splitlines()))
    assert [int(row["row"]) for row in rows] == list(range(len(HOSTILE)))
    shown = [row["file"] for row in rows]
    assert {"'=cmd().png", "'-rf.png", 'a,b".png', "日本語.png", "line break.png", "\\x1b[31mred.png"} < set(
        shown
    )
    escaped = json.loads((tmp_path / "f.json").read_text(encoding="utf-8"))["escaped_names"]
    exact = [escaped.get(str(i), name) for i, name in enumerate(shown)]
    assert sorted(exact) == sorted(HOSTILE)


def test_a_name_of_bytes_that_are_no_text_is_found_back(tmp_path):
    names = [b"bad\xff.jpg", b"bad\\xff.jpg", b"torn\xfe.jpg", b"=x.jpg"]
    (tmp_path / "odd").mkdir()
    for name in names:
        Image.new("RGB", (8, 8)).save(tmp_path / "odd" / os.fsdecode(name), "JPEG")
    (tmp_path / "odd" / os.fsdecode(names[2])).write_bytes(b"")
    extract_to(RawPixels(), tmp_path / "odd", tmp_path / "f.npy", size=8, skip_unreadable=True)
    told = json.loads((tmp_path / "f.json").read_text(encoding="utf-8"))
    shown = [row["file"] for row in csv.DictReader((tmp_path / "f.files.csv").read_text().splitlines())]
    percent, escaped = told["percent_names"], told["escaped_names"]
    found = [
        unquote_to_bytes(percent[str(i)]) if str(i) in percent else os.fsencode(escaped.get(str(i), name))
        for i, name in enumerate(shown)
    ]
    assert sorted(found) == sorted([names[0], names[1], names[3]])
    assert [unquote_to_bytes(left["percent_name"]) for left in told["left_out"]] == [names[2]]


def test_many_names_are_left_to_the_extractor(photos, tmp_path, monkeypatch):
    monkeypatch.setattr(outputs, "_MOST_NAMES", 100)
    extract_to(RawPixels(), photos, tmp_path / "f.npy", size=8)
    assert json.loads((tmp_path / "f.json").read_text())["feature_names"] is None


def test_a_name_with_dots_keeps_them(photos, tmp_path):
    done = extract_to(RawPixels(), photos, tmp_path / "v1.2.npy", size=8)
    assert [path.name for path in done.files] == ["v1.2.npy", "v1.2.files.csv", "v1.2.json", "v1.2.extractor"]


@pytest.mark.parametrize("name", ["f.csv", "f", "f.npz"])
def test_other_endings_are_refused(photos, tmp_path, name):
    with pytest.raises(ConfigError, match=r"output must be a file that ends in \.npy or \.parquet"):
        extract_to(HOG(), photos, tmp_path / name)


def test_a_folder_is_no_file(photos, tmp_path):
    (tmp_path / "f.npy").mkdir()
    with pytest.raises(ConfigError, match="is a folder"):
        extract_to(HOG(), photos, tmp_path / "f.npy", force=True)


def test_a_place_where_nothing_can_be_written(photos, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"cannot be written .*--output"):
        extract_to(HOG(), photos, tmp_path / "file" / "f.npy")
    (tmp_path / "f.npy.partial" / ".lock").mkdir(parents=True)
    with pytest.raises(ConfigError, match=r"cannot be written .*--output"):
        extract_to(HOG(), photos, tmp_path / "f.npy")


def test_parquet_without_pyarrow_says_what_to_install(photos, tmp_path, monkeypatch):
    monkeypatch.setattr(outputs.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'featbench\[parquet\]'"):
        extract_to(HOG(), photos, tmp_path / "f.parquet")


def test_a_description_names_parts_and_all_parameters():
    joined = Concat([("edges", HOG(cell=4)), HueHistogram()])
    told = json.loads(json.dumps(describe_extractor(joined)))
    assert told == {
        "name": "concat",
        "parts": [
            ["edges", {"name": "hog", **HOG(cell=4).get_params()}],
            {"name": "hue", **HueHistogram().get_params()},
        ],
        "scale": "variance",
    }
    assert list(plugin_classes(joined)) == [Concat, HOG, HueHistogram]
