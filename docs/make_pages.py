"""Write the page and the picture of every extractor from its docstring and its `pictures()`: python docs/make_pages.py.

``docs/extractors/<name>.md`` and ``.jpg`` are made whole; of ``docs/extractors.md``, of ``docs/maps.md``, the page of
all feature maps, and of ``docs/words.md``, that of visual words, what stands below the marker.
"""

from __future__ import annotations

import inspect
import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from skimage.data import chelsea, coffee

import featbench.maps
from featbench.base import Extractor
from featbench.config.components import WRITTEN
from featbench.docstrings import read_docstring
from featbench.extractors import EXTRACTORS, HOG, Concat, HueHistogram, Mapped
from featbench.maps import L2, MAPS, Power
from featbench.types import ImageArray
from featbench.words.building import KINDS
from featbench.words.recipes import RECIPES

DOCS = Path(__file__).parent
INDEX = DOCS / "extractors.md"
MAPS_PAGE = DOCS / "maps.md"
WORDS_PAGE = DOCS / "words.md"
MARKER = "<!-- From here on made from the docstrings by docs/make_pages.py; change those. -->\n"

_SIDE = 160  # pixels of a photograph as the extractors get it
_TILE = 320  # pixels that smaller pictures are enlarged to; larger ones keep their size
_MARGIN = 8
_QUALITY = 80  # of JPEG: under 250 kB a sheet, and strokes still sharp

_JOINED = "`concat` is HOG and hue here, `mapped` HOG and two maps; each takes the images that all its extractors take."

# What is drawn where that is not the defaults: they would draw little (the whole photograph again, one colour for
# all of it), or a variant looks different.
_DRAWN: dict[str, list[dict[str, Any]]] = {
    "raw": [{"size": 32}],
    "color_moments": [{"grid": 5}],
    "hog": [{}, {"variant": "uoctti"}],
    "sift": [{}, {"keypoints": "detected"}],
    "bovw": [{"codebook": {"words": 200}}],  # of 1,600 words two photographs have few patches each
    "mapped": [],  # those of its extractor
    "autoencoder": [],  # two photographs are too few to learn from
    "cnn": [],
    "gram": [],
    "random_cnn": [],
    "onnx": [],
    "pretrained": [],
}

# What they give is decided by a file or another package: their pages show how they are written, and no numbers.
BROUGHT = {
    "onnx": (
        'ONNX(model="model.onnx", output="features")',
        "{name: onnx, model: model.onnx, output: features}",
    ),
    "pretrained": (
        'Pretrained(model="torchvision/resnet18")',
        "{name: pretrained, model: torchvision/resnet18}",
    ),
}


def names() -> list[str]:
    """Return the names of featbench's own extractors."""
    return [name for name, row in EXTRACTORS.rows().items() if row.distribution == "featbench"]


def make_index(old: str) -> str:
    """Return the page that lists all extractors; its introduction stays as it was."""
    rows = [
        "| name | what it sees | numbers for 32 × 32 in colour | grey images | sizes that differ | local descriptors |",
        "|---|---|---|---|---|---|",
    ]
    for name in names():
        summary = read_docstring(EXTRACTORS.load(name)).summary.replace("``", "`")
        if name in BROUGHT:
            told = "those of its network | yes | where resized |"
            rows.append(f"| [`{name}`](extractors/{name}.md) | {summary} | {told} |")
            continue
        extractor = example(name)
        takes = (_takes_grey(extractor), extractor.any_size, extractor.describes)
        told = " | ".join("yes" if taken else "" for taken in takes)
        rows.append(f"| [`{name}`](extractors/{name}.md) | {summary} | {_length(extractor, 32):,} | {told} |")
    return old.split(MARKER)[0] + MARKER + "\n" + "\n".join(rows) + "\n\n" + _JOINED + "\n"


def make_page(name: str) -> str:
    """Return the page of one extractor."""
    cls = EXTRACTORS.load(name)
    description, sections = _sections(cls)
    head = f"<!-- Made by docs/make_pages.py from the docstring of {cls.__module__}.{cls.__name__}; change that. -->"
    parts = [f"{head}\n\n# `{name}` – {cls.__name__}\n", description, make_example(name)]
    if shown := list(pictures(name)):
        caption = ", ".join(["the photograph", *shown])
        parts.append(f"![{name}]({name}.jpg)\n\nFrom left to right: {caption}.")
    parts += [_parameters(cls, sections["Parameters"]), sections.get("Notes", "")]
    if "References" in sections:
        parts.append("## From\n\n" + sections["References"])
    if "Examples" in sections:
        parts.append("```pycon\n" + sections["Examples"].strip() + "\n```")
    parts.append("[All extractors](../extractors.md)")
    return "\n".join(part.rstrip() + "\n" for part in parts if part.strip())


