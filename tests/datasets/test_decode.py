"""Image files of every kind become upright RGB squares, or are named with the reason."""

import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from featbench.datasets import decode as module
from featbench.datasets.decode import MAX_PIXELS, FileImages, count_pixels, decode, decode_files
from featbench.errors import DataError
from featbench.numerics.area import area_resize

SIZE = 16
MOST = 10**6

# An upright picture: red above left, green above right, blue below left, grey below right.
QUARTERS = np.zeros((32, 32, 3), dtype=np.uint8)
QUARTERS[:16, :16] = 200, 0, 0
QUARTERS[:16, 16:] = 0, 150, 0
QUARTERS[16:, :16] = 0, 0, 250
QUARTERS[16:, 16:] = 90, 90, 90
CENTRES = (slice(4, 16, 8), slice(4, 16, 8))  # of the quarters, after decoding to 16 × 16

# A JPEG of quality 95 moves a level by a few, and its colours are stored at half the resolution.
JPEG_ERROR = 12


def colours(path, **parameters):
    arguments = {"size": SIZE, "resize": "squash", "max_pixels": MOST, **parameters}
    return decode(path, **arguments)[CENTRES].reshape(4, 3).astype(int)


def expected(array=QUARTERS):
    return array[8::16, 8::16].reshape(4, 3).astype(int)


@pytest.mark.parametrize(
    ("suffix", "error"),
    [("png", 0), ("bmp", 0), ("tif", 0), ("ppm", 0), ("webp", 0), ("jpg", JPEG_ERROR), ("gif", 0)],
)
def test_formats(tmp_path, suffix, error):
    path = tmp_path / f"x.{suffix}"
    Image.fromarray(QUARTERS).save(path, **({"lossless": True} if suffix == "webp" else {"quality": 95}))
    np.testing.assert_allclose(colours(path), expected(), atol=error)
    assert decode(path, SIZE, "squash", MOST).shape == (SIZE, SIZE, 3)
    assert decode(path, SIZE, "squash", MOST).dtype == np.uint8


def test_the_suffix_decides_nothing(tmp_path):
    path = tmp_path / "x.jpg"
    Image.fromarray(QUARTERS).save(path, "PNG")
    assert (colours(path) == expected()).all()


def test_the_picture_of_a_telephone_with_two_in_it(tmp_path):
    path = tmp_path / "x.jpg"
    second = Image.fromarray(255 - QUARTERS)
    Image.fromarray(QUARTERS).save(path, "MPO", save_all=True, append_images=[second], quality=95)
    with Image.open(path) as image:
        assert image.format == "MPO"
    np.testing.assert_allclose(colours(path), expected(), atol=JPEG_ERROR)


GREY = QUARTERS[..., 0]


@pytest.mark.parametrize(
    ("suffix", "mode"),
    [
        *((suffix, mode) for suffix in ("png", "tif") for mode in ("L", "1", "P", "I;16", "LA", "RGBA")),
        ("tif", "I"),
    ],
)
def test_modes(tmp_path, mode, suffix):
    path = tmp_path / f"x.{suffix}"
    wanted = np.repeat(GREY[..., None], 3, axis=2)
    if mode in ("I;16", "I"):
        # 16 bits: the upper 8 count, whatever the lower are.
        Image.fromarray(GREY.astype("<u2" if mode == "I;16" else "<i4") * 256 + 77).save(path)
    elif mode == "1":
        wanted = np.where(wanted > 127, 255, 0)
        Image.fromarray(GREY > 127).save(path)
    elif mode in ("RGBA", "LA"):
        wanted = QUARTERS.astype(float) if mode == "RGBA" else wanted.astype(float)
        alpha = np.full(GREY.shape, 255, np.uint8)
        alpha[:16, 16:], alpha[16:, 16:] = 0, 51
        # Transparent is white; a fifth of opacity is a fifth of the colour and four of white.
        weight = alpha[..., None] / 255
        wanted = wanted * weight + 255 * (1 - weight)
        Image.fromarray(np.dstack([QUARTERS if mode == "RGBA" else GREY, alpha])).save(path)
    else:
        Image.fromarray(GREY).convert(mode).save(path)
    # One level, as alpha is blended in integers.
    np.testing.assert_allclose(colours(path), expected(wanted), atol=1)


