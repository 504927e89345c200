"""What a phase cannot do without: operations, and bytes that are read or written."""

from __future__ import annotations

from dataclasses import asdict, dataclass

__all__ = ["Cost", "product_cost"]


@dataclass(frozen=True)
class Cost:
    """The floor of a phase.

    Attributes
    ----------
    operations : float
        Additions, subtractions, multiplications, divisions, comparisons, absolute values and roots of the definition,
        each counted as one; a multiplication that is added to a sum is two. Addresses, conversions and
        look-ups are none.
    bytes : float
        Inputs, each read once, and outputs, each written once; what an algorithm must go through anew counts
        each time.
    """

    operations: float
    bytes: float

    def plus(self, other: Cost) -> Cost:
        """Return the cost of both, one after the other."""
        return Cost(self.operations + other.operations, self.bytes + other.bytes)

    def to_json(self) -> dict[str, float]:
        """Return the figures by name."""
        return asdict(self)


def product_cost(m: int, k: int, n: int, itemsize: int = 4) -> Cost:
    """Return the cost of a matrix product, ``(m, k)`` times ``(k, n)``.

    Parameters
    ----------
    m, k, n : int
    itemsize : int, optional
        Bytes of a number.
    """
    return Cost(2.0 * m * k * n, float(itemsize) * (m * k + k * n + m * n))
