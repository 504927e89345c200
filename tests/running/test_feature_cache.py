"""Features that are kept: found only where all is the same, with what they cost, and honest."""

from __future__ import annotations

import multiprocessing
import os
import resource
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kept_extractors import N_CLASSES, Draws, Remembers, Unsavable
from write_boundaries import counted, full_from_then_on, full_once, read_only

import featbench
from featbench import feature_cache, feature_key, sources, spill, stages
from featbench.cache import Cache, entry
from featbench.config import Component, Document, Folds, Holdout, read_experiment
from featbench.datasets import DATASETS
from featbench.datasets.summary import summarize
from featbench.extractors import EXTRACTORS
from featbench.imagesets import Dataset, DatasetLoader, ImageSet
from featbench.runner import run
from featbench.sealed import SealedDataset, seal
from featbench.timing import ONCE, memory

pytestmark = pytest.mark.long


@dataclass(kw_only=True, eq=False, repr=False)
class Noise(DatasetLoader):
    """Noise with labels that have nothing to do with it."""

    def load(self, seed: int = 0) -> Dataset:
        rng = np.random.default_rng(7)
        parts = [
            ImageSet(rng.integers(0, 256, (n, 8, 8, 3), dtype=np.uint8), np.arange(n) % N_CLASSES)
            for n in (400, 200)
        ]
        return Dataset(
            "noise", tuple("abcd"), *parts, official_split=True, shareable=True, source="a generator"
        )


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    for cls in (Remembers, Draws, Unsavable):
        name = cls.__name__.lower()
        monkeypatch.setitem(EXTRACTORS._own, name, f"{cls.__module__}:{cls.__name__}")
        monkeypatch.setitem(EXTRACTORS._classes, name, cls)
    monkeypatch.setitem(DATASETS._own, "noise", f"{__name__}:Noise")
    monkeypatch.setitem(DATASETS._classes, "noise", Noise)
    monkeypatch.setattr(featbench, "_BEGAN", float("inf"))  # files may be edited while tests run
    monkeypatch.setattr(entry, "_verified", set())
    monkeypatch.setattr(memory, "_give_back", lambda: None)  # the garbage of all tests is no features'


IMAGES = np.random.default_rng(3).integers(0, 256, (52, 12, 16, 3), dtype=np.uint8)
LABELS = np.arange(52) % N_CLASSES


def sealed(images: Any = IMAGES, labels: Any = LABELS) -> SealedDataset:
    parts = ImageSet(images[:40], labels[:40]), ImageSet(images[40:], labels[40:])
    made = Dataset("set", tuple("abcd"), *parts, official_split=True, shareable=True, source="")
    return seal(made, summarize(made))


def component(name: str = "draws", augment: str = "none", **parameters: Any) -> Component:
    return Component("extractor", name, parameters, augment=augment)


def make(what: Component | None = None, **changes: Any) -> stages.Features:
    given: dict[str, Any] = {"data": sealed(), "selection": Folds(), "seed": 0, "cache": Cache(), **changes}
    return stages.extract(
        what or component(), given["data"], given["selection"], given["seed"], ONCE,
        changes.get("scratch"), given["cache"],
    )  # fmt: skip


def hit(what: Component | None = None, **changes: Any) -> bool:
    told = make(what, **changes).cache
    assert told is not None
    assert told["hit"] or "reason" not in told, told
    return bool(told["hit"])


def equal(one: stages.Features, two: stages.Features) -> None:
    for name in ("train", "test", "labels", "selection_rows", "selection_labels"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name), name)
    for a, b in zip([*one.judged, *one.folds], [*two.judged, *two.folds], strict=True):
        np.testing.assert_array_equal(np.concatenate(a) if isinstance(a, tuple) else getattr(a, "train", a),
                                      np.concatenate(b) if isinstance(b, tuple) else getattr(b, "train", b))  # fmt: skip