@pytest.mark.parametrize("suffix", ["png", "gif"])
def test_a_transparent_colour_is_white(tmp_path, suffix):
    path = tmp_path / f"x.{suffix}"
    picture = Image.fromarray(QUARTERS).quantize(8)
    red = picture.getpixel((0, 0))
    picture.save(path, transparency=red)
    wanted = QUARTERS.copy()
    wanted[:16, :16] = 255
    np.testing.assert_allclose(colours(path), expected(wanted), atol=1)


def test_sixteen_bits_of_colour(tmp_path):
    """Written by hand, as Pillow writes none."""
    pixels = (QUARTERS.astype(int) * 256 + 200).astype(">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)

    def chunk(kind, content):
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = struct.pack(">IIBBBBB", 32, 32, 16, 2, 0, 0, 0)
    path = tmp_path / "x.png"
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
    # One level, as decoders round 16 bits to 8 or cut them.
    np.testing.assert_allclose(colours(path), expected(), atol=1)


def test_cmyk(tmp_path):
    path = tmp_path / "x.jpg"
    Image.fromarray(QUARTERS).convert("CMYK").save(path, quality=95)
    np.testing.assert_allclose(colours(path), expected(), atol=JPEG_ERROR)


# How a picture is turned before it is stored, so that EXIF's orientation turns it back.
TURNS = {
    1: lambda a: a, 2: lambda a: a[:, ::-1], 3: lambda a: a[::-1, ::-1], 4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1), 6: lambda a: np.rot90(a, 1), 7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
    8: lambda a: np.rot90(a, -1),
}  # fmt: skip


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("orientation", TURNS)
def test_exif_orientation(tmp_path, orientation, suffix):
    path = tmp_path / f"x.{suffix}"
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(TURNS[orientation](QUARTERS))).save(path, exif=exif, quality=95)
    np.testing.assert_allclose(colours(path), expected(), atol=JPEG_ERROR)


def test_large_jpegs_are_decoded_at_a_fraction(tmp_path, monkeypatch):
    path = tmp_path / "x.jpg"
    Image.fromarray(QUARTERS.repeat(20, 0).repeat(20, 1)).save(path, quality=95)
    asked = []
    to_rgb = module.to_rgb
    monkeypatch.setattr(module, "to_rgb", lambda image: asked.append(image.size) or to_rgb(image))
    np.testing.assert_allclose(colours(path), expected(), atol=JPEG_ERROR)
    assert asked == [(80, 80)], "640 pixels, at an eighth"


def wide(tmp_path):
    """32 high, 96 wide: a red third, a green one, a blue one."""
    picture = np.zeros((32, 96, 3), np.uint8)
    for third in range(3):
        picture[:, 32 * third : 32 * (third + 1), third] = 255
    path = tmp_path / "wide.png"
    Image.fromarray(picture).save(path)
    return path


def test_squash_crop_pad(tmp_path):
    path = wide(tmp_path)
    squashed = decode(path, 12, "squash", MOST)
    assert squashed[6, [1, 6, 10]].tolist() == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]
    cropped = decode(path, 12, "crop", MOST)
    assert (cropped[:, 1:-1] == [0, 255, 0]).all()
    padded = decode(path, 12, "pad", MOST)
    assert (padded[[0, 3, 8, 11]] == 0).all(), "4 of 12 rows are the picture"
    assert padded[6, [1, 6, 10]].tolist() == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]


def save(tmp_path, pixels):
    Image.fromarray(pixels).save(tmp_path / "x.png")
    return tmp_path / "x.png"


@pytest.mark.parametrize(("height", "width"), [(32, 32), (47, 61), (61, 46), (16, 33), (16, 16)])
def test_reduced_pixels_are_means_of_the_area(tmp_path, rng, height, width):
    pixels = rng.integers(0, 256, (height, width, 3)).astype(np.uint8)
    path = save(tmp_path, pixels)
    np.testing.assert_array_equal(decode(path, 16, "squash", MOST), area_resize(pixels[None], 16, 16)[0])
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    middle = pixels[None, top : top + side, left : left + side]
    np.testing.assert_array_equal(decode(path, 16, "crop", MOST), area_resize(middle, 16, 16)[0])


