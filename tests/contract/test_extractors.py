"""Every registered extractor keeps the laws and is complete; the checker notices who does not."""

import dataclasses
import doctest
import importlib
import itertools
import runpy
from fractions import Fraction
from typing import Annotated

import numpy as np
import pytest
from PIL import Image

import featbench.extractors
from featbench.base import Extractor
from featbench.descriptors import LocalDescriptors
from featbench.docstrings import read_docstring
from featbench.errors import InputError
from featbench.extractors import EXTRACTORS, HOG, HueHistogram
from featbench.images import ImageSource
from featbench.maps import L2, Power
from featbench.numerics.threads import n_threads
from featbench.parameters import Bounds
from featbench.testing import check_extractor
from featbench.testing.case import LAWS

# Grey levels that JPEG at quality 88 changes a pixel of such drawings by, on average; another drawing is far beyond.
JPEG_LOSS = 8

OWN = sorted(name for name, row in EXTRACTORS.rows().items() if row.distribution == "featbench")
# Nothing without a file or another package: their own tests bring those, and hold them to the laws.
WITHOUT = [name for name in OWN if name not in ("onnx", "pretrained")]

# What cannot be made without arguments; parameters beyond the defaults are for the extractor's own tests.
MADE = {
    "concat": lambda cls: cls([HOG(), HueHistogram()]),
    "mapped": lambda cls: cls(HOG(), [Power(), L2()]),
    "bovw": lambda cls: cls(
        codebook={"words": 20}, samples=2000
    ),  # the default learns 1,600 words of far more
    "cnn": lambda cls: cls(epochs=2),
    "autoencoder": lambda cls: cls(epochs=1),
}
WITH_PRODUCTS = {
    "bovw",
    "cnn",
    "random_cnn",
    "autoencoder",
    "gram",
}  # inside which BLAS sums in another order where other rows stand beside an image's


@pytest.mark.parametrize("name", WITHOUT)
def test_every_table_entry_keeps_the_laws(name):
    make = MADE.get(name, lambda cls: cls())
    check_extractor(make(EXTRACTORS.load(name)), exact=name not in WITH_PRODUCTS)


@pytest.mark.parametrize("name", OWN)
def test_every_table_entry_is_complete(name, repository):
    module_name, class_name = EXTRACTORS.rows()[name].target.split(":")
    module = importlib.import_module(module_name)
    cls = getattr(module, class_name)
    assert class_name in module.__all__
    assert class_name in featbench.extractors.__all__
    assert getattr(featbench.extractors, class_name) is cls
    package, file = module_name.split(".")[1:]
    assert (repository / "tests" / package / f"test_{file}.py").is_file()
    documentation = read_docstring(cls)
    parameters = [field.name for field in dataclasses.fields(cls)]
    assert documentation.summary
    assert set(documentation.parameters) == set(parameters)
    assert all(documentation.parameters.values())
    assert doctest.testmod(module).failed == 0


@pytest.fixture
def made(repository):
    return runpy.run_path(str(repository / "docs" / "make_pages.py"))


def test_the_pages_say_what_the_docstrings_say(repository, made):
    index = (repository / "docs" / "extractors.md").read_text(encoding="utf-8")
    assert index == made["make_index"](index), "run: python docs/make_pages.py"
    for name in OWN:
        page = (repository / "docs" / "extractors" / f"{name}.md").read_text(encoding="utf-8")
        assert page == made["make_page"](name), "run: python docs/make_pages.py"


@pytest.mark.parametrize("name", OWN)
def test_the_picture_on_its_page_is_what_an_extractor_draws(name, repository, made):
    if not made["pictures"](name):
        pytest.skip("it draws nothing")
    expected = made["make_picture"](name)
    with Image.open(repository / "docs" / "extractors" / f"{name}.jpg") as file:
        shown = np.asarray(file.convert("RGB"))
    assert shown.shape == expected.shape
    difference = np.abs(shown.astype(int) - expected).mean()
    assert difference < JPEG_LOSS, "run: python docs/make_pages.py"


@dataclasses.dataclass(kw_only=True, eq=False, repr=False)
class Brightness(Extractor):
    """The mean of each image row; sound, for others to break.

    Parameters
    ----------
    gain : float, default=1.0
        Factor.
    """

    gain: Annotated[float, Bounds(gt=0)] = 1.0

    def _n_features(self, shape):
        return shape[0]

    def _extract(self, images):
        means = images.reshape(*images.shape[:2], -1).sum(axis=2, dtype=np.int64)
        return (means * self.gain).astype(np.float32)


class ConvertsInConstructor(Brightness):
    def __init__(self, *, gain=1.5):
        self.gain = float(f"{gain}")


class ForgetsItself(Brightness):
    def fit(self, images, y=None):
        super().fit(images, y)


class NeedsNoFit(Brightness):
    def transform(self, images):
        return self._extract(np.ascontiguousarray(images))


class Doubles(Brightness):
    def _extract(self, images):
        return super()._extract(images).astype(np.float64)


class CentresTheBatch(Brightness):
    def _extract(self, images):
        features = super()._extract(images)
        return features - features.mean(axis=0)


class NeverTheSame(Brightness):
    fits = itertools.count(1)

    def _fit(self, images, y):
        self.factor_ = next(self.fits)

    def _extract(self, images):
        return super()._extract(images) * np.float32(self.factor_)


class NothingIsNarrow(Brightness):
    def transform(self, images):
        features = super().transform(images)
        return features if len(features) else np.empty((0, 1), np.float32)


