"""A mean over the rows of a minibatch: on all threads, and yet summed in one order."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from featbench.numerics.namespace import namespace
from featbench.numerics.threads import spread
from featbench.types import AnyArray

__all__ = ["mean_over_rows"]

# Rows that one thread takes; the gradient is summed over such parts in their order, so that it does not depend on
# how many threads there are.
_PART = 128


def mean_over_rows(
    backward: Callable[[slice, AnyArray], float], n: int, point: AnyArray
) -> tuple[float, AnyArray]:
    """Return the mean loss of rows, and its gradient.

    Parameters
    ----------
    backward : callable
        ``(rows, into) -> loss``: the summed loss of some rows; writes its gradient, all of it, into an array.
    n : int
        Number of rows, 1 or more.
    point : array
        What the gradient is with respect to. A numpy array's rows are divided among the threads; on a device, which
        has threads of its own, they stay together.

    Returns
    -------
    loss : float
    gradient : array, like `point`
    """
    xp = namespace(point)
    size = _PART if xp is np else n
    n_parts = -(-n // size)
    gradients = [xp.empty_like(point) for _ in range(n_parts)]
    losses = np.empty(n_parts)

    def work(first: int, last: int) -> None:
        for part in range(first, last):
            losses[part] = backward(slice(part * size, (part + 1) * size), gradients[part])

    spread(work, n_parts)
    gradient = gradients[0]
    for part in gradients[1:]:
        gradient += part
    gradient /= n
    return float(losses.sum()) / n, gradient
