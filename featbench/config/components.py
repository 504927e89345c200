"""A plug-in as an experiment names it: a name, parameters, and for a classifier what to search.

``hog``, ``{name: hog, cell: 8}`` and ``{concat: [hog, hue]}`` are the three ways to write one. Parameters
are validated against the annotations of the plug-in's class; nothing is loaded and nothing computed.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError

from featbench.classifiers import CLASSIFIERS
from featbench.config.document import Document, KeyPath
from featbench.datasets import DATASETS
from featbench.errors import FeatbenchError, Shown, must_be, nearest
from featbench.extractors import EXTRACTORS
from featbench.plugins import PluginTable

__all__ = [
    "AUGMENTS",
    "TABLES",
    "Component",
    "parameter_problems",
    "parameters_of",
    "read_component",
    "validation_problems",
]

# What pydantic calls a type, in the words of a YAML file.
_WORDS = {
    "int_type": "an integer",
    "int_from_float": "an integer",
    "float_type": "a number",
    "string_type": "text",
    "bool_type": "true or false",
    "list_type": "a list",
    "too_short": "a longer list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "dataclass_type": "a mapping",
}

# What may be done to training images: nothing, or each is joined by its mirror image.
AUGMENTS = ("none", "flip")

TABLES: dict[str, PluginTable] = {"dataset": DATASETS, "extractor": EXTRACTORS, "classifier": CLASSIFIERS}


@dataclasses.dataclass(frozen=True)
class Component:
    """One validated plug-in of an experiment.

    Attributes
    ----------
    kind : str
        ``"dataset"``, ``"extractor"`` or ``"classifier"``.
    name : str
        Its registered name.
    params : dict
        The parameters that were written down.
    parts : tuple of Component
        The extractors that a ``concat`` joins.
    search : dict or None
        The search space as written beside a classifier, or None.
    augment : str
        One of `AUGMENTS`, written beside an extractor.
    """

    kind: str
    name: str
    params: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    parts: tuple[Component, ...] = ()
    search: Mapping[str, Any] | None = None
    augment: str = "none"

    @property
    def label(self) -> str:
        """A short name for tables: the plug-in with the parameters that differ from its defaults."""
        name = " & ".join(part.label for part in self.parts) or self.name
        defaults = {p: spec.default for p, spec in parameters_of(self.cls).items()}
        told = [f"{k}={_short(v)}" for k, v in self.params.items() if v != defaults.get(k)]
        label = f"{name}({', '.join(told)})" if told else name
        return label if self.augment == "none" else f"{label} + flips"

    @property
    def cls(self) -> type[Any]:
        """The plug-in's class."""
        return TABLES[self.kind].load(self.name)

    def build(self, seed: int | None = None) -> Any:
        """Construct the plug-in; its ``random_state``, where it has one and none was written, is `seed`."""
        parameters = dict(self.params)
        if seed is not None and "random_state" in parameters_of(self.cls):
            parameters.setdefault("random_state", seed)
        if self.parts:
            return self.cls([part.build(seed) for part in self.parts], **parameters)
        return self.cls(**parameters)

    def spec(self) -> dict[str, Any]:
        """Return the component as an experiment file would write it, in JSON's types."""
        told = {} if self.augment == "none" else {"augment": self.augment}
        if self.parts:
            return {"concat": [part.spec() for part in self.parts], **self.params, **told}
        return {"name": self.name, **self.params, **told}


def parameters_of(cls: type[Any]) -> dict[str, inspect.Parameter]:
    """Return the constructor's parameters by name."""
    skipped = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    return {n: p for n, p in inspect.signature(cls).parameters.items() if p.kind not in skipped}


def read_component(
    document: Document, path: KeyPath, value: Any, kind: str, problems: list[str]
) -> Component | None:
    """Read one plug-in out of a document.

    Parameters
    ----------
    document : Document
        For the places that messages name.
    path : KeyPath
        Where `value` stands.
    value : object
        A name or a mapping.
    kind : str
        Which table to look in.
    problems : list of str
        Receives a sentence for everything that is wrong.

    Returns
    -------
    Component or None
        None where there were problems.
    """
    if isinstance(value, str):
        value = {"name": value}
    if not isinstance(value, dict) or not value:
        wanted = f"a name or a mapping such as {{name: {next(iter(TABLES[kind].rows()))}}}"
        problems.append(must_be(document.where(path), f"the {kind}", wanted, value))
        return None
    if kind == "extractor":
        return _read_extractor(document, path, value, problems)
    return _read_named(document, path, value, kind, problems)


