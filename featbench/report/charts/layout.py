"""Test images laid out by their features on a plane, so that near ones look alike to the extractor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from featbench.report.charts.chart import ACCENT, LINES, WARM, Chart, clean, spec
from featbench.report.embedded import Images
from featbench.report.seen import Row, Seen

__all__ = ["layout_chart"]

_SIDE = 26  # pixels of a thumbnail, with a frame of 3
_METHODS = (("tsne", "t-SNE"), ("pca", "two principal components"))


def layout_chart(seen: Seen, images: Images) -> Chart | None:
    """Return the map of each extractor's features, by t-SNE and by principal components.

    Parameters
    ----------
    seen : Seen
    images : Images
        Takes in the thumbnails that stand on the map; without them there are dots.

    Returns
    -------
    Chart or None
    """
    choices: dict[str, Mapping[str, Any]] = {}
    for row in seen.with_evidence:
        for method, told in _METHODS:
            name = f"{clean(row.extractor)}, {told}"
            if method in row.arrays and name not in choices:
                choices[name] = _map(row, row.arrays[method], seen, images)
    return Chart("Test images by their features", "map", tuple(choices.items())) if choices else None


def _map(row: Row, places: Any, seen: Seen, images: Images) -> dict[str, Any]:
    judged, values = row.judged, []
    for (x, y), number in zip(places.tolist(), row.arrays["mapped"].tolist(), strict=True):
        truth, said = (clean(seen.classes[labels[number]]) for labels in (judged.truth, judged.predictions))
        value = {"x": round(x, 3), "y": round(y, 3), "t": truth, "p": said, "n": number}
        key = images.add(seen.thumbnails.get(("test", number)))
        values.append(value if key is None else {**value, "image": key})
    shown = [clean(name) for name in seen.classes]
    few = len(shown) <= len(LINES)
    color = {
        "field": "t" if few else "r",
        "type": "nominal",
        "title": None,
        "legend": {"orient": "top", "columns": 4, "labelLimit": 160},
        "scale": {
            "domain": shown if few else ["right", "wrong"],
            "range": list(LINES[: len(shown)]) if few else [ACCENT, WARM],
        },
    }
    pictured = all("image" in value for value in values)
    plain = {"type": "quantitative", "axis": None, "scale": {"zero": False, "padding": 20}}
    place = {"x": {**plain, "field": "x"}, "y": {**plain, "field": "y"}}
    tooltip = [
        {"field": "t", "title": "is"},
        {"field": "p", "title": "taken for"},
        {"field": "n", "title": "image"},
    ]
    frame = {
        "mark": {
            "type": "point",
            "filled": True,
            "shape": "square" if pictured else "circle",
            "size": (_SIDE + 6) ** 2 if pictured else 70,
            "opacity": 1 if pictured else 0.85,
        },
        "encoding": {**place, "color": color, "tooltip": tooltip},
    }
    picture = {
        "mark": {"type": "image", "width": _SIDE, "height": _SIDE, "aria": False},
        "encoding": {**place, "url": {"field": "url"}, "tooltip": tooltip},
    }
    right = {"calculate": "datum.t == datum.p ? 'right' : 'wrong'", "as": "r"}
    return spec(values, 560, transform=[right], layer=[frame, picture] if pictured else [frame])
