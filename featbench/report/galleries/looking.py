"""What pipelines see: what their parts look like, which images are near to each other, what an answer hangs on."""

from __future__ import annotations

from typing import Any

import numpy as np

from featbench.report.embedded import Images
from featbench.report.galleries.gallery import Gallery, Group, Shot
from featbench.report.seen import Row, Seen

__all__ = ["neighbours_gallery", "occlusion_gallery", "pictures_gallery"]


def pictures_gallery(seen: Seen, images: Images) -> Gallery | None:
    """Return what each row's extractor and classifier draw of themselves; None where none does."""
    choices = []
    for row in seen.with_evidence:
        groups = {"training images": _pictured(seen, row, images)}
        for picture in row.told.get("pictures", ()):
            if picture["shows_images"] and not seen.images:
                continue
            file = row.arrays["pictures"][picture["start"] : picture["end"]].tobytes()
            key = images.add(file)
            if key is not None:
                # What is drawn of a training image tells its number, what is drawn of a class its name.
                of = str(picture["of"])
                text = f"training image {of}" if of.isdigit() and of not in seen.classes else of
                shot = Shot(key, text, f"{picture['name']} {text}".strip())
                groups.setdefault(str(picture["name"]), []).append(shot)
        shown = tuple(Group(name, tuple(shots)) for name, shots in groups.items() if shots)
        if shown:
            choices.append((row.name, shown))
    note = (
        "Drawn by the plug-ins themselves. In templates and filters mid-grey is no weight; bright parts speak for a "
        "class, dark ones against it."
    )
    return Gallery("What it is made of", note, "row", tuple(choices)) if choices else None


def _pictured(seen: Seen, row: Row, images: Images) -> list[Shot]:
    """Return the training images that the extractor has drawn, as they are."""
    numbers = {str(picture["of"]) for picture in row.told.get("pictures", ()) if picture["shows_images"]}
    shots = []
    for number in row.arrays.get("pictured", np.empty(0, dtype=np.int64)).tolist():
        key = images.add(seen.thumbnails.get(("train", number)))
        if key is not None and str(number) in numbers:
            shots.append(Shot(key, f"training image {number}", f"training image {number}"))
    return shots


def neighbours_gallery(seen: Seen, images: Images) -> Gallery | None:
    """Return test images with the training images nearest by pixels and by features; None without thumbnails."""
    choices = []
    for row in seen.with_evidence:
        if "queries" not in row.arrays:
            continue
        groups = [
            group
            for place, number in enumerate(row.arrays["queries"].tolist())
            for group in _neighbours(seen, row, place, number, images)
        ]
        if groups:
            choices.append((row.name, tuple(groups)))
    among = max((row.told.get("neighbours_among", 0) for row in seen.with_evidence), default=0)
    note = (
        f"Test images, and the nearest of {among:,} training images by Euclidean distance: of their pixels, and of the "
        "row's features as its classifier has them. A framed one is of the same class."
    )
    return Gallery("Nearest neighbours", note, "row", tuple(choices)) if choices else None


def _neighbours(seen: Seen, row: Row, place: int, number: int, images: Images) -> list[Group]:
    key = images.add(seen.thumbnails.get(("test", number)))
    if key is None:
        return []
    truth = int(row.judged.truth[number])
    query = Shot(key, seen.classes[truth], f"test image {number}", "query")
    groups = [Group("Test image", (query,))]
    for space in ("pixels", "features"):
        near, labels = (row.arrays[f"near_{space}{of}"][place].tolist() for of in ("", "_labels"))
        shots = []
        for neighbour, label in zip(near, labels, strict=True):
            found = images.add(seen.thumbnails.get(("train", neighbour)))
            if found is not None:
                mark = "right" if label == truth else ""
                shots.append(Shot(found, seen.classes[label], f"training image {neighbour}", mark))
        groups.append(Group(f"Nearest by {space}", tuple(shots)))
    return groups


def occlusion_gallery(seen: Seen, images: Images) -> Gallery | None:
    """Return test images under what hiding their parts does to a row's answer; None without thumbnails."""
    choices = []
    for row in seen.with_evidence:
        shots = [] if "occluded" not in row.arrays else _occluded(seen, row, images)
        if shots:
            choices.append((row.name, (Group("", tuple(shots)),)))
    note = (
        "A grey square, a quarter of each side, hides part after part. Where the image is covered in orange, hiding "
        "takes from the score of the row's answer; where it is covered in blue, hiding adds to it."
    )
    return Gallery("What an answer hangs on", note, "row", tuple(choices)) if choices else None


def _occluded(seen: Seen, row: Row, images: Images) -> list[Shot]:
    shots = []
    kind, arrays = row.told.get("occlusion"), row.arrays
    # A probability that hardly moves is not drawn as if it fell.
    least = 0.05 if kind == "probability" else 1e-12
    falls = np.asarray(arrays["occlusion"], dtype=np.float64)
    for number, whole, fall in zip(
        arrays["occluded"].tolist(), arrays["occlusion_whole"].tolist(), falls, strict=True
    ):
        key = images.add(seen.thumbnails.get(("test", number)))
        if key is not None:
            said, truth = (seen.classes[int(of[number])] for of in (row.judged.predictions, row.judged.truth))
            wrong = "" if said == truth else f", but it is {truth}"
            heat = np.round(fall / max(float(np.abs(fall).max()), least), 2).tolist()
            what = f"test image {number}"
            shots.append(Shot(key, f"{said}{wrong}", what))
            shots.append(Shot(key, _range(kind, whole, fall), f"{what} and its occlusion map", heat=heat))
    return shots


def _range(kind: Any, whole: float, fall: Any) -> str:
    lowest = whole - float(fall.max())
    if kind == "probability":
        return f"{100 * whole:.0f}\N{NO-BREAK SPACE}%, at the least {100 * lowest:.0f}\N{NO-BREAK SPACE}%"
    return f"{kind} {whole:.2f}, at the least {lowest:.2f}"