@pytest.mark.parametrize(("height", "width", "rows"), [(40, 80, slice(4, 12)), (31, 80, slice(5, 11))])
def test_padded_means(tmp_path, rng, height, width, rows):
    """40 : 80 fits in 8 : 16; 31 : 80, which would be 6.2, in 6 : 16."""
    pixels = rng.integers(1, 256, (height, width, 3)).astype(np.uint8)
    padded = decode(save(tmp_path, pixels), 16, "pad", MOST)
    inner = area_resize(pixels[None], rows.stop - rows.start, 16)[0]
    np.testing.assert_array_equal(padded[rows], inner)
    assert padded.sum() == inner.sum()


@pytest.mark.parametrize("shape", [(8, 8), (8, 40), (40, 8)])
def test_where_an_axis_is_enlarged_pixels_are_interpolated(tmp_path, shape):
    ramp = np.linspace(0, 252, 8).astype(np.uint8)
    pixels = np.broadcast_to(ramp[:, None] if shape[0] == 8 else ramp, shape)
    image = decode(save(tmp_path, np.repeat(pixels[..., None], 3, axis=2)), 16, "squash", MOST)
    line = image[:, 0, 0] if shape[0] == 8 else image[0, :, 0]
    # Bilinear: a quarter and three quarters of neighbours 36 apart; a mean would repeat each twice.
    assert line.tolist() == [0, *(9 + 18 * step for step in range(14)), 252]


def test_enormous_images_are_reduced_in_two_steps(tmp_path, rng, monkeypatch):
    pixels = rng.integers(0, 256, (150, 330, 3)).astype(np.uint8)
    path = save(tmp_path, pixels)
    exact = decode(path, 64, "squash", MOST)
    reduced = []
    reduce = Image.Image.reduce
    monkeypatch.setattr(
        Image.Image, "reduce", lambda image, factor: reduced.append(factor) or reduce(image, factor)
    )
    monkeypatch.setattr(module, "_MOST_COPIED", 150 * 330)
    np.testing.assert_array_equal(decode(path, 64, "squash", MOST), exact)
    assert reduced == []
    monkeypatch.setattr(module, "_MOST_COPIED", 150 * 330 // 5)
    two_steps = decode(path, 64, "squash", MOST)
    assert reduced == [(3, 2)], "3 along columns would leave fewer than 64"
    means = np.asarray(reduce(Image.fromarray(pixels), (3, 2)))
    # Pillow multiplies by a reciprocal of few bits instead of dividing.
    np.testing.assert_allclose(means, pixels.reshape(75, 2, 110, 3, 3).mean(axis=(1, 3)), atol=1)
    np.testing.assert_array_equal(two_steps, area_resize(means[None], 64, 64)[0])


@pytest.mark.parametrize("resize", ["squash", "crop", "pad"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 2000), (2000, 1), (7, 5)])
def test_any_proportions(tmp_path, resize, shape):
    path = tmp_path / "x.png"
    Image.fromarray(np.full((*shape, 3), 77, np.uint8)).save(path)
    image = decode(path, 8, resize, MOST)
    assert image.shape == (8, 8, 3)
    assert image.max() == 77


