"""What the pages of extractors show can be run, and is what is said to be."""

import doctest
import re
import runpy

import numpy as np
import pytest
from PIL import Image

from featbench.extractors import EXTRACTORS

LARGEST_PICTURE = 250_000  # bytes: a page opens at once

OWN = sorted(name for name, row in EXTRACTORS.rows().items() if row.distribution == "featbench")
# Nothing without a file or another package: their own tests bring those, and hold them to the laws.
WITHOUT = [name for name in OWN if name not in ("onnx", "pretrained")]


@pytest.fixture
def made(repository):
    return runpy.run_path(str(repository / "docs" / "make_pages.py"))


def page_of(repository, name):
    return (repository / "docs" / "extractors" / f"{name}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", WITHOUT)
def test_the_example_of_a_page_gives_as_many_numbers_as_it_says(name, repository, rng):
    page = page_of(repository, name)
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    numbers = re.search(r"Numbers an image, in colour: ([\d,]+) for 32 × 32", page)[1]
    told = {"images": rng.integers(0, 256, (3, 32, 32, 3)).astype(np.uint8), "labels": [0, 1, 0]}
    exec(code, told)
    assert told["features"].shape == (3, int(numbers.replace(",", "")))


@pytest.mark.parametrize("name", WITHOUT)
def test_the_smallest_image_of_a_page_is_the_smallest(name, repository, made):
    least = int(re.search(r"Smallest image: (\d+) ×", page_of(repository, name))[1])
    extractor = made["example"](name)
    assert extractor.supports((least, least, 3)) is None
    if least > 1:
        assert extractor.supports((least - 1, least - 1, 3))


def test_the_local_descriptors_of_the_page_are_those_shown(repository):
    path = repository / "docs" / "extractors.md"
    done = doctest.testfile(str(path), module_relative=False)
    assert done.attempted > 5
    assert done.failed == 0


def test_lines_are_drawn_no_smaller_than_they_are(made):
    """Strokes that are shrunk are lost."""
    tile = np.zeros((1, 900, 40), np.uint8)
    tile[0, ::2] = 255
    assert (made["_enlarged"](tile)[..., 0] == tile).all()
    small = np.arange(4, dtype=np.uint8).reshape(1, 2, 2)
    assert (made["_enlarged"](small)[0, ::160, ::160, 0] == small[0]).all()


@pytest.mark.parametrize("name", OWN)
def test_a_page_has_one_picture_of_its_own_or_none(name, repository, made):
    path = repository / "docs" / "extractors" / f"{name}.jpg"
    shown = bool(made["pictures"](name))
    assert path.is_file() == shown
    assert (f"![{name}]({name}.jpg)" in page_of(repository, name)) == shown
    if shown:
        assert path.stat().st_size < LARGEST_PICTURE
        with Image.open(path) as picture:
            assert min(picture.size) >= 320
