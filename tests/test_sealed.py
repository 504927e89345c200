"""Test labels open after selection and refit, once, and in no other order."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

from featbench.errors import SealError
from featbench.imagesets import Dataset, ImageSet
from featbench.sealed import Refitted, SealedLabels, Selected, seal

LABELS = np.array([0, 1, 1])


def refitted(n: int = 3) -> Refitted:
    return Selected({"reg": 1.0}).refit(lambda _: np.zeros(n, np.int64))


def test_the_right_order_opens_and_enters_the_ledger_first() -> None:
    entered: list[str] = []
    labels = SealedLabels(LABELS).open(refitted(), lambda: entered.append("line"))
    np.testing.assert_array_equal(labels, LABELS)
    assert entered == ["line"]
    assert not labels.flags.writeable


def test_the_chosen_parameters_reach_the_refit() -> None:
    seen: list[Any] = []

    def fit(parameters: Any) -> np.ndarray:
        seen.append(dict(parameters))
        return np.zeros(3, np.int64)

    Selected({"reg": 0.5}).refit(fit)
    assert seen == [{"reg": 0.5}]


@pytest.mark.parametrize("impostor", [None, object(), Selected({}), LABELS])
def test_nothing_but_a_refitted_pipeline_opens(impostor: Any) -> None:
    with pytest.raises(SealError, match="Select and refit first"):
        SealedLabels(LABELS).open(impostor, lambda: None)


def test_a_refitted_pipeline_cannot_be_made_by_hand() -> None:
    with pytest.raises(SealError, match=r"Selected\.refit"):
        Refitted(np.zeros(3, np.int64))


def test_predictions_open_once_and_cannot_be_changed() -> None:
    sealed, once = SealedLabels(LABELS), refitted()
    sealed.open(once, lambda: None)
    with pytest.raises(SealError, match="already"):
        sealed.open(once, lambda: None)
    with pytest.raises(ValueError, match="read-only"):
        once.predictions[0] = 1


def test_predictions_of_other_images_do_not_open() -> None:
    with pytest.raises(SealError, match="3 labels cannot judge 2"):
        SealedLabels(LABELS).open(refitted(2), lambda: None)


def test_no_line_in_the_ledger_no_labels() -> None:
    def full_disk() -> None:
        raise OSError("no space")

    once = refitted()
    with pytest.raises(OSError, match="no space"):
        SealedLabels(LABELS).open(once, full_disk)


@pytest.mark.parametrize("copier", [pickle.dumps, copy.copy, copy.deepcopy])
def test_the_seal_survives_copying(copier: Any) -> None:
    with pytest.raises(SealError):
        copier(SealedLabels(LABELS))


def test_a_sealed_dataset_shows_no_test_labels() -> None:
    part = ImageSet(np.zeros((3, 2, 2), np.uint8), LABELS)
    dataset = Dataset("x", ("a", "b"), part, part, official_split=True, shareable=True, source="")
    sealed = seal(dataset, {})
    assert "labels" not in vars(sealed.test_labels)
    assert str(LABELS) not in repr(sealed.test_labels)
    assert len(sealed.test_labels) == 3
