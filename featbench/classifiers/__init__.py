"""Classifiers: feature rows in, labels out; exact, and quick to select."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from featbench.plugins import PluginTable

if TYPE_CHECKING:
    from featbench.classifiers.baseline import Chance, Majority
    from featbench.classifiers.bottleneck import Bottleneck
    from featbench.classifiers.ensemble import Ensemble
    from featbench.classifiers.knn import KNN
    from featbench.classifiers.mlp import MLP
    from featbench.classifiers.own_head import HighestScore
    from featbench.classifiers.random_search import RandomSearch
    from featbench.classifiers.scikit import ScikitClassifier
    from featbench.classifiers.sgd import GradientDescent
    from featbench.classifiers.softmax import Softmax
    from featbench.classifiers.svm import SVM

__all__ = [
    "CLASSIFIERS",
    "KNN",
    "MLP",
    "SVM",
    "Bottleneck",
    "Chance",
    "Ensemble",
    "GradientDescent",
    "HighestScore",
    "Majority",
    "RandomSearch",
    "ScikitClassifier",
    "Softmax",
]

CLASSIFIERS = PluginTable(
    "classifier",
    {
        "knn": "featbench.classifiers.knn:KNN",
        "svm": "featbench.classifiers.svm:SVM",
        "softmax": "featbench.classifiers.softmax:Softmax",
        "sgd": "featbench.classifiers.sgd:GradientDescent",
        "random_search": "featbench.classifiers.random_search:RandomSearch",
        "mlp": "featbench.classifiers.mlp:MLP",
        "bottleneck": "featbench.classifiers.bottleneck:Bottleneck",
        "sklearn": "featbench.classifiers.scikit:ScikitClassifier",
        "ensemble": "featbench.classifiers.ensemble:Ensemble",
        "own_head": "featbench.classifiers.own_head:HighestScore",
        "chance": "featbench.classifiers.baseline:Chance",
        "majority": "featbench.classifiers.baseline:Majority",
    },
)


def __getattr__(name: str) -> Any:
    return CLASSIFIERS.own_class(name)
