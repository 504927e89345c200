"""Test labels under seal: opened once a cell, after selection and after the refit.

The only way through is a chain of values, each made by the one before it::

    Selected ──refit──► Refitted ──open──► labels, with a line in the ledger

`Refitted` holds the predictions of the test images already, so that nothing that is learned from the
opened labels can flow back into them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from featbench.errors import SealError
from featbench.images import ImageBatch
from featbench.imagesets import Dataset, ImageSet
from featbench.types import Groups, Labels

__all__ = ["ClosedLabels", "Refitted", "SealedDataset", "SealedLabels", "Selected", "seal"]

_KEY = object()  # what the constructors below ask for, so that only this module can call them


@dataclass(frozen=True, eq=False)
class Refitted:
    """Predictions of the test images by a pipeline refitted on all training data.

    Attributes
    ----------
    predictions : ndarray of int64, (n_test,)
    """

    predictions: Labels
    _key: object = field(repr=False, default=None)
    _used: list[bool] = field(repr=False, default_factory=list)

    def __post_init__(self) -> None:
        if self._key is not _KEY:
            raise SealError("Refitted: is made by Selected.refit alone. Select, then refit.")


@dataclass(frozen=True)
class Selected:
    """The outcome of selection inside the training split.

    Attributes
    ----------
    parameters : mapping
        The hyperparameters that validation chose; empty where nothing was searched.
    """

    parameters: Mapping[str, Any]

    def refit(self, fit_and_predict: Callable[[Mapping[str, Any]], Labels]) -> Refitted:
        """Refit with the chosen hyperparameters on all training data and predict the test images.

        Parameters
        ----------
        fit_and_predict : callable
            Takes the parameters to the predictions of the test images.

        Returns
        -------
        Refitted
        """
        predictions = np.array(fit_and_predict(self.parameters), dtype=np.int64)
        predictions.flags.writeable = False
        return Refitted(predictions, _KEY)


class SealedLabels:
    """Labels that nobody reads before a pipeline has predicted them.

    Parameters
    ----------
    labels : ndarray of int64, (n,)
        The test labels.

    Attributes
    ----------
    closed : bool
        Whether they can never be opened.
    """

    closed: ClassVar[bool] = False

    def __init__(self, labels: Labels) -> None:
        labels = np.array(labels, dtype=np.int64)
        labels.flags.writeable = False
        self.__labels = labels

    def __len__(self) -> int:
        return len(self.__labels)

    def open(self, refitted: Refitted, enter: Callable[[], None]) -> Labels:
        """Return the labels against the predictions that are to be judged.

        Parameters
        ----------
        refitted : Refitted
            Used up by this: a second opening needs a second refit.
        enter : callable
            Writes the opening into the ledger; called before the labels are handed out.

        Returns
        -------
        ndarray of int64, (n,)
            Read-only.

        Raises
        ------
        SealError
            No `Refitted`, one of other images, or one that was used.
        """
        if not isinstance(refitted, Refitted):
            raise SealError("test labels: are opened for a Refitted pipeline alone. Select and refit first.")
        if refitted._used:
            raise SealError(
                "test labels: were opened for these predictions already. Refit to open them again."
            )
        if len(refitted.predictions) != len(self):
            raise SealError(
                f"test labels: {len(self)} labels cannot judge {len(refitted.predictions)} predictions."
            )
        enter()
        refitted._used.append(True)
        return self.__labels

    def __reduce__(self) -> Any:
        raise SealError("test labels: cannot be copied or pickled. Open them through Refitted.")


class ClosedLabels(SealedLabels):
    """In the place of test labels that nobody opens: how many there are, and nothing else.

    Parameters
    ----------
    n : int
        Number of test images.
    """

    closed = True

    def __init__(self, n: int) -> None:
        super().__init__(np.full(n, -1, dtype=np.int64))

    def open(self, refitted: Refitted, enter: Callable[[], None]) -> Labels:  # noqa: ARG002
        """Refuse.

        Raises
        ------
        SealError
            Always.
        """
        raise SealError("test labels: stay closed in a quick run. Run without --quick to open them.")


@dataclass(frozen=True, eq=False)
class SealedDataset:
    """A data set as the runner sees it: training images with labels, test images without.

    Attributes
    ----------
    name : str
    classes : tuple of str
    train : ImageSet
    test_images : ImageBatch
    test_groups : ndarray of int64 or None
    test_labels : SealedLabels
    summary : dict
        Sizes, fingerprint, duplicates, notes; in JSON's types.
    """

    name: str
    classes: tuple[str, ...]
    train: ImageSet
    test_images: ImageBatch
    test_groups: Groups | None
    test_labels: SealedLabels
    summary: Mapping[str, Any]


def seal(dataset: Dataset, summary: Mapping[str, Any]) -> SealedDataset:
    """Put the test labels of a loaded data set under seal.

    Parameters
    ----------
    dataset : Dataset
        As loaded; nothing else may keep it.
    summary : mapping
        What is told about it.

    Returns
    -------
    SealedDataset
    """
    return SealedDataset(
        name=dataset.name,
        classes=dataset.classes,
        train=dataset.train,
        test_images=dataset.test.images,
        test_groups=dataset.test.groups,
        test_labels=SealedLabels(dataset.test.labels),
        summary=summary,
    )
