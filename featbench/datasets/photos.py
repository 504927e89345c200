"""Ten photographs that scikit-image and scikit-learn carry, cut into 6,000 crops."""

from __future__ import annotations

import hashlib
import importlib.util
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from featbench.errors import DataError, Shown, must_be
from featbench.imagesets import Dataset, DatasetLoader, ImageSet
from featbench.types import ImageArray, Indices

__all__ = ["PHOTOGRAPHS", "Photograph", "Photos"]


@dataclass(frozen=True)
class Photograph:
    """One of the photographs.

    Attributes
    ----------
    name : str
        Of the class.
    package, distribution : str
        Who carries it.
    file : str
        Path inside the package.
    sha256 : str
        Of the file.
    box : tuple of int or None
        Left, upper, right and lower edge of the part that is used, in pixels; None is the whole.
    """

    name: str
    package: str
    distribution: str
    file: str
    sha256: str
    box: tuple[int, int, int, int] | None = None


def _of_skimage(
    name: str, file: str, sha256: str, box: tuple[int, int, int, int] | None = None
) -> Photograph:
    return Photograph(name, "skimage", "scikit-image", f"data/{file}", sha256, box)


def _of_sklearn(name: str, file: str, sha256: str) -> Photograph:
    return Photograph(name, "sklearn", "scikit-learn", f"datasets/images/{file}", sha256)


PHOTOGRAPHS = (
    _of_skimage(
        "astronaut", "astronaut.png", "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5"
    ),
    _of_skimage("cat", "chelsea.png", "596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb"),
    _of_skimage("coffee", "coffee.png", "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7"),
    _of_skimage(
        "galaxies",
        "hubble_deep_field.jpg",
        "3a19c5dd8a927a9334bb1229a6d63711b1c0c767fb27e2286e7c84a3e2c2f5f4",
    ),
    _of_skimage("tissue", "ihc.png", "f8dd1aa387ddd1f49d8ad13b50921b237df8e9b262606d258770687b0ef93cef"),
    # The square inside the round picture: its black corners would be the same in every block.
    _of_skimage(
        "retina",
        "retina.jpg",
        "38a07f36f27f095e818aea7b96d34202c05176d30253c66733f2e00379e9e0e6",
        (207, 207, 1204, 1204),
    ),
    _of_skimage("rocket", "rocket.jpg", "c2dd0de7c538df8d111e479619b129464d0269d0ae5fd18ca91d33a7fdfea95c"),
    # The right-hand picture of this stereo pair shows the same scene, and is left out.
    _of_skimage(
        "motorcycle",
        "motorcycle_left.png",
        "db18e9c4157617403c3537a6ba355dfeafe9a7eabb6b9b94cb33f6525dd49179",
    ),
    _of_sklearn("pagoda", "china.jpg", "8378025ad2519d649d02e32bd98990db4ab572357d9f09841c2fbfbb4fefad29"),
    _of_sklearn("dahlia", "flower.jpg", "a77f6ec41e353afdf8bdff2ea981b2955535d8d83294f8cfa49cf4e423dd5638"),
)

SIDE = 32  # of a crop, pixels
COLUMNS, ROWS = 10, 6  # of blocks
TEST_EVERY = 6  # blocks of a row; each row begins one further, so that test blocks touch at corners alone
CROPS = 10  # from each block
SMALLEST = 0.75  # side of a crop, as a share of the block's shorter side
_SEED = 3


