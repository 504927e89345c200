"""What training makes small."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

__all__ = ["Loss", "cross_entropy", "squared_error"]

# From a network's output, its input and the rows' labels to a mean over rows.
Loss = Callable[[Tensor, Tensor, Any], Tensor]


def cross_entropy(smoothing: float) -> Loss:
    """Return the cross-entropy of scores with labels, of which `smoothing` is shared by all classes."""

    def loss(outputs: Tensor, _inputs: Tensor, labels: Tensor) -> Tensor:
        return nn.functional.cross_entropy(outputs.float(), labels, label_smoothing=smoothing)

    return loss


def squared_error(outputs: Tensor, inputs: Tensor, _labels: Any) -> Tensor:
    """Return the mean squared difference of what came out and what went in."""
    return nn.functional.mse_loss(outputs.float(), inputs)
