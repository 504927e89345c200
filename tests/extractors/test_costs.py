"""What extractors say that they cannot do without: by hand, and against definitions that count what they do."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import pytest

from featbench.base import Cost
from featbench.extractors import (
    HOG,
    LBP,
    SIFT,
    BagOfVisualWords,
    ColorHistogram,
    Concat,
    HueHistogram,
    RawPixels,
)
from featbench.extractors.color_spaces import CONVERSION_OPERATIONS


class Counted:
    """A number that counts the operations it takes part in."""

    n = 0

    def __init__(self, value: float) -> None:
        self.value = float(value)

    def _with(self, other: Any, result: float) -> Counted:
        Counted.n += 1
        return Counted(result)

    def __add__(self, other: Any) -> Counted:
        return self._with(other, self.value + _value(other))

    def __sub__(self, other: Any) -> Counted:
        return self._with(other, self.value - _value(other))

    def __mul__(self, other: Any) -> Counted:
        return self._with(other, self.value * _value(other))

    def __rtruediv__(self, other: float) -> Counted:
        return self._with(other, other / self.value)

    def __gt__(self, other: Any) -> bool:
        Counted.n += 1
        return self.value > _value(other)

    def root(self) -> Counted:
        return self._with(None, math.sqrt(self.value))


def _value(number: Any) -> float:
    return number.value if isinstance(number, Counted) else float(number)


def total(numbers: Sequence[Counted]) -> Counted:
    result = numbers[0]
    for number in numbers[1:]:
        result = result + number
    return result


def histograms(image: Any, orientations: int, cell: int) -> tuple[Any, int, int]:
    """Stages 1 to 3 of Dalal and Triggs, a pixel at a time; beyond the border lies what is at it."""
    rows, cols = image.shape[0] // cell, image.shape[1] // cell
    padded = np.pad(image.reshape(*image.shape[:2], -1), ((1, 1), (1, 1), (0, 0)), mode="edge")
    cells = [[[Counted(0) for _ in range(orientations)] for _ in range(cols)] for _ in range(rows)]
    for y, x in product(range(rows * cell), range(cols * cell)):
        best: Any = None
        for c in range(padded.shape[2]):
            down = Counted(padded[y + 2, x + 1, c]) - Counted(padded[y, x + 1, c])
            across = Counted(padded[y + 1, x + 2, c]) - Counted(padded[y + 1, x, c])
            square = down * down + across * across
            if best is None or square > best[0]:
                best = (square, down, across)
        square, down, across = best
        turn = math.atan2(down.value, across.value) % math.pi  # looked up
        bin_ = int(turn / math.pi * orientations) % orientations
        votes = cells[y // cell][x // cell]
        votes[bin_] = votes[bin_] + square.root()
    return [[[v * (1 / cell**2) for v in h] for h in line] for line in cells], rows, cols


def counted_dalal(image: Any, orientations: int, cell: int, block: int, norm: str) -> int:
    """Count the operations of Dalal and Triggs' descriptor by doing them."""
    Counted.n = 0
    cells, rows, cols = histograms(image, orientations, cell)
    of_cell = [[total([v * v for v in h] if norm.startswith("l2") else h) for h in line] for line in cells]
    for r, c in product(range(rows - block + 1), range(cols - block + 1)):
        mass = total([of_cell[r + i][c + j] for i in range(block) for j in range(block)]) + 1e-5
        values = [v for i in range(block) for j in range(block) for v in cells[r + i][c + j]]
        factor = 1 / (mass.root() if norm.startswith("l2") else mass)
        values = [v * factor for v in values]
        if norm == "l1-sqrt":
            values = [v.root() for v in values]
        if norm == "l2-hys":
            values = [Counted(0.2) if v > 0.2 else v for v in values]
            factor = 1 / (total([v * v for v in values]) + 1e-5).root()
            values = [v * factor for v in values]
    return Counted.n


def test_hog_by_hand() -> None:
    """One image of 16 × 16 in colour: four cells of 8 × 8 in one block of 36 numbers.

    A pixel: in each of three channels two differences, two squares and their sum; two comparisons, a root, a vote. A cell:
    nine means, nine squares and eight sums of them. The block: three sums, one more of what keeps it above zero, a root,
    a quotient, 36 products; 36 limits, 36 squares, 35 sums, and again a sum, a root, a quotient, 36 products.
    """
    pixels, cells = 256 * (3 * 5 + 2 + 1 + 1), 4 * (9 + 9 + 8)
    block = (3 + 1 + 1 + 1 + 36) + (36 + 36 + 35 + 1 + 1 + 1 + 36)
    assert pixels + cells + block == 5156
    assert HOG().cost(1, (16, 16, 3)) == Cost(operations=5156, bytes=16 * 16 * 3 + 4 * 36)


@pytest.mark.parametrize("norm", ["l1", "l1-sqrt", "l2", "l2-hys"])
@pytest.mark.parametrize("shape", [(8, 12, 3), (9, 7)])
@pytest.mark.parametrize(("orientations", "cell", "block"), [(9, 3, 2), (4, 2, 1), (1, 2, 3)])
def test_hog_does_what_it_says(
    rng: np.random.Generator, norm: str, shape: tuple[int, ...], orientations: int, cell: int, block: int
) -> None:
    image = rng.integers(0, 256, shape).astype(np.uint8)
    extractor = HOG(orientations=orientations, cell=cell, block=block, block_norm=norm)  # type: ignore[arg-type]
    said = extractor.cost(1, shape)
    assert said.operations == counted_dalal(image, orientations, cell, block, norm)
    d = extractor.fit_transform(image[None]).shape[1]
    assert said.bytes == image.size + 4 * d


