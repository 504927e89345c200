"""The experiment file: read safely, overridden from the command line, validated whole."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from featbench.config.claims import claims_of
from featbench.config.components import Component
from featbench.config.document import Document, parse
from featbench.config.experiment import Experiment, Timing
from featbench.config.filters import filtered, without_voters
from featbench.config.overrides import apply_overrides
from featbench.config.packaged import packaged_configs
from featbench.config.reading import read_experiment
from featbench.config.rows import Cell, Ensemble, EnsembleCell
from featbench.config.sections import Folds, Holdout, Selection
from featbench.errors import ConfigError, UnknownNameError

__all__ = [
    "Cell",
    "Component",
    "Document",
    "Ensemble",
    "EnsembleCell",
    "Experiment",
    "Folds",
    "Holdout",
    "Selection",
    "Timing",
    "claims_of",
    "filtered",
    "load_experiment",
    "packaged_configs",
    "parse",
    "read_experiment",
    "without_voters",
]


def load_experiment(config: str | Path, overrides: Sequence[str] = ()) -> Experiment:
    """Read and validate an experiment.

    Parameters
    ----------
    config : str or path
        A file, or the name of a packaged config such as ``"hog_svm"`` or ``"cifar10/compare"``.
    overrides : sequence of str, optional
        ``path=value`` each, as of ``--set``.

    Returns
    -------
    Experiment

    Raises
    ------
    ConfigError
        The file is not there, cannot be read, or says something that cannot be run.
    """
    path = _find(config)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{config}: cannot be read ({error}). Give a YAML file in UTF-8.") from error
    document = apply_overrides(parse(text, str(config)), overrides)
    return read_experiment(document, path.stem)


def _find(config: str | Path) -> Path:
    path = Path(config)
    if path.is_file():
        return path
    packaged = packaged_configs()
    name = str(config).removeprefix("configs/").removesuffix(".yaml")
    if name in packaged:
        return packaged[name]
    if path.is_dir():
        raise ConfigError(f"{config}: is a folder; an experiment is a YAML file in it.")
    raise UnknownNameError(str(config), "config (neither a file nor a packaged one)", name, packaged)
