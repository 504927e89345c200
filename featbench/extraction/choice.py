"""Which extractor is meant: a registered name, one of an experiment, or one that was saved."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from featbench.base import Extractor
from featbench.config import Document, load_experiment, packaged_configs
from featbench.config.components import Component, read_component
from featbench.config.document import parse_value
from featbench.errors import ConfigError, Shown, UnknownNameError, must_be
from featbench.extractors import EXTRACTORS

__all__ = ["Choice", "choose_extractor"]


@dataclass(frozen=True)
class Choice:
    """An extractor, and the images that it is meant for where that is known.

    Attributes
    ----------
    extractor : Extractor
        Fitted where it was saved.
    label : str
    size, resize : int, str or None
        As the experiment's ``folder`` data set has them, or the extraction that the saved one comes from.
    """

    extractor: Extractor
    label: str
    size: Any = None
    resize: Any = None


def choose_extractor(text: str, settings: Sequence[str] = (), which: str | None = None) -> Choice:
    """Find the extractor that is meant.

    Parameters
    ----------
    text : str
        A registered name, a folder that `Extractor.save` wrote, a YAML file or the name of a packaged one.
    settings : sequence of str, optional
        ``key=value``: parameters of a registered one; for an experiment, paths such as ``extractor.cell=4``.
    which : str, optional
        The label of one of the experiment's extractors.

    Returns
    -------
    Choice

    Raises
    ------
    ConfigError
        Nothing of that name is there; it has no such parameter; or an experiment has several and `which` says
        none of them.
    StoreError
        The saved one is damaged.
    """
    path = Path(text)
    if text in EXTRACTORS:
        _refuse_which(text, which)
        component = _registered(text, settings)
        return Choice(component.build(0), component.label)
    if (path / "plugin.json").is_file():
        _refuse_which(text, which)
        return _saved(path, settings)
    if path.is_dir():
        raise ConfigError(
            must_be(text, "the extractor", "a name, a YAML file or a folder that holds a saved one (plugin.json)",
                    Shown("a folder without"), "The folder of images comes second.")
        )  # fmt: skip
    if path.is_file() or path.suffix in (".yaml", ".yml") or text in packaged_configs():
        return _of_experiment(text, settings, which)
    kind = "extractor (no registered one, no YAML file, no folder of a saved one)"
    raise UnknownNameError("extract", kind, text, EXTRACTORS.rows())


def _refuse_which(text: str, which: str | None) -> None:
    if which is not None:
        raise ConfigError(
            f"--which: picks one of an experiment's extractors, and {text} is a single one. Drop it."
        )


def _registered(name: str, settings: Sequence[str]) -> Component:
    value: dict[str, Any] = {"name": name}
    marks: dict[tuple[str | int, ...], str] = {("extractor",): f"{name}"}
    for setting in settings:
        key, equals, text = setting.partition("=")
        key = key.strip()
        if not equals or not key or key == "name":
            raise ConfigError(
                must_be("--set", "a parameter", "of the form key=value, such as cell=4", setting)
            )
        value[key] = parse_value(text, f"--set {setting}")
        marks["extractor", key] = setting
    document = Document("extract", {"extractor": value}, {}, marks if settings else {})
    problems: list[str] = []
    component = read_component(document, ("extractor",), value, "extractor", problems)
    if component is None:
        raise ConfigError("\n".join(problems))
    return component


def _saved(folder: Path, settings: Sequence[str]) -> Choice:
    if settings:
        raise ConfigError(
            f"--set {settings[0]}: {folder} holds an extractor that is fitted already, whose parameters are what they "
            "are. Give its name to fit another."
        )
    extractor = Extractor.load(folder)
    try:
        images = json.loads((folder / "images.json").read_text(encoding="utf-8"))
        return Choice(extractor, str(folder), images.get("size"), images.get("resize"))
    except (OSError, ValueError, AttributeError):  # saved by hand: its own image shape says the size
        return Choice(extractor, str(folder))


def _of_experiment(config: str, settings: Sequence[str], which: str | None) -> Choice:
    experiment = load_experiment(config, settings)
    labels = {component.label: component for component in experiment.extractors}
    if which is not None and which not in labels:
        raise UnknownNameError("--which", f"extractor of {config}", which, labels)
    if which is None and len(labels) > 1:
        listed = "; ".join(labels)
        raise ConfigError(f"{config}: has {len(labels)} extractors. Pick one with --which: {listed}.")
    component = labels[which or next(iter(labels))]
    folders = [d.params for d in experiment.datasets if d.name == "folder"]
    images = folders[0] if len(folders) == 1 else {}
    extractor = component.build(experiment.seeds[0])
    return Choice(extractor, component.label, images.get("size"), images.get("resize"))
