"""What extractors whose features are layers of a network have in common."""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
import threading
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakKeyDictionary

import numpy as np
from sklearn.exceptions import NotFittedError

from featbench.base import Extractor
from featbench.base.placement import Placement
from featbench.errors import ConfigError, FeatbenchError, InputError, Shown, must_be
from featbench.images import chunks
from featbench.networks import ARCHITECTURES
from featbench.networks.moments import moments_of
from featbench.networks.recipe import Recipe
from featbench.networks.weights import arrays_of, fingerprint_file, put, read_weights, write_weights
from featbench.numerics.torch_device import place_for
from featbench.types import AnyArray, FeatureMatrix, ImageArray

if TYPE_CHECKING:
    from featbench.networks.reading import LayerReader

__all__ = ["InterruptedTrainingWarning", "NetworkFeatures"]

_CLASSES = 10  # of a network that nobody has trained to tell classes apart
_MOMENTS = ("pixel_mean", "pixel_std")  # beside the weights in a file, what pixels were normalised by


class InterruptedTrainingWarning(UserWarning):
    """A training was broken off by Ctrl-C; its best weights so far are kept."""


class _Readers:
    """A network on a device, and who reads which of its layers."""

    def __init__(self, weights: Mapping[str, AnyArray], place: str, network: Any) -> None:
        self.weights, self.place, self.network = weights, place, network
        self.lock = threading.Lock()
        self.by_layers: dict[Any, LayerReader] = {}


# Not attributes: networks are neither saved nor pickled, their weights are.
_READERS: WeakKeyDictionary[Any, _Readers] = WeakKeyDictionary()
_LOCK = threading.Lock()


