"""Parts of a bag of visual words from what is written: names, mappings of a name and parameters, or instances."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from sklearn.base import clone

from featbench.base import FeatureMap
from featbench.errors import FeatbenchError, InputError, Shown, UnknownNameError, must_be
from featbench.maps import MAPS
from featbench.maps.in_turn import lengths_after
from featbench.parameters import check_parameters
from featbench.plugins import PluginTable
from featbench.types import FeatureMatrix
from featbench.words import CODEBOOKS, DESCRIPTORS, ENCODINGS, POOLINGS, SAMPLINGS
from featbench.words.mirror import check_mirrored
from featbench.words.parts import Codebook, Descriptor, Encoding, Part, Sampling
from featbench.words.pooling import Pooling
from featbench.words.recipes import RECIPES
from featbench.words.saved_words import SavedWords, check_lengths

__all__ = ["KINDS", "PARTS", "Lengths", "Parts", "Where", "build_parts", "joined", "part_problems"]

Where: TypeAlias = Callable[..., str]
"""Says where a key stands, for messages: ``where("codebook", "words")``."""

KINDS: dict[str, PluginTable] = {
    "sampling": SAMPLINGS,
    "descriptor": DESCRIPTORS,
    "normalization": MAPS,
    "codebook": CODEBOOKS,
    "encoding": ENCODINGS,
    "pooling": POOLINGS,
    "final": MAPS,
}
"""The table of each part; `normalization` and `final` are lists."""

PARTS = tuple(KINDS)
_BASES: dict[str, type[Any]] = {
    "sampling": Sampling,
    "descriptor": Descriptor,
    "codebook": Codebook,
    "encoding": Encoding,
    "pooling": Pooling,
}


@dataclass(frozen=True)
class Parts:
    """One of each part, in the order in which they work."""

    sampling: Sampling
    descriptor: Descriptor
    normalization: list[FeatureMap]
    codebook: Codebook
    encoding: Encoding
    pooling: Pooling
    final: list[FeatureMap]
    mirrored: bool = False

    @property
    def learned(self) -> bool:
        """Whether normalisation and codebook come out of a folder, so that there is nothing to learn."""
        return hasattr(self.codebook, "words_")


@dataclass(frozen=True)
class Lengths:
    """How long rows are on their way.

    Attributes
    ----------
    raw, described : int
        Of a descriptor before and after normalisation.
    code : int
        Of what an encoding makes of it.
    row : int
        Of an image after pooling.
    out : int
        Of an image after the last map.
    """

    raw: int
    described: int
    code: int
    row: int
    out: int


def build_parts(parameters: Mapping[str, Any], where: Where) -> Parts:
    """Build the parts that the parameters of a bag of visual words name.

    Parameters
    ----------
    parameters : mapping
        `recipe`, the seven parts and `mirrored`, each as `BagOfVisualWords` describes them; what is missing is None.
    where : callable
        Says where a key stands.

    Returns
    -------
    Parts
        Unfitted; instances are those that were given.

    Raises
    ------
    UnknownNameError
        A recipe, a part or a parameter of that name is not known.
    InputError
        Anything else that is wrong, at the first place where it is.
    """
    own = _recipe(parameters.get("recipe"), where)
    built: dict[str, Any] = {
        kind: _build_maps(kind, parameters.get(kind), own, where)
        if KINDS[kind] is MAPS
        else _build(kind, parameters.get(kind), own.get(kind), where)
        for kind in PARTS
    }
    parts = _with_size(Parts(**built, mirrored=bool(parameters.get("mirrored"))), where)
    if isinstance(parts.codebook, SavedWords):
        own_maps = parameters.get("normalization") is not None
        return _with_saved(parts, parts.codebook, own_maps, where)
    return replace(parts, codebook=clone(parts.codebook))


def part_problems(parameters: Mapping[str, Any], where: Where) -> list[str]:
    """Say what is wrong with each of the parts, a sentence each, and with how they fit together."""
    try:
        own = _recipe(parameters.get("recipe"), where)
    except FeatbenchError as error:
        return [str(error)]
    problems = []
    for kind in PARTS:
        try:
            if KINDS[kind] is MAPS:
                _build_maps(kind, parameters.get(kind), own, where)
            else:
                _build(kind, parameters.get(kind), own.get(kind), where)
        except FeatbenchError as error:
            problems.append(str(error))
    if problems:
        return problems
    for channels in (3, 1):  # nobody knows yet whether images are grey
        try:
            joined(build_parts(parameters, where), channels)
        except FeatbenchError as error:
            text = str(error)  # parts that do not go together do not know where they are written
            problems.append(text if text.startswith(where()) else f"{where()}: {text}")
        else:
            return []
    return problems[:1]


def joined(parts: Parts, channels: int) -> tuple[Parts, Lengths]:
    """Return the parts, told of one another, and how long rows are between them.

    Parameters
    ----------
    parts : Parts
        With a codebook that is fitted or not.
    channels : int
        Of the images, 1 or 3.

    Raises
    ------
    InputError
        Parts that do not go together.
    """
    lengths = lengths_after(parts.normalization, parts.descriptor.length(channels))
    if parts.learned:
        check_lengths(parts.normalization, parts.codebook, lengths)
    raw, described = lengths[0], lengths[-1]
    book = _stand_in(parts.codebook, described)
    code = parts.encoding.length(book)
    parts.encoding.check_reduction(parts.pooling.reduction)
    if parts.mirrored:
        check_mirrored(parts.descriptor, parts.normalization, parts.codebook, parts.encoding, channels)
    row = parts.pooling.n_cells * code // (1 + parts.mirrored)
    list(zip(parts.pooling.grids(), parts.pooling.weights(), strict=True))
    # Numbers of one word: a residual of D in codes such as VLAD's, and one of each half of Fisher's.
    block = described if code % book.words_.size == 0 else code // len(book.words_)
    final = [_with_block(step, block) for step in parts.final]
    return replace(parts, final=final), Lengths(raw, described, code, row, lengths_after(final, row)[-1])


def _stand_in(codebook: Codebook, length: int) -> Codebook:
    """Return a codebook of as many words, zeros that take no memory, where it is not fitted."""
    if hasattr(codebook, "words_"):
        return codebook
    standing: Codebook = clone(codebook)
    words: FeatureMatrix = np.broadcast_to(np.float32(0), (int(standing.words), length))
    standing.words_ = words
    return standing


def _with_size(parts: Parts, where: Where) -> Parts:
    """Tell a descriptor that needs a size, and was given none, that of the sampling."""
    if not parts.descriptor.needs_size or parts.descriptor.get_params(deep=False)["size"] is not None:
        return parts
    sizes = np.ravel(getattr(parts.sampling, "sizes", ()))
    if not len(sizes) or sizes.dtype.kind not in "iu":
        name = DESCRIPTORS.name_of(type(parts.descriptor))
        remedy = f"Patches of differing sizes are resized to it: descriptor: {{name: {name}, size: 16}}."
        raise InputError(must_be(where("descriptor"), "its size", "given for this sampling", None, remedy))
    sized: Descriptor = clone(parts.descriptor).set_params(size=int(sizes.min()))
    return replace(parts, descriptor=sized)


def _with_saved(parts: Parts, saved: SavedWords, own_maps: bool, where: Where) -> Parts:
    """Take words, and the normalisation that they were learned after, out of a folder."""
    if own_maps:
        raise InputError(
            f"{where('normalization')}: descriptors are normalised as those were that the saved words were learned "
            "from. Leave 'normalization' out."
        )
    normalization, codebook = saved.opened(parts.descriptor, where("codebook"))
    return replace(parts, normalization=normalization, codebook=codebook)


def _with_block(step: FeatureMap, length: int) -> FeatureMap:
    """Tell a map that works on blocks, and was given no length, that of one word's numbers."""
    if getattr(step, "block", 0) is not None:
        return step
    told: FeatureMap = clone(step).set_params(block=length)
    return told


