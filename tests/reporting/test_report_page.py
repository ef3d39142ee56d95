"""The page: what it contains, and that it can be read without network, mouse, colours or eyes."""

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from reporting.examples import (
    HOSTILE,
    empty_report,
    hostile_report,
    report,
    report_of,
    search_report,
    small_report,
)
from signs_sweep.reporting.content import Report
from signs_sweep.reporting.page import to_html

pytestmark = pytest.mark.slow

VOID = {"meta", "link", "img", "br", "input", "hr"}


class Page(HTMLParser):
    """The elements of a page, each with its attributes, its ancestors and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[dict] = []
        self.elements: list[dict] = []
        self.feed(text)
        assert not self.open, "an element is not closed"

    def handle_starttag(self, tag, attrs):
        inside = [element["tag"] for element in self.open]
        self.elements.append({"tag": tag, "inside": inside, "text": "", **dict(attrs)})
        if tag not in VOID:
            self.open.append(self.elements[-1])

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop()["tag"] == tag

    def handle_data(self, data):
        for element in self.open:
            element["text"] += data

    def find(self, *tags: str) -> list[dict]:
        return [element for element in self.elements if element["tag"] in tags]

    def headings(self) -> list[str]:
        return [each["text"].strip() for each in self.find("h1", "h2", "h3", "h4")]


EXAMPLES = {
    "small": small_report,
    "search": search_report,
    "empty": empty_report,
    "hostile": hostile_report,
    "single": lambda: report_of(1, 1),
    "many": lambda: report_of(40, 3),
    "several": lambda: report(*small_report().experiments, *search_report().experiments),
}


@pytest.fixture(scope="module", params=EXAMPLES)
def page(request) -> Page:
    return Page(to_html(EXAMPLES[request.param]()))


def page_of(found: Report) -> Page:
    return Page(to_html(found))


def test_nothing_is_loaded_from_elsewhere(page) -> None:
    assert not page.find("script", "link", "iframe", "object")
    for element in page.elements:
        for name in ("src", "href", "xlink:href", "data", "srcset"):
            assert element.get(name, "#").startswith(("#", "data:image/png;base64,"))
    (style,) = page.find("style")
    assert "url(" not in style["text"]
    assert "@import" not in style["text"]


def test_headings_are_in_order_and_every_reference_has_its_target(page) -> None:
    levels = [int(each["tag"][1]) for each in page.find("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    ids = [element["id"] for element in page.elements if "id" in element]
    assert len(ids) == len(set(ids))
    for element in page.elements:
        assert element.get("href", "")[1:] in {"", *ids}


def test_pictures_have_a_text_instead_and_tables_have_captions_and_headers(page) -> None:
    assert all(image["alt"] for image in page.find("img"))
    images = [each for each in page.elements if each.get("role") == "img"]
    assert all(each["aria-label"] for each in images)
    assert len(images) == len(page.find("svg"))
    assert len(page.find("caption")) == len(page.find("table"))
    assert all(each["text"].strip() for each in page.find("caption"))
    assert all(each["scope"] in ("row", "col") for each in page.find("th"))
    scrolling = [each for each in page.elements if each.get("class") == "scroll"]
    assert len(scrolling) == len(page.find("table"))
    assert all(each["tabindex"] == "0" and each["aria-label"] for each in scrolling)


def test_hostile_names_appear_as_they_are() -> None:
    text = to_html(hostile_report())
    page = Page(text)
    assert "<script" not in text
    (heading,) = page.find("h1")
    assert heading["text"] == "\n".join(HOSTILE)
    names = [each["text"] for each in page.find("span") if each.get("class") == "name"]
    assert sorted(names) == sorted(HOSTILE)


def test_the_verdict_comes_first_and_the_search_right_after_it() -> None:
    (experiment,) = search_report().experiments
    page = page_of(search_report())
    first, second, third, *_ = page.headings()
    assert first == experiment.question
    assert (second, third) == ("Verdict", "What the search promised, and what held")
    texts = [each["text"] for each in page.find("p")]
    assert experiment.answer in texts
    assert texts.index(experiment.answer) < texts.index(experiment.search.text)
    (winner,) = experiment.search.chosen
    assert winner.value in [each["text"] for each in page.find("dd")]
    cells = [each["text"] for each in page.find("td")]
    for stage in experiment.search.stages:
        assert f"{stage.winner:.4f}" in cells
    assert {"0.7900", "+0.0290", "+0.0210 to +0.0370", "better"} <= set(cells)


def test_a_page_has_the_number_of_every_setting() -> None:
    (experiment,) = small_report().experiments
    cells = [" ".join(each["text"].split()) for each in page_of(small_report()).find("td")]
    for setting in experiment.settings:
        assert f"{setting.mean:.4f}" in cells
        assert f"{setting.deviation:.4f}" in cells
    assert "+0.1039 +0.0925 to +0.1167" in cells
    assert "\u22120.0659" in cells, "more runs of one setting failed, so it has no interval"
    assert "9 1 failed" in cells


def test_what_has_nothing_to_say_is_left_out() -> None:
    headings = page_of(report_of(1, 1)).headings()
    full = page_of(small_report()).headings()
    without = {
        "Effect of each parameter",
        "Which classes are confused",
        "The surest mistakes",
        "Calibration",
        "What the first layer looks at",
    }
    assert without <= set(full)
    assert not without & set(headings)
    (single,) = [
        each for each in page_of(report_of(1, 1)).find("table") if each["class"] == "settings"
    ]
    assert "each seed" not in single["text"], "a single dot says nothing"
    assert "There are no results yet." in to_html(empty_report())


def test_rows_beyond_thirty_settings_are_in_a_part_to_open() -> None:
    tables = [
        each for each in page_of(report_of(40, 3)).find("table") if each["class"] == "settings"
    ]
    assert ["details" in each["inside"] for each in tables] == [False, True]
    assert tables[1]["text"].count("undecided") == 10


def test_many_classes_have_a_list_of_the_most_frequent_confusions() -> None:
    (experiment,) = small_report().experiments
    counts = 50 * np.eye(20, dtype=np.int64)
    counts[3, 4] = 7
    counts[5, 1] = 9
    classes = tuple(f"class {index}" for index in range(20))
    best = replace(experiment.best, classes=classes, confusion=counts)
    page = page_of(report(replace(experiment, best=best, baseline=None)))
    (table,) = [each for each in page.find("table") if "Most frequent" in each["text"]]
    rows = re.findall(r"class \d+", table["text"])
    assert rows == ["class 5", "class 1", "class 3", "class 4"]
    assert "12.3%" in table["text"]


def test_many_classes_without_a_confusion_have_no_list() -> None:
    (experiment,) = small_report().experiments
    classes = tuple(f"class {index}" for index in range(20))
    best = replace(experiment.best, classes=classes, confusion=50 * np.eye(20, dtype=np.int64))
    assert "Most frequent" not in to_html(report(replace(experiment, best=best, baseline=None)))


def test_runs_that_failed_alike_are_in_a_row_together() -> None:
    (experiment,) = small_report().experiments
    (failure,) = experiment.failures
    alike = [replace(failure, seeds=failure.seeds._replace(init_seed=seed)) for seed in range(3)]
    other = replace(failure, why="diverged")
    page = page_of(report(replace(experiment, failures=(*alike, other))))
    (table,) = [each for each in page.find("table") if "learned nothing" in each["text"]]
    assert table["text"].count(failure.setting) == 2
    for each in alike:
        assert str(each.seeds) in table["text"]


def test_a_figure_of_effects_without_intervals_does_not_explain_their_lines() -> None:
    assert "the line is its 95" in to_html(report_of(3, 2))
    text = to_html(report_of(3, 1))
    assert "a single seed has no interval" in text
    assert "the line is its 95" not in text


def test_pictures_that_are_not_there_are_explained() -> None:
    (experiment,) = small_report().experiments
    wrong = tuple(replace(each, image=None) for each in experiment.wrong)
    text = to_html(report(replace(experiment, wrong=wrong)))
    assert "The pictures are left out" in text
    assert "The pictures are left out" not in to_html(small_report())


def test_several_experiments_have_a_table_of_contents() -> None:
    page = page_of(EXAMPLES["several"]())
    targets = [each["href"] for each in page.find("a")]
    assert targets == ["#e1", "#e2"]
    assert page.headings()[0] == "Report on 2 experiments"


def test_a_page_of_a_hundred_runs_is_small() -> None:
    (experiment,) = report_of(5, 20).experiments
    (others,) = small_report().experiments
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 64, 3), np.uint8)
    bands = dict.fromkeys(("loss", "accuracy", "val_loss"), experiment.bands["loss"])
    text = to_html(
        report(
            replace(
                experiment,
                bands=bands,
                best=others.best,
                baseline=others.baseline,
                wrong=others.wrong * 3,
                weights=replace(others.weights, images=noise),
            )
        )
    )
    assert len(text.encode()) < 3_000_000


def axe() -> Path | None:
    """Return where the script of axe-core is, if it is installed."""
    folder = os.environ.get("AXE_CORE", Path(__file__).parents[2] / "node_modules" / "axe-core")
    script = Path(folder) / "axe.min.js"
    return script if script.exists() else None


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    service = webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
    driver = webdriver.Chrome(options=options, service=service)
    yield driver
    driver.quit()


@pytest.mark.slow
@pytest.mark.skipif(
    axe() is None or shutil.which("chromedriver") is None,
    reason="axe-core, Chromium or its driver is not installed",
)
@pytest.mark.parametrize(
    ("name", "scheme", "width"),
    [("several", "light", 390), ("small", "dark", 1280), ("hostile", "dark", 390)],
)
def test_axe_finds_nothing_and_nothing_is_wider_than_the_window(
    name, scheme, width, browser, tmp_path
) -> None:
    path = tmp_path / "report.html"
    path.write_text(to_html(EXAMPLES[name]()), encoding="utf-8")
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(path.as_uri())
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    browser.execute_script("document.querySelectorAll('details').forEach(each => each.open = true)")
    script = axe()
    assert script is not None
    browser.execute_script(script.read_text(encoding="utf-8"))
    found = browser.execute_async_script(
        "axe.run({resultTypes: ['violations']}).then(arguments[0])"
    )
    assert [(each["id"], each["nodes"][0]["html"]) for each in found["violations"]] == []