class NetworkFeatures(Extractor):
    """The outputs of layers of a network as features.

    A subclass is a dataclass with the parameters named here, and trains in `_fit` or does not.

    Attributes
    ----------
    weights_ : dict of str to ndarray
        Weights and batch-norm statistics by torch's names.
    mean_, std_ : ndarray of float32, (c,)
        That pixels are normalised by.
    device_ : str
        Where it was fitted, ``"cpu"`` or ``"cuda"``.
    """

    weights_by_name: ClassVar[tuple[str, ...]] = ("weights_",)

    layers: Any
    average_flips: bool
    device: str
    random_state: int

    @property
    def _network(self) -> Any:
        """A name of an architecture, or what makes a network from the numbers of channels and classes."""
        return self.architecture

    @property
    def _reduction(self) -> str:
        """What becomes of a layer's output: one of `featbench.networks.reading.REDUCTIONS`."""
        return str(self.pooling)

    @property
    def _precision(self) -> str:
        return getattr(self, "precision", "auto")

    @property
    def _n_classes(self) -> int:
        return len(self.classes_) if hasattr(self, "classes_") else _CLASSES

    @classmethod
    def written_problems(cls, parameters: Mapping[str, Any], where: Callable[..., str]) -> list[str]:
        """Say that torch or a GPU is missing, that there is no such architecture, layer or file of weights."""
        defaults = {field.name: field.default for field in dataclasses.fields(cls)}
        asked = cls(**{**defaults, **parameters})
        try:
            place_for(asked.device, where("device") if "device" in parameters else where())
            asked._check_written(where)
        except FeatbenchError as error:
            return [str(error)]
        return []

    def _check_written(self, where: Callable[..., str]) -> None:
        from featbench.networks.building import check_named

        architecture = self._network
        if "architecture" in vars(self) and not isinstance(architecture, str):
            raise ConfigError(must_be(where("architecture"), "architecture", "a name", architecture))
        check_named(architecture, self._layers(), where("architecture"), where("layers"))
        if getattr(self, "weights", None) is not None:
            fingerprint_file(self.weights, where("weights"))

    @classmethod
    def written_files(cls, parameters: Mapping[str, Any]) -> str | None:
        """Return a hash of what results are made of beside parameters: the device, weights, a network of one's own."""
        told = [place_for(parameters.get("device", "auto"), cls.__name__)]
        if parameters.get("weights") is not None:
            told.append(fingerprint_file(parameters["weights"], "weights"))
        named = parameters.get("architecture")
        if named is not None and ARCHITECTURES.rows()[named].distribution != "featbench":
            told.append(fingerprint_file(inspect.getfile(ARCHITECTURES.load(named)), "architecture"))
        return hashlib.sha256(" ".join(told).encode()).hexdigest()

    def save_weights(self, path: str | Path) -> None:
        """Write the network's weights as safetensors, for `weights` of another extractor or another program.

        Parameters
        ----------
        path : path
            ``.safetensors``. Beside the weights it holds what pixels are normalised by.

        Raises
        ------
        NotFittedError
            Before `fit`.
        MissingExtraError
            safetensors is not installed.
        StoreError
            The file cannot be written.
        """
        self._check_fitted("save_weights")
        moments = dict(zip(_MOMENTS, (self.mean_, self.std_), strict=True))
        write_weights(path, {**self.weights_, **moments}, type(self).__name__)

    def placement(self) -> Placement:
        """Return the device, the precision of features, and how many images of the fitted shape it gets at once."""
        place = place_for(self.device, type(self).__name__)
        from featbench.networks.reading import images_at_once

        lower = place == "cuda" and self._precision == "bfloat16"
        return Placement(
            place, "bfloat16" if lower else "float32", images_at_once(place, self.image_shape_[:2])
        )

    def _layers(self) -> tuple[str, ...] | None:
        if self.layers is None or isinstance(self.layers, str):
            return None if self.layers is None else (self.layers,)
        if not len(self.layers):
            remedy = "Leave it out for what goes into the last linear layer."
            raise InputError(must_be(type(self).__name__, "layers", "one or more", self.layers, remedy))
        return tuple(self.layers)

    def _shapes(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the outputs of the layers that are read, by name."""
        place_for("cpu", type(self).__name__)  # without torch, which extra to install
        from featbench.networks.building import layer_shapes

        return layer_shapes(self._network, shape, self._n_classes, self._layers(), type(self).__name__)

    def _n_features(self, shape: tuple[int, ...]) -> int:
        return sum(len(names) for names in self._columns(shape))

    def _columns(self, shape: tuple[int, ...]) -> list[list[str]]:
        """Return the names of each layer's columns."""
        found = []
        for name, (c, *extents) in self._shapes(shape).items():
            layer = name or "output"
            told = [f"{layer}, channel {i}" for i in range(c)]
            if self._reduction == "spatial" and extents:
                rows, cols = (range(extent) for extent in extents)
                told = [f"{name}, row {y}, column {x}" for name in told for y in rows for x in cols]
            if self._reduction == "gram":
                if not extents:
                    remedy = "Take one before the pooling over all places."
                    got = Shown(f"{layer}, which has {c} numbers an image")
                    raise InputError(must_be(type(self).__name__, "layers", "maps of features", got, remedy))
                told = [f"{layer}, channels {i} and {j}" for i in range(c) for j in range(i, c)]
            found.append(told)
        return found

    def _feature_names(self) -> AnyArray:
        """Return names such as ``cnn[block2, channel 5]``."""
        prefix = type(self).__name__.lower()
        names = [f"{prefix}[{name}]" for names in self._columns(self.image_shape_) for name in names]
        return np.asarray(names, dtype=object)

    def _begin(self, images: Any) -> tuple[Any, ImageArray]:
        """Return the network with its first weights, and all training images as ``(n, h, w, c)``; set the moments."""
        name = type(self).__name__
        self.device_ = place_for(self.device, name)
        from featbench.networks.building import OUTPUT, build, layer_shapes

        if not len(images):
            raise InputError(must_be(name, "training images", "one or more", Shown("none")))
        pixels = _with_channels(np.concatenate(list(chunks(images, len(images)))))
        self.mean_, self.std_ = moments_of(pixels)
        if hasattr(self, "classes_"):
            scores = layer_shapes(self._network, self.image_shape_, self._n_classes, (OUTPUT,), name)[OUTPUT]
            if scores != (self._n_classes,):
                constraint = f"one score for each of {self._n_classes} classes"
                raise InputError(must_be(name, "the network's output", constraint, Shown(f"shape {scores}")))
        network = build(self._network, pixels.shape[3], self._n_classes, int(self.random_state), name)
        path = getattr(self, "weights", None)
        if path is not None:
            weights = read_weights(path, name)
            if set(_MOMENTS) <= set(weights):
                self.mean_, self.std_ = (weights.pop(key) for key in _MOMENTS)
            put(network, weights, name)
        elif hasattr(type(network), "prepare"):  # a method, and no layer of that name
            network.prepare(pixels, self.mean_, self.std_)  # type: ignore[operator]
        return network, pixels

    def _train(
        self, network: Any, pixels: ImageArray, codes: AnyArray | None, loss: Any, recipe: Recipe
    ) -> None:
        """Train a network and keep its weights; after Ctrl-C the best, and go on being interrupted."""
        from featbench.networks.training import train

        name = type(self).__name__
        precision = "bfloat16" if self._precision == "auto" else self._precision
        trained = train(
            network, pixels, codes, (self.mean_, self.std_), loss, recipe, place=self.device_,
            seed=int(self.random_state), precision=precision, compiled=getattr(self, "compiled", False), where=name,
        )  # fmt: skip
        self.loss_curve_ = np.array(trained.losses)
        self.batch_size_ = trained.batch_size
        self._keep(network)
        if trained.interrupted:
            message = (
                f"{name}: interrupted after epoch {len(trained.losses)} of {recipe.epochs:g}. The weights of epoch "
                f"{trained.best}, whose training loss is the lowest so far, are kept: transform works."
            )
            warnings.warn(message, InterruptedTrainingWarning, stacklevel=2)
            raise KeyboardInterrupt(message)

    def _keep(self, network: Any) -> None:
        self.weights_ = arrays_of(network)
        self.n_features_out_ = self._n_features(self.image_shape_)  # a layer of scores has one for each class

    def _extract(self, images: ImageArray) -> FeatureMatrix:
        layers = tuple(self._shapes(self.image_shape_))
        return self._read(images, layers, self._reduction, self.n_features_out_, self.average_flips)

    def _read(
        self, images: ImageArray, layers: tuple[str, ...], reduction: str, n_columns: int, average_flips: bool
    ) -> FeatureMatrix:
        from featbench.networks.reading import LayerReader

        readers = self._readers(images.shape[3] if images.ndim == 4 else 1)
        key = (layers, reduction, average_flips, self._precision)
        # A reader lays hands on the network while another caller may be reading it.
        with readers.lock:
            if key not in readers.by_layers:
                readers.by_layers[key] = LayerReader(
                    readers.network, layers, reduction, (self.mean_, self.std_), readers.place, average_flips,
                    self._precision, readers.lock, type(self).__name__,
                )  # fmt: skip
        return readers.by_layers[key].rows(_with_channels(images), n_columns)

    def _readers(self, channels: int) -> _Readers:
        """Return the network with the fitted weights on the device, built when it is first asked for."""
        name = type(self).__name__
        if not hasattr(self, "weights_"):
            raise NotFittedError(f"{name}: the last fit did not come to an end. Call fit(images, y) again.")
        place = place_for(self.device, name)
        with _LOCK:
            readers = _READERS.get(self)
            if readers is None or readers.weights is not self.weights_ or readers.place != place:
                from featbench.networks.building import build

                network = build(self._network, channels, self._n_classes, 0, name)
                put(network, self.weights_, name)
                readers = _READERS[self] = _Readers(self.weights_, place, network)
            return readers

    def _check_loaded(self) -> None:
        """Refuse weights of another architecture."""
        super()._check_loaded()
        if hasattr(self, "weights_"):
            self._readers(self.image_shape_[2] if len(self.image_shape_) == 3 else 1)


def _with_channels(images: ImageArray) -> ImageArray:
    return images if images.ndim == 4 else images[..., None]
