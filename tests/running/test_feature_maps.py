"""Experiments with feature maps, from the file to the table."""

from __future__ import annotations

from pathlib import Path

import pytest

from featbench.runner import run

pytestmark = pytest.mark.long

TEXT = """\
dataset: digits
extractors:
  - raw
  - {name: raw, maps: [{name: random_relu, components: 500}]}
  - {concat: [{name: hog, cell: 4, maps: [{name: pca, components: 8, whiten: true}]}, raw], maps: [l2]}
  - {name: hog, cell: 4, maps: [{name: pca, components: 50}]}
preprocess: center
classifier: {name: softmax, reg: 1e-2}
selection: {holdout: 0.2}
timing: {repeats: 1}
"""


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, object]]:
    folder: Path = tmp_path_factory.mktemp("maps")
    (folder / "maps.yaml").write_text(TEXT)
    result = run(folder / "maps.yaml", output=folder / "results")
    return {record["extractor"]: record for record in result.records if record["extractor"]}


def test_rows_are_called_by_their_maps(records: dict[str, dict[str, object]]) -> None:
    assert set(records) == {
        "raw",
        "raw → random_relu(components=500)",
        "((hog(cell=4) → pca(components=8, whiten=true)) & raw) → l2",
        "hog(cell=4) → pca(components=50)",
    }


def test_a_line_between_mapped_rows_is_a_curve_between_images(records: dict[str, dict[str, object]]) -> None:
    plain = records["raw"]["test_accuracy"]
    mapped = records["raw → random_relu(components=500)"]["test_accuracy"]
    assert mapped > plain + 0.01


def test_joined_and_mapped_features_are_as_long_as_they_should_be(
    records: dict[str, dict[str, object]],
) -> None:
    joined = records["((hog(cell=4) → pca(components=8, whiten=true)) & raw) → l2"]
    assert joined["status"] == "ok"
    assert joined["dim"] == 8 + 64


def test_a_map_that_asks_for_too_much_is_a_row_with_a_reason(records: dict[str, dict[str, object]]) -> None:
    record = records["hog(cell=4) → pca(components=50)"]
    assert record["status"] == "skipped"
    assert record["reason"] == "PCA: components must be at most 36, the length of a row; got 50."