def make(tmp_path, fault):
    """Write a file with a fault, and return its path."""
    path = tmp_path / "x.png"
    if fault in ("truncated", "empty", "garbage"):
        rng = np.random.default_rng(0)
        Image.fromarray(rng.integers(0, 256, (64, 64, 3)).astype(np.uint8)).save(path)
        content = path.read_bytes()
        path.write_bytes(
            {
                "truncated": content[: len(content) // 2],
                "empty": b"",
                "garbage": b"\x89PNG\r\n\x1a\n" + bytes(99),
            }[fault]
        )
    elif fault == "truncated jpeg":
        path = tmp_path / "x.jpg"
        Image.fromarray(QUARTERS.repeat(8, 0).repeat(8, 1)).save(path)
        path.write_bytes(path.read_bytes()[:-700])
    elif fault == "text":
        path.write_text("<html>404</html>")
    elif fault == "postscript":
        path.write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n")
    elif fault == "floats":
        path = tmp_path / "x.tif"
        Image.fromarray(np.zeros((9, 9), np.float32)).save(path)
    elif fault == "32 bits":
        path = tmp_path / "x.tif"
        Image.fromarray(np.full((9, 9), 70_000, np.int32)).save(path)
    elif fault == "folder":
        path.mkdir()
    elif fault == "pipe":
        os.mkfifo(path)
    elif fault == "link to itself":
        path.symlink_to(path)
    elif fault == "link to nothing":
        path.symlink_to(tmp_path / "nothing")
    return path


FAULTS = {
    "truncated": "truncated", "truncated jpeg": "truncated", "empty": "cannot identify image file",
    "garbage": "", "text": "cannot identify image file$",
    "postscript": "cannot identify", "floats": "its pixels are floats, whose black and white are not known; save it with 8 or 16 bits",
    "32 bits": "its pixels are integers beyond 16 bits", "folder": "it is no plain file", "pipe": "it is no plain file",
    "missing": "it is not there", "link to itself": "it is not there", "link to nothing": "it is not there",
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_what_cannot_be_decoded_is_named_with_the_reason(tmp_path, fault):
    path = make(tmp_path, fault)
    with pytest.raises(DataError, match=f": cannot be read as an image: .*({FAULTS[fault]})") as caught:
        decode(path, SIZE, "squash", MOST)
    assert str(caught.value).startswith(f"{path}: ")
    assert str(caught.value).count(str(tmp_path)) == 1


def bomb(path, side):
    """A PNG header that claims side × side pixels, and no pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(b"\0" * 1000)
    chunks = [
        struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in (header, data, b"IEND")
    ]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))


@pytest.mark.parametrize(
    ("side", "reason"),
    [(1001, "it has 1001 × 1001 pixels, and max_pixels allows 1,000,000"),
     (12_000, "it has 12000 × 12000 pixels, and max_pixels"),
     (60_000, "it has more pixels than any image should have; max_pixels allows 1,000,000")],
)  # fmt: skip
def test_an_enormous_image_is_refused_before_its_pixels_are_read(tmp_path, monkeypatch, side, reason):
    bomb(tmp_path / "x.png", side)
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda self: pytest.fail("the pixels were read"))
    assert reason in decode_files([tmp_path / "x.png"], SIZE, "squash", MOST)[0]


@pytest.mark.parametrize("threads", ["1", "2"])
def test_many_files_in_order(tmp_path, monkeypatch, threads):
    monkeypatch.setenv("FEATBENCH_NUM_THREADS", threads)
    paths = []
    for number in range(25):
        paths.append(tmp_path / f"{number}.png")
        Image.fromarray(np.full((9, 9), number, np.uint8)).save(paths[-1])
    paths[7].write_bytes(b"")
    paths[20].unlink()
    out = np.full((25, 8, 8, 3), 99, np.uint8)
    problems = decode_files(paths, 8, "squash", MOST, out)
    assert list(problems) == [7, 20]
    assert problems[20] == f"{paths[20]}: cannot be read as an image: it is not there"
    assert out[:, 0, 0, 0].tolist() == [99 if n in problems else n for n in range(25)]
    assert decode_files(paths, 8, "squash", MOST) == problems


def test_images_that_stay_in_their_files(tmp_path):
    paths = []
    for number in range(5):
        paths.append(tmp_path / f"{number}.png")
        Image.fromarray(np.full((9, 9), number, np.uint8)).save(paths[-1])
    images = FileImages(paths, 8, "squash", MOST)
    assert (len(images), images.image_shape) == (5, (8, 8, 3))
    assert images.read(np.array([4, 0, 4]))[:, 0, 0, 0].tolist() == [4, 0, 4]
    assert images.read(np.array([], dtype=np.int64)).shape == (0, 8, 8, 3)
    paths[3].unlink()
    with pytest.raises(
        DataError, match="3.png: cannot be read .*it is not there. It could be when the data set was loaded"
    ):
        images.read(np.array([0, 3]))


def test_without_a_size_an_image_keeps_its_own(tmp_path):
    wide = np.random.default_rng(0).integers(0, 256, (20, 31, 3), dtype=np.uint8)
    Image.fromarray(wide).save(tmp_path / "wide.png")
    Image.fromarray(wide[:9, :7]).save(tmp_path / "small.png")
    paths = [tmp_path / "wide.png", tmp_path / "missing.png", tmp_path / "small.png"]
    out = [np.zeros((0, 0, 3), np.uint8)] * 3
    problems = decode_files(paths, None, "squash", MAX_PIXELS, out)
    np.testing.assert_array_equal(out[0], wide)
    np.testing.assert_array_equal(out[2], wide[:9, :7])
    assert list(problems) == [1]
    assert out[1].size == 0
    assert [count_pixels(path) for path in paths] == [620, 0, 63]