@dataclass(kw_only=True, eq=False, repr=False)
class Photos(DatasetLoader):
    """Ten classes of 32 × 32 colour crops, each class one photograph; nothing to download.

    Each photograph is divided into a grid of 10 × 6 blocks that share no pixel. Ten square crops come from
    each block, at random places, their side three quarters to the whole of the block's shorter side (33 to
    145 pixels), reduced to 32 × 32, half of them mirrored. Every sixth block, along diagonals, is a test
    block: 5,000 training and 1,000 test images, the same for every seed. The block is the crop's group: crops of
    one block overlap, and folds and intervals keep them together.

    It is real texture, colour and shape, with a split that does not leak, for trying things out at once. It
    is not a test of recognising objects: the training blocks of a photograph surround its test blocks, so
    that colour alone goes far, and ten photographs stand for nothing but themselves.

    References
    ----------
    Photographs of scikit-image: E. Collins and the deep field by NASA, the rocket by SpaceX (public domain);
    the cat by S. van der Walt, the coffee by R. Michetti, the retina by M. Häggström,
    https://doi.org/10.15347/wjm/2014.008 (CC0); tissue by the CMMI (no known restrictions); the motorcycle
    by D. Scharstein et al., High-Resolution Stereo Datasets with Subpixel-Accurate Ground Truth, GCPR 2014,
    https://doi.org/10.1007/978-3-319-11752-2_3. Of scikit-learn: the pagoda by danielbuechele, the dahlia by
    vultilion (CC BY 2.0).
    """

    def load(self, seed: int = 0) -> Dataset:  # noqa: ARG002 - the split is the data set's own
        """Cut the crops, the same for every seed."""
        crops = [_cut(photograph, number) for number, photograph in enumerate(PHOTOGRAPHS)]
        images = np.concatenate(crops)
        n_blocks = COLUMNS * ROWS
        groups = np.arange(len(PHOTOGRAPHS) * n_blocks, dtype=np.int64).repeat(CROPS)
        labels, blocks = np.divmod(groups, n_blocks)
        in_test = (blocks % COLUMNS - blocks // COLUMNS) % TEST_EVERY == 0
        # In a drawn order, so that the first n images are a fair part of all.
        order = _stream(len(PHOTOGRAPHS))
        train, test = (order.permutation(np.flatnonzero(rows)) for rows in (~in_test, in_test))

        def part(rows: Indices) -> ImageSet:
            return ImageSet(images[rows], labels[rows], groups[rows])

        return Dataset(
            name="photos",
            classes=tuple(photograph.name for photograph in PHOTOGRAPHS),
            train=part(train),
            test=part(test),
            official_split=True,
            shareable=True,
            source="crops of ten photographs that scikit-image and scikit-learn carry (`featbench info photos`)",
        )


def _stream(number: int) -> np.random.RandomState:
    """Return a generator whose numbers NumPy has promised never to change (NEP 19)."""
    return np.random.RandomState([_SEED, number])


def _cut(photograph: Photograph, number: int) -> ImageArray:
    """Cut one photograph's crops, ``uint8 (600, 32, 32, 3)``, block after block, row after row."""
    picture = _read(photograph)
    if photograph.box:
        picture = picture.crop(photograph.box)
    random = _stream(number).randint
    width, height = picture.width // COLUMNS, picture.height // ROWS
    longest = min(width, height)
    crops = np.empty((COLUMNS * ROWS * CROPS, SIDE, SIDE, 3), dtype=np.uint8)
    for index in range(len(crops)):
        row, column = divmod(index // CROPS, COLUMNS)
        side = int(random(int(SMALLEST * longest), longest + 1))
        left = column * width + int(random(width - side + 1))
        upper = row * height + int(random(height - side + 1))
        # Cropped first: `resize` with a box would blend in pixels from around it, of another block.
        square = picture.crop((left, upper, left + side, upper + side))
        crop = np.asarray(square.resize((SIDE, SIDE), Image.Resampling.BICUBIC))
        crops[index] = crop[:, ::-1] if random(2) else crop
    return crops


def _read(photograph: Photograph) -> Image.Image:
    """Read a photograph out of the package that carries it, if it is the one that is meant."""
    spec = importlib.util.find_spec(photograph.package)
    path = Path(spec.origin or "").parent / photograph.file if spec else Path(photograph.file)
    remedy = (
        f"Reinstall it: pip install --force-reinstall {photograph.distribution}. If the newest version no "
        "longer carries the file, install an older one: constraints.txt names one that does."
    )
    what = f"{photograph.file} of {photograph.distribution}"
    try:
        content = path.read_bytes()
    except OSError as error:
        got = Shown(f"{path} ({error.strerror})")
        raise DataError(must_be("photos", what, "a file that can be read", got, remedy)) from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != photograph.sha256:
        wanted = f"the file with SHA-256 {photograph.sha256[:16]}…"
        got = Shown(f"{digest[:16]}… in {path}")
        raise DataError(must_be("photos", what, wanted, got, remedy))
    with Image.open(io.BytesIO(content)) as picture:
        return picture.convert("RGB")
