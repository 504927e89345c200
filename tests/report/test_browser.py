"""The page in a real browser: Debian's Chromium without a screen, driven by Playwright, looked over by axe-core."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from looked import looked
from test_report import record

from featbench.report import write_results
from featbench.store import Store

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(CHROMIUM is None, reason="needs chromium: apt-get install chromium"),
    pytest.mark.skipif(find_spec("playwright") is None, reason="needs playwright: the extra [test] has it"),
]

MOST_BYTES = 20_000_000
EVIL = ["<script>alert(1)</script>", "a&b", "</script>", "<img src=x onerror=alert(2)>"]


def made(tmp_path: Path, n: int = 12, classes: list[str] | None = None) -> Path:
    classes = classes or ["cat", "dog", "ship"]
    rng, k, store, cells = np.random.default_rng(0), len(classes), Store(tmp_path), []
    truth = rng.integers(0, k, 60)
    for i in range(n):
        accuracy = 0.9 - 0.8 * i / n
        row = record(
            f"{classes[i % k]} hog({i}) → svm",
            accuracy,
            accuracy,
            cell_id=f"cell-{i}",
            latency_ms_p50=1.0 + i,
        )
        row["data"] |= {"classes": classes, "n_test": 60}
        predictions = np.where(rng.random(60) < accuracy, truth, rng.integers(0, k, 60))
        counts = np.zeros((k, k), dtype=int)
        np.add.at(counts, (truth, predictions), 1)
        row["scores"] |= {
            "confusion": counts.tolist(),
            "per_class": (np.diag(counts) / counts.sum(axis=1)).tolist(),
        }
        row["phases"] = {name: {**t, "seconds": t["seconds"] * (1 + i)} for name, t in row["phases"].items()}
        store.write_cell(row, {"predictions": predictions, "truth": truth})
        cells.append(row["cell_id"])
    store.write_run(
        {"name": "study", "cells": cells, "command": "featbench run x.yaml", "environment": {"cpu": "x"}}
    )
    write_results(store)
    return tmp_path / "report.html"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    # Chromium refuses its sandbox to root.
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=CHROMIUM, args=options)
        yield running
        running.close()


class Tab:
    """A page with what went wrong on it: messages, errors, dialogs, and what was asked for beyond the file."""

    def __init__(self, browser: Any, path: Path, **options: Any) -> None:
        self.wrong: list[str] = []
        self.page = browser.new_context(**options).new_page()
        self.page.on("console", lambda message: self.wrong.append(message.text))
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.wrong.append("dialog"), dialog.dismiss()))
        self.page.on("request", lambda r: self.wrong.append(r.url) if r.url != path.as_uri() else None)
        self.page.goto(path.as_uri(), wait_until="domcontentloaded")
        self.page.wait_for_selector("body.scripted output:not(:empty)")
        self.page.wait_for_selector("body[data-ready=true]", timeout=60_000)

    def rows(self) -> list[str]:
        found: list[str] = self.page.locator(".results tbody tr:visible th").all_inner_texts()
        return found


def test_the_table_sorts_filters_and_compares_by_keyboard(browser: Any, tmp_path: Path) -> None:
    tab = Tab(browser, made(tmp_path))
    page, order = tab.page, tab.rows()
    assert order[0] == "★ cat hog(0) → svm"
    head = page.get_by_role("columnheader", name="train s")
    head.get_by_role("button").focus()
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    assert tab.rows() == sorted(order, key=lambda text: -int(text.split("(")[1].split(")")[0]))
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    page.keyboard.press("Enter")
    assert tab.rows() == order

    page.get_by_label("Rows with the words").fill("dog svm")
    assert all("dog" in text for text in tab.rows())
    assert len(tab.rows()) == 4
    assert page.locator("output").inner_text() == "4 of 12 rows"
    page.get_by_label("Rows with the words").fill("")

    page.get_by_label("Compare with").select_option(index=4)
    assert tab.rows()[0] == order[3]
    cell = page.locator(".results tbody tr").nth(1).locator("td:visible").nth(3)
    assert cell.inner_text() == "+20.0"  # by hand: 0.8 × 3 of 12 rows, in points

    page.get_by_text("Columns", exact=True).click()
    page.get_by_label("peak MB", exact=True).uncheck()
    assert not page.get_by_role("columnheader", name="peak MB").is_visible()
    assert tab.wrong == []


def test_charts_draw_answer_to_hover_and_to_choices(browser: Any, tmp_path: Path) -> None:
    tab = Tab(browser, made(tmp_path))
    page = tab.page
    figures = page.locator("figure[data-chart]")
    assert figures.count() == 5
    assert page.locator("figure[data-chart] .chart svg").count() == 5
    assert page.locator("[data-chart=d1-cost] [aria-roledescription=point]").count() == 12
    marks = {
        "cost": "symbol",
        "selection": "symbol",
        "confusion": "rect",
        "per_class": "rect",
        "agreement": "rect",
    }
    for name, mark in marks.items():
        place = page.locator(f"[data-chart=d1-{name}] .mark-{mark} path").first
        place.scroll_into_view_if_needed()
        place.hover(force=True)  # numbers lie over their squares
        page.wait_for_selector("#vg-tooltip-element.visible")
        assert page.locator("#vg-tooltip-element td.value").count() >= 3
        page.mouse.move(0, 0)
        page.wait_for_selector("#vg-tooltip-element:not(.visible)", state="attached")
    place = page.locator("[data-chart=d1-cost] .chart")
    before = place.inner_html()
    page.locator("[data-chart=d1-cost] select").select_option("latency")
    page.wait_for_selector("[data-chart=d1-cost][data-drawn='1']")
    assert place.inner_html() != before
    assert "milliseconds" in place.inner_text()
    assert tab.wrong == []


def test_galleries_show_images_and_answer_to_choices(browser: Any, tmp_path: Path) -> None:
    write_results(looked(tmp_path, EVIL[:3]))
    tab = Tab(browser, tmp_path / "report.html")
    page = tab.page
    galleries = page.locator("figure[data-gallery]")
    assert galleries.count() == 5
    for place in range(5):
        galleries.nth(place).scroll_into_view_if_needed()
        page.wait_for_timeout(100)
        assert galleries.nth(place).locator("img").count() > 0
    loaded = page.locator("img").evaluate_all("all => all.map(i => i.complete && i.naturalWidth > 0)")
    assert loaded
    assert all(loaded), "every image is one that the browser can read"
    assert page.locator("[data-gallery=d1-occlusion] rect").count() == 4
    mistakes = page.locator("[data-gallery=d1-mistakes]")
    assert (
        mistakes.locator(".shot").first.inner_text()
        == f"{EVIL[2]}, taken for {EVIL[1]}, 95\N{NO-BREAK SPACE}%"
    )
    mistakes.locator("select").select_option("raw → svm")
    page.wait_for_selector("[data-gallery=d1-mistakes][data-drawn='1']")
    assert mistakes.locator(".shot").first.inner_text() == f"{EVIL[1]}, taken for {EVIL[2]}"
    page.locator("[data-chart=d1-map]").scroll_into_view_if_needed()
    assert page.locator("[data-chart=d1-map] image").count() == 5
    assert tab.wrong == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("pictures", [False, True])
def test_axe_finds_no_serious_fault_and_nothing_is_cut(
    browser: Any, tmp_path: Path, scheme: str, width: int, *, pictures: bool
) -> None:
    import axe_playwright_python

    if pictures:
        write_results(looked(tmp_path))
    tab = Tab(
        browser,
        tmp_path / "report.html" if pictures else made(tmp_path),
        color_scheme=scheme,
        viewport={"width": width, "height": 800},
        bypass_csp=True,
    )
    tab.page.evaluate(
        (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
    )
    found = tab.page.evaluate("axe.run()")["violations"]
    serious = [v for v in found if v["impact"] in ("serious", "critical")]
    assert [(v["id"], v["nodes"][0]["html"]) for v in serious] == []
    assert tab.page.evaluate("document.documentElement.scrollWidth") <= width
    assert tab.page.get_by_role("columnheader", name="fit s").is_visible() == (width > 640)
    assert tab.wrong == []


def test_hostile_names_are_text(browser: Any, tmp_path: Path) -> None:
    tab = Tab(browser, made(tmp_path, classes=EVIL))
    assert tab.wrong == []
    assert tab.page.locator("script").count() == 4
    assert tab.page.locator("img").count() == 0
    assert all(evil in " ".join(tab.rows()) for evil in EVIL)
    tab.page.locator("[data-chart=d1-cost] [aria-roledescription=point]").first.hover()
    tab.page.wait_for_selector("#vg-tooltip-element.visible")
    assert "hog(" in tab.page.locator("#vg-tooltip-element").inner_text()
    assert tab.page.locator("script").count() == 4
    assert tab.wrong == []


def test_five_hundred_rows_are_a_page_too(browser: Any, tmp_path: Path) -> None:
    path = made(tmp_path, 500, [f"class {i}" for i in range(10)])
    assert path.stat().st_size < MOST_BYTES
    tab = Tab(browser, path)
    assert len(tab.rows()) == 500
    assert tab.wrong == []
