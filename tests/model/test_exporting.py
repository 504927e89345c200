"""A model is what the run measured, or there is none."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from model_runs import cell_of, run_text

from featbench.classifiers import CLASSIFIERS
from featbench.datasets.opening import open_dataset
from featbench.errors import ConfigError, DataError, StoreError
from featbench.model import export, load
from featbench.store import Store

pytestmark = pytest.mark.long


@pytest.mark.parametrize("name", ["softmax", "knn", "svm", "ensemble"])
def test_a_model_predicts_what_the_run_did(digits_run, tmp_path, name):
    done = export(cell_of(digits_run, name), tmp_path / "model")
    record = json.loads(cell_of(digits_run, name).read_text())
    stored = Store(digits_run).read_arrays(record)["predictions"]
    images = open_dataset("digits", {}, seed=0).test.images
    model = load(tmp_path / "model")
    assert model.predict(images).tolist() == [str(label) for label in stored]
    assert model.manifest["test"]["accuracy"] == record["test_accuracy"]
    assert model.manifest["made_from"]["parameters"] == record["selection"]["parameters"]
    assert model.measure == ("margin" if name == "svm" else "probability")
    assert done.n_bytes == sum(p.stat().st_size for p in (tmp_path / "model").rglob("*") if p.is_file())


def test_test_labels_stay_sealed(digits_run, tmp_path):
    before = (digits_run / "ledger.jsonl").read_text()
    export(cell_of(digits_run, "softmax"), tmp_path / "model")
    assert (digits_run / "ledger.jsonl").read_text() == before


def test_a_run_stands_for_its_recommended_row(digits_run, tmp_path):
    done = export(digits_run, tmp_path / "model")
    records = [json.loads(path.read_text()) for path in (digits_run / "cells").glob("*.json")]
    best = max((r for r in records if r["extractor"]), key=lambda r: r["val_accuracy"])
    assert done.manifest["made_from"]["cell"] == best["cell_id"]


def test_flips_crops_maps_and_parts_are_made_again(tmp_path):
    text = """\
dataset: {name: digits, test_size: 0.5}
extractor: {concat: [{name: raw, size: 4}, {name: hog, cell: 4}], maps: [{name: power}], augment: flip_crops}
classifier: {name: knn, n_neighbors: 1}
splits: 2
seeds: [3]
selection: none
timing: {repeats: 1}
"""
    root = run_text(text, "parts", tmp_path)
    for cell in (root / "cells").glob("*-knn-*.json"):
        done = export(cell, tmp_path / cell.stem)
        assert done.manifest["made_from"]["split"] in (0, 1)
        assert load(done.folder).classifier.X_.shape[0] == 4 * done.manifest["n_train"]
    with pytest.raises(ConfigError, match="no row was validated, so none is recommended"):
        export(root, tmp_path / "other")


def test_baselines_and_what_is_no_cell_are_refused(digits_run, tmp_path):
    chance = next((digits_run / "cells").glob("chance-*.json"))
    with pytest.raises(
        ConfigError, match=r"a pipeline that finished; got chance, ok, which looks at no image"
    ):
        export(chance, tmp_path / "model")
    with pytest.raises(ConfigError, match="the cell must be the folder of a run"):
        export(digits_run / "run.json", tmp_path / "model")
    with pytest.raises(ConfigError, match="holds no run"):
        export(tmp_path, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_two_data_sets_have_a_winner_each(tmp_path):
    text = "datasets: [digits, {name: digits, test_size: 0.5}]\nextractor: raw\nclassifier: {name: knn, search: {n_neighbors: [1, 3]}}\n"
    root = run_text(text + "selection: {folds: 2}\ntiming: {repeats: 1}\n", "two", tmp_path)
    with pytest.raises(ConfigError, match=r"has 2 data sets, each with its own recommended row"):
        export(root, tmp_path / "model")


def test_other_predictions_than_the_run_s_make_no_model(digits_run, tmp_path):
    run = shutil.copytree(digits_run, tmp_path / "run")
    cell = cell_of(run, "softmax")
    record = json.loads(cell.read_text())
    path = run / "cells" / record["arrays"]
    arrays = dict(np.load(path))
    arrays["predictions"] = (arrays["predictions"] + 1) % 10
    np.savez_compressed(path, **arrays)
    record["environment"]["versions"]["numpy"] = "1.0"
    record["environment"]["code"] = "another"
    cell.write_text(json.dumps(record))
    with pytest.raises(
        StoreError,
        match=r"get another label than in the run.*Since then changed: numpy 1.0 → .*, featbench's code\.",
    ):
        export(cell, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_other_images_than_the_run_s_make_no_model(digits_run, tmp_path):
    run = shutil.copytree(digits_run, tmp_path / "run")
    cell = cell_of(run, "softmax")
    record = json.loads(cell.read_text())
    record["data"]["fingerprint"] = "0" * 64
    cell.write_text(json.dumps(record))
    with pytest.raises(DataError, match="are not those of the run any more"):
        export(cell, tmp_path / "model")


def test_what_cannot_be_saved_is_refused_before_anything_is_fitted(digits_run, tmp_path, monkeypatch):
    from featbench.classifiers import KNN

    monkeypatch.setattr(KNN, "unsavable", lambda self: "it would have to be pickled")
    monkeypatch.setattr("featbench.model.exporting.extract", None)
    for name in ("knn", "ensemble"):
        with pytest.raises(ConfigError, match=r"cannot be exported: it would have to be pickled"):
            export(cell_of(digits_run, name), tmp_path / "model")


def test_an_estimator_of_scikit_learn_could_only_be_pickled(tmp_path):
    text = "dataset: digits\nextractor: raw\nclassifier: {name: sklearn, estimator: GaussianNB}\n"
    root = run_text(text + "selection: none\ntiming: {repeats: 1}\n", "bayes", tmp_path)
    message = r"cannot be exported: GaussianNB .*could only be pickled.*Export a row whose classifier is featbench's own.*\.$"
    with pytest.raises(ConfigError, match=message):
        export(cell_of(root, "sklearn"), tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_rows_that_vote_are_several_pipelines(tmp_path):
    text = """\