def _recipe(name: Any, where: Where) -> Mapping[str, Any]:
    if name is None:
        return {}
    if not isinstance(name, str):
        raise InputError(must_be(where("recipe"), "recipe", "the name of one, or nothing", name))
    if name not in RECIPES:
        raise UnknownNameError(where("recipe"), "recipe", name, RECIPES)
    return RECIPES[name].parts


def _build(kind: str, value: Any, own: Any, where: Where) -> Any:
    """Build a part of what is written, or of the recipe's own where nothing is."""
    if isinstance(value, Part) or (isinstance(value, type) and issubclass(value, Part)):
        return _instance(kind, value, _BASES[kind], where)
    if value is None and own is None:
        remedy = "Name one, or take a recipe."
        raise InputError(must_be(where(kind), kind, "given where there is no recipe", None, remedy))
    written = own if value is None else value
    if isinstance(written, str):
        written = {"name": written}
    if isinstance(written, Mapping) and written and "name" not in written and own is not None:
        written = {**({"name": own} if isinstance(own, str) else own), **written}
    return _from_mapping(kind, KINDS[kind], written, lambda *keys: where(kind, *keys))


def _build_maps(kind: str, value: Any, own: Mapping[str, Any], where: Where) -> list[FeatureMap]:
    if value is None:
        value = own.get(kind, [])
    if not isinstance(value, (list, tuple)):
        remedy = "Write [] for none."
        raise InputError(must_be(where(kind), kind, "a list of feature maps, such as [l2]", value, remedy))
    maps = []
    for i, item in enumerate(value):
        if isinstance(item, (FeatureMap, type)):
            maps.append(_instance(kind, item, FeatureMap, lambda _, i=i: where(kind, i)))
            continue
        written = {"name": item} if isinstance(item, str) else item
        maps.append(_from_mapping("map", MAPS, written, lambda *keys, i=i: where(kind, i, *keys)))
    return maps


def _instance(kind: str, value: Any, base: type[Any], where: Where) -> Any:
    if not isinstance(value, base):
        remedy = f"Write {value.__name__}()." if isinstance(value, type) else ""
        got = Shown(value.__name__ if isinstance(value, type) else type(value).__name__)
        raise InputError(must_be(where(kind), kind, f"an instance of {base.__name__}", got, remedy))
    check_parameters(value)
    return value


def _from_mapping(kind: str, table: PluginTable, written: Any, where: Where) -> Any:
    if not isinstance(written, Mapping) or not isinstance(written.get("name"), str):
        example = next(iter(table.rows()))
        constraint = f"a name such as {example}, or a mapping such as {{name: {example}}}"
        raise InputError(must_be(where(), f"the {kind}", constraint, written))
    name = written["name"]
    cls = table.load(name, where())
    known = inspect.signature(cls).parameters
    parameters = {key: value for key, value in written.items() if key != "name"}
    for key in parameters:
        if key not in known:
            raise UnknownNameError(where(key), f"parameter of {name}", str(key), known)
    for key, parameter in known.items():
        if parameter.default is parameter.empty and key not in parameters:
            raise InputError(f"{where()}: {key!r} is missing. Write it.")
    part = cls(**parameters)
    try:
        check_parameters(part)
    except InputError as error:
        raise InputError(f"{where()}: {error}") from error
    return part
