"""Sanity checks of an experiment before it is run: minutes saved that a faulty pipeline would cost.

The checks are those that the course teaches: the loss where all weights are 0, the gradient against central
differences, a handful of images that must be learnt by heart, the size of a step beside that of the weights; and
whether features are dead or explode. Nothing but training images and their labels is looked at.

References
----------
Stanford CS231n course notes, Neural networks part 3: learning and evaluation,
https://cs231n.github.io/neural-networks-3/
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from featbench.config import Component, Experiment, load_experiment
from featbench.config.space import middle
from featbench.errors import ConfigError, FeatbenchError, must_be
from featbench.images import image_shape, take
from featbench.preprocessing import make_preprocess
from featbench.sanity.check import Check, Finding
from featbench.sanity.features import feature_findings, prepared_findings
from featbench.sanity.training import training_findings
from featbench.sealed import SealedDataset
from featbench.stages import load
from featbench.types import AnyArray, Labels

__all__ = ["Check", "check_experiment"]

_LEAST = 20


def check_experiment(
    config: str | Path | Experiment, *, overrides: Sequence[str] = (), images: int = 2000
) -> list[Check]:
    """Check every pipeline of an experiment on some of its training images.

    Parameters
    ----------
    config : str, path or Experiment
        A YAML file, the name of a packaged config, or an experiment in hand.
    overrides : sequence of str, optional
        ``path=value`` each, which beat the file.
    images : int, optional
        Training images to look at, at least 20, drawn by the first seed; of several outer splits, the first one's.

    Returns
    -------
    list of Check
        Of the features of each extractor, of what each preprocessing makes of them, and of each linear
        classifier's training on them.

    Raises
    ------
    ConfigError
        The experiment cannot be run as it is written, or `images` is too small.
    DataError
        Its data cannot be read.
    """
    if images < _LEAST:
        raise ConfigError(must_be("sanity", "images", f"at least {_LEAST}", images))
    experiment = config if isinstance(config, Experiment) else load_experiment(config, overrides)
    seed = experiment.seeds[0]
    checks: list[Check] = []
    for dataset in experiment.datasets:
        (data, *_), _timing = load(dataset, experiment.splits, seed)
        where = f"{data.name}: " if len(experiment.datasets) > 1 else ""
        for extractor in experiment.extractors:
            checks += [check.at(where) for check in _of_extractor(experiment, extractor, data, seed, images)]
    return checks


def _of_extractor(
    experiment: Experiment, component: Component, data: SealedDataset, seed: int, images: int
) -> Iterator[Check]:
    label, rng = component.label, np.random.default_rng(seed)
    rows = np.sort(rng.permutation(len(data.train))[:images])
    sample, labels = take(data.train.images, rows), data.train.labels[rows]
    extractor = component.build(seed)
    reason = extractor.supports(image_shape(data.train.images))
    if reason is not None:
        yield Check(
            label, Finding("takes these images", "no", "yes", "advice", f"A run will skip it. {reason}")
        )
        return
    made: list[AnyArray] = []

    def make() -> list[Finding]:
        made.append(np.asarray(extractor.fit(sample, labels).transform(sample)))
        return feature_findings(made[0])

    found = _guarded("features", make)
    yield from (Check(label, finding) for finding in found)
    if not made or any(f.check == "finite" and f.verdict == "fail" for f in found):
        return  # what would follow has no meaning
    for preprocess in experiment.preprocesses:
        yield from _of_preprocessing(experiment, label, preprocess, made[0], labels, len(data.train), seed)


def _of_preprocessing(
    experiment: Experiment,
    extractor: str,
    preprocess: str,
    features: AnyArray,
    labels: Labels,
    n_train: int,
    seed: int,
) -> Iterator[Check]:
    label = extractor if preprocess == "none" else f"{extractor} → {preprocess}"
    X = make_preprocess(preprocess).fit_transform(features)
    yield from (Check(label, finding) for finding in _guarded("values", lambda: prepared_findings(X)))
    for component, candidates in experiment.classifiers:
        # Of a searched hyperparameter, a value in the middle: whether the ends serve is for validation to say.
        classifier = component.build(seed).set_params(**middle(candidates))
        for finding in training_findings(classifier, X, labels, n_train, _guarded):
            yield Check(f"{label} → {component.label}", finding)


def _guarded(name: str, look: Callable[[], list[Finding]]) -> list[Finding]:
    """Make checks; an error in one is a finding and harms no other."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a fit of a few images ends early is no news
            return look()
    except Exception as error:
        said = str(error) if isinstance(error, FeatbenchError) else f"{type(error).__name__}: {error}"
        return [Finding(name, "an error", "none", "fail", said)]