@pytest.mark.parametrize(
    ("name", "selection"), [("draws", Folds()), ("remembers", Folds()), ("remembers", Holdout(holdout=10)), ("remembers", "none"), ("hog", "none")]
)  # fmt: skip
@pytest.mark.parametrize("augment", ["none", "flip_crops"])
def test_a_hit_is_what_was_made(name: str, selection: Any, augment: str) -> None:
    what = component(name, augment, **({"cell": 4} if name == "hog" else {}))
    plain = make(what, selection=selection, cache=None)
    first = make(what, selection=selection)
    second = make(what, selection=selection)
    assert plain.cache is None
    assert not first.cache["hit"]
    assert second.cache["hit"]
    equal(first, plain)
    equal(second, plain)
    assert {n: t.samples for n, t in second.phases.items()} == {n: t.samples for n, t in first.phases.items()}
    assert not any(t.cached for t in first.phases.values())
    assert all(t.cached and t.shared for t in second.phases.values())
    assert second.warnings == first.warnings
    few = IMAGES[:3]
    np.testing.assert_array_equal(second.extractor.transform(few), first.extractor.transform(few))


def changed_pixel(row: int) -> Any:
    images = IMAGES.copy()
    images[row, 5, 5, 1] ^= 1
    return images


def changed_label(row: int) -> Any:
    labels = LABELS.copy()
    labels[row] = (labels[row] + 1) % N_CLASSES
    return labels


@pytest.mark.parametrize(
    ("what", "changes", "found"),
    [
        (component(), {}, True),
        (component(d=3), {}, True),
        (component(d=4), {}, False),
        (component("raw"), {}, False),
        (component(), {"selection": Holdout(holdout=5)}, True),
        (component(), {"data": sealed(changed_pixel(0))}, False),
        (component(), {"data": sealed(changed_pixel(-1))}, False),
        (component(), {"data": sealed(IMAGES[np.r_[1, 0, 2:52]])}, False),
        (component(), {"data": sealed(IMAGES[np.r_[0:40, 41, 40, 42:52]])}, False),
        (component(), {"data": sealed(IMAGES.reshape(52, 16, 12, 3))}, False),
        (component(), {"data": sealed(IMAGES[:51], LABELS[:51])}, False),
        (component(), {"data": sealed(IMAGES, changed_label(0))}, True),
        (component(), {"seed": 1}, False),
        (component(random_state=0), {"seed": 1}, True),
        (component(augment="flip"), {}, False),
        (component(augment="crops"), {}, False),
    ],
)  # fmt: skip
def test_what_is_found_after_draws(what: Component, changes: dict[str, Any], found: bool) -> None:
    assert not hit()
    assert hit(what, **changes) is found
    assert hit(what, **changes)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, True),
        ({"data": sealed(IMAGES, changed_label(0))}, False),
        ({"data": sealed(IMAGES, changed_label(-1))}, True),
        ({"selection": Holdout(holdout=5)}, False),
        ({"selection": "none"}, False),
        ({"seed": 1}, False),
    ],
)
def test_what_is_found_after_one_that_learns_from_labels(changes: dict[str, Any], found: bool) -> None:
    assert not hit(component("remembers"))
    assert hit(component("remembers"), **changes) is found


@pytest.mark.parametrize(
    ("augment", "found"), [("none", True), ("flip", True), ("crops", False), ("flip_crops", False)]
)
def test_the_seed_counts_where_something_is_drawn(augment: str, found: bool) -> None:
    assert not hit(component("raw", augment))
    assert hit(component("raw", augment), seed=1) is found


def test_a_file_that_is_read_counts(tmp_path: Path) -> None:
    path = tmp_path / "words"
    path.write_text("one")
    assert [hit(component(file=str(path))) for _ in range(2)] == [False, True]
    path.write_text("two")
    assert not hit(component(file=str(path)))


