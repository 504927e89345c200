"""Exact nearest neighbours with the sums on a GPU, by torch: the same bits as `featbench.numerics.neighbors`.

The device computes an interval for every distance and drops the pairs that are surely not among the k nearest.
What is left, little more than k rows a query, is computed in float64 by the kernels that serve the processor.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from featbench.numerics.candidates import finish
from featbench.numerics.distances import PRODUCT_COLUMNS, Measure, Placed
from featbench.numerics.lists import exact_query, exact_train
from featbench.numerics.neighbors import Neighbors
from featbench.numerics.threads import spread
from featbench.numerics.torch_device import full_precision, torch_for
from featbench.types import AnyArray, Float64Array, Indices

__all__ = ["DeviceNeighbors"]

# On the device: bytes of queries, bytes of training rows, pairs with their intervals (some 70 bytes each), and
# terms that a sum is made of where torch has no function for it. Together less than 256 MB.
_QUERY_BYTES = 48 << 20
_TRAIN_BYTES = 64 << 20
_MOST_ROWS = 1 << 16
_PAIRS = 1 << 20
_TERMS = 1 << 22

_KEPT = 1 << 20  # pairs kept on the host before they are computed exactly
_PADDED = 1 << 17  # places in lists of candidates that a thread fills at once


class DeviceNeighbors(Neighbors):
    """Training rows, for searches whose sums are computed on a device.

    Neighbours and distances are those of `Neighbors`, to the last bit. Nothing stays on the device between
    searches; blocks are sized so that a search uses less than 256 MB of it.

    Parameters
    ----------
    X_train, metric
        As of `Neighbors`.
    device : str, default="cuda"
        Where torch computes; ``"cpu"`` runs the same lines without a GPU.

    Raises
    ------
    MissingExtraError
        torch is not installed.
    InputError
        torch finds no GPU; or as of `Neighbors`.
    """

    _any_order: ClassVar[bool] = True

    def __init__(self, X_train: AnyArray, metric: str = "l2", device: str = "cuda") -> None:
        self._torch = torch_for(device, "nearest")
        super().__init__(X_train, metric)
        self.device = device

    def _at_once(self, k: int) -> int:
        bytes_a_query: int = 4 * self.X_train.shape[1] + 64 * k
        return max(1, _QUERY_BYTES // bytes_a_query)

    def _search(self, measure: Measure, X_query: AnyArray, k: int) -> tuple[Float64Array, Indices]:
        """Let blocks of training rows pass blocks of queries on the device, and collect the pairs that stay."""
        torch = self._torch
        (n, d), m = measure.X.shape, len(X_query)
        placed, scale, factor = measure.query(X_query)
        query = self._move(placed)
        exactly = exact_train(measure), exact_query(measure, X_query, scale, factor)
        nearest = torch.full((m, k), float("inf"), dtype=torch.float64, device=self.device)
        step = min(n, _MOST_ROWS, max(1, _TRAIN_BYTES // (4 * d)))
        few = max(1, _PAIRS // (step + k))
        kept = _Pairs(m, k)
        with full_precision(torch, self.device):
            for first in range(0, n, step):
                train = self._move(measure.train(first, min(first + step, n)))
                for start in range(0, m, few):
                    part = slice(start, start + few)
                    low, high = self._ends(measure, [tensor[part] for tensor in query], train)
                    smallest = torch.cat([nearest[part], high], dim=1).topk(k, largest=False).values
                    nearest[part] = smallest
                    q, t = torch.nonzero(low <= smallest[:, -1:], as_tuple=True)
                    found = (q + start, t + first, low[q, t], high[q, t])
                    kept.add([tensor.cpu().numpy() for tensor in found])
                    if kept.total > _KEPT + 2 * kept.settled:
                        kept.shorten(nearest[:, -1].cpu().numpy(), exactly)
        return kept.shorten(nearest[:, -1].cpu().numpy(), exactly)

    def _move(self, placed: Placed) -> list[Any]:
        """Return rows and what they add to either end as tensors on the device."""
        arrays = (placed.rows, placed.low, placed.high)
        return [self._torch.tensor(array, device=self.device) for array in arrays]

    def _ends(self, measure: Measure, query: list[Any], train: list[Any]) -> tuple[Any, Any]:
        """Return the ends of the intervals of all pairs, ``(m, n)``, in float64."""
        sums = self._sums(measure.kind, query[0], train[0]).double()
        low = train[1] + measure.slope_low * sums + query[1][:, None]
        high = train[2] + measure.slope_high * sums + query[2][:, None]
        return low, high

    def _sums(self, kind: str, query: Any, train: Any) -> Any:
        """Compute the sums of `featbench.numerics.distances` that are taken in float32."""
        torch = self._torch
        d = query.shape[1]
        if kind == "l1":
            return torch.cdist(query, train, p=1.0)
        if kind == "dot":
            sums = query[:, :PRODUCT_COLUMNS] @ train[:, :PRODUCT_COLUMNS].T
            for start in range(PRODUCT_COLUMNS, d, PRODUCT_COLUMNS):
                columns = slice(start, start + PRODUCT_COLUMNS)
                sums += query[:, columns] @ train[:, columns].T
            return sums
        sums = torch.zeros((len(query), len(train)), dtype=torch.float32, device=query.device)
        least = torch.finfo(torch.float32).tiny
        step = max(1, _TERMS // sums.numel())
        for start in range(0, d, step):
            a, b = query.T[start : start + step, :, None], train.T[start : start + step, None, :]
            terms = a - b
            terms *= terms
            terms /= (a + b).clamp_(min=least)
            sums += terms.sum(dim=0)
        return sums


class _Pairs:
    """Pairs of queries and training rows that may be neighbours, with the intervals of their distances."""

    def __init__(self, m: int, k: int) -> None:
        self.m, self.k = m, k
        self.total = self.settled = 0
        # One array for each of the four: thousands of small ones would lie scattered among freed blocks of torch's.
        self._room = [np.empty(_KEPT // 8 + 1, dtype=dtype) for dtype in (np.int64, np.int64, float, float)]

    def add(self, pairs: list[AnyArray]) -> None:
        """Keep pairs: queries, training rows, lower and upper ends."""
        total = self.total + len(pairs[0])
        for i, values in enumerate(pairs):
            if total > len(self._room[i]):
                self._room[i] = np.resize(self._room[i], 2 * total)
            self._room[i][self.total : total] = values
        self.total = total

    def shorten(self, limit: Float64Array, exactly: tuple[Any, Any]) -> tuple[Float64Array, Indices]:
        """Keep the k nearest of each query alone, by exact distance and then index, and return them.

        Where a query has fewer than k pairs yet, its row ends in infinity.
        """
        q, t, low, high = (array[: self.total] for array in self._room)
        near = np.flatnonzero(low <= limit[q])
        near = near[np.lexsort((t[near], q[near]))]
        pairs = q[near], t[near], low[near], high[near]
        distances = np.full((self.m, self.k), np.inf)
        indices = np.zeros((self.m, self.k), dtype=np.int64)
        edges = np.searchsorted(pairs[0], np.arange(self.m + 1))
        train, (rows, scale, factor) = exactly

        def work(start: int, stop: int) -> None:
            while start < stop:
                longest = int(np.diff(edges[start : stop + 1]).max())
                end = min(stop, start + max(1, _PADDED // max(1, longest)))
                lists = _lists(pairs, edges[start : end + 1])
                part = slice(start, end)
                query = tuple(matrix[part] for matrix in rows), scale[part], factor[part]
                finish(self.k, lists, train, query, distances[part], indices[part])
                start = end

        spread(work, self.m)
        order = np.lexsort((indices, distances))
        distances, indices = (np.take_along_axis(array, order, 1) for array in (distances, indices))
        q, c = np.nonzero(distances < np.inf)
        self.total = 0
        self.add([q, indices[q, c], distances[q, c], distances[q, c]])
        self.settled = self.total
        return distances, indices


def _lists(pairs: tuple[AnyArray, ...], edges: AnyArray) -> tuple[Any, ...]:
    """Return sorted pairs as the lists of some queries (see `featbench.numerics.lists`)."""
    count = np.diff(edges)
    inside = slice(edges[0], edges[-1])
    row = np.repeat(np.arange(len(count)), count)
    column = np.arange(edges[0], edges[-1]) - np.repeat(edges[:-1], count)
    shape = len(count), max(1, int(count.max()))
    index, low, high = np.empty(shape, dtype=np.int64), np.empty(shape), np.empty(shape)
    for array, values in zip((index, low, high), pairs[1:], strict=True):
        array[row, column] = values[inside]
    return index, low, high, count, np.full(len(count), np.inf), np.zeros(len(count), dtype=np.int64)
