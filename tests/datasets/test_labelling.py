"""The order of names."""

import os

from hypothesis import given
from hypothesis import strategies as st

from featbench.datasets.labelling import natural_key, number_classes, readable


def test_numbers_inside_names_count():
    names = ["img10", "img2", "Img1", "img02", "10", "9", "b", "A", "é", "img2b", "²"]
    assert sorted(names, key=natural_key) == [
        "9", "10", "A", "b", "Img1", "img02", "img2", "img2b", "img10", "²", "é",
    ]  # fmt: skip


def test_a_number_of_any_length():
    assert natural_key("9" * 6000) < natural_key("1" + "0" * 6000)


@given(st.lists(st.text(max_size=6), unique=True))
def test_every_text_has_its_place(names):
    keys = [natural_key(name) for name in names]
    assert len(set(keys)) == len(names)
    assert sorted(keys[::2] + keys[1::2]) == sorted(keys)


def test_classes_are_numbered_in_natural_order():
    classes, labels = number_classes(["10", "9", "01", "1", "9"])
    assert classes == ("01", "1", "9", "10")
    assert labels.tolist() == [3, 2, 0, 1, 2]


def test_bytes_that_are_no_text_are_written_out():
    assert readable(os.fsdecode(b"caf\xe9")) == "caf\\xe9"
    assert readable("日本 [/red] <b>\x1b[31m") == "日本 [/red] <b>\x1b[31m"