dataset: {name: digits, test_size: 0.5}
extractors: [raw, {name: hog, cell: 4}]
classifier: {name: knn, n_neighbors: 1}
ensembles: [{cells: [raw -> knn, hog -> knn]}]
selection: none
timing: {repeats: 1}
"""
    root = run_text(text, "votes", tmp_path)
    message = (
        r"it is 2 pipelines that vote, and a model is one\. Export a member: .*raw-knn-.*json, .*hog-.*json"
    )
    with pytest.raises(ConfigError, match=message):
        export(next((root / "cells").glob("ensemble-*.json")), tmp_path / "model")
    assert not (tmp_path / "model").exists()


OWN_HEAD = """\
dataset: {name: digits, test_size: 0.5}
extractor: {name: cnn, epochs: 1, batch_size: 64, flip: none}
classifiers: [{name: knn, n_neighbors: 1}, own_head]
selection: {folds: 2}
timing: {repeats: 1}
"""


def test_a_network_s_own_head_is_exported_with_it(tmp_path):
    root = run_text(OWN_HEAD, "head", tmp_path)
    cell = cell_of(root, "own-head")
    record = json.loads(cell.read_text())
    assert record["status"] == "ok", record
    done = export(cell, tmp_path / "model")
    described = json.loads((done.folder / "extractor" / "plugin.json").read_text())
    assert described["plugin"] == ["extractor", "cnn"]
    model = load(done.folder)
    images = open_dataset("digits", {"test_size": 0.5}, seed=0).test.images
    stored = Store(root).read_arrays(record)["predictions"]
    assert model.predict(images).tolist() == [str(label) for label in stored]
    rows = model.features(images[:3])
    assert rows.shape == (3, 10), "scores, in the place of 128 features"
    assert model.measure == "margin"
    assert (model.confidence(rows) >= 0).all()
    assert model.manifest["test"]["accuracy"] == record["test_accuracy"]
    features = load(export(cell_of(root, "knn"), tmp_path / "features").folder)
    assert features.features(images[:3]).shape == (3, 128)


EXPORTED = {
    "knn": "{name: knn, n_neighbors: 3, metric: l1, weights: distance}",
    "svm": "{name: svm, loss: crammer_singer, hinge: plain, reg: 0.1}",
    "softmax": "{name: softmax, penalty: elastic_net, reg: 0.1}",
    "mlp": "{name: mlp, hidden: 8, epochs: 2, reg: 0.01}",
    "bottleneck": "{name: bottleneck, cells: 4, channels: 8, epochs: 2, reg: 0.01}",
    "ensemble": "{name: ensemble, members: [{name: svm, reg: 0.1}, {name: sgd, epochs: 1}], vote: hard}",
    "sgd": "{name: sgd, epochs: 1, learning_rate: 1e-3}",
    "random_search": "{name: random_search, tries: 20}",
    "chance": "chance",
    "majority": "majority",
}


def test_every_classifier_but_those_of_scikit_learn_can_be_exported(tmp_path):
    own = {name for name, row in CLASSIFIERS.rows().items() if row.distribution == "featbench"}
    assert own - {"sklearn", "own_head"} == set(EXPORTED)
    text = "dataset: {name: digits, test_size: 0.5}\nextractor: {name: hog, cell: 4}\nselection: none\n"
    text += f"timing: {{repeats: 1}}\nclassifiers: [{', '.join(EXPORTED.values())}]\n"
    root = run_text(text, "all", tmp_path)
    images = open_dataset("digits", {"test_size": 0.5}, seed=0).test.images
    for name in EXPORTED:
        cell = next((root / "cells").glob(f"hog-cell-4-{name.replace('_', '-')}-*.json"))
        model = load(export(cell, tmp_path / name).folder)
        stored = Store(root).read_arrays(json.loads(cell.read_text()))["predictions"]
        assert model.predict(images).tolist() == [str(label) for label in stored], name


def test_a_folder_is_replaced_only_when_told_and_only_a_model(digits_run, digits_model, tmp_path):
    with pytest.raises(ConfigError, match="holds a model already"):
        export(cell_of(digits_run, "knn"), digits_model)
    export(cell_of(digits_run, "knn"), digits_model, force=True)
    assert type(load(digits_model).classifier).__name__ == "KNN"
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "letter.txt").write_text("dear")
    with pytest.raises(ConfigError, match="holds other things"):
        export(cell_of(digits_run, "knn"), tmp_path / "other", force=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["digits", "other"]  # nothing half-written is left
