"""A cell read back from its description, where it is done in another process or made again from its record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from featbench.config.components import Component, read_component
from featbench.config.document import Document
from featbench.config.experiment import Cell, Folds, Holdout, Selection
from featbench.config.space import candidates_from
from featbench.errors import ConfigError, must_be

__all__ = ["read_cell"]


def read_cell(spec: Mapping[str, Any], where: str = "cell") -> Cell:
    """Return the cell that a description is of.

    Parameters
    ----------
    spec : mapping
        What `Cell.spec` returned, in JSON's types.
    where : str, optional
        Where it was read, for messages.

    Returns
    -------
    Cell
        With the same `spec`, `cell_id` and `label`.

    Raises
    ------
    ConfigError
        It names a plug-in that is not registered here, or parameters that the plug-in does not take.
    """
    document, problems = Document(where, dict(spec)), list[str]()
    # Keys that are told only where they are used.
    further: dict[str, Any] = {name: spec[name] for name in ("train_size", "quick") if name in spec}

    def read(kind: str) -> Component | None:
        return read_component(document, (kind,), spec[kind], kind, problems)

    try:
        dataset, classifier = read("dataset"), read("classifier")
        extractor = None if spec["extractor"] is None else read("extractor")
        if dataset is None or classifier is None or problems:
            raise ConfigError("\n".join(problems))
        return Cell(
            dataset=dataset,
            split=spec["split"],
            n_splits=spec["splits"],
            seed=spec["seed"],
            extractor=extractor,
            preprocess=spec["preprocess"],
            classifier=classifier,
            candidates=candidates_from(spec["candidates"]),
            selection=_selection(spec["selection"]),
            **further,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(must_be(where, "the cell", "described as Cell.spec does", dict(spec))) from error


def _selection(spec: Any) -> Selection:
    if spec == "none":
        return "none"
    return Holdout.model_validate(spec) if "holdout" in spec else Folds.model_validate(spec)
