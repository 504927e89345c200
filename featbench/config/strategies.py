"""Strategies of a search and their budgets, as an experiment file says them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Le
from pydantic import BaseModel, ConfigDict, ValidationError

from featbench.config.document import Document, KeyPath
from featbench.config.validation import unknown_key, validation_problems
from featbench.errors import Shown, must_be, nearest

__all__ = [
    "MAX_CANDIDATES",
    "STRATEGIES",
    "CoarseToFine",
    "Halving",
    "RandomSearch",
    "Strategy",
    "read_strategy",
]

MAX_CANDIDATES = 1000


class _Strategy(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    seconds: Annotated[float, Gt(0)] | None = None


class RandomSearch(_Strategy):
    """Candidates drawn at random, from ranges evenly in their logarithm where they have one."""

    name: Literal["random"]
    trials: Annotated[int, Ge(1), Le(MAX_CANDIDATES)] | None = None


class CoarseToFine(_Strategy):
    """A coarse grid, then finer ones around the best."""

    name: Literal["coarse_to_fine"]
    points: Annotated[int, Ge(3), Le(100)] = 5
    rounds: Annotated[int, Ge(2), Le(20)] = 3
    trials: Annotated[int, Ge(1)] | None = None


class Halving(_Strategy):
    """Many candidates that learn from few rows, the best of them from ever more."""

    name: Literal["halving"]
    trials: Annotated[int, Ge(1), Le(MAX_CANDIDATES)] = 27
    factor: Annotated[int, Ge(2), Le(10)] = 3


Strategy = RandomSearch | CoarseToFine | Halving

STRATEGIES: dict[str, type[RandomSearch] | type[CoarseToFine] | type[Halving]] = {
    "random": RandomSearch,
    "coarse_to_fine": CoarseToFine,
    "halving": Halving,
}


def read_strategy(document: Document, path: KeyPath, value: Any, problems: list[str]) -> Strategy | None:
    """Read ``random``, or ``{name: random, trials: 20, seconds: 60}``.

    Parameters
    ----------
    document : Document
        For the places that messages name.
    path : KeyPath
        Where `value` stands.
    value : object
        A name, or a mapping with a name and a budget.
    problems : list of str
        Receives a sentence for everything that is wrong.

    Returns
    -------
    RandomSearch, CoarseToFine, Halving or None
        None for the grid, and where there were problems.
    """
    given = {"name": value} if isinstance(value, str) else value
    name = given.get("name") if isinstance(given, dict) else None
    known = ("grid", *STRATEGIES)
    if name not in known:
        suggestion = nearest(name, known) if isinstance(name, str) else None
        hint = f"Did you mean {suggestion!r}?" if suggestion else ""
        wanted = f"one of {', '.join(known)}, or a mapping such as {{name: random, trials: 20}}"
        problems.append(must_be(document.where(path), "search", wanted, value, hint))
        return None
    if name == "grid":
        problems += [unknown_key(document, (*path, key), key, ["name"]) for key in given if key != "name"]
        return None
    model = STRATEGIES[name]
    try:
        strategy = model.model_validate(given)
    except ValidationError as error:
        problems.extend(validation_problems(document, path, error, known=model.model_fields))
        return None
    if isinstance(strategy, RandomSearch) and strategy.trials is None and strategy.seconds is None:
        wanted = "given a budget, such as {name: random, trials: 20} or {name: random, seconds: 60}"
        problems.append(must_be(document.where(path), "a random search", wanted, Shown("none")))
    return strategy
