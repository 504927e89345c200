"""``featbench sanity`` as a user meets it: a table, advice, an exit code."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from featbench.base import Extractor
from featbench.cli import _code
from featbench.extractors import EXTRACTORS

CONFIG = """\
dataset: digits
extractor: raw
classifiers: [svm, softmax, {name: sgd, epochs: 40}]
selection: {folds: 2}
"""


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "quick.yaml"
    path.write_text(CONFIG)
    return str(path)


def test_a_sound_experiment_passes(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert _code(["sanity", config, "--images", "300"], debug=True) == 0
    told = capsys.readouterr()
    rows = [line.split("\t") for line in told.out.splitlines()]
    assert rows[0] == ["pipeline", "check", "found", "expected", "verdict"]
    assert {row[-1] for row in rows[1:]} == {"pass", "advice"}
    assert ["raw → standardize → softmax", "loss at W = 0", "2.303", "2.303 (log 10)", "pass"] in rows
    assert "raw: dead columns: Those columns tell nothing" in told.err
    assert "0 failed." in told.err


def test_a_fault_is_named_and_the_exit_code_is_1(
    config: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    @dataclass(kw_only=True, eq=False, repr=False)
    class Blind(Extractor):
        """The same for every image."""

        def _n_features(self, shape):
            return 5

        def _extract(self, images):
            return np.ones((len(images), 5), np.float32)

    monkeypatch.setitem(EXTRACTORS._classes, "raw", Blind)
    assert _code(["sanity", config, "--json"], debug=True) == 1
    told = capsys.readouterr()
    failed = {c["check"]: c for c in json.loads(told.out) if c["verdict"] == "fail"}
    assert failed["dead columns"]["found"] == "5 of 5 constant"
    assert "6 images by heart" in failed  # nothing can be learnt
    assert "Most columns are the same for every image" in told.err


def test_set_and_refusals(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert _code(["sanity", config, "--set", "classifiers=[svn]"], debug=False) == 2
    assert "Did you mean 'svm'?" in capsys.readouterr().err
    assert _code(["sanity", config, "--images", "3"], debug=False) == 2
    assert "images must be at least 20; got 3." in capsys.readouterr().err
