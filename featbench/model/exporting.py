"""From a cell of a run to a model: refitted as the run did it, and held against the run's own predictions."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from featbench.archives import write_arrays
from featbench.base import Classifier, Extractor
from featbench.base.own_head import ScoresOf
from featbench.config import Component, Document
from featbench.config.components import read_component
from featbench.config.rows import OWN_HEAD
from featbench.datasets.opening import make_loader
from featbench.datasets.training_sizes import drawn
from featbench.environment import code_fingerprint, versions
from featbench.errors import ConfigError, DataError, StoreError
from featbench.model.finding import find_cell
from featbench.model.loading import FORMAT
from featbench.model.pipeline import Pipeline
from featbench.model.pixels import Pixels
from featbench.model.states import state_of
from featbench.preprocessing import make_preprocess
from featbench.sealed import SealedDataset
from featbench.stages import extract
from featbench.stages import load as load_images
from featbench.store import Store, to_json, write_atomic
from featbench.timing import ONCE
from featbench.types import Labels

__all__ = ["Exported", "export"]


@dataclass(frozen=True)
class Exported:
    """A model that was written.

    Attributes
    ----------
    folder : Path
    manifest : dict
        What ``model.json`` holds.
    n_bytes : int
        Of all files.
    """

    folder: Path
    manifest: Mapping[str, Any]
    n_bytes: int


def export(cell: str | Path, folder: str | Path, *, force: bool = False) -> Exported:
    """Write the pipeline of a cell as a model.

    A cell holds no fitted pipeline: this one is fitted again, with the hyperparameters that the run chose, on the
    same training images, and must predict for every test image what the run did. Test labels stay sealed.

    Parameters
    ----------
    cell : path
        ``RUN/cells/<cell>.json``, or the folder of a run, whose recommended row is then taken (the first of its
        splits and seeds).
    folder : path
        Where to; new or empty.
    force : bool, optional
        Replace a model that is there.

    Returns
    -------
    Exported

    Raises
    ------
    ConfigError
        No such cell, or one that is no pipeline, or an ensemble of several; a classifier that could only be
        pickled; a folder that holds other things.
    DataError
        The images are not there, or not those of the run.
    StoreError
        The predictions are not those of the run; the folder cannot be written.
    """
    target = Path(folder)
    _check_target(target, force=force)
    store, record = find_cell(Path(cell))
    _check_single(record, store)
    parts = _components(record)
    _check_savable(parts["classifier"].build(0), record)
    data = _images(record, parts["dataset"])
    pipeline, predictions = _refit(record, parts, data)
    _check_savable(pipeline.classifier, record)
    _compare(predictions, store, record)
    manifest = {**_manifest(pipeline, store, record), **pipeline.manifest}
    return Exported(target, manifest, _write(pipeline, manifest, target))


def _check_target(target: Path, *, force: bool) -> None:
    if target.is_dir() and not any(target.iterdir()):
        return
    if (target / "model.json").is_file():
        if not force:
            raise ConfigError(
                f"{target}: holds a model already. Choose another folder, or replace it with --force."
            )
    elif target.exists():
        raise ConfigError(f"{target}: holds other things. Choose a new or empty folder for the model.")


def _check_savable(classifier: Classifier, record: Mapping[str, Any]) -> None:
    reason = classifier.unsavable()
    if reason is not None:
        raise ConfigError(f"{record['label']}: cannot be exported: {reason}.")


def _check_single(record: Mapping[str, Any], store: Store) -> None:
    """Refuse rows that other rows vote for: a model is one pipeline."""
    if "ensemble" in record["spec"]:
        cells = [str(store.root / "cells" / f"{m['cell_id']}.json") for m in record["selection"]["members"]]
        raise ConfigError(
            f"{record['label']}: cannot be exported: it is {len(cells)} pipelines that vote, and a model is one. "
            f"Export a member: {', '.join(cells)}. One pipeline are several extractors as {{concat: [hog, hue]}}, "
            "and several classifiers as {name: ensemble, members: [softmax, svm]}."
        )


def _components(record: Mapping[str, Any]) -> dict[str, Component]:
    """Return data set, extractor and classifier of a cell, validated as an experiment's would be."""
    spec = {kind: record["spec"][kind] for kind in ("dataset", "extractor", "classifier")}
    document = Document(f"cell {record['cell_id']}", spec)
    problems: list[str] = []
    read = {kind: read_component(document, (kind,), value, kind, problems) for kind, value in spec.items()}
    if problems:
        raise ConfigError("\n".join(problems))
    return {kind: component for kind, component in read.items() if component is not None}