@pytest.mark.parametrize("place", [(sources, "_version", lambda top: "99"), (feature_key, "_FORMAT", 99)])
def test_other_libraries_or_another_format_are_not_found(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not hit()
    monkeypatch.setattr(*place)
    assert not hit()


def test_features_beyond_memory_are_mapped_from_the_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = make(component("remembers"), cache=None)
    monkeypatch.setenv("FEATBENCH_MEMORY_MB", "0")

    def forbidden(*_: Any) -> None:
        raise AssertionError("rows were written twice")

    monkeypatch.setattr(spill, "_mapped", forbidden)
    monkeypatch.setattr(np, "save", forbidden)
    for expected in (False, True):
        made = make(component("remembers"), scratch=tmp_path)
        assert made.cache["hit"] is expected
        equal(made, plain)
        for rows in (made.train, made.test, made.selection_rows):
            assert isinstance(rows.base, np.memmap)
            assert Path(rows.base.filename).is_relative_to(Cache().root)
            rows[:] = 7
    monkeypatch.setenv("FEATBENCH_MEMORY_MB", "100")
    monkeypatch.setattr(entry, "_verified", set())
    again = make(component("remembers"))
    assert again.cache["hit"], "nothing that was written into mapped rows has reached the entry"
    assert not isinstance(again.train.base, np.memmap)
    equal(again, plain)


def test_features_beyond_memory_and_cache_are_made_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEATBENCH_MEMORY_MB", "0")
    plain = make(cache=None)
    small = make(cache=Cache(limit=100))
    equal(small, plain)
    assert "more than the cache may hold, 0.1 kB" in small.cache["reason"]
    assert list(Cache().root.iterdir()) == []


def test_what_cannot_be_saved_is_not_kept() -> None:
    for _ in range(2):
        made = make(component("unsavable"))
        assert not made.cache["hit"]
        assert "must be of plain values, arrays and registered plug-ins" in made.cache["reason"]
        assert made.warnings == [], "nobody can do anything about it"
    assert Cache().entries() == []


def test_code_that_changed_meanwhile_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(featbench, "_BEGAN", 0.0)
    made = make()
    assert "its source changed after this process began" in made.cache["reason"]
    assert Cache().entries() == []


def test_a_damaged_entry_is_made_again_and_told() -> None:
    first = make()
    (whole,) = Cache().entries()
    for name in sorted(p.relative_to(whole.folder) for p in whole.folder.rglob("*") if p.is_file()):
        path = whole.folder / name
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 4
        path.write_bytes(content)
        entry._verified.clear()
        made = make()
        assert not made.cache["hit"], name
        assert [w for w in made.warnings if "is damaged" in w and "set aside and made again" in w], (
            made.warnings
        )
        equal(made, first)
        assert hit()
        assert make().warnings == []


def test_an_entry_of_the_wrong_name_is_no_entry() -> None:
    make()
    (one,) = Cache().entries()
    make(component(d=4))
    other = next(e for e in Cache().entries() if e.key != one.key)
    for path in sorted(other.folder.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    one.folder.rename(other.folder)
    entry._verified.clear()
    made = make(component(d=4))
    assert not made.cache["hit"]
    assert "it is that of another key" in made.warnings[0]
    assert made.train.shape[1] == 4


@pytest.mark.parametrize("act", [full_from_then_on, full_once])
def test_a_full_disk_costs_one_warning_and_no_result(act: Any) -> None:
    plain = make(cache=None)
    root = Cache().root
    with counted(root) as all_writes:
        make()
    n_writes = len(all_writes.seen)
    assert n_writes > 10
    for n in range(1, n_writes + 1):
        Cache().prune(0)
        cache = Cache()
        with counted(root, n, act) as writes:
            made = make(cache=cache)
            after = make(component(d=4), cache=cache)
        equal(made, plain)
        assert not made.cache["hit"]
        kept = "key" in made.cache
        if not kept:
            assert "No space left on device" in made.cache["reason"], (n, made.cache)
            assert [
                w for w in made.warnings if "No space left" in w and "goes on without it" in w
            ] == made.warnings
            assert "No space left" in after.cache["reason"]
            assert after.warnings == [], "once is enough"
        assert len(writes.seen) >= n
        for found in cache.entries():
            found.verify(again=True)
        assert len(cache.entries()) == int(kept) + int("key" in after.cache)
    Cache().prune(0)


@pytest.mark.parametrize("most", [0, 100, 500, 1200])
@pytest.mark.parametrize("memory", ["0", "100"])
def test_a_disk_that_is_full_in_the_middle_of_a_file(
    most: int, memory: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A limit on the size of files stops a real write where the disk would."""
    plain = make(component(d=8), cache=None)
    cache = Cache()
    _, hard = soft_and_hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    monkeypatch.setenv("FEATBENCH_MEMORY_MB", memory)
    monkeypatch.setattr(spill, "_mapped", lambda shape, dtype, folder: np.empty(shape, dtype))
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        made = make(component(d=8), cache=cache)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, soft_and_hard)
    equal(made, plain)
    assert "cannot be written" in made.cache["reason"]
    assert len(made.warnings) == 1
    assert cache.entries() == []
    assert list(cache.root.iterdir()) == []


def test_a_read_only_cache_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    first = make()
    with counted(Cache().root, act=read_only):
        cache = Cache()
        equal(make(cache=cache), first)
        assert make(cache=cache).cache["hit"]
        assert make(cache=cache).warnings == []
        other = make(component(d=4), cache=cache)
    assert "Read-only file system" in other.cache["reason"]
    assert len(other.warnings) == 1


def test_no_folder_at_all() -> None:
    cache = Cache("/sys/featbench")
    made = [make(cache=cache), make(cache=cache)]
    assert ["/sys/featbench: cannot be written" in m.cache["reason"] for m in made] == [True, True]
    assert [len(m.warnings) for m in made] == [1, 0]


def test_features_of_another_machine_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    make()
    monkeypatch.setattr(feature_cache, "_machine", lambda: {"cpu": "another", "cores": 2, "threads": 2})
    made = make()
    assert made.cache["hit"]
    assert "features are from the cache, made and timed elsewhere" in made.warnings[0]


def experiment(extractor: Any, classifier: Any, selection: Any, dataset: Any = "noise") -> Any:
    data = {
        "dataset": dataset, "extractor": extractor, "preprocess": "none", "classifier": classifier,
        "selection": selection, "timing": {"repeats": 1},
    }  # fmt: skip
    return read_experiment(Document("test", data), "noise")


# Three standard deviations of a share of 1/4 over 80 validated images (a fifth of 400).
CHANCE = pytest.approx(1 / N_CLASSES, abs=3 * np.sqrt(0.25 * 0.75 / 80))


@pytest.mark.parametrize("selection", [{"folds": 5}, {"holdout": 0.2}])
def test_random_labels_through_a_supervised_extractor_stay_at_chance(tmp_path: Path, selection: Any) -> None:
    plan = experiment("remembers", {"name": "knn", "search": {"n_neighbors": [1, 3]}}, selection)
    first, second = (run(plan, output=tmp_path / name).records[-1] for name in "ab")
    assert [first["cache"]["hit"], second["cache"]["hit"]] == [False, True]
    for record in (first, second):
        assert record["status"] == "ok", record
        assert record["train_accuracy"] == 1.0, "it has learned its training labels by heart"
        assert record["val_accuracy"] == CHANCE
        assert record["test_accuracy"] == CHANCE
    assert second["selection"] == first["selection"]


REMEASURED = {
    "load_s", "preprocess_s", "search_s", "fit_s", "predict_s", "warmup_s", "images_per_s", "latency_ms_p50",
    "latency_ms_p95", "cached", "noisy", "load_others", "load_stolen", "fit_gflop_s", "fit_gb_s", "predict_gflop_s",
    "predict_gb_s",
}  # fmt: skip


def test_tables_of_a_cached_run_differ_in_the_mark_alone(tmp_path: Path) -> None:
    plan = experiment(
        {"name": "hog", "cell": 4, "block": 1}, {"name": "knn", "search": {"n_neighbors": [1, 3]}}, {"folds": 2}, "digits"
    )  # fmt: skip
    one, two, off = (run(plan, output=tmp_path / name, cache=name != "off") for name in ("one", "two", "off"))
    first, second = one.to_frame(), two.to_frame()
    same = [c for c in first if c not in REMEASURED and not c.startswith("peak")]
    assert {"fit_extractor_s", "transform_train_s", "transform_test_s", "warnings"} <= set(same)
    assert first[same].equals(second[same])
    assert list(first["cached"]) == ["", "", ""]
    assert list(second["cached"]) == [
        "",
        "",
        "warmup_extractor, fit_extractor, transform_train, transform_test",
    ]
    assert two.records[-1]["latency_ms_p50"] > 0
    assert off.records[-1]["cache"] is None
    tables = [(run.root / "results.md").read_text() for run in (one, two)]
    assert ["†" in table for table in tables] == [False, True]
    assert "† counts features from the cache as what they cost when they were made." in tables[1]
    assert (two.root / "report.html").read_text().count("†") >= 3


def test_an_ensemble_marks_what_its_members_took_from_the_cache(tmp_path: Path) -> None:
    data = {
        "dataset": "noise", "extractors": ["raw", "draws"], "preprocess": "none",
        "classifier": {"name": "knn", "n_neighbors": 1}, "selection": {"folds": 2}, "timing": {"repeats": 1},
        "ensembles": [{"best": 2}],
    }  # fmt: skip
    plan = read_experiment(Document("test", data), "noise")
    first, second = (run(plan, output=tmp_path / name).records[-1] for name in "ab")
    assert not first["phases"]["transform_train"]["cached"]
    assert second["phases"]["transform_train"]["cached"]
    assert not second["phases"]["fit"]["cached"]
    assert second["test_accuracy"] == first["test_accuracy"]


def _runs(root: Path, barrier: Any) -> None:
    barrier.wait(30)
    record = run(experiment("draws", {"name": "knn", "n_neighbors": 1}, {"folds": 2}), output=root).records[
        -1
    ]
    assert record["status"] == "ok", record
    assert "reason" not in record["cache"]


def test_two_runs_at_once_share_what_either_made(tmp_path: Path) -> None:
    fork = multiprocessing.get_context("fork")
    barrier = fork.Barrier(2)
    runs = [fork.Process(target=_runs, args=(tmp_path / name, barrier)) for name in "ab"]
    for one in runs:
        one.start()
    for one in runs:
        one.join(60)
    assert [one.exitcode for one in runs] == [0, 0]
    (made,) = Cache().entries()
    made.verify(again=True)
    assert run(
        experiment("draws", {"name": "knn", "n_neighbors": 1}, {"folds": 2}), output=tmp_path / "c"
    ).records[-1]["cache"]["hit"]


SCRIPT = """
import sys
sys.path.insert(0, "tests/running")
import numpy as np
from featbench import stages
from featbench.cache import Cache
from featbench.config import Component
from featbench.datasets.summary import summarize
from featbench.extractors import EXTRACTORS
from featbench.imagesets import Dataset, ImageSet
from featbench.sealed import seal
from featbench.timing import ONCE
EXTRACTORS._own["stranger"] = "stranger:Stranger"
images, labels = np.arange(4 * 8 * 8 * 3, dtype=np.uint8).reshape(4, 8, 8, 3), np.arange(4) % 2
made = Dataset("set", ("a", "b"), ImageSet(images, labels), ImageSet(images, labels), True, True, "")
what = Component("extractor", "stranger", {})
features = stages.extract(what, seal(made, summarize(made)), "none", 0, ONCE, None, Cache())
print(features.cache["hit"], features.cache.get("reason", ""), features.train[0, 0])
"""

STRANGER = """
from dataclasses import dataclass
import numpy as np
from featbench.base import Extractor
from helper import number

@dataclass(kw_only=True, eq=False, repr=False)
class Stranger(Extractor):
    def _n_features(self, shape):
        return 1
    def _extract(self, images):
        return np.full((len(images), 1), number(), dtype=np.float32)
"""


def test_a_strangers_code_counts_in_a_process_of_its_own(tmp_path: Path) -> None:
    """The file of a plug-in and a module beside it, edited between runs: nothing of the old code is found."""

    def once() -> list[str]:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120,
            env={**os.environ, "PYTHONPATH": f"{tmp_path}:{Path(featbench.__file__).parent.parent}"},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    helper, plugin = tmp_path / "helper.py", tmp_path / "stranger.py"
    plugin.write_text(STRANGER)
    helper.write_text("def number():\n    return 1\n")
    if "changed" in " ".join(once()):
        pytest.skip("somebody is editing featbench")
    assert once() == ["True", "1.0"]
    helper.write_text("def number():\n    return 2\n")
    plugin.write_text(STRANGER.replace("number(),", "3 * number(),"))
    assert once() == ["False", "6.0"]


def test_seeds_that_draw_nothing_share_features(tmp_path: Path) -> None:
    plan = replace(experiment("raw", {"name": "knn", "n_neighbors": 1}, {"folds": 2}), seeds=(0, 1))
    records = [r for r in run(plan, output=tmp_path).records if r["extractor"]]
    assert [r["cache"]["hit"] for r in records] == [False, True]
