"""The pages: they build without warnings, and in a browser ask for nothing from elsewhere, show formulas, and fit."""

import shutil
import subprocess
import sys

import pytest
from support.places import DOCS, ROOT

pytest.importorskip("sphinx")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Build the pages by the command that the README and CONTRIBUTING.md give."""
    out = tmp_path_factory.mktemp("pages")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-n", "-d", str(out / "trees")]
    done = subprocess.run([*command, str(DOCS), str(out / "html")], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return out / "html"


def test_every_page_is_built_with_the_explorer_and_the_numbers(pages):
    assert {path.stem for path in DOCS.glob("*.md")} <= {path.stem for path in pages.glob("*.html")}
    assert (pages / "explorer.html").read_bytes() == (DOCS / "explorer.html").read_bytes()
    assert "{num}" not in (pages / "results.html").read_text()


def test_docstrings_keep_formulas_and_the_table_of_symbols(pages):
    text = (pages / "api" / "rmt.html").read_text()
    assert "gamma     E[q G^2]                                                         pruning" in text
    assert "_SupportsArray" not in text


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.mark.parametrize("width", [1280, 375])
def test_no_page_asks_for_anything_from_elsewhere_or_scrolls_sideways(pages, browser, width):
    page, requests, errors = browser.new_page(viewport={"width": width, "height": 800}), [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    wide = {}
    for path in sorted(pages.glob("*.html")):
        page.goto(path.as_uri())
        excess = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        if excess > 0 and path.name != "explorer.html":
            wide[path.name] = excess
    page.close()
    assert wide == {}
    assert errors == []
    assert [url for url in requests if not url.startswith(("file://", "data:"))] == []


def test_formulas_are_drawn_offline(pages, browser):
    page = browser.new_page()
    page.goto((pages / "theory.html").as_uri())
    page.wait_for_selector("mjx-container", timeout=20_000)
    assert page.locator("mjx-container").count() > 20
    assert page.locator("mjx-merror").count() == 0
    fonts = page.evaluate(
        "document.fonts.ready.then(() => [...document.fonts].filter(f => f.status == 'error').length)"
    )
    assert fonts == 0
    page.close()


def test_search_works_from_a_file(pages, browser):
    page = browser.new_page()
    page.goto(f"{(pages / 'search.html').as_uri()}?q=ridgeless")
    page.wait_for_selector("ul.search li", timeout=20_000)
    assert page.locator("ul.search li").count() >= 1
    page.close()
