"""The page in a real browser: it draws everything, asks for nothing, complains about nothing."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from physai_inverse.report import write_report
from tests.report.demo import demo_campaign
from tests.report.test_page import hostile_study

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Dialog, Page, Request

CHROMIUM = Path("/usr/bin/chromium")

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not there; apt-get install chromium")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(
            executable_path=CHROMIUM,
            args=["--disable-background-networking", "--disable-component-update", "--disable-sync"],
        )
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def report(browser: "Browser", tmp_path_factory: pytest.TempPathFactory) -> "Iterator[tuple[Page, list[str]]]":
    study, baseline, campaign = demo_campaign()
    folder = tmp_path_factory.mktemp("browser")
    page, trouble = opened(
        browser, write_report(study, folder / "page.html", baseline=baseline, campaign=campaign)
    )
    yield page, trouble
    page.close()


def opened(browser: "Browser", path: Path) -> "tuple[Page, list[str]]":
    """Open a page; give it with what it complains about and asks for, now and later."""
    trouble: list[str] = []
    page = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme="light")

    def note_request(request: "Request") -> None:
        if not request.url.startswith(("file:", "data:", "blob:")):
            trouble.append(request.url)

    def note_dialog(dialog: "Dialog") -> None:
        trouble.append(dialog.message)
        dialog.dismiss()

    page.on("console", lambda message: trouble.append(message.text))
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("dialog", note_dialog)
    page.on("request", note_request)
    page.goto(path.as_uri())
    wait_for(page, "light")
    return page, trouble


def wait_for(page: "Page", scheme: str) -> None:
    """Wait until everything that is shown is drawn in a scheme; the page's policy forbids to poll by a script."""
    page.wait_for_selector(f"html[data-ready={scheme}]", state="attached", timeout=60_000)


SHOWN = "[...document.querySelectorAll('[data-figure]')].filter((place) => place.offsetParent)"


def test_every_figure_is_drawn(report: "tuple[Page, list[str]]") -> None:
    page, _ = report
    assert page.evaluate(f"{SHOWN}.length") > 8
    assert page.evaluate(f"{SHOWN}.every((place) => place.querySelector('svg.main-svg'))")


def test_a_dark_system_has_dark_figures(report: "tuple[Page, list[str]]") -> None:
    page, _ = report
    page.emulate_media(color_scheme="dark")
    wait_for(page, "dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(15, 19, 24)"
    assert page.evaluate(f"{SHOWN}.every((place) => place.dataset.drawn === 'dark')")
    page.emulate_media(color_scheme="light")
    wait_for(page, "light")


def test_the_button_goes_against_the_system(report: "tuple[Page, list[str]]") -> None:
    page, _ = report
    page.click("#theme")
    wait_for(page, "dark")
    page.click("#theme")
    wait_for(page, "light")


def test_a_link_to_what_is_folded_away_opens_and_draws_it(report: "tuple[Page, list[str]]") -> None:
    page, _ = report
    page.evaluate("location.hash = '#metrics'")
    page.wait_for_selector("#metrics[open] svg.main-svg")


def test_panels_of_the_matrix_stand_in_their_places(report: "tuple[Page, list[str]]") -> None:
    page, _ = report
    page.evaluate("location.hash = '#metrics'")
    page.wait_for_selector("#metrics[open] svg.main-svg")
    sides = page.evaluate(
        "(() => { const full = document.querySelector('#metrics [data-figure]')._fullLayout;"
        " return ['', '2', '3', '4'].map((name) => full['xaxis' + name]._offset); })()"
    )
    steps = [second - first for first, second in itertools.pairwise(sides)]
    assert max(steps) - min(steps) < 1.0 < min(steps)


def test_a_narrow_page_does_not_scroll_sideways(report: "tuple[Page, list[str]]") -> None:
    page, _ = report
    page.set_viewport_size({"width": 390, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.set_viewport_size({"width": 1280, "height": 900})


def test_choosing_a_metric_shows_and_draws_its_figure(report: "tuple[Page, list[str]]") -> None:
    page, _ = report
    page.select_option("[data-choice=trust]", index=1)
    page.wait_for_selector("[data-panel='trust:1'] svg.main-svg")
    assert page.is_hidden("[data-panel='trust:0']")


def test_a_click_on_a_column_sorts_the_trials(report: "tuple[Page, list[str]]") -> None:
    page, _ = report
    page.evaluate("location.hash = '#trials'")
    page.wait_for_selector("#trials[open]")
    cells = "[...document.querySelectorAll('table.sortable tbody tr')].map((row) => row.cells[2].dataset.v)"
    page.click("table.sortable thead th:nth-child(3) button")
    shown = [float(value) for value in page.evaluate(cells) if value]
    assert shown == sorted(shown)
    page.click("table.sortable thead th:nth-child(3) button")
    assert [float(value) for value in page.evaluate(cells) if value] == shown[::-1]


def test_the_page_asked_for_nothing_and_complained_about_nothing(report: "tuple[Page, list[str]]") -> None:
    assert report[1] == []


def test_attacks_do_nothing_in_a_browser(browser: "Browser", tmp_path: Path) -> None:
    page, trouble = opened(browser, write_report(hostile_study(), tmp_path / "page.html"))
    assert page.evaluate("window.hit") is None
    assert trouble == []
    page.close()