def make_example(name: str) -> str:
    """Return how an extractor is imported and called, what it takes and how many numbers it gives."""
    if name in BROUGHT:
        code, written = BROUGHT[name]
        imported = f"from featbench.extractors import {EXTRACTORS.load(name).__name__}"
        called = f"# images: uint8 (n, h, w, 3) or (n, h, w)\nfeatures = {code}.fit_transform(images)"
        return f"```python\n{imported}\n\n{called}\n```\n\nIn an experiment file: `extractor: {written}`.\n"
    extractor = example(name)
    code = repr(extractor)
    used = sorted(set(re.findall(r"[A-Z]\w+(?=\()", code)), key=lambda cls: (not cls.isupper(), cls))
    imports = [
        f"from {module.__name__} import {', '.join(found)}\n"
        for module in (featbench.extractors, featbench.maps)
        if (found := [cls for cls in used if cls in module.__all__])
    ]
    kinds = "(n, h, w, 3) or (n, h, w)" if _takes_grey(extractor) else "(n, h, w, 3)"
    lengths = {side: _length(extractor, side) for side in (32, 64, 128)}
    numbers = ", ".join(f"{length:,} for {side} × {side}" for side, length in lengths.items())
    if len(set(lengths.values())) == 1:
        numbers = f"{lengths[32]:,} for 32 × 32, 64 × 64 and 128 × 128 alike"
    least = next(side for side in range(1, 1000) if extractor.supports((side, side, 3)) is None)
    takes = "Takes a list of images that differ in size. " if extractor.any_size else ""
    given = "images, labels" if extractor.uses_labels else "images"
    describes = "`describe(images)` gives local descriptors. " if extractor.describes else ""
    return (
        f"```python\n{''.join(imports)}\n"
        f"# images: uint8 {kinds}\nfeatures = {code}.fit_transform({given})\n```\n\n"
        f"In an experiment file: `extractor: {WRITTEN.get(name, name)}`.\n\n"
        f"Numbers an image, in colour: {numbers}. Smallest image: {least} × {least}. {takes}{describes}"
    )


def make_maps(old: str) -> str:
    """Return the page of all feature maps; its introduction stays as it was."""
    parts = [old.split(MARKER)[0] + MARKER]
    for name, row in MAPS.rows().items():
        if row.distribution != "featbench":
            continue
        cls = MAPS.load(name)
        description, sections = _sections(cls)
        parts += [f"## `{name}` – {cls.__name__}\n", description]
        if "Parameters" in sections:
            parts.append(_parameters(cls, sections["Parameters"]))
        parts.append(sections.get("Notes", ""))
        if "References" in sections:
            parts.append("From: " + sections["References"])
        parts.append("```pycon\n" + sections["Examples"].strip() + "\n```")
    return "\n".join(part.rstrip() + "\n" for part in parts if part.strip())


def make_words(old: str) -> str:
    """Return the page of visual words, with all recipes and parts; its introduction stays as it was."""
    parts = [old.split(MARKER)[0] + MARKER, "## Recipes\n"]
    for name, recipe in RECIPES.items():
        written = "; ".join(f"{kind} `{_flow(part)}`" for kind, part in recipe.parts.items())
        told = [f"**`{name}`** – {recipe.summary}.\n", f"- Parts: {written}", f"- Head: `{recipe.head}`"]
        told.append(f"- From: {recipe.source}, <{recipe.url}>")
        told += [f"- Published: {recipe.published}"] if recipe.published else []
        told += [f"- Differs: {recipe.differs}"] if recipe.differs else []
        parts.append("\n".join(told))
    for kind, table in KINDS.items():
        if table is MAPS:
            continue
        parts.append(f"## {kind.capitalize()}\n")
        for name, row in table.rows().items():
            if row.distribution != "featbench":
                continue
            description, sections = _sections(table.load(name))
            parts += [f"### `{name}` – {table.load(name).__name__}\n", description]
            if "Parameters" in sections:
                parts.append(_parameters(table.load(name), sections["Parameters"]))
            parts.append(sections.get("Notes", ""))
            if "References" in sections:
                parts.append("From: " + sections["References"])
    return "\n".join(part.rstrip() + "\n" for part in parts if part.strip())


