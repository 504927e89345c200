"""What training makes of images on a device, pixel by pixel."""

import dataclasses

import numpy as np
import torch

from featbench.images import _shifted
from featbench.networks.augmenting import DeviceImages, normalized
from featbench.networks.recipe import Recipe

ROUNDING = 1e-6  # of one division in float32, of values up to some 2
PLAIN = Recipe(flip="none", crop=0, cutout=0)
MEAN, STD = np.array([100, 120, 140], np.float32), np.array([50, 60, 70], np.float32)


def device_images(images, **changed):
    recipe = dataclasses.replace(PLAIN, **changed)
    return DeviceImages(images, MEAN, STD, recipe, "cpu", torch.Generator().manual_seed(0))


def pixels_of(batch):
    """Undo the normalisation: bytes (n, h, w, c)."""
    return np.rint(batch.permute(0, 2, 3, 1).numpy() * STD + MEAN).astype(np.uint8)


def some(rng, n=40):
    return rng.integers(0, 256, (n, 9, 6, 3), dtype=np.uint8)


def test_images_are_normalised_and_lie_channels_last(rng):
    images = some(rng)
    batch = device_images(images).batch(torch.tensor([3, 1]), 0)
    expected = ((images[[3, 1]] - MEAN) / STD).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(batch.numpy(), expected, rtol=ROUNDING, atol=ROUNDING)
    assert batch.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(batch, normalized(torch.tensor(images[[3, 1]]), *map(torch.tensor, (MEAN, STD))))


def test_crops_are_parts_of_the_reflected_image(rng):
    images = some(rng, 60)
    made = pixels_of(device_images(images, crop=4).batch(torch.arange(60), 0))
    seen = set()
    for image, crop in zip(images, made, strict=True):
        candidates = {
            (y, x): _shifted(image[None], np.array([[y, x]]))[0] for y in range(9) for x in range(9)
        }
        places = [place for place, candidate in candidates.items() if np.array_equal(candidate, crop)]
        assert places
        seen.add(places[0])
    assert len(seen) > 30, "offsets are drawn for each image"


def test_alternating_flips_show_each_image_both_ways_in_two_epochs(rng):
    images, rows = some(rng), torch.arange(40)
    data = device_images(images, flip="alternating")
    first, second, third = (pixels_of(data.batch(rows, epoch)) for epoch in range(3))
    mirrored = [np.array_equal(made, image[:, ::-1]) for made, image in zip(first, images, strict=True)]
    assert 5 < sum(mirrored) < 35
    np.testing.assert_array_equal(second, first[:, :, ::-1])
    np.testing.assert_array_equal(third, first)


def test_random_flips_are_drawn_anew(rng):
    images, rows = some(rng), torch.arange(40)
    data = device_images(images, flip="random")
    first, second = (pixels_of(data.batch(rows, 0)) for _ in range(2))
    assert not np.array_equal(first, second)
    for made in (first, second):
        same = [np.array_equal(a, b) for a, b in zip(made, images, strict=True)]
        turned = [np.array_equal(a, b[:, ::-1]) for a, b in zip(made, images, strict=True)]
        assert all(a or b for a, b in zip(same, turned, strict=True))
        assert 5 < sum(turned) < 35


def test_cutout_covers_one_square_by_the_mean_colour(rng):
    images = some(rng)
    made = device_images(images, cutout=4).batch(torch.arange(40), 0).numpy()
    plain = device_images(images).batch(torch.arange(40), 0).numpy()
    corners = set()
    for one, whole in zip(made, plain, strict=True):
        covered = (one != whole).any(axis=0)
        rows, cols = np.nonzero(covered.any(axis=1))[0], np.nonzero(covered.any(axis=0))[0]
        assert (len(rows), len(cols)) == (4, 4)
        assert not one[:, rows[0] : rows[0] + 4, cols[0] : cols[0] + 4].any()
        assert covered.sum() == 16
        corners.add((rows[0], cols[0]))
    assert len(corners) > 5