class Scribbles(Brightness):
    def _extract(self, images):
        features = super()._extract(images)
        images[:, 0] = 0
        return features


class ReadsMemory(Brightness):
    def transform(self, images):
        if isinstance(images, np.ndarray) and images.flags.f_contiguous:
            return super().transform(images)[:, ::-1].copy()
        return super().transform(images)


class AnyShape(Brightness):
    def transform(self, images):
        fitted = hasattr(self, "image_shape_") and len(images)
        return Brightness().fit(images).transform(images) if fitted else super().transform(images)


class AnyInput(Brightness):
    def fit(self, images, y=None):
        return super().fit(
            np.zeros((1, *np.shape(images)[1:3]), np.uint8) if images.dtype == object else images
        )


class CountsThreads(Brightness):
    def _extract(self, images):
        return super()._extract(images) + np.float32(n_threads())


class ForgetsInPickle(Brightness):
    factor = 2

    def _fit(self, images, y):
        self.factor = 3

    def _extract(self, images):
        return super()._extract(images) * np.float32(self.factor)

    def __getstate__(self):
        return {key: value for key, value in super().__getstate__().items() if key != "factor"}


class DisdainsSources(Brightness):
    def transform(self, images):
        features = super().transform(images)
        return features * 0 if isinstance(images, ImageSource) else features


class PeeksAtLabels(Brightness):
    def _fit(self, images, y):
        self.factor_ = 2 if y is None else 3 + y[0]

    def _extract(self, images):
        return super()._extract(images) * np.float32(self.factor_)


class NamesAllAlike(Brightness):
    def _feature_names(self):
        return np.asarray(["brightness"] * self.n_features_out_, dtype=object)


class FloatPictures(Brightness):
    def _pictures(self, images):
        return {"halves": images / 2}


class KeepsWhatCannotBeSaved(Brightness):
    def _fit(self, images, y):
        self.half_ = Fraction(1, 2)


class ReliesOnOneSize(Brightness):
    any_size = True

    def _n_features(self, shape):
        return 1

    def _extract(self, images):
        return np.full((len(images), 1), self.image_shape_[0] or len(images), np.float32)


class DescribesElsewhere(Brightness):
    describes = True

    def _describe(self, images):
        n = len(images)
        places = np.full((n, 2), 1000, np.float32)
        return LocalDescriptors(np.ones((n, 3), np.float32), places, places[:, 0], np.arange(n + 1))


BROKEN = [
    ConvertsInConstructor,
    ForgetsItself,
    NeedsNoFit,
    Doubles,
    CentresTheBatch,
    NeverTheSame,
    NothingIsNarrow,
    Scribbles,
    ReadsMemory,
    AnyShape,
    AnyInput,
    CountsThreads,
    ForgetsInPickle,
    DisdainsSources,
    PeeksAtLabels,
    NamesAllAlike,
    FloatPictures,
    KeepsWhatCannotBeSaved,
    ReliesOnOneSize,
    DescribesElsewhere,
]


def test_a_sound_extractor_passes():
    check_extractor(Brightness(gain=0.5))


@pytest.mark.parametrize(
    ("cls", "law"), list(zip(BROKEN, LAWS, strict=True)), ids=lambda x: getattr(x, "__name__", "")
)
def test_who_breaks_a_law_is_named_with_it(cls, law):
    with pytest.raises(AssertionError) as caught:
        check_extractor(cls())
    assert str(caught.value).startswith(f"{cls.__name__} on images (8, 32, 32, 3): broken law: {law} (")


class DrawsAnything(Brightness):
    def pictures(self, images):
        return {"as they are": np.zeros((len(images), 1, 1), np.uint8)}


class NamesBeforeFit(Brightness):
    def get_feature_names_out(self, input_features=None):
        return np.asarray([f"row {i}" for i in range(getattr(self, "n_features_out_", 0))], dtype=object)


@pytest.mark.parametrize(
    ("cls", "complaint"),
    [
        (DrawsAnything, r"8-bit images is refused .* \(pictures of floats: accepted\)"),
        (NamesBeforeFit, r"before fit .* \(get_feature_names_out returned\)"),
    ],
)
def test_laws_look_at_what_is_offered_as_well(cls, complaint):
    with pytest.raises(AssertionError, match=complaint):
        check_extractor(cls())


def test_a_class_is_no_instance():
    with pytest.raises(InputError, match=r"extractor must be an instance; got .*HOG.*\. Write HOG\(\)\."):
        check_extractor(HOG)


def test_an_extractor_that_supports_nothing_does_not_pass():
    with pytest.raises(
        AssertionError, match="HOG: supports none of the images: HOG: images must be at least"
    ):
        check_extractor(HOG(cell=100))


def test_own_images_may_be_given():
    check_extractor(
        HOG(cell=20), images=np.random.default_rng(1).integers(0, 256, (4, 50, 44, 3)).astype(np.uint8)
    )


class RoundingNoise(Brightness):
    """As a matrix product may: the last bits depend on the batch."""

    def _extract(self, images):
        return super()._extract(images) * np.float32(1 + 1e-7 * len(images))


def test_rounding_is_forgiven_only_where_it_is_announced():
    check_extractor(RoundingNoise(), exact=False)
    with pytest.raises(AssertionError, match="do not depend on the images beside it"):
        check_extractor(RoundingNoise())
    with pytest.raises(AssertionError, match="do not depend on the images beside it"):
        check_extractor(CentresTheBatch(), exact=False)
