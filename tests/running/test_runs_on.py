"""The record of a network says where it ran and how fast; that of other extractors says nothing of it."""

from __future__ import annotations

import onnx_models

from featbench.environment import cpu
from featbench.runner import run


def test_a_record_says_where_a_network_ran(tmp_path):
    model = onnx_models.write(tmp_path)
    config = tmp_path / "own.yaml"
    config.write_text(
        f"""
dataset: digits
extractors: [{{name: onnx, model: {model}, output: features}}, hog]
classifier: {{name: softmax, reg: 0.01}}
selection: none
timing: {{repeats: 1}}
"""
    )
    records = {r["extractor"].partition("(")[0]: r for r in run(config, output=tmp_path / "out").records}
    told = records["onnx"]["runs_on"]
    assert {key: told[key] for key in ("device", "driver", "precision", "batch_size")} == {
        "device": cpu(), "driver": None, "precision": "float32", "batch_size": 64,
    }  # fmt: skip
    assert set(told["images_per_s"]) == {"1", "8", "64", "512"}
    assert all(rate > 0 for rate in told["images_per_s"].values())
    assert "runs_on" not in records["hog"]
    assert "runs_on" not in records[""]
