"""Files become what the model was trained on: size, colour or grey, upright."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from featbench.model.pixels import Pixels


@pytest.mark.parametrize("shape", [(8, 8, 3), (8, 8), (6, 9, 3), (6, 9)])
def test_an_image_of_the_right_size_stays_as_it_is(tmp_path, rng, shape):
    image = rng.integers(0, 256, shape, dtype=np.uint8)
    Image.fromarray(image).save(tmp_path / "a.png")
    images, problems = Pixels(shape).read([tmp_path / "a.png"])
    assert not problems
    np.testing.assert_array_equal(images, image[None])


def test_colour_becomes_grey_by_pillow_s_weights_and_grey_becomes_colour(tmp_path, rng):
    colour = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(colour).save(tmp_path / "colour.png")
    grey, _ = Pixels((8, 8)).read([tmp_path / "colour.png"])
    expected = colour @ np.array([0.299, 0.587, 0.114])
    assert np.abs(grey[0] - expected).max() <= 1  # rounding
    Image.fromarray(grey[0]).save(tmp_path / "grey.png")
    back, _ = Pixels((8, 8, 3)).read([tmp_path / "grey.png"])
    np.testing.assert_array_equal(back[0], np.repeat(grey[0][..., None], 3, axis=2))


def test_resizing_is_that_of_the_folder_data_set(tmp_path, rng):
    from featbench.datasets.decode import decode

    Image.fromarray(rng.integers(0, 256, (30, 50, 3), dtype=np.uint8)).save(tmp_path / "a.png")
    for resize in ("squash", "crop", "pad"):
        images, _ = Pixels((16, 16, 3), resize).read([tmp_path / "a.png"])
        np.testing.assert_array_equal(images[0], decode(tmp_path / "a.png", 16, resize, 10**6))
    wide, _ = Pixels((10, 25, 3)).read([tmp_path / "a.png"])
    assert wide.shape == (1, 10, 25, 3)


def test_what_cannot_be_read_is_told_and_the_others_read(tmp_path):
    Image.new("RGB", (9, 9), "red").save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"no image")
    paths = [tmp_path / "b.png", tmp_path / "a.png", tmp_path / "c.png"]
    images, problems = Pixels((4, 4, 3)).read(paths)
    assert images.tolist() == [[[[255, 0, 0]] * 4] * 4]
    assert sorted(problems) == [0, 2]
    assert "it is not there" in problems[2]
    assert Pixels((4, 4, 3), max_pixels=80).read(paths)[0].shape == (0, 4, 4, 3)