def _read_extractor(
    document: Document, path: KeyPath, value: dict[str, Any], problems: list[str]
) -> Component | None:
    """Read an extractor, or several joined, with what is done to its training images."""
    augment = value.get("augment", "none")
    place = document.where((*path, "augment"))
    if augment not in AUGMENTS:
        problems.append(must_be(place, "augment", "one of " + ", ".join(AUGMENTS), augment))
    elif "augment" in value and "concat" in path:
        problems.append(
            f"{place}: a part has no 'augment' of its own. Write it beside 'concat', for all parts."
        )
    plain = {k: v for k, v in value.items() if k != "augment"}
    if "concat" in value:
        component = _read_concat(document, path, plain, problems)
    else:
        component = _read_named(document, path, plain, "extractor", problems)
    return component and dataclasses.replace(component, augment=augment)


def _read_named(
    document: Document, path: KeyPath, value: dict[str, Any], kind: str, problems: list[str]
) -> Component | None:
    name = value.get("name")
    if not isinstance(name, str):
        problems.append(
            must_be(document.where(path), f"the {kind}", "given by 'name'", Shown(", ".join(value)))
        )
        return None
    parameters = {k: v for k, v in value.items() if k != "name"}
    search = parameters.pop("search", None) if kind == "classifier" else None
    named = (*path, "name")
    known = _class(document, named if document.holds(named) else path, kind, name, problems)
    if known is None:
        return None
    found = parameter_problems(document, path, known, parameters)
    problems.extend(found)
    return None if found else Component(kind, name, parameters, search=search)


def _read_concat(
    document: Document, path: KeyPath, value: dict[str, Any], problems: list[str]
) -> Component | None:
    items = value["concat"]
    place = (*path, "concat")
    if not isinstance(items, list) or len(items) < 2:
        problems.append(must_be(document.where(place), "concat", "a list of two extractors or more", items))
        return None
    parts = [read_component(document, (*place, i), v, "extractor", problems) for i, v in enumerate(items)]
    parameters = {k: v for k, v in value.items() if k not in ("concat", "name")}
    cls = EXTRACTORS.load("concat")
    allowed = {n: p for n, p in parameters_of(cls).items() if p.kind is inspect.Parameter.KEYWORD_ONLY}
    wrong = [_unknown(document, (*path, k), k, allowed) for k in parameters if k not in allowed]
    wrong = wrong or parameter_problems(document, path, cls, {"parts": [], **parameters})
    problems.extend(wrong)
    if wrong or None in parts:
        return None
    return Component("extractor", "concat", parameters, parts=tuple(p for p in parts if p))


def _class(document: Document, path: KeyPath, kind: str, name: str, problems: list[str]) -> type[Any] | None:
    try:
        return TABLES[kind].load(name, document.where(path))
    except FeatbenchError as error:
        problems.append(str(error))
        return None


def parameter_problems(
    document: Document, path: KeyPath, cls: type[Any], parameters: dict[str, Any]
) -> list[str]:
    """Say what is wrong with the parameters of a plug-in; nothing where all is well."""
    known = parameters_of(cls)
    unknown = [_unknown(document, (*path, k), k, known) for k in parameters if k not in known]
    try:
        # Through JSON, so that a list may stand for a tuple while text never stands for a number.
        TypeAdapter(cls).validate_json(json.dumps(parameters), strict=True)
    except ValidationError as error:
        return unknown + validation_problems(document, path, error)
    except (PydanticSchemaGenerationError, TypeError):
        pass  # a foreign class without usable annotations: it checks itself when it is fitted
    return unknown


def validation_problems(
    document: Document, path: KeyPath, error: ValidationError, known: Iterable[str] = ()
) -> list[str]:
    """Turn what pydantic found into the project's sentences.

    Parameters
    ----------
    document : Document
        For the places.
    path : KeyPath
        Where the validated mapping stands.
    error : ValidationError
        What pydantic raised.
    known : iterable of str
        The keys that would have been right; unknown ones are passed over where it is empty.

    Returns
    -------
    list of str
    """
    sentences: dict[str, None] = {}
    for detail in error.errors():
        if detail["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
            if known:
                sentences[_unknown(document, (*path, *detail["loc"]), str(detail["loc"][-1]), known)] = None
            continue
        keys: KeyPath = ()
        for key in detail["loc"]:  # which also names the branches of a union: they are no keys
            keys = (*keys, key) if document.holds((*path, *keys, key)) else keys
        place = document.where((*path, *keys))
        if detail["type"] == "missing":
            sentences[f"{document.where(path)}: {detail['loc'][-1]!r} is missing. Write it."] = None
            continue
        constraint = _WORDS.get(detail["type"]) or detail["msg"].removeprefix("Input should be ")
        sentences[f"{place}: must be {constraint}; got {_short(detail['input'])}."] = None
    return list(sentences)


def _unknown(document: Document, path: KeyPath, key: str, known: Iterable[str]) -> str:
    suggestion = nearest(key, known)
    hint = f"Did you mean {suggestion!r}? " if suggestion else ""
    return f"{document.where(path)}: unknown key {key!r}. {hint}Known: {', '.join(sorted(known)) or 'none'}."


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=repr)
    return text if len(text) <= 60 else text[:57] + "..."
