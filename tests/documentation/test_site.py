"""The site is built without a warning, in both languages, and its pages ask no other host."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import pytest

from headstart.methods import METHODS

ROOT = Path(__file__).parents[2]
BROWSER = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)
ASKED = re.compile(r"<(?:script|link|img|iframe|source)\b[^>]*?(?:src|href)=\"?((?:https?:)?//[^\s\">]+)")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site."""
    folder = tmp_path_factory.mktemp("site")
    quiet = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder],
        cwd=ROOT, env=quiet, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """Of a server of the built site."""

    class Silent(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=str(site))) as server:
        Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.skipif(BROWSER is None, reason="there is no Chromium")
@pytest.mark.skipif(importlib.util.find_spec("playwright") is None, reason="there is no Playwright")
def test_pages_fit_a_phone_and_ask_this_host_alone(address):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as made:
        browser = made.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 400, "height": 800})
        hosts = set()
        page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
        for place in ("", "zh/tutorial/", "methods/ridge/", "commands/", "results/"):
            page.goto(f"{address}/{place}")
            assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, place
        browser.close()
    assert hosts == {urlsplit(address).netloc}


def test_every_page_is_there_in_both_languages(site):
    english = {page.relative_to(site) for page in site.rglob("index.html")}
    own = {page for page in english if page.parts[0] != "zh"}
    assert {Path("zh") / page for page in own} == english - own
    pages = {page.relative_to(ROOT / "docs").with_suffix("") for page in (ROOT / "docs").rglob("*.md") if "zh" not in page.parts}
    assert {page / "index.html" for page in pages - {Path("index")}} <= own
    assert {Path("methods", kind, "index.html") for kind in METHODS.names()} <= own


def test_no_page_asks_another_host(site):
    asked = {
        (page.relative_to(site).as_posix(), *ASKED.findall(page.read_text(encoding="utf-8"))) for page in site.rglob("*.html")
    }
    assert {one for one in asked if len(one) > 1} == set()


def test_the_other_language_is_one_click_away(site):
    page = (site / "tutorial" / "index.html").read_text(encoding="utf-8")
    assert 'href="../zh/tutorial/" hreflang="zh"' in page
    home = (site / "zh" / "index.html").read_text(encoding="utf-8")
    assert 'href="../" hreflang="en"' in home or 'href="./../" hreflang="en"' in home


def test_a_page_without_a_translation_says_so(site):
    assert "这一页还没有中文版" in (site / "zh" / "changelog" / "index.html").read_text(encoding="utf-8")
    assert "这一页还没有中文版" not in (site / "zh" / "tutorial" / "index.html").read_text(encoding="utf-8")


def test_lines_of_chinese_are_joined_without_a_gap(site):
    page = (site / "zh" / "troubleshooting" / "index.html").read_text(encoding="utf-8")
    assert "那就是 headstart 的错误：请连同命令一起报告" in page


def test_the_navigation_has_the_sections_of_the_index_and_the_pages_of_its_entries(site):
    page = (site / "index.html").read_text(encoding="utf-8")
    tabs = re.findall(r'class="md-tabs__link">\s*(?:<[^>]+>\s*)*([^<]+?)\s*<', page)
    headings = re.findall(r"^## (.+)$", (ROOT / "docs" / "index.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert tabs == ["Home", *headings[:-1], "Reference"]
