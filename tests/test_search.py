"""Strategies against classifiers whose best hyperparameters are known."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Self

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featbench.base import Classifier, Fold
from featbench.config import Folds
from featbench.config.space import Range, Space, candidates_from, middle
from featbench.config.strategies import CoarseToFine, Halving, RandomSearch
from featbench.errors import InputError
from featbench.parameters import Bounds
from featbench.search import coarse_to_fine, halving, random_search, rungs, search, subset
from featbench.selection import make_folds, select
from featbench.trials import Task, best, judge

REG = Space({"reg": Range(1e-6, 1.0, log=True)})


@dataclass(kw_only=True, eq=False, repr=False)
class Peaked(Classifier):
    """Labels rows rightly the more, the nearer log10(reg) is to `peak`, and `shift` to 0; it looks at nothing else."""

    reg: Annotated[float, Bounds(gt=0)] = 1.0
    shift: int = 0
    peak: float = -3.3
    needs: int = 0

    def fit(self, X: Any, y: Any) -> Self:
        self.classes_ = np.unique(y)
        return self

    def predict(self, X: Any) -> Any:
        # The truth stands in the rows, so that accuracy is a known function of the hyperparameters.
        wrong = min(1.0, abs(math.log10(self.reg) - self.peak) / 8 + abs(self.shift) / 10)
        order = np.argsort(X[:, 1], kind="stable")
        told = X[:, 0].astype(int)
        told[order[: round(wrong * len(X))]] += 1
        return told

    def refuses(self, candidate: Mapping[str, Any], n_rows: int) -> str | None:
        needed = candidate.get("needs", self.needs)
        return f"needs = {needed}, more than the {n_rows} rows" if needed > n_rows else None

    def fit_path(self, X: Any, y: Any, candidates: Any, folds: Any, preprocess: Any = None) -> Any:
        self.__dict__.setdefault("seen_", []).append((list(candidates), list(folds)))
        return super().fit_path(X, y, candidates, folds, preprocess)


@dataclass
class Clock:
    """Passes `each` seconds whenever it is read."""

    each: float = 1.0
    now: float = 0.0

    def __call__(self) -> float:
        self.now += self.each
        return self.now


def task(n: int = 600, clock: Callable[[], float] | None = None, seed: int = 0, **parameters: Any) -> Task:
    y = np.arange(n) % 3
    X = np.column_stack([y, np.random.default_rng(1).permutation(n)]).astype(float)
    folds = make_folds(y, None, Folds(folds=3), seed=0)
    more = {} if clock is None else {"clock": clock}
    return Task(Peaked(**parameters), X, y, folds, seed=seed, **more)


def accuracy(reg: float, peak: float = -3.3) -> float:
    return 1 - abs(math.log10(reg) - peak) / 8


def test_a_trial_tells_the_known_accuracy() -> None:
    (trial,) = judge(task(), [{"reg": 1e-5}], task().folds)
    assert trial.mean == pytest.approx(accuracy(1e-5), abs=1 / 200)
    assert len(trial.scores) == 3
    assert trial.rows == 400


def test_random_draws_evenly_in_the_logarithm() -> None:
    found = random_search(task(), REG, 400)
    logs = np.log10([trial.candidate["reg"] for trial in found.trials])
    assert len(set(logs)) == 400
    assert (logs >= -6).all()
    assert (logs <= 0).all()
    # Of 400 even draws each sixth has 67 on average, with a deviation of 7.5: five of those either way.
    assert (np.abs(np.histogram(logs, bins=6, range=(-6, 0))[0] - 400 / 6) < 5 * 7.5).all()


def test_random_is_one_batch_and_the_seed_s() -> None:
    given = task()
    first = random_search(given, REG, 20)
    assert [len(candidates) for candidates, _ in given.classifier.seen_] == [20]
    assert not first.cut
    assert [t.candidate for t in random_search(task(), REG, 20).trials] == [t.candidate for t in first.trials]
    assert [t.candidate for t in random_search(task(seed=1), REG, 20).trials] != [
        t.candidate for t in first.trials
    ]


def test_random_finds_what_a_grid_of_the_same_size_misses() -> None:
    """Bergstra and Bengio's point: with a hyperparameter that does not matter, draws try more values of the other."""
    space = Space({"reg": Range(1e-6, 1.0, log=True), "needs": (0, 1, 2, 3, 4)})
    found = random_search(task(), space, 25)
    grid = space.grid({"reg": np.linspace(0, 1, 5)})
    assert best(found.trials).mean > best(judge(task(), grid, task().folds)).mean


