"""Evidence for the report: made after the clocks, without test labels, and kept with its cell."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from featbench.answers import read_answer
from featbench.blocks import Block, Split, do_block, features_of, plan
from featbench.config import Document, read_experiment
from featbench.datasets import open_dataset
from featbench.errors import ConfigError
from featbench.evaluation import Prediction
from featbench.evidence import NO_EVIDENCE, Wanted
from featbench.evidence import kept as choosing
from featbench.evidence.witness import MAP_IMAGES, NEIGHBOURS, QUERIES
from featbench.jobs import describe_job, do_job
from featbench.report.failures import judged_rows, missed_by_all, mistakes
from featbench.runner import run
from featbench.sealed import SealedLabels
from featbench.store import Store
from featbench.thumbnails import SIDE, decoded, read_thumbnails, thumbnail_file

pytestmark = pytest.mark.long

TWO: dict[str, Any] = {
    "dataset": "digits",
    "extractors": ["raw", {"name": "hog", "cell": 4, "block": 1}],
    "classifiers": [{"name": "svm", "reg": 0.01}, {"name": "softmax", "reg": 0.01}],
    "selection": "none",
    "timing": {"repeats": 1},
    "evidence": True,
}


def experiment(**changes: Any) -> Any:
    return read_experiment(Document("two.yaml", {**TWO, **changes}), "two")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evidence") / "run"
    run(experiment(), output=folder)
    return folder


def records_of(folder: Path) -> list[dict[str, Any]]:
    store = Store(folder)
    found = [store.read_cell(name) for name in store.cell_ids()]
    return [r for r in found if r is not None and r["extractor"]]


def test_each_pipeline_has_its_evidence_and_nothing_failed(done: Path) -> None:
    store = Store(done)
    for record in records_of(done):
        assert not [said for said in record["warnings"] if said.startswith("evidence")]
        told, arrays = record["evidence"], store.read_evidence(record)
        probable = record["classifier"].startswith("softmax")
        assert told["confidence"] == ("probability" if probable else "margin")
        assert told["calibrated"] is False
        assert told["occlusion"] == ("probability" if probable else "score")
        assert arrays["confidence"].shape == (record["n_test"],)
        assert arrays["tsne"].shape == arrays["pca"].shape == (len(arrays["mapped"]), 2)
        assert len(arrays["mapped"]) == min(MAP_IMAGES, record["n_test"])
        assert arrays["occlusion"].ndim == 3
        assert {p["name"] for p in told["pictures"] if not p["shows_images"]} == (
            {"template"} if record["extractor"] == "raw" else set()
        )
        for picture in told["pictures"]:
            content = arrays["pictures"][picture["start"] : picture["end"]].tobytes()
            assert decoded(content).shape[2] == 3
        assert not [name for name in store.read_arrays(record) if "evidence" in name]


def test_baselines_have_none(done: Path) -> None:
    store = Store(done)
    for name in ("chance", "majority"):
        (record,) = [r for i in store.cell_ids() if (r := store.read_cell(i)) and r["classifier"] == name]
        assert "evidence" not in record
        assert not store.read_evidence(record)


def test_rows_of_a_split_look_at_the_same_images(done: Path) -> None:
    store = Store(done)
    found = [store.read_evidence(record) for record in records_of(done)]
    for name in ("queries", "near_pixels", "mapped"):
        for other in found[1:]:
            np.testing.assert_array_equal(other[name], found[0][name])


def test_neighbours_are_those_of_scikit_learn(done: Path) -> None:
    """Pixels whole, so that the same data set read again has the same neighbours."""
    store = Store(done)
    (record,) = [r for r in records_of(done) if r["extractor"] == "raw" and r["classifier"].startswith("svm")]
    arrays = store.read_evidence(record)
    data = open_dataset("digits", {}, seed=record["seed"], where="digits")
    train, test = (
        np.asarray(part.images).reshape(len(part), -1).astype(float) for part in (data.train, data.test)
    )
    assert record["evidence"]["neighbours_among"] == len(train)
    assert arrays["near_pixels"].shape == arrays["near_features"].shape == (QUERIES, NEIGHBOURS)
    scale = train.std(axis=0)
    scale[scale == 0] = 1
    for name, divided in (("near_pixels", 1.0), ("near_features", scale)):
        model = NearestNeighbors(n_neighbors=NEIGHBOURS, algorithm="brute").fit(train / divided)
        distances, _ = model.kneighbors(test[arrays["queries"]] / divided)
        for query, rows, expected in zip(arrays["queries"], arrays[name], distances, strict=True):
            own = np.linalg.norm((train[rows] - test[query]) / divided, axis=1)
            np.testing.assert_allclose(own, expected, rtol=1e-5)


def test_thumbnails_are_of_what_rows_tell_of(done: Path) -> None:
    store, records = Store(done), records_of(done)
    held = read_thumbnails(thumbnail_file(done, records[0]))
    assert len(list((done / "thumbnails").iterdir())) == 1
    rows = judged_rows(store, records)
    assert len(rows) == 4
    wanted = [int(i) for row in rows for i in mistakes(row, 8)] + missed_by_all(rows)[:24].tolist()
    evidence = [store.read_evidence(record) for record in records]
    wanted += [int(i) for e in evidence for i in e["mapped"]]
    assert {("test", i) for i in wanted} <= set(held)
    assert {("train", int(i)) for e in evidence for i in e["near_features"].ravel()} <= set(held)
    assert len(held) <= choosing.MOST
    data = open_dataset("digits", {}, seed=0, where="digits")
    parts = {"train": np.asarray(data.train.images), "test": np.asarray(data.test.images)}
    for (part, row), content in held.items():
        image = decoded(content)
        assert max(image.shape[:2]) <= SIDE
        # 8 × 8 pixels survive WebP to within a sixth of the range, mean over the image.
        assert np.abs(image[..., 0].astype(int) - parts[part][row]).mean() < 40


def test_a_second_run_writes_them_only_where_they_are_gone(done: Path) -> None:
    path = thumbnail_file(done, records_of(done)[0])
    before, made = path.read_bytes(), path.stat().st_mtime_ns
    assert run(experiment(), output=done).n_reused == 6
    assert path.stat().st_mtime_ns == made
    path.unlink()
    run(experiment(), output=done)
    assert path.read_bytes() == before


def test_no_images_and_no_evidence(tmp_path: Path) -> None:
    run(one(images="none"), output=tmp_path / "a")
    (record,) = records_of(tmp_path / "a")
    assert {p["name"] for p in record["evidence"]["pictures"]} == {"template"}
    assert not (tmp_path / "a" / "thumbnails").exists()
    run(one(evidence=False), output=tmp_path / "b")
    (other,) = records_of(tmp_path / "b")
    assert "evidence" not in other
    assert not Store(tmp_path / "b").read_evidence(other)
    assert not (tmp_path / "b" / "thumbnails").exists()
    assert other["test_accuracy"] == record["test_accuracy"]
    assert other["key"] == record["key"], "a result is the same with it and without"


def one_document() -> dict[str, Any]:
    data = {k: v for k, v in TWO.items() if k not in ("extractors", "classifiers")}
    return {**data, "extractor": "raw", "classifier": {"name": "softmax", "reg": 0.01}}


def one(**changes: Any) -> Any:
    return read_experiment(Document("one.yaml", {**one_document(), **changes}), "one")


def test_a_quick_look_shows_nothing(tmp_path: Path) -> None:
    run(one(selection={"folds": 2}), output=tmp_path, quick=True)
    assert not [r for r in records_of(tmp_path) if "evidence" in r]
    assert not (tmp_path / "thumbnails").exists()


def split_and_block(wanted: Wanted) -> tuple[Split, Block]:
    plan_of = one()
    (split,) = plan(list(plan_of.cells()), plan_of.splits, plan_of.timing, str)
    block = split.blocks[-1]
    return split, Block(block.cells, block.timing, wanted)


def test_it_is_made_without_test_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even other labels would leave it as it is: they stay sealed."""
    split, block = split_and_block(Wanted(evidence=True, images=True))

    def refuse(*_: Any) -> None:
        raise AssertionError("test labels were opened")

    monkeypatch.setattr(SealedLabels, "open", refuse)
    features = features_of(block.cells[0], split.data, block.timing, None, str)
    (done,) = do_block(block, split.data, features, str)
    assert isinstance(done.outcome, Prediction)
    assert {"confidence", "pictures", "queries", "tsne", "occlusion"} <= set(done.outcome.evidence)


