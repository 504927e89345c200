"""Gates for continuous integration: how much worse a row of the second run may be."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from featbench.errors import ConfigError, must_be, nearest
from featbench.report.comparison import Comparison, Pair
from featbench.report.table import figure
from featbench.results import COLUMNS

__all__ = ["Gate", "failures", "metrics", "parse_gates"]

_ALIASES = {"accuracy": "test_accuracy"}
_POINTS = (
    "test_accuracy",
    "val_accuracy",
    "train_accuracy",
    "balanced_accuracy",
    "macro_f1",
    "top5_accuracy",
)
_RATES = ("images_per_s", "_gflop_s", "_gb_s")
_LIMIT = re.compile(r"([+-])(\d+(?:\.\d*)?|\.\d+)(%?)")


@dataclass(frozen=True)
class Gate:
    """A limit on one column.

    Attributes
    ----------
    metric : str
        As it was written.
    limit : float
        Points or percent that are allowed; negative where less is worse.
    """

    metric: str
    limit: float

    @property
    def column(self) -> str:
        """The column of the results."""
        return _ALIASES.get(self.metric, self.metric)

    @property
    def in_points(self) -> bool:
        """Whether the limit is in points of accuracy, and not in percent of the first run's figure."""
        return self.column in _POINTS

    @property
    def is_time(self) -> bool:
        """Whether the figure depends on the machine's speed."""
        return not self.in_points and not self.column.endswith("_mb")

    def exceeded(self, before: float, after: float) -> bool:
        """Tell whether the second figure is worse than the first by more than is allowed."""
        if self.in_points:
            # Accuracies are quotients of counts: what a subtraction adds to them is no loss.
            change, slack = 100 * (after - before), 1e-9
        else:
            change, slack = 100 * (after / before - 1) if before else math.inf * (after > 0), 0.0
        if _less_is_worse(self.column):
            return change < self.limit - slack
        return change > self.limit + slack


def _less_is_worse(column: str) -> bool:
    """Tell whether a row is worse where a column's figure is smaller."""
    return column in _POINTS or column.endswith(_RATES)


def metrics() -> list[str]:
    """Return every name that a gate can have."""
    measured = [c for c in COLUMNS if c.endswith(("_s", "_mb")) or c.startswith("latency_ms")]
    return [*_ALIASES, *_POINTS, "train_s", *dict.fromkeys(measured)]


def parse_gates(text: str) -> tuple[Gate, ...]:
    """Read ``accuracy:-0.5,predict_s:+10%``.

    Parameters
    ----------
    text : str
        For each metric how much worse it may be: points for an accuracy, percent for all else; with the sign of what
        is worse.

    Returns
    -------
    tuple of Gate

    Raises
    ------
    ConfigError
        Not of this form; a metric that is not known, or a sign or unit that its metric does not have.
    """
    gates = []
    for part in text.split(","):
        name, colon, limit = (piece.strip() for piece in part.partition(":"))
        if not colon:
            wanted = "metric:limit, such as accuracy:-0.5 or predict_s:+10%"
            raise ConfigError(must_be("--fail-if", "a gate", wanted, part.strip()))
        if name not in metrics():
            suggestion = nearest(name, metrics())
            hint = f"Did you mean {suggestion!r}? " if suggestion else ""
            raise ConfigError(
                f"--fail-if {part.strip()}: unknown metric {name!r}. {hint}Known: {', '.join(metrics())}."
            )
        gates.append(_gate(name, limit))
    return tuple(gates)


def _gate(name: str, limit: str) -> Gate:
    column = _ALIASES.get(name, name)
    sign, unit = "-" if _less_is_worse(column) else "+", "" if column in _POINTS else "%"
    match = _LIMIT.fullmatch(limit)
    if match is None or match[1] != sign or match[3] != unit:
        told = (
            "points that it may fall by"
            if not unit
            else f"percent that it may {'fall' if sign == '-' else 'rise'} by"
        )
        wanted = f"the {told}, such as {name}:{sign}{'10%' if unit else '0.5'}"
        raise ConfigError(must_be("--fail-if", name, wanted, limit))
    return Gate(name, float(match[1] + match[2]))


def failures(comparison: Comparison, gates: tuple[Gate, ...], *, across_machines: bool = False) -> list[str]:
    """Name every row of the first run that the second has worse than allowed, or not at all.

    The rows of chance and majority pass: they look at no image.

    Parameters
    ----------
    comparison : Comparison
    gates : tuple of Gate
    across_machines : bool, optional
        Compare times of differing machines.

    Returns
    -------
    list of str
        A sentence each; empty where all is well.

    Raises
    ------
    ConfigError
        A gate on times of differing machines, on accuracies of differing images, or on what no row of the first has.
    """
    pairs = [pair for pair in comparison.pairs if not pair.first.is_baseline]
    for gate in gates:
        if all(pair.figures(gate.column)[0] is None for pair in pairs):
            raise ConfigError(
                f"--fail-if {gate.metric}: no row of the first run has it, so that nothing could fail."
            )
    for pair in pairs:
        _check_comparable(pair, gates, across_machines=across_machines)
    told = [f"{dataset}: {label}: is not in the second run." for dataset, label in comparison.only[0]]
    for pair in pairs:
        place = f"{pair.dataset}: {pair.label}"
        if pair.first.status == "ok" and pair.second.status != "ok":
            told.append(f"{place}: is {pair.second.status} in the second run.")
            continue
        for gate in gates:
            before, after = pair.figures(gate.column)
            if before is not None and after is None:
                told.append(f"{place}: has no {gate.metric} in the second run.")
            elif before is not None and after is not None and gate.exceeded(before, after):
                told.append(f"{place}: {_told(gate, before, after, pair.chance)}")
    return told


def _check_comparable(pair: Pair, gates: tuple[Gate, ...], *, across_machines: bool) -> None:
    place = f"{pair.dataset}: {pair.label}"
    for gate in gates:
        if gate.is_time and not pair.same_machine and not across_machines:
            raise ConfigError(
                f"--fail-if {gate.metric}: {place}: the machines differ ({pair.machines[0]} against "
                f"{pair.machines[1]}), so the times are not compared. Run both on one machine, or give "
                "--across-machines."
            )
        if gate.in_points and not pair.same_images and pair.first.done and pair.second.done:
            raise ConfigError(
                f"--fail-if {gate.metric}: {place}: the two runs saw different images, splits or seeds, so their "
                "accuracies are not comparable."
            )


def _told(gate: Gate, before: float, after: float, chance: str) -> str:
    moved = "fell" if after < before else "rose"
    allowed = f"{abs(gate.limit):g}"
    if gate.in_points:
        beyond = f" ({chance})" if chance and gate.column == "test_accuracy" else ""
        by, ends = (
            f"{100 * abs(after - before):.2f} points",
            f"from {100 * before:.2f} to {100 * after:.2f} %",
        )
        return f"{gate.metric} {moved} by {by}, {ends}, more than the {allowed} allowed{beyond}."
    by = f"{100 * abs(after / before - 1):.1f} %" if before else "more than can be told"
    ends = f"from {figure(before)} to {figure(after)}"
    return f"{gate.metric} {moved} by {by}, {ends}, more than the {allowed} % allowed."
