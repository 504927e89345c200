"""Bags of visual words, from the file to the table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from featbench.extractors import BagOfVisualWords
from featbench.runner import run

TEXT = """\
dataset: digits
extractors:
  - {name: bovw, sampling: {sizes: 4}, codebook: {words: 30}, samples: 20000}
  - {name: bovw, sampling: {sizes: 4}, codebook: {name: saved, folder: FOLDER}}
  - {name: bovw, sampling: {sizes: 9}, codebook: {words: 30}}
preprocess: standardize
classifier: {name: softmax, reg: 1e-2}
selection: {holdout: 0.2}
timing: {repeats: 1}
"""


@pytest.mark.long
def test_a_run_names_rows_learns_words_and_notices_other_saved_words(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 17, (30, 8, 8)).astype(np.uint8)
    folder = tmp_path / "bag"
    bag = BagOfVisualWords(sampling={"sizes": 4}, codebook={"words": 12})
    bag.fit(images).save(folder)
    (tmp_path / "words.yaml").write_text(TEXT.replace("FOLDER", str(folder)))
    first = run(tmp_path / "words.yaml", output=tmp_path / "results")
    records = [record for record in first.records if record["extractor"]]
    assert [record["status"] for record in records] == ["ok", "ok", "skipped"]
    learned, saved, _ = records
    assert learned["extractor"] == "bovw coates_ng(sampling.sizes=4, codebook.words=30, samples=20000)"
    assert (learned["dim"], saved["dim"]) == (120, 48)
    assert learned["test_accuracy"] > 0.9
    assert run(tmp_path / "words.yaml", output=tmp_path / "results").n_reused == len(first.records)
    bag.set_params(random_state=1).fit(images).save(folder)
    assert run(tmp_path / "words.yaml", output=tmp_path / "results").n_reused == len(first.records) - 1