def test_listed_values_are_all_tried_where_there_are_few() -> None:
    space = Space({"shift": (0, 1, 2), "reg": (1e-3, 1e-2)})
    tried = [trial.candidate for trial in random_search(task(), space, 50).trials]
    assert tried == [{"shift": s, "reg": r} for s, r in itertools.product((0, 1, 2), (1e-3, 1e-2))]


def test_whole_numbers_stay_whole_and_are_tried_once() -> None:
    space = Space({"shift": Range(1, 9, log=True, whole=True)})
    tried = [trial.candidate["shift"] for trial in random_search(task(), space, 50).trials]
    assert sorted(tried) == list(range(1, 10))
    assert all(type(value) is int for value in tried)


def test_seconds_end_a_random_search_and_the_draws_are_those_of_one_without() -> None:
    whole = [trial.candidate for trial in random_search(task(), REG, 100).trials]
    found = random_search(task(clock=Clock()), REG, 100, seconds=14)
    assert found.cut
    assert 4 < len(found.trials) < 100
    assert [trial.candidate for trial in found.trials] == whole[: len(found.trials)]
    assert not random_search(task(clock=Clock(1e-9)), REG, 100, seconds=14).cut


def test_one_batch_is_made_however_short_the_time() -> None:
    for strategy in (
        RandomSearch(name="random", seconds=1e-9),
        CoarseToFine(name="coarse_to_fine", seconds=1e-9),
        Halving(name="halving", seconds=1e-9),
    ):
        found = search(task(clock=Clock()), REG, strategy)
        assert found.trials
        assert found.cut


@pytest.mark.parametrize("peak", [-5.71, -3.3, -0.42])
def test_coarse_to_fine_closes_in_on_the_best(peak: float) -> None:
    """Five points and four rounds leave a step of 6 / 4 / 27 decades, so that the best is within half of that."""
    found = coarse_to_fine(task(9000, peak=peak), REG, points=5, rounds=4)
    assert abs(math.log10(best(found.trials).candidate["reg"]) - peak) <= 6 / 4 / 27 / 2 + 8 / 3000
    assert len(found.trials) < 4 * 5
    values = [trial.candidate["reg"] for trial in found.trials]
    assert len(set(values)) == len(values)
    assert [trial.rung for trial in found.trials] == sorted(trial.rung for trial in found.trials)


@pytest.mark.parametrize("points", [3, 4, 5, 8])
@pytest.mark.parametrize("peak", [-9.0, -6.0, 0.0, 3.0])
def test_coarse_to_fine_ends_at_an_edge_where_that_is_best(points: int, peak: float) -> None:
    found = coarse_to_fine(task(peak=peak), REG, points, rounds=3)
    assert best(found.trials).candidate["reg"] == (1e-6 if peak < -3 else 1.0)


def test_coarse_to_fine_keeps_the_listed_values_of_the_best() -> None:
    space = Space({"reg": Range(1e-6, 1.0, log=True), "shift": (3, 0, 2)})
    found = coarse_to_fine(task(), space, points=4, rounds=3)
    assert len([t for t in found.trials if t.rung == 0]) == 12
    assert {t.candidate["shift"] for t in found.trials if t.rung > 0} == {0}


def test_coarse_to_fine_without_a_range_is_one_round() -> None:
    found = coarse_to_fine(task(), Space({"shift": (3, 0, 2)}), points=4, rounds=3)
    assert [t.candidate["shift"] for t in found.trials] == [3, 0, 2]


def test_no_round_goes_beyond_the_trials() -> None:
    assert len(coarse_to_fine(task(), REG, points=5, rounds=4, trials=10).trials) <= 10
    assert not coarse_to_fine(task(), REG, points=5, rounds=4, trials=10).cut


