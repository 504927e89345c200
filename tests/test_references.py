"""The registry of published figures is whole: every entry says where it is from, and of what it is a figure."""

from __future__ import annotations

import pytest

from featbench.datasets import DATASETS
from featbench.errors import UnknownNameError
from featbench.references import TRUST, Reference, find_reference, references
from featbench.results import COLUMNS


@pytest.mark.parametrize("reference", references().values(), ids=lambda r: r.name)
def test_an_entry_is_whole(reference: Reference) -> None:
    assert 0 < reference.accuracy <= 100
    assert 0 < reference.tolerance <= 3
    assert reference.metric in ("test_accuracy", "val_accuracy")
    assert reference.metric in COLUMNS
    assert reference.trust in TRUST
    assert all((reference.pipeline, reference.because, reference.protocol, reference.source))
    assert (reference.url is None) == (reference.trust == "M")
    assert reference.url is None or reference.url.startswith("https://")
    assert reference.dataset in (*DATASETS.rows(), "caltech101-12")


def test_figures_are_those_of_their_sources() -> None:
    """As read in the abstract of Coates, Lee & Ng 2011 and in the notes of CS231n."""
    known = {name: reference.accuracy for name, reference in references().items()}
    assert known["coates-2011-triangle-4000"] == 79.6
    assert (known["cs231n-1nn-l1"], known["cs231n-1nn-l2"]) == (38.6, 35.4)


def test_a_name_that_is_not_there() -> None:
    assert find_reference("airbench94", "x").accuracy == 94
    with pytest.raises(UnknownNameError, match="Did you mean 'airbench94'"):
        find_reference("airbench49", "x.yaml:3: reproduces")