def _images(record: Mapping[str, Any], dataset: Component) -> SealedDataset:
    spec = record["spec"]
    splits, _ = load_images(dataset, spec["splits"], spec["seed"])
    data = drawn(splits[spec["split"]], spec.get("train_size"), spec["seed"])
    if data.summary["fingerprint"] != record["data"]["fingerprint"]:
        raise DataError(
            f"{data.name}: images or labels are not those of the run any more, so that its figures would not be the "
            "model's. Run the experiment again, then export."
        )
    return data


def _refit(
    record: Mapping[str, Any], parts: Mapping[str, Component], data: SealedDataset
) -> tuple[Pipeline, Labels]:
    """Fit as the run did after selection, and predict the test images."""
    seed = record["seed"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the run has told them
        features = extract(parts["extractor"], data, "none", seed, ONCE)
        if parts["classifier"].name == OWN_HEAD:
            assert features.head is not None, "a row without such a head has not finished"
            features = features.head
        assert features.extractor is not None
        preprocess = make_preprocess(record["preprocess"])
        rows = preprocess.fit_transform(features.train)
        classifier = parts["classifier"].build(seed).set_params(**record["selection"]["parameters"])
        classifier.fit(rows, features.labels)
        predictions = np.asarray(classifier.predict(preprocess.transform(features.test)))
    loader = make_loader(parts["dataset"].name, dict(parts["dataset"].params))
    given = {key: getattr(loader, key) for key in ("resize", "max_pixels") if hasattr(loader, key)}
    pixels = Pixels(tuple(features.extractor.image_shape_), **given)
    return Pipeline(features.extractor, preprocess, classifier, data.classes, pixels), predictions


def _compare(predictions: Labels, store: Store, record: Mapping[str, Any]) -> None:
    """Refuse a model that does not predict what the run did; labels are not needed for that."""
    stored = store.read_arrays(record).get("predictions")
    if stored is None or stored.shape != predictions.shape:
        raise StoreError(
            f"{record['label']}: the cell's predictions are not there. Run it again with --force."
        )
    n_other = int((stored != predictions).sum())
    if not n_other:
        return
    environment = record.get("environment") or {}
    then, now = environment.get("versions", {}), versions()
    changed = [
        f"{name} {then[name]} → {now[name]}" for name in then if now.get(name, then[name]) != then[name]
    ]
    if environment.get("code") != code_fingerprint():
        changed.append("featbench's code")
    why = f" Since then changed: {', '.join(changed)}." if changed else ""
    raise StoreError(
        f"{record['label']}: fitted again, {n_other:,} of {len(stored):,} test images get another label than in "
        f"the run, so that its figures would not be the model's.{why} Run the experiment again here, then export."
    )


def _manifest(pipeline: Pipeline, store: Store, record: Mapping[str, Any]) -> dict[str, Any]:
    spec, scores = record["spec"], record.get("scores", {})
    return {
        "format": FORMAT,
        "pipeline": record["label"],
        "classes": list(pipeline.classes),
        "image": pipeline.pixels.to_json(),
        "preprocess": record["preprocess"],
        "confidence": pipeline.measure,
        "test": {
            "accuracy": record["test_accuracy"],
            "low": record["test_low"],
            "high": record["test_high"],
            "interval": scores.get("interval"),
            "n_images": record["n_test"],
        },
        "validation_accuracy": record["val_accuracy"],
        "n_train": record["n_train"],
        "made_from": {
            "run": store.read_run().get("name"),
            "cell": record["cell_id"],
            "dataset": record["dataset"],
            "fingerprint": record["data"]["fingerprint"],
            "split": record["split"],
            "seed": record["seed"],
            "extractor": spec["extractor"],
            "classifier": spec["classifier"],
            "parameters": record["selection"]["parameters"],
            "made": record["made"],
        },
        "check": f"fitted again, it predicts for all {record['n_test']} test images what the run did",
        "versions": versions(),
    }


def _saved_part(extractor: Extractor) -> Extractor:
    """Return what is saved of an extractor: of scores the extractor that gives them, its own head in it."""
    return extractor.extractor if isinstance(extractor, ScoresOf) else extractor


def _write(pipeline: Pipeline, manifest: Mapping[str, Any], target: Path) -> int:
    """Write the folder beside its place, and rename it."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(dir=target.parent, prefix=".writing-"))
    except OSError as error:
        raise StoreError(f"{target}: cannot be written ({error.strerror}). Choose another folder.") from error
    try:
        whole = beside / "model"
        _saved_part(pipeline.extractor).save(whole / "extractor")
        pipeline.classifier.save(whole / "classifier")
        write_arrays(whole / "preprocess.npz", state_of(pipeline.preprocess))
        write_atomic(whole / "model.json", to_json(manifest))
        n_bytes = sum(path.stat().st_size for path in whole.rglob("*") if path.is_file())
        if target.exists():
            target.rename(beside / "old")
        whole.rename(target)
    except OSError as error:
        raise StoreError(f"{target}: cannot be written ({error.strerror}). Choose another folder.") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return n_bytes
