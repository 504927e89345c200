"""What is refused, in which words; and a remedy, carried out, makes a batch of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from featbench.errors import InputError
from featbench.images import check_images, check_sizes

torch = pytest.importorskip("torch")

COLOUR, GREY = (
    (np.arange(2 * 8 * 9 * 3).reshape(2, 8, 9, 3) % 256).astype(np.uint8),
    np.zeros((2, 8, 9), np.uint8),
)


def refusal(images: Any) -> str:
    with pytest.raises(InputError) as caught:
        check_images(images, "HOG")
    return str(caught.value)


def objects(*images: Any) -> np.ndarray:
    array = np.empty(len(images), dtype=object)
    array[:] = images
    return array


@pytest.mark.parametrize(
    ("images", "remedy"),
    [
        (COLOUR / 255, "(images * 255).round().astype(numpy.uint8)"),
        (COLOUR.astype(np.float32), "images.astype(numpy.uint8)"),
        (COLOUR.astype(np.int64), "images.astype(numpy.uint8)"),
        (COLOUR.astype(object), "images.astype(numpy.uint8)"),
        (COLOUR.astype(np.uint16) << 8, "(images >> 8).astype(numpy.uint8)"),
        (COLOUR.transpose(0, 3, 1, 2), "images.transpose(0, 2, 3, 1)"),
        (torch.tensor(COLOUR), "images.detach().cpu().numpy()"),
        (torch.tensor(COLOUR).permute(0, 3, 1, 2), "images.permute(0, 2, 3, 1).detach().cpu().numpy()"),
        (np.concatenate([COLOUR, COLOUR[..., :1]], axis=3), "images[..., :3]"),
        (COLOUR.reshape(1, *COLOUR.shape), "images.reshape(-1, *images.shape[-3:])"),
        (objects(*COLOUR), "numpy.stack(images)"),
        (np.ma.masked_array(COLOUR), None),
    ],
)
def test_the_remedy_works(images: Any, remedy: str | None) -> None:
    message = refusal(images)
    if remedy is None:
        remedy = "images.filled(0)"
    assert remedy in message
    np.testing.assert_array_equal(check_images(eval(remedy, {"images": images, "numpy": np}), "x"), COLOUR)


@pytest.mark.parametrize(
    ("images", "remedy"),
    [
        (GREY[..., None], "images[..., 0]"),
        (GREY[:, None], "images[:, 0]"),
        (GREY != 0, "(images * 255).astype(numpy.uint8)"),
    ],
)
def test_the_remedy_works_on_grey_images(images: Any, remedy: str) -> None:
    assert remedy in refusal(images)
    np.testing.assert_array_equal(check_images(eval(remedy, {"images": images, "numpy": np}), "x"), GREY)


@pytest.mark.parametrize(
    ("image", "remedy"),
    [
        (COLOUR[0].transpose(2, 0, 1), "image.transpose(1, 2, 0)"),
        (np.dstack([COLOUR[0], GREY[0]]), "image[..., :3]"),
        (torch.tensor(COLOUR[0], dtype=torch.float32, requires_grad=True), "image.detach().cpu().numpy()"),
        (COLOUR[0].astype(float), "image.astype(numpy.uint8)"),
        (np.ma.masked_array(COLOUR[0]), "image.filled(0)"),
    ],
)
def test_the_remedy_works_on_an_image_of_a_list(image: Any, remedy: str) -> None:
    message = refusal([COLOUR[1], image])
    assert message.startswith("HOG: image 1 must be ")
    assert remedy in message
    mended = eval(remedy, {"image": image, "numpy": np})
    if mended.dtype != np.uint8:
        mended = mended.astype(np.uint8)  # which the next message says
    np.testing.assert_array_equal(check_images([mended], "x")[0], COLOUR[0])  # type: ignore[index]


LOAD = "Load the images first (`featbench extract` reads files)."


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (GREY[0], "got (8, 9). A single grey image goes in as image[None]."),
        (COLOUR[0], "got (8, 9, 3). A single colour image goes in as image[None]."),
        (
            COLOUR.reshape(2, -1),
            "Rows of pixels get their height and width back with images.reshape(n, h, w, 3).",
        ),
        (GREY[0, 0], "of shape (n, h, w, 3) or (n, h, w); got (9,)."),
        (np.zeros((2, 8, 9, 2), np.uint8), "of shape (n, h, w, 3) or (n, h, w); got (2, 8, 9, 2)."),
        (COLOUR[:, :0], "at least one pixel high and wide; got (2, 0, 9, 3)."),
        (
            COLOUR - 2.5,
            "Only floats in [0, 1] have an obvious meaning: undo what normalised these, and round.",
        ),
        (np.array([[[0.5, np.nan, np.inf]]]), "2 of the values are not finite: mend those first."),
        (np.full((1, 2, 2), 300), "Turn the pixels into 0 to 255 and images.astype(numpy.uint8)."),
        ("a.png", f"got 'a.png'. {LOAD}"),
        (Path("a.png"), LOAD),
        (["a.png"], f"image 0 must be a NumPy array; got 'a.png'. {LOAD}"),
        (np.array(["a.png"]), LOAD),
        (np.array(["a.png"], dtype=object), LOAD),
        ((image for image in COLOUR), "got <class 'generator'>. Collect what it yields: list(images)."),
        (Image.new("RGB", (4, 4)), "Hand over numpy.asarray(images)."),
        ({}, "an ImageSource; got <class 'dict'>."),
        ([COLOUR[0], None], "image 1 must be a NumPy array; got None."),
        ([COLOUR[0], 5], "image 1 must be a NumPy array; got <class 'int'>."),
        ([[[1, 2], [3]]], "image 0 must be a NumPy array; got <class 'list'>."),
        (
            [COLOUR],
            "of shape (h, w, 3) or (h, w); got (2, 8, 9, 3). Batches are joined with numpy.concatenate",
        ),
        ([COLOUR[0], GREY[0]], "all in colour or all grey; got both. Turn the grey ones into colour"),
        ([], "one or more in a list; got an empty list. Pass an array of shape (0, h, w, 3)."),
    ],
)
def test_what_came_and_what_to_do(images: Any, message: str) -> None:
    assert message in refusal(images)


@pytest.mark.parametrize("images", [GREY[0, 0], COLOUR.reshape(2, -1), COLOUR[None, None], COLOUR[..., :2]])
def test_nothing_is_said_of_alpha_where_there_are_not_four_channels(images: Any) -> None:
    assert "alpha" not in refusal(images)


def test_an_object_array_of_differing_sizes_is_a_list_only_where_sizes_may_differ() -> None:
    images = objects(COLOUR[0], COLOUR[0, 1:])
    assert "Resize the images to one size, then numpy.stack(images)." in refusal(images)
    with pytest.raises(InputError, match=r"an object array \(2,\)\. Take list\(images\)\."):
        check_sizes(images, "SIFT")
    assert len(check_sizes(list(images), "SIFT")) == 2


def test_images_of_other_libraries_in_a_list_are_taken() -> None:
    picture = Image.fromarray(COLOUR[0])
    np.testing.assert_array_equal(check_images([picture, torch.tensor(COLOUR[1])], "x"), COLOUR)
