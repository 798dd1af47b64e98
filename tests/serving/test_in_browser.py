"""The pages in Chromium: a picture gets a label and a correction, runs are compared and live; on a phone too, no other host."""

from __future__ import annotations

import importlib.util
import json
import shutil
import threading
import time
from urllib.parse import urlsplit

import pytest

from headstart.core.estimate import Estimate
from headstart.core.language import languages
from headstart.core.progress import progress, stage
from headstart.core.watching import Standing, tell_standing
from headstart.data.readers import reader_for
from headstart.runs.in_progress import SECONDS_BETWEEN, noted_in

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

    shutil.copytree(run_folder, run_folder.with_name("other"))
    service = Service([run_folder], folder=run_folder.parent)
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

    def open_page(width, language="en", path="/", ready="#facts dt", scheme="light"):
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        page.complaints, page.hosts = [], set()
        page.on("console", lambda message: page.complaints.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("request", lambda request: page.hosts.add(urlsplit(request.url).netloc))
        page.goto(f"{address}{path}?lang={language}")
        page.wait_for_selector(ready)
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
    assert names[2:5] == ["en", "zh", "choose"]


@pytest.fixture
def runs_page(opened):
    """Opens the page of runs."""
    return lambda width=1200, **options: opened(width, path="/runs", ready="#rows tr", **options)


@pytest.mark.parametrize(("width", "language", "scheme"), [(1200, "en", "light"), (400, "zh", "dark")])
def test_runs_are_sorted_and_two_are_compared(runs_page, address, width, language, scheme):
    page = runs_page(width, language=language, scheme=scheme)
    names = lambda: page.locator("#rows tr").evaluate_all("rows => rows.map((row) => row.dataset.name)")  # noqa: E731
    assert sorted(names()) == ["other", "shades"]
    if width > 860:
        page.locator("#head button").first.click()
        assert page.locator("#head th").first.get_attribute("aria-sort") == "ascending"
    else:
        page.select_option("#sort", "name")
    assert names() == ["other", "shades"]
    if width > 860:
        page.keyboard.press("Enter")  # the same button has the focus still
        assert names() == ["shades", "other"]
    for name in ("shades", "other"):
        page.locator(f'tr[data-name="{name}"] input').check()
    page.click("#compare")
    page.wait_for_selector(".verdict")
    assert "shades" in page.inner_text(".verdict")
    assert page.locator(".gains dt").count() == 4
    page.click("#clear")
    assert page.locator("#tray").is_hidden()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.complaints == []
    assert page.hosts - {""} == {urlsplit(address).netloc}


def seen_to_progress(page, place, shown):
    """What the page shows of a run that is being made, until that is interrupted."""
    with noted_in(place), stage("deciding"):
        page.evaluate("look()")  # a page without a live run looks every ten seconds
        page.wait_for_selector(f"{shown}.alive")
        tell_standing(Standing("ridge on stages", Estimate(value=0.75, low=0.5, high=0.9), 2, 60.0))
        page.locator(f"{shown} .big", has_text="75.0%").wait_for()
        assert page.evaluate(f"getComputedStyle(document.querySelector('{shown} .fill')).width") != "0px"
        with stage("fine_tune, fold 1 of 5"), progress(8, "training") as advance:
            page.locator(f"{shown} .now", has_text="fine_tune, fold 1 of 5").wait_for()
            time.sleep(SECONDS_BETWEEN)
            advance(6)
            page.locator(f"{shown} .now", has_text="6 of 8").wait_for()
        raise KeyboardInterrupt


def test_a_run_is_seen_to_progress_and_then_that_it_is_gone(runs_page, run_folder):
    place = run_folder.with_name("moths")
    (place / "steps").mkdir(parents=True)
    (place / "request.json").write_text(json.dumps({"request": {"place": "moths"}}), encoding="utf-8")
    page, shown = runs_page(), '#unfinished li[data-name="moths"]'
    page.wait_for_selector(f"{shown}.ended")
    with pytest.raises(KeyboardInterrupt):
        seen_to_progress(page, place, shown)
    page.wait_for_selector(f"{shown}.ended")
    assert page.inner_text(f"{shown} .command") == "headstart run moths -o moths"
    assert page.complaints == []


def test_the_page_of_runs_is_used_by_keyboard(runs_page):
    page = runs_page()
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.type") == "checkbox":
            break
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    assert page.evaluate("[...document.querySelectorAll('input:checked')].length") == 2
    page.focus("#compare")
    page.keyboard.press("Enter")
    page.wait_for_selector(".verdict")
