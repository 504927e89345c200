from __future__ import annotations

from featbench.base import Cost, product_cost


def test_a_product_by_hand() -> None:
    """(2, 3) times (3, 4): eight numbers, each of three products and their sum; 6 + 12 + 8 numbers in memory."""
    assert product_cost(2, 3, 4) == Cost(operations=8 * 6, bytes=26 * 4)
    assert product_cost(2, 3, 4, itemsize=8).bytes == 26 * 8


def test_costs_add_up() -> None:
    assert Cost(1.0, 2.0).plus(Cost(10.0, 20.0)) == Cost(11.0, 22.0)
    assert Cost(1.0, 2.0).to_json() == {"operations": 1.0, "bytes": 2.0}