def test_other_variants_of_hog_by_hand() -> None:
    """One grey cell of 4 × 4 pixels and two orientations.

    ``cs231n``: a pixel's luma, two differences, two squares, sum and root, one product and comparison, a vote; two means.
    ``uoctti``: a pixel's two differences, two squares, sum and root, four votes of two factors and a sum. The cell: two
    sums of opposites, their squares, two sums of those; four lengths of a block, three sums and one more, root,
    quotient; four directions, in four blocks scaled, limited, summed, weighed, summed, then halved; two
    orientations, a sum, in four blocks scaled, limited, summed, then halved.
    """
    assert HOG(variant="cs231n", cell=4, orientations=2).cost(1, (4, 4)).operations == 16 * 10 + 2
    of_cell = 6 + 4 * 6 + 4 * (4 * 5 + 1) + 2 * (1 + 4 * 3 + 1)
    assert HOG(variant="uoctti", cell=4, orientations=2).cost(1, (4, 4)) == Cost(
        16 * 18 + of_cell, 16 + 4 * 10
    )


def test_square_roots_of_levels_come_on_top() -> None:
    plain, roots = HOG().cost(1, (16, 16, 3)), HOG(gamma="sqrt").cost(1, (16, 16, 3))
    assert roots.operations - plain.operations == 256 * 3


def test_pixels_by_hand() -> None:
    shape = (4, 6, 3)
    assert RawPixels().cost(5, shape) == Cost(0, 5 * (72 + 4 * 72))
    assert RawPixels(dtype="uint8").cost(5, shape) == Cost(0, 5 * (72 + 72))
    assert RawPixels(grey=True).cost(1, shape) == Cost(24 * 6, 72 + 4 * 24)
    assert RawPixels(size=2, center=True).cost(1, shape) == Cost(2 * 72 + 12, 72 + 4 * 12)
    assert RawPixels(grey=True, size=2).cost(1, shape) == Cost(24 * 6 + 2 * 24, 72 + 4 * 4)


def test_colour_histograms_by_hand() -> None:
    """Six pixels: conversion, three products with the number of bins, a count; then a division of every count."""
    assert ColorHistogram(space="rgb", bins=2).cost(1, (2, 3, 3)) == Cost(6 * (3 + 3 + 1) + 8, 18 + 32)
    marginal = ColorHistogram(space="rgb", bins=2, kind="marginal").cost(1, (2, 3, 3))
    assert marginal == Cost(6 * (3 + 3 + 3) + 6, 18 + 24)
    soft = ColorHistogram(space="rgb", bins=2, soft=True).cost(1, (2, 3, 3))
    assert soft.operations == 6 * (3 + 9 + 24) + 8
    assert set(CONVERSION_OPERATIONS) == {"rgb", "hsv", "lab", "opponent"}


def test_local_binary_patterns_by_hand() -> None:
    """Of eight neighbours four lie between pixels: three means of two products and a sum. All are compared and summed."""
    assert LBP().cost(1, (3, 3)) == Cost(9 * (8 * 2 + 4 * 9 + 1) + 10, 9 + 40)
    assert LBP().cost(1, (3, 3, 3)).operations == LBP().cost(1, (3, 3)).operations + 9 * 6


def test_words_are_their_products(rng: np.random.Generator) -> None:
    """Patches of 6 × 6 in 8 × 8 pixels: nine, of 108 numbers, whitened by 108 × 108, compared with five words."""
    images = rng.integers(0, 256, (6, 8, 8, 3)).astype(np.uint8)
    bag = BagOfVisualWords(codebook={"words": 5})
    assert bag.cost(1, (8, 8, 3)) is None
    said = bag.fit(images).cost(2, (8, 8, 3))
    assert said is not None
    assert said.operations == 2 * 9 * 2 * (108 * 108 + 108 * 5)
    assert said.bytes == 2 * (192 + 4 * bag.n_features_out_)


def test_parts_side_by_side_add_up() -> None:
    shape = (16, 16, 3)
    both = Concat([HOG(), RawPixels()], scale="none").cost(3, shape)
    assert both == HOG().cost(3, shape).plus(RawPixels().cost(3, shape))
    scaled = Concat([HOG(), RawPixels()]).cost(3, shape)
    assert scaled is not None
    assert both is not None
    assert scaled.operations - both.operations == 3 * (36 + 768)
    assert Concat([HOG(), HueHistogram()]).cost(3, shape) is None


@pytest.mark.parametrize(
    "extractor", [HOG(), HOG(variant="cs231n"), HOG(variant="uoctti"), RawPixels(), ColorHistogram(), LBP()]
)
def test_cost_grows_with_the_number_of_images(extractor: Any) -> None:
    one, seven = extractor.cost(1, (16, 16, 3)), extractor.cost(7, (16, 16, 3))
    assert seven == Cost(7 * one.operations, 7 * one.bytes)
    assert one.bytes > 0
    assert extractor.cost(0, (16, 16, 3)) == Cost(0, 0)


def test_what_nobody_has_counted_is_none() -> None:
    assert SIFT().cost(1, (16, 16, 3)) is None
