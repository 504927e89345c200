"""What is said of predictions: scores, how sure they are, and whether a difference is more than chance."""

from featbench.stats.intervals import Interval, accuracy_interval
from featbench.stats.paired import LEVEL, PairedTest, holm, mcnemar, paired_test, verdict_of
from featbench.stats.ranks import Ranking, critical_difference, rank_over
from featbench.stats.scores import score, top_k, top_k_accuracy

__all__ = [
    "LEVEL",
    "Interval",
    "PairedTest",
    "Ranking",
    "accuracy_interval",
    "critical_difference",
    "holm",
    "mcnemar",
    "paired_test",
    "rank_over",
    "score",
    "top_k",
    "top_k_accuracy",
    "verdict_of",
]
