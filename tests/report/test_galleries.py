"""What galleries show, counted by hand on rows that are made up."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from looked import CLASSES, SAID, TRUTH, coloured, looked

from featbench.report import as_html, summarize_run
from featbench.report.charts import Chart, charts_of
from featbench.report.embedded import Images
from featbench.report.failures import Judged
from featbench.report.galleries import Gallery, galleries_of
from featbench.report.seen import Row, Seen, seen_of
from featbench.store import Store
from featbench.thumbnails import encoded

PERCENT = "\N{NO-BREAK SPACE}%"


def shown(store: Store, *, images: bool = True) -> tuple[Seen, Images]:
    return seen_of(summarize_run(store).datasets[0], store, images=images), Images()


def galleries(store: Store, *, images: bool = True) -> dict[str, Gallery]:
    found: dict[str, Gallery] = galleries_of(*shown(store, images=images))
    json.dumps([gallery.to_json() for gallery in found.values()], allow_nan=False)
    return found


def charts(store: Store, *, images: bool = True) -> dict[str, Chart]:
    found: dict[str, Chart] = charts_of(summarize_run(store).datasets[0], *shown(store, images=images))
    return found


def texts(gallery: Gallery, choice: int = 0, group: int = 0) -> list[str]:
    return [shot.text for shot in gallery.choices[choice][1][group].shots]


def test_the_surest_mistakes_come_first_and_say_what_was_said(tmp_path: Path) -> None:
    found = galleries(looked(tmp_path))["mistakes"]
    assert [name for name, _ in found.choices] == ["hog → softmax", "raw → svm"]
    assert texts(found) == [
        f"ship, taken for dog, 95{PERCENT}",
        f"cat, taken for ship, 72{PERCENT}",
        f"dog, taken for cat, 55{PERCENT}",
    ]
    assert texts(found, 1) == ["dog, taken for ship", "cat, taken for ship", "ship, taken for cat"], (
        "margins only rank"
    )


def test_what_every_row_misses(tmp_path: Path) -> None:
    found = galleries(looked(tmp_path))["missed"]
    assert texts(found) == ["cat, taken for ship by 2", "ship, taken for dog by 1"], "agreed on first"
    assert found.note == "2 of 5 test images are labelled right by none of 2 rows."


def test_neighbours_by_pixels_and_by_features(tmp_path: Path) -> None:
    found = galleries(looked(tmp_path))["neighbours"]
    query, pixels, features = found.choices[0][1]
    assert [(shot.text, shot.mark, shot.what) for shot in query.shots] == [("dog", "query", "test image 1")]
    assert [(shot.text, shot.mark) for shot in pixels.shots] == [("dog", "right"), ("ship", "")]
    assert [(shot.text, shot.mark) for shot in features.shots] == [("cat", ""), ("dog", "right")]
    assert pixels.shots[0].image == features.shots[1].image, "one image is embedded once"
    assert "of 100 training images" in found.note


def test_an_occlusion_map_lies_over_its_image(tmp_path: Path) -> None:
    found = galleries(looked(tmp_path))["occlusion"]
    plain, covered = found.choices[0][1][0].shots
    assert plain.text == "dog, but it is ship"
    assert covered.text == f"95{PERCENT}, at the least 45{PERCENT}"
    assert covered.heat == [[1.0, 0.0], [-0.5, 0.2]], "shares of the largest change"
    assert texts(found, 1)[1] == "score 0.95, at the least 0.45"


def test_pictures_in_groups_after_the_images_that_they_are_of(tmp_path: Path) -> None:
    found = galleries(looked(tmp_path))["pictures"]
    groups = found.choices[0][1]
    assert [(group.heading, [shot.text for shot in group.shots]) for group in groups] == [
        ("training images", ["training image 7"]),
        ("strokes", ["training image 7"]),
        ("template", ["cat", "dog"]),
    ]


def test_the_map_says_what_is_and_what_was_said(tmp_path: Path) -> None:
    store = looked(tmp_path)
    found = charts(store)["map"]
    assert [name for name, _ in found.choices] == [
        f"{extractor}, {method}"
        for extractor in ("hog", "raw")
        for method in ("t-SNE", "two principal components")
    ]
    values = found.choices[1][1]["data"]["values"]
    assert [(v["x"], v["y"], v["t"], v["p"]) for v in values[:2]] == [
        (0, 1, "cat", "cat"),
        (2, 3, "dog", "cat"),
    ]
    assert all("image" in v for v in values)
    bare = charts(store, images=False)["map"].choices[1][1]
    assert not any("image" in v for v in bare["data"]["values"])
    assert len(bare["layer"]) == 1


def test_calibration_is_of_probabilities_alone(tmp_path: Path) -> None:
    found = charts(looked(tmp_path))["calibration"]
    ((told, curve),) = found.choices
    # Right are 0.88 and 0.45, wrong 0.55, 0.95 and 0.72; each stands in a bin of its own.
    error = 100 * (0.12 + 0.55 + 0.95 + 0.72 + 0.55) / 5
    assert told == f"hog → softmax: confidence is off by {error:.1f} points on average"
    assert [(round(v["c"]), v["a"], v["n"]) for v in curve["data"]["values"]] == [
        (45, 100, 1),
        (55, 0, 1),
        (72, 0, 1),
        (88, 100, 1),
        (95, 0, 1),
    ]


def test_the_first_row_of_each_extractor_is_shown_before_others() -> None:
    rows = [
        Row(
            f"{extractor} {place}",
            extractor,
            Judged({}, SAID["raw → svm"], TRUTH, None, None),
            {"pca": TRUTH},
        )
        for place, extractor in enumerate("aabacb")
    ]
    seen = Seen(tuple(rows), {}, tuple(CLASSES), images=True)
    assert [row.name for row in seen.with_evidence] == ["a 0", "b 2", "c 4", "a 1", "a 3", "b 5"]


def test_without_images_only_what_shows_none(tmp_path: Path) -> None:
    store = looked(tmp_path)
    assert list(galleries(store, images=False)) == ["pictures"]
    groups = galleries(store, images=False)["pictures"].choices[0][1]
    assert [group.heading for group in groups] == ["template"]
    page = as_html(summarize_run(store), pictures=False)
    for file in [encoded(coloured(i)) for i in (*range(5), 7, 10, 11, 12)]:
        assert base64.b64encode(file).decode() not in page
    whole = as_html(summarize_run(store))
    for i in (*range(5), 7, 10, 11, 12):
        assert whole.count(base64.b64encode(encoded(coloured(i))).decode()) == 1, "embedded once"


def test_a_run_that_kept_nothing_has_no_galleries(tmp_path: Path) -> None:
    store = looked(tmp_path)
    for path in (tmp_path / "thumbnails").iterdir():
        path.unlink()
    assert list(galleries(store)) == ["pictures"]
    for name in store.cell_ids():
        row = store.read_cell(name)
        assert row is not None
        store.write_cell({k: v for k, v in row.items() if k != "evidence"}, store.read_arrays(row))
    assert galleries(store) == {}
    assert {"map", "calibration"}.isdisjoint(charts(store))
    assert "What it sees" not in as_html(summarize_run(store))


def test_a_page_carries_so_many_images_and_no_more() -> None:
    images = Images(budget=10)
    first = images.add(b"123456")
    assert first is not None
    assert images.add(b"12345") is None, "spent"
    assert images.add(b"123456") == first, "what is there can be shown again"
    assert images.add(b"abcd") is not None
    assert images.add(None) is None
    assert {base64.b64decode(text) for text in images.to_json().values()} == {b"123456", b"abcd"}


@pytest.mark.parametrize("evil", ["</script><script>alert(1)</script>", "a&b", "\x1b[31m", "<!--"])
def test_names_of_classes_stay_text(tmp_path: Path, evil: str) -> None:
    page = as_html(summarize_run(looked(tmp_path, [evil, "dog", "ship"])))
    assert "<script>alert" not in page
    assert page.count("</script>") == 4
    assert "\x1b" not in page
