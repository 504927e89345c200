"""The example that learners copy runs, and its extractor is a good model to copy."""

import importlib.util
import re
import runpy
import sys

import numpy as np
import pytest

from featbench.errors import InputError
from featbench.testing import check_extractor


def test_the_example_runs(repository, capsys):
    runpy.run_path(str(repository / "examples" / "own_extractor.py"), run_name="__main__")
    rows = re.findall(r"(\w+)\(.*?\) +(\d+) numbers an image, accuracy (0\.\d+)", capsys.readouterr().out)
    assert [(name, int(numbers)) for name, numbers, _ in rows] == [
        ("RawPixels", 64),
        ("Profiles", 16),
        ("Profiles", 8),
    ]
    accuracies = [float(accuracy) for _, _, accuracy in rows]
    assert (
        accuracies[0] > accuracies[1] > accuracies[2] > 0.5
    )  # fewer numbers see less, and still more than chance


def test_its_extractor_keeps_the_laws_and_refuses_well(repository, monkeypatch):
    spec = importlib.util.spec_from_file_location(
        "own_extractor", repository / "examples" / "own_extractor.py"
    )
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "own_extractor", module)  # where pickle looks for the class
    spec.loader.exec_module(module)
    check_extractor(module.Profiles())
    with pytest.raises(InputError, match="Profiles: step must be an integer ≥ 1; got 0"):
        module.Profiles(step=0).fit(np.zeros((1, 4, 4), dtype=np.uint8))
    assert module.Profiles(step=9).supports((8, 30)).startswith("Profiles: images must be at least 9 pixels")