def test_rungs() -> None:
    assert rungs(27, 3) == [(27, 1 / 9), (9, 1 / 3), (3, 1.0)]
    assert rungs(10, 3) == [(10, 1 / 9), (4, 1 / 3), (2, 1.0)]
    assert rungs(3, 3) == [(3, 1.0)]
    assert rungs(1, 2) == [(1, 1.0)]
    assert rungs(0, 2) == []
    assert rungs(27, 3, least=0.2) == [(27, 0.2), (9, 1 / 3), (3, 1.0)]
    assert rungs(27, 3, least=1 / 3) == [(27, 1 / 3), (3, 1.0)]
    assert rungs(27, 3, least=0.5) == [(27, 1.0)]


@given(n=st.integers(1, 500), factor=st.integers(2, 10), least=st.floats(0, 1))
@settings(deadline=None)
def test_laws_of_rungs(n: int, factor: int, least: float) -> None:
    found = rungs(n, factor, least)
    counts, shares = [count for count, _ in found], [share for _, share in found]
    assert counts[0] == n
    assert shares[-1] == 1.0
    assert shares == sorted(set(shares))
    assert counts == sorted(set(counts), reverse=True)
    assert all(share >= least for share in shares)
    assert len(found) == 1 or counts[-1] <= factor


def test_halving_finds_the_best_for_less() -> None:
    given = task(1800)
    found = halving(given, REG, trials=27, factor=3)
    assert [len(candidates) for candidates, _ in given.classifier.seen_] == [27, 9, 3]
    drawn = random_search(task(1800), REG, 27)
    assert best(found.whole).candidate == best(drawn.trials).candidate
    assert (
        sum(len(c) * sum(len(f.train) for f in folds) for c, folds in given.classifier.seen_)
        <= 9 * 3600 + 9 * 39
    )  # each share of each class rounded up
    assert [trial.rung for trial in found.whole] == [2, 2, 2]


def test_halving_keeps_the_best_of_each_rung() -> None:
    found = halving(task(), REG, trials=20, factor=2)
    for rung in range(max(trial.rung for trial in found.trials)):
        here = sorted((t for t in found.trials if t.rung == rung), key=lambda t: -t.mean)
        after = [t.candidate for t in found.trials if t.rung == rung + 1]
        assert [t.candidate for t in here[: len(after)]] == after


def test_halving_never_judges_on_rows_that_it_learned_from() -> None:
    given = task()
    halving(given, REG, trials=27, factor=3)
    rows = [[] for _ in given.folds]
    for _, folds in given.classifier.seen_:
        for kept, fold, whole in zip(rows, folds, given.folds, strict=True):
            assert not set(fold.train) & set(fold.validation)
            np.testing.assert_array_equal(fold.validation, whole.validation)
            assert set(fold.train) <= set(whole.train)
            assert len(set(fold.train)) == len(fold.train)
            counts = np.bincount(given.y[fold.train])
            assert counts.max() - counts.min() <= 1  # as in the fold: stratified
            assert set(kept) <= set(fold.train)  # a rung's rows contain those of the rung before
            kept[:] = list(fold.train)
    assert all(len(kept) == len(whole.train) for kept, whole in zip(rows, given.folds, strict=True))


def test_out_of_time_the_best_alone_is_judged_on_all_rows() -> None:
    found = halving(task(clock=Clock()), REG, trials=27, factor=3, seconds=1.5)
    assert found.cut
    first = [trial for trial in found.trials if trial.rung == 0]
    (last,) = found.whole
    assert len(found.trials) == 28
    assert last.candidate == best(first).candidate
    assert last.rows == 400


def test_a_rung_has_the_rows_that_its_candidates_need() -> None:
    """A candidate that all rows allow is not lost because a rung has few."""
    space = Space({"needs": tuple(range(0, 300, 10)), "reg": (1e-3,)})
    found = halving(task(), space, trials=27, factor=3)
    assert min(trial.rows for trial in found.trials) >= max(t.candidate["needs"] for t in found.trials)
    assert found.refused == ()


def test_a_rung_has_some_of_every_class() -> None:
    y = np.repeat([0, 1], [570, 30])
    folds = [Fold(np.arange(0, 600, 2), np.arange(1, 600, 2))]
    X = np.column_stack([y, np.arange(600)]).astype(float)
    given = Task(Peaked(), X, y, folds)
    halving(given, REG, trials=81, factor=3)
    for _, (fold,) in given.classifier.seen_:
        assert np.bincount(y[fold.train]).min() >= 5