def _flow(value: Any) -> str:
    """Return plain data as YAML on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _sections(cls: type) -> tuple[str, dict[str, str]]:
    """Return what a docstring says before its first heading, and under each."""
    text = inspect.cleandoc(cls.__doc__ or "").replace("``", "`")
    description, *pieces = re.split(r"(?m)^([A-Z][A-Za-z ]+)\n-{3,}\n", text)
    return description, dict(zip(pieces[::2], pieces[1::2], strict=True))


def _parameters(cls: type, text: str) -> str:
    """Return a table of the parameters, a row each."""
    rows = ["| parameter | | meaning |", "|---|---|---|"]
    kinds = dict(re.findall(r"(?m)^(\w+) : (.+)$", text))
    for parameter, meaning in read_docstring(cls).parameters.items():
        kind = kinds[parameter].replace("|", "\\|")
        rows.append(f"| `{parameter}` | {kind} | {meaning.replace('``', '`')} |")
    return "\n".join(rows)


def example(name: str) -> Extractor:
    """Return an unfitted extractor with its defaults."""
    cls = EXTRACTORS.load(name)
    if cls is Mapped:
        return cls(HOG(), [Power(), L2()])
    return cls([HOG(), HueHistogram()]) if cls is Concat else cls()


def _length(extractor: Extractor, side: int) -> int:
    """Return d for square colour images."""
    return extractor._n_features((side, side, 3))


def _takes_grey(extractor: Extractor) -> bool:
    return extractor.supports((_SIDE, _SIDE)) is None


@cache
def photographs() -> ImageArray:
    """Return two square photographs, ``uint8 (2, 160, 160, 3)``: a cat and a cup."""
    squares = (chelsea()[:300, 75:375], coffee()[40:380, 160:500])
    return np.stack(
        [np.asarray(Image.fromarray(s).resize((_SIDE, _SIDE), Image.Resampling.BOX)) for s in squares]
    )


@cache
def pictures(name: str) -> dict[str, ImageArray]:
    """Return what an extractor draws of the photographs, by the words of the caption."""
    shown: dict[str, ImageArray] = {}
    for settings in _DRAWN.get(name, [{}]):
        extractor = example(name).set_params(**settings).fit(photographs())
        given = " and ".join(f"`{key}={value}`" for key, value in settings.items())
        for what, drawn in extractor.pictures(photographs()).items():
            shown[f"`{what}`{given and f' with {given}'}"] = drawn
    return shown


def make_picture(name: str) -> ImageArray:
    """Return the photographs and the extractor's pictures of them side by side, ``uint8 (H, W, 3)``."""
    columns = [_enlarged(tiles) for tiles in (photographs(), *pictures(name).values())]
    height = max(tiles.shape[1] for tiles in columns) + _MARGIN
    width = sum(tiles.shape[2] + _MARGIN for tiles in columns)
    sheet = np.full((len(photographs()) * height - _MARGIN, width - _MARGIN, 3), 255, np.uint8)
    left = 0
    for tiles in columns:
        for row, tile in enumerate(tiles):
            sheet[row * height : row * height + tile.shape[0], left : left + tile.shape[1]] = tile
        left += tiles.shape[2] + _MARGIN
    return sheet


def _enlarged(tiles: ImageArray) -> ImageArray:
    """Return pictures in colour, by whole factors as large as a tile; never smaller, which would blur lines."""
    factor = max(1, round(_TILE / max(tiles.shape[1:3])))
    coloured = tiles if tiles.ndim == 4 else np.repeat(tiles[..., None], 3, axis=3)
    return coloured.repeat(factor, axis=1).repeat(factor, axis=2)


if __name__ == "__main__":
    (DOCS / "extractors").mkdir(exist_ok=True)
    INDEX.write_text(make_index(INDEX.read_text(encoding="utf-8")), encoding="utf-8")
    MAPS_PAGE.write_text(make_maps(MAPS_PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    WORDS_PAGE.write_text(make_words(WORDS_PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    for name in names():
        (DOCS / "extractors" / f"{name}.md").write_text(make_page(name), encoding="utf-8")
        if pictures(name):
            Image.fromarray(make_picture(name)).save(
                DOCS / "extractors" / f"{name}.jpg", quality=_QUALITY, optimize=True
            )
