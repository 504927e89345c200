"""Several classifiers on the same features, whose votes are averaged."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

import numpy as np
from sklearn.base import clone

from featbench.base import Classifier
from featbench.classifiers.inputs import new_rows, training_rows
from featbench.classifiers.votes import deviation_of, votes_of
from featbench.errors import FeatbenchError, InputError, UnknownNameError, must_be
from featbench.parameters import Bounds, check_parameters
from featbench.plugins import TABLES
from featbench.types import AnyArray, Float64Array

__all__ = ["Ensemble"]


@dataclass(kw_only=True, eq=False, repr=False)
class Ensemble(Classifier):
    """Lets several classifiers vote.

    All members see the same rows: those of one extractor, after one preprocessing. In an experiment,
    ``{name: ensemble, members: [softmax, {name: svm, reg: 0.1}, {name: knn, n_neighbors: 10}]}``.

    Parameters
    ----------
    members : list
        At least two: names of registered classifiers, or mappings of a name and parameters. The i-th that has a
        `random_state` and is given none gets that of the ensemble plus i, counted from 0.
    vote : {"soft", "hard"}, default="soft"
        Average the members' probabilities, or count the labels that they predict.
    random_state : int, default=0
        Seed of the members.

    Attributes
    ----------
    classes_ : ndarray, (n_classes,)
        Sorted labels.
    members_ : list of Classifier
        Fitted, in the order of `members`.
    deviations_ : ndarray of float64, (n_members,)
        Standard deviation of a member's scores over all training rows and classes; 1 where it has
        probabilities, or no scores either.

    Notes
    -----
    A soft vote takes a member's `predict_proba`. One without, such as an SVM, has its scores divided by their
    standard deviation over the training rows, so that the scale of scores counts for nothing, and turned into
    shares by softmax; for two classes the scores are (−s/2, s/2). They are no probabilities, but they
    say which classes are near. A member without scores gives its label the share 1. In a hard vote, of labels
    with equally many votes the first in sorted order wins. Members are fitted to the numbers of the classes.

    References
    ----------
    T. G. Dietterich, Ensemble methods in machine learning, Multiple Classifier Systems, LNCS 1857 (2000), 1-15.
    doi:10.1007/3-540-45014-9_1
    """

    members: Sequence[str | dict[str, Any]] = ("softmax", "svm")
    vote: Literal["soft", "hard"] = "soft"
    random_state: Annotated[int, Bounds(ge=0, le=2**32 - 1)] = 0

    @classmethod
    def written_problems(cls, parameters: Mapping[str, Any], where: Callable[..., str]) -> list[str]:
        """Say which members are none, or have parameters that they cannot have."""
        members = parameters.get("members", cls.members)
        if not isinstance(members, (list, tuple)) or len(members) < 2:
            return [must_be(where("members"), "members", "a list of two classifiers or more", members)]
        problems = []
        for position, member in enumerate(members):
            try:
                _build(member, where("members", position), 0)
            except FeatbenchError as error:
                problems.append(str(error))
        return problems

    @classmethod
    def written_label(cls, parameters: Mapping[str, Any]) -> str:
        """Return what tables call it: with all its members, so that no two ensembles share a name."""
        members = [_label(member) for member in parameters.get("members", cls.members)]
        others = [f"{k}={v}" for k, v in parameters.items() if k != "members" and v != getattr(cls, k)]
        return f"ensemble({', '.join([*members, *others])})"

    def fit(self, X: AnyArray, y: AnyArray) -> Self:
        """Fit every member to the rows.

        Parameters
        ----------
        X : array-like, (n, d)
            Finite numbers.
        y : array-like, (n,)
            Labels of at least two classes.

        Returns
        -------
        Ensemble
            Itself.

        Raises
        ------
        InputError
            Bad parameters, rows or labels; members that are none, all of them named.
        """
        X, self.classes_, codes = training_rows(self, X, y, least_classes=2)
        problems = self.written_problems({"members": self.members}, _place)
        if problems:
            raise InputError("\n".join(problems))
        self.members_ = [
            _build(member, _place("members", i), (self.random_state + i) % 2**32).fit(X, codes)
            for i, member in enumerate(self.members)
        ]
        self.deviations_ = np.array([deviation_of(member, X) for member in self.members_])
        return self

    def predict_proba(self, X: AnyArray) -> Float64Array:
        """Return each class's mean share, or its share of the votes, ``(m, n_classes)``."""
        X = new_rows(self, X)
        summed = np.zeros((len(X), len(self.classes_)))
        for member, deviation in zip(self.members_, self.deviations_, strict=True):
            summed += votes_of(member, X, self.vote, deviation)
        summed /= len(self.members_)
        return summed

    def predict(self, X: AnyArray) -> AnyArray:
        """Return the label with the largest share for each row, ``(m,)``; of equals the first."""
        winners = np.argmax(self.predict_proba(X), axis=1)
        labels: AnyArray = self.classes_[winners]
        return labels

    def unsavable(self) -> str | None:
        """Say which member cannot be saved."""
        members = getattr(self, "members_", None) or [_build(m, "Ensemble", 0) for m in self.members]
        reasons = (member.unsavable() for member in members)
        return next((reason for reason in reasons if reason is not None), None)

    def refuses(self, candidate: Mapping[str, Any], n_rows: int) -> str | None:
        """Say that a member cannot be used on so few training rows."""
        for member in candidate.get("members", self.members):
            reason = _build(member, "Ensemble", 0).refuses({}, n_rows)
            if reason is not None:
                return f"an ensemble with {reason}"
        return None

    def _path(
        self, X: AnyArray, y: AnyArray, X_new: AnyArray, candidates: Sequence[Mapping[str, Any]]
    ) -> list[AnyArray]:
        """Fit members once for all candidates that differ in the vote alone."""
        fitted: dict[str, Ensemble] = {}
        predictions = []
        for candidate in candidates:
            model = clone(self).set_params(**candidate)
            check_parameters(model)
            key = repr((list(model.members), model.random_state))
            if key not in fitted:
                fitted[key] = model.fit(X, y)
            predictions.append(fitted[key].set_params(vote=model.vote).predict(X_new))
        return predictions