@given(
    counts=st.lists(st.integers(1, 30), min_size=1, max_size=4),
    share=st.floats(0.01, 1),
    other=st.floats(0.01, 1),
    seed=st.integers(0, 1000),
)
@settings(max_examples=50, deadline=None)
def test_laws_of_subsets(counts: list[int], share: float, other: float, seed: int) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    y = np.concatenate([labels, labels])
    fold = Fold(np.arange(len(labels)), np.arange(len(labels), len(y)))
    small, large = (subset(fold, y, s, (seed, 0)) for s in sorted((share, other)))
    assert set(small.train) <= set(large.train) <= set(fold.train)
    assert set(y[small.train]) == set(y[fold.train])
    for label, count in enumerate(counts):
        kept = int((y[large.train] == label).sum())
        assert abs(kept - max(share, other) * count) < 1 + 1e-6
    np.testing.assert_array_equal(small.validation, fold.validation)
    assert (np.diff(small.train) > 0).all()


@given(low=st.floats(1e-9, 1e3), factor=st.floats(1.1, 1e9), log=st.booleans(), place=st.floats(0, 1))
@settings(deadline=None)
def test_laws_of_ranges(low: float, factor: float, log: bool, place: float) -> None:
    axis = Range(low, low * factor, log)
    value = axis.at(place)
    assert low * (1 - 1e-11) <= value <= low * factor * (1 + 1e-11)
    assert axis.at(0) == pytest.approx(low, rel=1e-11)
    assert axis.at(1) == pytest.approx(low * factor, rel=1e-11)
    assert axis.at(axis.place(value)) == pytest.approx(value, rel=1e-9)


@given(low=st.integers(1, 50), more=st.integers(1, 1000), log=st.booleans(), place=st.floats(0, 1))
@settings(deadline=None)
def test_laws_of_ranges_of_whole_numbers(low: int, more: int, log: bool, place: float) -> None:
    value = Range(low, low + more, log, whole=True).at(place)
    assert type(value) is int
    assert low <= value <= low + more


@given(
    strategy=st.sampled_from(["random", "coarse_to_fine", "halving"]),
    listed=st.lists(st.integers(0, 9), min_size=1, max_size=4, unique=True),
    ranged=st.booleans(),
    seed=st.integers(0, 99),
)
@settings(max_examples=30, deadline=None)
def test_laws_of_every_strategy(strategy: str, listed: list[int], ranged: bool, seed: int) -> None:
    """The same again; nothing twice on the same rows; all within the space; the choice the best of those on all rows."""
    space = Space({"shift": tuple(listed), **({"reg": Range(1e-6, 1.0, log=True)} if ranged else {})})
    made: dict[str, Any] = {
        "random": RandomSearch(name="random", trials=9),
        "coarse_to_fine": CoarseToFine(name="coarse_to_fine", points=3, rounds=3),
        "halving": Halving(name="halving", trials=9, factor=3),
    }
    given = task(300, seed=seed)
    found = search(given, space, made[strategy])
    again = search(task(300, seed=seed), space, made[strategy])
    told = [(t.candidate, t.scores, t.rung, t.rows) for t in found.trials]
    assert told == [(t.candidate, t.scores, t.rung, t.rows) for t in again.trials]
    keys = [(str(t.candidate), t.rows) for t in found.trials]
    assert len(set(keys)) == len(keys)
    assert all(t.candidate["shift"] in listed for t in found.trials)
    assert all(1e-6 <= t.candidate.get("reg", 1.0) <= 1 for t in found.trials)
    outcome = select(given.classifier, given.X, given.y, given.folds, space, None, made[strategy], seed)
    assert outcome.accuracy == max(t.mean for t in found.trials if t.rows == 200)
    assert outcome.trials == () or [t.candidate for t in outcome.trials] == [
        t.candidate for t in found.trials
    ]


def test_the_record_keeps_every_trial() -> None:
    given = task()
    outcome = select(given.classifier, given.X, given.y, given.folds, REG, None, Halving(name="halving"), 0)
    told = outcome.to_json()
    assert told["search"]["name"] == "halving"
    assert told["search"]["cut"] is False
    assert len(told["search"]["trials"]) == 27 + 9 + 3
    one = told["search"]["trials"][0]
    assert set(one) == {"parameters", "scores", "rung", "rows", "seconds"}
    assert len(one["scores"]) == 3
    assert [c["reg"] for c in told["candidates"]] == [
        t["parameters"]["reg"] for t in told["search"]["trials"] if t["rung"] == 2
    ]
    assert told["parameters"] == told["candidates"][told["chosen"]]


