"""Pages in a real browser: Debian's chromium, driven by playwright; axe-core comes by npm."""

import os
import re
import shutil
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import sync_playwright
from sample_report import demanding_report, sample_report

from sciformer.report.combined import Done, Failed, join

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
WIDTHS = (390, 1280, 1920)
pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(BROWSER is None, reason="chromium is not installed"),
]


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """A report, a joined page, and every page of PAGES, a list of paths with colons between."""
    folder = tmp_path_factory.mktemp("pages")
    demanding_report().write(folder / "one")
    sample_report("Two").write(folder / "two")
    parts = [Done("xval", folder / "one"), Failed("mpp", "no"), Done("astroclip", folder / "two")]
    join("All", parts, folder / "all", {"Time": "1 s"}, "Three projects.")
    found = [folder / name / "index.html" for name in ("one", "all")]
    return found + [Path(path) for path in os.environ.get("PAGES", "").split(":") if path]


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser):
    """Open a page at a width in a scheme; what its console or loading complains of is an error."""
    contexts, complaints = [], []

    def opened(path, width=1280, scheme="light"):
        # The page's own policy forbids scripts, which the checks are.
        size = {"width": width, "height": 900}
        context = browser.new_context(viewport=size, color_scheme=scheme, bypass_csp=True)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("requestfailed", lambda request: complaints.append(request.url[:80]))
        page.goto(path.as_uri(), wait_until="load")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_cut_at_any_width(pages, visit, width, scheme):
    for path in pages:
        page = visit(path, width, scheme)
        page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        assert page.evaluate("document.documentElement.scrollWidth") == width
        if width > 1000:  # on a phone a wide table scrolls in its own box
            boxes = "[...document.querySelectorAll('.scroll')]"
            cut = f"{boxes}.filter(box => box.scrollWidth > box.clientWidth)"
            assert page.evaluate(f"{cut}.map(box => box.innerText)") == []


def test_every_picture_is_drawn_and_a_film_has_controls_and_a_poster(pages, visit):
    for path in pages:
        page = visit(path)
        page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        page.evaluate("[...document.images].forEach(image => image.loading = 'eager')")
        wait = "Promise.all([...document.images].map(image => image.decode().then(() => image)))"
        widths = page.evaluate(f"{wait}.then(all => all.map(image => image.naturalWidth))")
        assert widths
        assert all(widths)
        for film in page.query_selector_all("video"):
            assert film.get_attribute("controls") is not None
            assert film.get_attribute("poster").startswith("data:image/png;base64,")
            film.evaluate("film => { film.preload = 'auto'; film.load(); }")
            page.wait_for_function("film => film.readyState > 1 || film.error", arg=film)
            assert film.evaluate("film => film.error && film.error.message") is None


def test_figures_follow_the_scheme_and_are_printed_dark_on_white(pages, visit):
    inks = {}
    for scheme in ("light", "dark"):
        page = visit(pages[0], scheme=scheme)
        figure = page.locator("figure img:not(.film)").first
        inks[scheme] = brightness(figure.screenshot())
    assert inks["light"] > 0.8
    assert inks["dark"] < 0.3
    page.emulate_media(media="print")
    assert brightness(figure.screenshot()) > 0.8


def brightness(png):
    return np.asarray(Image.open(BytesIO(png)).convert("L")).mean() / 255


def test_everything_that_reacts_is_reached_with_the_keyboard(pages, visit):
    react = "a[href], summary, video, [tabindex='0']"
    for path in pages:
        page = visit(path)
        page.evaluate(
            f"document.querySelectorAll({react!r}).forEach((each, i) => each.dataset.number = i)"
        )
        shown = "each => each.checkVisibility() && each.dataset.number"
        wanted = page.evaluate(f"[...document.querySelectorAll({react!r})].map({shown})")
        reached = []
        for _ in range(8 * len(wanted)):  # a film has several controls
            page.keyboard.press("Tab")
            reached.append(page.evaluate("document.activeElement.dataset.number"))
        assert {number for number in wanted if number} <= set(reached)
    page.locator("summary").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("details").first.get_attribute("open") is not None


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_rules_of_axe_core_pass(pages, visit, scheme):
    for path in pages:
        page = visit(path, scheme=scheme)
        page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        page.add_script_tag(path=AXE)
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
        assert [(rule["id"], rule["nodes"][0]["html"][:200]) for rule in found] == []


def test_a_page_is_printed_on_few_sheets_without_what_is_folded(pages, visit):
    for path in pages:
        content = visit(path).pdf(prefer_css_page_size=True, format="A4")
        assert len(re.findall(rb"/Type\s*/Page\b", content)) <= 12