def test_it_comes_home_from_elsewhere() -> None:
    split, block = split_and_block(Wanted(evidence=True, images=True))
    features = features_of(block.cells[0], split.data, block.timing, None, str)
    (here,) = do_block(block, split.data, features, str)
    assert Block.read(block.describe()) == block
    text = describe_job(block, split.data, at_once=1, seconds=None)
    (there,) = read_answer(do_job(text), block, {})
    assert isinstance(here.outcome, Prediction)
    assert isinstance(there.outcome, Prediction)
    assert set(here.outcome.evidence) == set(there.outcome.evidence)
    for name in ("confidence", "pictures", "near_features", "mapped"):
        np.testing.assert_array_equal(here.outcome.evidence[name], there.outcome.evidence[name])


def test_what_cannot_be_made_is_a_warning_of_the_row(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise ValueError("no neighbours today")

    monkeypatch.setattr("featbench.evidence.witness.nearest", broken)
    split, block = split_and_block(Wanted(evidence=True, images=True))
    features = features_of(block.cells[0], split.data, block.timing, None, str)
    (done,) = do_block(block, split.data, features, str)
    assert isinstance(done.outcome, Prediction)
    said = [w for w in done.outcome.record["warnings"] if w.startswith("evidence")]
    assert said == ["evidence, neighbours: ValueError: no neighbours today"]
    assert {"confidence", "tsne", "occlusion"} <= set(done.outcome.evidence)


def test_nobody_looks_unless_it_is_wanted() -> None:
    split, block = split_and_block(NO_EVIDENCE)
    features = features_of(block.cells[0], split.data, block.timing, None, str)
    (done,) = do_block(block, split.data, features, str)
    assert isinstance(done.outcome, Prediction)
    assert not done.outcome.evidence
    assert "evidence" not in done.outcome.record


def test_the_flag_is_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}
    verb = importlib.import_module("featbench.cli.run")
    monkeypatch.setattr("featbench.runner.run", lambda _, **given: asked.update(given))
    monkeypatch.setattr(verb, "finish", lambda *_, **__: 0)
    verb.run("one.yaml", overrides=["seeds=[1]"], no_images=True)
    assert asked["overrides"] == ["seeds=[1]", "images=none"]
    verb.run("one.yaml")
    assert asked["overrides"] == []
    document = Document("one.yaml", {**one_document(), "images": "some"})
    with pytest.raises(ConfigError, match="images"):
        read_experiment(document, "one")