def test_a_grid_s_record_has_no_search() -> None:
    given = task()
    assert "search" not in select(given.classifier, given.X, given.y, given.folds, [{"reg": 1.0}]).to_json()


@pytest.mark.parametrize(("peak", "word"), [(-9.0, "smallest"), (3.0, "largest")])
def test_an_edge_is_told_of_all_that_was_tried(peak: float, word: str) -> None:
    given = task(peak=peak)
    for strategy, more in (
        (RandomSearch(name="random", trials=20), " or raise trials"),
        (CoarseToFine(name="coarse_to_fine"), ""),
        (Halving(name="halving"), " or raise trials"),
    ):
        outcome = select(given.classifier, given.X, given.y, given.folds, REG, None, strategy, 0)
        (warning,) = outcome.warnings
        assert f"is the {word} value that was tried" in warning
        assert f"widen search.reg{more}." in warning


def test_the_best_of_the_last_rung_is_no_edge() -> None:
    """Of three values that came to the last rung one is the smallest; those that did not count as well."""
    given = task()
    outcome = select(given.classifier, given.X, given.y, given.folds, REG, None, Halving(name="halving"), 0)
    assert min(c["reg"] for c in outcome.candidates) <= outcome.selected.parameters["reg"]
    assert outcome.warnings == ()


def test_a_search_that_a_clock_cut_warns() -> None:
    given = task()
    strategy = RandomSearch(name="random", seconds=1e-9)
    outcome = select(given.classifier, given.X, given.y, given.folds, REG, None, strategy, 0)
    assert outcome.to_json()["search"]["cut"] is True
    assert any("were spent after 4 trials" in warning for warning in outcome.warnings)


def test_candidates_that_cannot_be_used_are_left_out() -> None:
    given = task()
    space = Space({"needs": (0, 100, 5000)})
    outcome = select(
        given.classifier, given.X, given.y, given.folds, space, None, RandomSearch(name="random", trials=9)
    )
    assert [c["needs"] for c in outcome.candidates] == [0, 100]
    assert "needs = 5000, more than the 400 rows" in outcome.warnings[0]
    for strategy in (
        RandomSearch(name="random", trials=9),
        CoarseToFine(name="coarse_to_fine"),
        Halving(name="halving"),
    ):
        with pytest.raises(InputError, match="no candidate can be used"):
            select(given.classifier, given.X, given.y, given.folds, Space({"needs": (5000,)}), None, strategy)


def test_a_space_is_read_back_as_it_was_told() -> None:
    space = Space(
        {"reg": Range(1e-6, 1, log=True), "k": Range(1, 9, log=False, whole=True), "loss": ("a", "b")}
    )
    assert candidates_from(space.spec()) == space
    assert candidates_from([{"reg": 1.0}]) == ({"reg": 1.0},)
    assert middle(space) == {"reg": pytest.approx(1e-3), "k": 5, "loss": "a"}
    assert middle(({"reg": 1}, {"reg": 2}, {"reg": 3})) == {"reg": 2}


def test_the_shared_folds_of_linear_classifiers_take_subsets(rng: np.random.Generator) -> None:
    """A real classifier's rungs say what separate fits on the same rows say."""
    from sklearn.base import clone

    from featbench.classifiers import SVM

    y = np.arange(300) % 3
    X = (rng.normal(size=(300, 5)) + y[:, None]).astype(np.float32)
    folds = make_folds(y, None, Folds(folds=3), seed=0)
    few = [subset(fold, y, 1 / 3, (0, i)) for i, fold in enumerate(folds)]
    candidates: Sequence[Mapping[str, Any]] = [{"reg": 1e-3}, {"reg": 1.0}]
    trials = judge(Task(SVM(), X, y, folds), candidates, few)
    for trial in trials:
        for fold, score in zip(few, trial.scores, strict=True):
            fitted = clone(SVM()).set_params(**trial.candidate).fit(X[fold.train], y[fold.train])
            assert score == np.mean(fitted.predict(X[fold.validation]) == y[fold.validation])
