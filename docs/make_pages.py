"""Write the page and the picture of every extractor from its docstring and its `pictures()`: python docs/make_pages.py.

``docs/extractors/<name>.md`` and ``.jpg`` are made whole; of ``docs/extractors.md`` and ``docs/maps.md``, the page of
all feature maps, what stands below the marker.
"""

from __future__ import annotations

import inspect
import re
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image
from skimage.data import chelsea, coffee

from featbench.docstrings import read_docstring
from featbench.extractors import EXTRACTORS, HOG, Concat, HueHistogram, Mapped
from featbench.maps import L2, MAPS, Power
from featbench.types import ImageArray

DOCS = Path(__file__).parent
INDEX = DOCS / "extractors.md"
MAPS_PAGE = DOCS / "maps.md"
MARKER = "<!-- From here on made from the docstrings by docs/make_pages.py; change those. -->\n"

_SIDE = 160  # pixels of a photograph as the extractors get it
_TILE = 192  # pixels of a tile on the page
_MARGIN = 8

# Where the defaults would draw little: the whole photograph again, one colour for all of it.
_DRAWN = {"raw": {"size": 32}, "color_moments": {"grid": 5}}


def names() -> list[str]:
    """Return the names of featbench's own extractors."""
    return [name for name, row in EXTRACTORS.rows().items() if row.distribution == "featbench"]


def make_index(old: str) -> str:
    """Return the page that lists all extractors; its introduction stays as it was."""
    rows = ["| name | what it sees | numbers for a 32 × 32 colour image |", "|---|---|---|"]
    for name in names():
        length = example(name).fit(np.zeros((1, 32, 32, 3), np.uint8)).n_features_out_
        summary = read_docstring(EXTRACTORS.load(name)).summary.replace("``", "`")
        rows.append(f"| [`{name}`](extractors/{name}.md) | {summary} | {length:,} |")
    return old.split(MARKER)[0] + MARKER + "\n" + "\n".join(rows) + "\n"


def make_page(name: str) -> str:
    """Return the page of one extractor."""
    cls = EXTRACTORS.load(name)
    description, sections = _sections(cls)
    head = f"<!-- Made by docs/make_pages.py from the docstring of {cls.__module__}.{cls.__name__}; change that. -->"
    parts = [f"{head}\n\n# `{name}` – {cls.__name__}\n", description]
    if shown := list(pictures(name)):
        caption = ", ".join(["the photograph", *(f"`{what}`" for what in shown)])
        given = ", ".join(f"{key}={value}" for key, value in _DRAWN.get(name, {}).items())
        parts.append(f"![{name}]({name}.jpg)\n\nFrom left to right: {caption}{given and f'; with {given}'}.")
    parts += [_parameters(cls, sections["Parameters"]), sections.get("Notes", "")]
    if "References" in sections:
        parts.append("## From\n\n" + sections["References"])
    if "Examples" in sections:
        parts.append("```pycon\n" + sections["Examples"].strip() + "\n```")
    parts.append("[All extractors](../extractors.md)")
    return "\n".join(part.rstrip() + "\n" for part in parts if part.strip())


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


def example(name: str) -> object:
    """Return an unfitted extractor with its defaults."""
    cls = EXTRACTORS.load(name)
    if cls is Mapped:
        return cls(HOG(), [Power(), L2()])
    return cls([HOG(), HueHistogram()]) if cls is Concat else cls()


@cache
def photographs() -> ImageArray:
    """Return two square photographs, ``uint8 (2, 160, 160, 3)``: a cat and a cup."""
    squares = (chelsea()[:300, 75:375], coffee()[40:380, 160:500])
    return np.stack(
        [np.asarray(Image.fromarray(s).resize((_SIDE, _SIDE), Image.Resampling.BOX)) for s in squares]
    )


@cache
def pictures(name: str) -> dict[str, ImageArray]:
    """Return what an extractor draws of the photographs."""
    extractor = example(name).set_params(**_DRAWN.get(name, {}))
    return dict(extractor.fit(photographs()).pictures(photographs()))


def make_picture(name: str) -> ImageArray:
    """Return the photographs and the extractor's pictures of them side by side, ``uint8 (H, W, 3)``."""
    columns = [photographs(), *pictures(name).values()]
    step = _TILE + _MARGIN
    sheet = np.full((len(photographs()) * step - _MARGIN, len(columns) * step - _MARGIN, 3), 255, np.uint8)
    for column, tiles in enumerate(columns):
        for row, tile in enumerate(tiles):
            enlarged = max(tile.shape[:2]) < _TILE
            how = Image.Resampling.NEAREST if enlarged else Image.Resampling.BOX
            drawn = Image.fromarray(tile).convert("RGB").resize((_TILE, _TILE), how)
            sheet[row * step : row * step + _TILE, column * step : column * step + _TILE] = np.asarray(drawn)
    return sheet


if __name__ == "__main__":
    (DOCS / "extractors").mkdir(exist_ok=True)
    INDEX.write_text(make_index(INDEX.read_text(encoding="utf-8")), encoding="utf-8")
    MAPS_PAGE.write_text(make_maps(MAPS_PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    for name in names():
        (DOCS / "extractors" / f"{name}.md").write_text(make_page(name), encoding="utf-8")
        if pictures(name):
            Image.fromarray(make_picture(name)).save(DOCS / "extractors" / f"{name}.jpg", quality=88)
