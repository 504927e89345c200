"""Lists of candidates take the memory that they say."""

from featbench.numerics.lists import Lists


def test_bytes():
    lists = Lists(7, 30)
    arrays = lists.part(0, 7)
    assert sum(array.nbytes for array in arrays) == 7 * Lists.bytes_a_query(30)
    assert [len(array) for array in lists.part(2, 4)] == [2] * len(arrays)