def _place(name: str, position: int | None = None) -> str:
    """Say which parameter is meant where there is no experiment file to name a line of."""
    return "Ensemble" if position is None else f"Ensemble: {name}[{position}]"


def _build(member: Any, where: str, seed: int) -> Classifier:
    """Construct a member, unfitted."""
    if isinstance(member, str):
        member = {"name": member}
    if not isinstance(member, Mapping) or not isinstance(member.get("name"), str):
        constraint = "a name such as softmax, or a mapping such as {name: svm, reg: 0.1}"
        raise InputError(must_be(where, "the member", constraint, member))
    params = {key: value for key, value in member.items() if key != "name"}
    if "search" in params:
        raise InputError(
            f"{where}: a member is not searched by itself. Search it as a classifier of its own, and write the "
            "values that were chosen."
        )
    cls = TABLES["classifier"].load(member["name"], where)
    known = inspect.signature(cls).parameters
    for key in params:
        if key not in known:
            raise UnknownNameError(where, f"parameter of {member['name']}", str(key), known)
    if "random_state" in known:
        params.setdefault("random_state", seed)
    classifier: Classifier = cls(**params)
    check_parameters(classifier)
    problems = cls.written_problems(params, lambda *keys: f"{where}: {'.'.join(map(str, keys))}")
    if problems:
        raise InputError("; ".join(problems))
    return classifier


def _label(member: str | Mapping[str, Any]) -> str:
    """Return a member as a table shows it."""
    if isinstance(member, str):
        return member
    params = {key: value for key, value in member.items() if key != "name"}
    if member["name"] == "ensemble":
        return Ensemble.written_label(params)
    told = ", ".join(f"{key}={value}" for key, value in params.items())
    return f"{member['name']}({told})" if told else str(member["name"])
