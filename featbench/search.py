"""Strategies of a search: which candidates are tried, on how many rows, and when that ends.

::

    random          draws from the space, all judged on all rows of the folds
    coarse_to_fine  a coarse grid, then grids ever finer between the neighbours of the best
    halving         many candidates judged after learning from few rows, the best of them after learning from more

Each is a function of a task, a space and its budget to the trials that it made. Candidates are trained together, by
`Classifier.fit_path`, which is far cheaper than one by one. Draws depend on the seed alone, so that a search that no
clock has cut is the same every time.

References
----------
Random search: J. Bergstra and Y. Bengio, Random search for hyper-parameter optimization, JMLR 13, 2012, 281-305.
Successive halving: K. Jamieson and A. Talwalkar, Non-stochastic best arm identification and hyperparameter
optimization, AISTATS 2016, arXiv:1502.07943.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import numpy as np

from featbench.base import Fold
from featbench.config.space import Space
from featbench.config.strategies import MAX_CANDIDATES, CoarseToFine, Halving, RandomSearch, Strategy
from featbench.trials import Candidate, Found, Task, Trial, best, judge, usable
from featbench.types import AnyArray, Float64Array

__all__ = ["coarse_to_fine", "halving", "random_search", "rungs", "search", "subset"]

# Draws for each candidate that is wanted, before a space of whole numbers counts as drawn out.
_DRAWS = 50
# With a clock, so many candidates make the first batch, each further batch twice as many.
_FIRST_BATCH = 4
# A rung learns from so many rows of a class at least, where the fold has them: with fewer the order of candidates is
# that of a lottery.
_LEAST_OF_CLASS = 5
_ROUNDING = 1e-9  # of a share times a number of rows


def search(task: Task, space: Space, strategy: Strategy) -> Found:
    """Search a space.

    Parameters
    ----------
    task : Task
    space : Space
    strategy : RandomSearch, CoarseToFine or Halving
        With its budget.

    Returns
    -------
    Found
        Without trials where no candidate can be used on so few rows.
    """
    if isinstance(strategy, RandomSearch):
        return random_search(task, space, strategy.trials, strategy.seconds)
    if isinstance(strategy, CoarseToFine):
        return coarse_to_fine(
            task, space, strategy.points, strategy.rounds, strategy.trials, strategy.seconds
        )
    assert isinstance(strategy, Halving)
    return halving(task, space, strategy.trials, strategy.factor, strategy.seconds)


def random_search(task: Task, space: Space, trials: int | None, seconds: float | None = None) -> Found:
    """Judge candidates drawn from a space.

    Without `seconds` they make one batch. With them, batches grow, none is begun after the time is spent, and a
    batch that seems too long for what is left is made smaller; one is always made.

    Parameters
    ----------
    task : Task
    space : Space
    trials : int or None
        Different candidates at the most; 1,000 for None.
    seconds : float, optional
        Budget.

    Returns
    -------
    Found
    """
    start = task.clock()
    drawn, refused = usable(task.classifier, _draws(task, space, trials or MAX_CANDIDATES), task.folds)
    done: list[Trial] = []
    n, rung = len(drawn) if seconds is None else _FIRST_BATCH, 0
    while len(done) < len(drawn):
        batch = drawn[len(done) : len(done) + n]
        before = task.clock()
        done += judge(task, batch, task.folds, rung)
        now, rung = task.clock(), rung + 1
        if seconds is not None:
            left, each = seconds - (now - start), (now - before) / len(batch)
            if left <= 0:
                break
            n = max(1, min(2 * n, int(left / each) if each > 0 else 2 * n))
    return Found(tuple(done), refused, cut=len(done) < len(drawn))


def coarse_to_fine(
    task: Task,
    space: Space,
    points: int,
    rounds: int,
    trials: int | None = None,
    seconds: float | None = None,
) -> Found:
    """Judge a coarse grid, and then ever finer ones around the best.

    Parameters
    ----------
    task : Task
    space : Space
        Listed values are all tried in the first round; the rounds after it keep those of the best candidate.
    points : int
        Numbers of each range in a round. In the first they divide the whole range, ends included; in a later one
        what lies between the neighbours of the best.
    rounds : int
        At the most; a round that has nothing new to try is the last.
    trials : int, optional
        No round is begun that would make more trials than this in all.
    seconds : float, optional
        No round but the first is begun after them.

    Returns
    -------
    Found
    """
    start, step = task.clock(), 1 / (points - 1)
    places: dict[str, Float64Array] = {name: np.linspace(0, 1, points) for name in space.ranges}
    grid, tried = space.grid(places), set[str]()
    done: list[Trial] = []
    refused: list[str] = []
    for rung in range(rounds):
        fresh: list[Candidate] = [candidate for candidate in grid if _key(candidate) not in tried]
        tried.update(map(_key, fresh))
        fresh, left_out = usable(task.classifier, fresh, task.folds)
        refused += left_out
        if not fresh or (done and trials is not None and len(done) + len(fresh) > trials):
            break
        if done and seconds is not None and task.clock() - start >= seconds:
            return Found(tuple(done), tuple(refused), cut=True)
        done += judge(task, fresh, task.folds, rung)
        winner = best(done).candidate
        for name, axis in space.ranges.items():
            around = axis.place(winner[name]) + step * np.linspace(-1, 1, points + 2)[1:-1]
            places[name] = around[(around >= 0) & (around <= 1)]
        step *= 2 / (points + 1)
        grid = space.keeping(winner).grid(places)
    return Found(tuple(done), tuple(refused))


def halving(task: Task, space: Space, trials: int, factor: int, seconds: float | None = None) -> Found:
    """Judge many candidates after learning from few rows, and the best of them after learning from more.

    Of n candidates, the best n / factor go on to the next rung, which learns from `factor` times the rows. The last
    rung has `factor` candidates or fewer and all rows. All rungs are judged on the folds' validation rows; of
    the rows that they learn from, which are part of the fold's, a rung's contain those of the rung before.

    Parameters
    ----------
    task : Task
    space : Space
    trials : int
        Candidates to begin with; fewer where listed values have no more combinations.
    factor : int
        2 or more.
    seconds : float, optional
        Where they are spent before a rung, the best candidate alone goes on, to the last rung.

    Returns
    -------
    Found
    """
    start = task.clock()
    left, refused = usable(task.classifier, _draws(task, space, trials), task.folds)
    steps = rungs(len(left), factor, _least_share(task, left, factor))
    done: list[Trial] = []
    for rung, (count, share) in enumerate(steps):
        late = bool(done) and seconds is not None and task.clock() - start >= seconds
        if late:
            rung, count, share = len(steps) - 1, 1, 1.0
        folds = [
            fold if share == 1 else subset(fold, task.y, share, (task.seed, number))
            for number, fold in enumerate(task.folds)
        ]
        judged = judge(task, left[:count], folds, rung)
        done += judged
        if late:
            return Found(tuple(done), refused, cut=True)
        left = [trial.candidate for trial in sorted(judged, key=lambda trial: -trial.mean)]
    return Found(tuple(done), refused)


def rungs(n: int, factor: int, least: float = 0.0) -> list[tuple[int, float]]:
    """Return the rungs of a halving: how many candidates, and the share of each fold's rows to learn from.

    Parameters
    ----------
    n : int
        Candidates.
    factor : int
        2 or more.
    least : float, optional
        Smallest share that a rung may learn from; rungs below it become one.

    Returns
    -------
    list of (int, float)
        ``[(27, 1/9), (9, 1/3), (3, 1)]`` for 27 by 3; empty without candidates.
    """
    counts = [n] if n else []
    while counts and counts[-1] > factor:
        counts.append(math.ceil(counts[-1] / factor))
    by_share: dict[float, int] = {}
    for number, count in enumerate(reversed(counts)):
        share = max(float(factor) ** -number, least)
        by_share[share if share * factor <= 1 else 1.0] = count  # the most candidates of a share come last
    return [(count, share) for share, count in reversed(by_share.items())]


def subset(fold: Fold, y: AnyArray, share: float, seed: Sequence[int]) -> Fold:
    """Return a fold that learns from a share of each class's rows and is judged on the same rows.

    Parameters
    ----------
    fold : Fold
    y : ndarray, (n,)
        Labels of all rows.
    share : float
        Above 0, at most 1; a class keeps one row at the least.
    seed : sequence of int
        Of the draw; with the same seed a smaller share is part of a larger one.

    Returns
    -------
    Fold
    """
    rng, labels = np.random.default_rng(seed), y[fold.train]
    kept = []
    for label in np.unique(labels):
        rows = rng.permutation(fold.train[labels == label])
        kept.append(rows[: max(1, math.ceil(share * len(rows) - _ROUNDING))])
    return Fold(np.sort(np.concatenate(kept)), fold.validation)


def _draws(task: Task, space: Space, n: int) -> list[Candidate]:
    """Return n different candidates, or all that there are."""
    if not space.ranges and space.n_listed <= n:
        return list(space.grid({}))
    rng = np.random.default_rng(task.seed)
    drawn: dict[str, Candidate] = {}
    for _ in range(_DRAWS * n):
        candidate = space.draw(rng)
        drawn.setdefault(_key(candidate), candidate)
        if len(drawn) == n:
            break
    return list(drawn.values())


def _key(candidate: Candidate) -> str:
    return json.dumps(candidate, sort_keys=True, default=repr)


def _least_share(task: Task, candidates: Sequence[Candidate], factor: int) -> float:
    """Return the share of rows with enough of every class, of which no candidate needs more."""
    share, n_rows = 0.0, min(len(fold.train) for fold in task.folds)
    for fold in task.folds:
        smallest = np.unique(task.y[fold.train], return_counts=True)[1].min()
        share = max(share, min(1.0, _LEAST_OF_CLASS / smallest))
    while share < 1 and any(task.classifier.refuses(c, int(share * n_rows)) for c in candidates):
        share = min(1.0, share * factor)
    return share
