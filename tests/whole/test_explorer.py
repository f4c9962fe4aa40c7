"""The explorer in a real headless browser: its numbers are the package's, its sliders, address and layout work."""

import shutil
from urllib.parse import parse_qs

import numpy as np
import pytest
from support.places import DOCS

import rmt

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
RULES = {"hard": rmt.KeepHard, "easy": rmt.KeepEasy}


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser):
    """Return the explorer, and fail at the end if it raised an error or asked for any other file."""
    page = browser.new_page(viewport={"width": 1100, "height": 800})
    errors, requests = [], []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    address = (DOCS / "explorer.html").as_uri()
    page.goto(address)
    yield page
    assert not errors
    assert {request.split("#")[0] for request in requests} == {address}
    page.close()


def test_error_rates_are_those_of_the_package(page):
    rng = np.random.default_rng(20261121)
    questions, expected = [], []
    for _ in range(3000):
        name = str(rng.choice(["hard", "easy", "all"]))
        low, high = np.array([(1, 6), (1, 4), (-8, 2), (-2, 0)]).T
        n, d, ridge, p = (10 ** rng.uniform(low, high)).tolist()
        rho = float(rng.uniform(0, 1))
        questions.append({"n": n, "d": d, "ridge": ridge, "rule": name, "p": p, "rho": rho})
        rule = RULES[name](p) if name in RULES else rmt.KeepAll()
        expected.append(rmt.error_rate(rmt.Problem(n=n, d=d, ridge=ridge, rule=rule, rho=rho)))
    np.testing.assert_allclose(page.evaluate("questions => questions.map(errorRate)", questions), expected, rtol=1e-9)


@pytest.mark.parametrize(("n", "p", "rho"), [(4000, 0.3, 0.95), (1000, 0.5, 0.9), (300, 0.8, 0.6)])
def test_the_best_ridge_is_the_packages(page, n, p, rho):
    best = rmt.limits.optimal_ridge(rmt.Problem(n=n, d=500, ridge=1.0, rule=rmt.KeepHard(p), rho=rho))
    question = {"n": n, "d": 500, "ridge": None, "rule": "hard", "p": p, "rho": rho}
    assert page.evaluate("errorRate", question) == pytest.approx(best.error_rate, rel=1e-7)


def test_practice_is_that_of_the_package(page):
    rng = np.random.default_rng(7)
    for _ in range(60):
        fits, memory, name = int(rng.integers(1, 11)), int(rng.integers(0, 4)), str(rng.choice(["hard", "easy"]))
        rows, bands = rng.uniform(0.2, 6, fits).tolist(), rng.uniform(0.02, 1, fits).tolist()
        ridge = float(10 ** rng.uniform(-5, 0))
        seen = [[float(memory == 0 or r >= k - memory) for r in range(k)] for k in range(1, fits + 1)]
        curve = rmt.practice.learning_curve(rows, ridge, [RULES[name](p) for p in bands[1:]], seen)
        question = {"rows": rows, "ridge": ridge, "rule": name, "p": bands, "memory": memory}
        np.testing.assert_allclose(page.evaluate("practice", question), curve.error_rate, rtol=1e-9)


@pytest.mark.parametrize(("view", "slider"), [("one", "n"), ("map", "rho"), ("pool", "rows")])
def test_an_arrow_key_changes_number_picture_and_address(page, view, slider):
    page.locator(f"nav button[data-view={view}]").click()
    section = page.locator(f"#{view}")
    before = section.locator("[data-value]").get_attribute("data-value"), section.locator("svg").inner_html()
    section.locator(f"[data-key={slider}]").focus()
    for _ in range(5):
        page.keyboard.press("ArrowLeft")
    after = section.locator("[data-value]").get_attribute("data-value"), section.locator("svg").inner_html()
    assert before[0] != after[0]
    assert before[1] != after[1]
    assert slider in parse_qs(page.evaluate("location.hash.slice(1)"))


def test_the_address_restores_the_state_and_ignores_what_it_does_not_know(page):
    page.evaluate("location.hash = 'view=pool&fits=4&memory=2&rows=9&band=x&nonsense=1&rule=none'")
    page.wait_for_function("state.view === 'pool' && state.fits === 4")
    assert page.evaluate("[state.memory, state.rows, state.band, state.rule]") == [2, 1, -0.5, "hard"]
    assert page.locator("#pool svg circle").count() == 4


@pytest.mark.parametrize("view", ["one", "map", "pool"])
def test_a_phone_shows_everything(page, view):
    page.set_viewport_size({"width": 375, "height": 700})
    page.locator(f"nav button[data-view={view}]").click()
    assert page.evaluate("document.documentElement.scrollWidth") == 375
    assert page.locator(f"#{view} svg").bounding_box()["width"] > 300
