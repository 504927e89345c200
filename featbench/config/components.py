"""A plug-in as an experiment names it: a name, parameters, and for a classifier what to search.

``hog``, ``{name: hog, cell: 8}`` and ``{concat: [hog, hue]}`` are the three ways to write one; beside an
extractor may stand ``maps: [power, l2]``, the feature maps that follow it, each a plug-in itself.
Parameters are validated against the annotations of the plug-in's class; nothing is loaded and nothing
computed.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from featbench.classifiers import CLASSIFIERS
from featbench.config.document import Document, KeyPath
from featbench.config.validation import parameter_problems, parameters_of, shortened, unknown_key
from featbench.datasets import DATASETS
from featbench.errors import FeatbenchError, Shown, must_be
from featbench.extractors import EXTRACTORS
from featbench.maps import MAPS
from featbench.plugins import PluginTable

__all__ = [
    "AUGMENTS",
    "TABLES",
    "WRITTEN",
    "Component",
    "read_component",
]

# What may join training images, as `featbench.images.augmented` makes it, and how labels tell it.
_TOLD = {"none": "", "flip": " + flips", "crops": " + crops", "flip_crops": " + flips + crops"}
AUGMENTS = tuple(_TOLD)

TABLES: dict[str, PluginTable] = {
    "dataset": DATASETS,
    "extractor": EXTRACTORS,
    "map": MAPS,
    "classifier": CLASSIFIERS,
}

# How an experiment file writes the extractors that are made of others; by name it cannot.
WRITTEN = {"concat": "{concat: [hog, hue]}", "mapped": "{name: hog, maps: [power, l2]}"}

# What may stand beside a plug-in's parameters.
_BESIDE = {"extractor": ("augment", "maps"), "classifier": ("search",)}


@dataclasses.dataclass(frozen=True)
class Component:
    """One validated plug-in of an experiment.

    Attributes
    ----------
    kind : str
        ``"dataset"``, ``"extractor"``, ``"map"`` or ``"classifier"``.
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
    maps : tuple of Component
        The feature maps that follow an extractor.
    """

    kind: str
    name: str
    params: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    parts: tuple[Component, ...] = ()
    search: Mapping[str, Any] | None = None
    augment: str = "none"
    maps: tuple[Component, ...] = ()

    @property
    def label(self) -> str:
        """A short name for tables: the plug-in with the parameters that differ from its defaults."""
        joined = " & ".join(part._label_as_part for part in self.parts)
        defaults = {p: spec.default for p, spec in parameters_of(self.cls).items()}
        told = [f"{k}={shortened(v)}" for k, v in self.params.items() if v != defaults.get(k)]
        label = self.name
        if joined:  # in brackets, lest what follows seem to be the last part's
            label = f"({joined})" if told or self.maps else joined
        label = f"{label}({', '.join(told)})" if told else label
        if hasattr(self.cls, "written_label"):
            label = self.cls.written_label(self.params)
        label += _TOLD[self.augment]
        return " → ".join([label, *(step.label for step in self.maps)])

    @property
    def short(self) -> str:
        """The label without parameters."""
        short = " & ".join(part.short for part in self.parts) or self.name
        short += _TOLD[self.augment]
        return " → ".join([short, *(step.short for step in self.maps)])

    @property
    def _label_as_part(self) -> str:
        bare = self.label.startswith("(") or not self.parts
        return self.label if bare and not self.maps else f"({self.label})"

    @property
    def cls(self) -> type[Any]:
        """The plug-in's class."""
        return TABLES[self.kind].load(self.name)

    def build(self, seed: int | None = None) -> Any:
        """Construct the plug-in; its ``random_state``, where it has one and none was written, is `seed`."""
        parameters = dict(self.params)
        if seed is not None and "random_state" in parameters_of(self.cls):
            parameters.setdefault("random_state", seed)
        parts = [[part.build(seed) for part in self.parts]] if self.parts else []
        plugin = self.cls(*parts, **parameters)
        if self.maps:
            return EXTRACTORS.load("mapped")(plugin, [step.build(seed) for step in self.maps])
        return plugin

    def spec(self) -> dict[str, Any]:
        """Return the component as an experiment file would write it, in JSON's types."""
        told: dict[str, Any] = {} if self.augment == "none" else {"augment": self.augment}
        if self.maps:
            told["maps"] = [step.spec() for step in self.maps]
        if self.parts:
            return {"concat": [part.spec() for part in self.parts], **self.params, **told}
        return {"name": self.name, **self.params, **told}


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
    """Read an extractor, or several joined, with its feature maps and what is done to its training images."""
    augment = value.get("augment", "none")
    place = document.where((*path, "augment"))
    if augment not in AUGMENTS:
        problems.append(must_be(place, "augment", "one of " + ", ".join(AUGMENTS), augment))
    elif "augment" in value and "concat" in path:
        problems.append(
            f"{place}: a part has no 'augment' of its own. Write it beside 'concat', for all parts."
        )
    maps = _read_maps(document, (*path, "maps"), value["maps"], problems) if "maps" in value else ()
    plain = {k: v for k, v in value.items() if k not in _BESIDE["extractor"]}
    if "concat" in value:
        component = _read_concat(document, path, plain, problems)
    else:
        component = _read_named(document, path, plain, "extractor", problems)
    if component is None or maps is None:
        return None
    return dataclasses.replace(component, augment=augment, maps=maps)


def _read_maps(
    document: Document, path: KeyPath, items: Any, problems: list[str]
) -> tuple[Component, ...] | None:
    if not isinstance(items, list) or not items:
        wanted = "a list of one feature map or more, such as [power, l2]"
        problems.append(must_be(document.where(path), "maps", wanted, items))
        return None
    maps = [read_component(document, (*path, i), item, "map", problems) for i, item in enumerate(items)]
    return None if None in maps else tuple(step for step in maps if step)


def _read_named(
    document: Document, path: KeyPath, value: dict[str, Any], kind: str, problems: list[str]
) -> Component | None:
    name = value.get("name")
    if not isinstance(name, str):
        problems.append(
            must_be(document.where(path), f"the {kind}", "given by 'name'", Shown(", ".join(value)))
        )
        return None
    if kind == "extractor" and name in WRITTEN:
        how = f"In an experiment file, write {WRITTEN[name]}."
        problems.append(
            f"{document.where(path)}: {name!r} is made of other plug-ins, which parameters cannot name. {how}"
        )
        return None
    parameters = {k: v for k, v in value.items() if k != "name"}
    search = parameters.pop("search", None) if kind == "classifier" else None
    named = (*path, "name")
    known = _class(document, named if document.holds(named) else path, kind, name, problems)
    if known is None:
        return None
    if hasattr(known, "written_beside"):
        parameters = known.written_beside(parameters, Path(document.name).parent)
    found = parameter_problems(document, path, known, parameters, _BESIDE.get(kind, ()))
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
    keys = {*allowed, *_BESIDE["extractor"]}
    wrong = [unknown_key(document, (*path, k), k, keys) for k in parameters if k not in allowed]
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
