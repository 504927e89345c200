"""A cell that is read back from its description is the same cell."""

from __future__ import annotations

import json

import pytest

from featbench.config import Cell, load_experiment, packaged_configs
from featbench.config.described import read_cell
from featbench.errors import ConfigError


@pytest.mark.parametrize("name", sorted(packaged_configs()))
def test_cells_of_packaged_configs_come_back(name: str) -> None:
    for cell in load_experiment(name).cells():
        if isinstance(cell, Cell):
            again = read_cell(json.loads(json.dumps(cell.spec())))
            assert again.spec() == cell.spec()
            assert (again.cell_id, again.label, again.columns()) == (cell.cell_id, cell.label, cell.columns())


def cell() -> Cell:
    return next(c for c in load_experiment("hog_svm").cells() if isinstance(c, Cell) and c.extractor)


def test_selection_comes_back_as_it_was() -> None:
    for selection in ("none", {"folds": 3}, {"holdout": 0.25}, {"holdout": 100}):
        assert read_cell({**cell().spec(), "selection": selection}).spec()["selection"] == selection


def test_what_is_not_registered_here_is_refused() -> None:
    with pytest.raises(ConfigError, match="unknown extractor 'hogg'"):
        read_cell({**cell().spec(), "extractor": {"name": "hogg"}})
    with pytest.raises(ConfigError, match="unknown key 'sell'"):
        read_cell({**cell().spec(), "extractor": {"name": "hog", "sell": 8}})


def test_what_is_no_description_is_refused() -> None:
    spec = cell().spec()
    del spec["seed"]
    with pytest.raises(ConfigError, match="the cell must be described"):
        read_cell(spec)
