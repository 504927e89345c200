"""How hyperparameters are chosen, as an experiment file says it."""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, ConfigDict

from featbench.config.strategies import Strategy

__all__ = ["Folds", "Holdout", "Section", "Selection"]


class Section(BaseModel):
    """A mapping of an experiment file: unknown keys are refused, text is no number."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Folds(Section):
    """Selection by cross-validation inside the training split."""

    folds: Annotated[int, Ge(2), Le(100)] = 5
    search: Strategy | None = None


class Holdout(Section):
    """Selection on one held-out part of the training split: a share of it, or a number of images."""

    holdout: Annotated[float, Gt(0), Lt(1)] | Annotated[int, Ge(1)]
    search: Strategy | None = None


Selection = Folds | Holdout | Literal["none"]
