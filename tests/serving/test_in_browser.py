"""The page in Chromium: from a picture to a label and a correction, on a phone too, and no other host. Skipped without one."""

from __future__ import annotations

import importlib.util
import shutil
import threading
from urllib.parse import urlsplit

import pytest

from headstart.core.language import languages
from headstart.data.readers import reader_for

BROWSER = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="there is no Chromium"),
    pytest.mark.skipif(importlib.util.find_spec("playwright") is None, reason="there is no Playwright"),
]


@pytest.fixture
def address(run_folder):
    """Of a server of the run, in a thread."""
    import uvicorn

    from headstart.serving.application import application
    from headstart.serving.server import address_of, bound_socket
    from headstart.serving.service import Service

    service = Service([run_folder])
    service.reload()
    with bound_socket("127.0.0.1", 0) as sock:
        server = uvicorn.Server(uvicorn.Config(application(service), log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]})
        thread.start()
        yield address_of(sock)
        server.should_exit = True
        thread.join()


@pytest.fixture
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as made:
        opened = made.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


@pytest.fixture
def opened(browser, address):
    """Opens the page at a width; complaints and hosts are collected."""

    def open_page(width, language="en"):
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.complaints, page.hosts = [], set()
        page.on("console", lambda message: page.complaints.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("request", lambda request: page.hosts.add(urlsplit(request.url).netloc))
        page.goto(f"{address}/?lang={language}")
        page.wait_for_selector("#facts dt")
        return page

    return open_page


def picture_file(png, color="red", seed=55):
    return {"name": "new.png", "mimeType": "image/png", "buffer": png(color, seed)}


@pytest.mark.parametrize(("width", "language"), [(1200, "en"), (400, "zh")])
def test_a_picture_gets_a_label_reasons_and_a_correction(opened, address, run_folder, png, width, language):
    assert language in languages()
    page = opened(width, language)
    page.set_input_files("#files", picture_file(png))
    page.wait_for_selector(".nearest img")
    assert page.inner_text(".label").startswith("red")
    assert page.locator(".bars li").count() == 3
    assert page.locator(".nearest img").count() == 5
    page.select_option(".correct select", "blue")
    page.click(".correct button")
    page.wait_for_selector(".kept")
    page.set_input_files("#files", picture_file(png, "green", 56))
    page.locator(".result").nth(1).wait_for()
    page.locator(".correct select").first.select_option(index=4)
    page.locator(".correct input").first.fill("moss")
    page.keyboard.press("Enter")
    page.locator(".kept").nth(1).wait_for()
    kept = str(run_folder.with_name("shades-corrections"))
    assert sorted(reader_for(kept).read(kept).labels) == ["blue", "moss"]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.complaints == []
    assert page.hosts - {""} == {urlsplit(address).netloc}


def test_several_pictures_are_shown_in_their_order_and_text_is_told_as_it_is(opened, png):
    page = opened(1200)
    files = [picture_file(png, color) | {"name": f"{color}.png"} for color in ("green", "red")]
    page.set_input_files("#files", [*files, {"name": "<b>x.png", "mimeType": "image/png", "buffer": b"no picture"}])
    page.locator(".result").nth(2).wait_for()
    assert page.locator(".label").all_inner_texts()[0].startswith("green")
    assert page.locator(".result .error").inner_text().startswith("<b>x.png: is not a JPEG")
    page.locator(".reasons button").first.click()
    page.wait_for_selector(".nearest img")


def test_the_page_is_used_by_keyboard(opened):
    page = opened(1200)
    names = []
    for _ in range(5):
        page.keyboard.press("Tab")
        names.append(page.evaluate("document.activeElement.id || document.activeElement.lang"))
    assert names[:3] == ["en", "zh", "choose"]
