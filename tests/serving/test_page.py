"""The page: every text in every language, nothing from another host, and what it may show follows from the options."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from jinja2 import Environment

import headstart
from headstart.core.language import language_named, languages
from headstart.serving.page import ASSETS, RUN_TEXTS, SHARED_TEXTS, TEXTS, asset, language_for, page_html, runs_html

FOLDER = Path(headstart.__file__).parent / "serving" / "page"
PAGES = {"page": TEXTS, "runs": RUN_TEXTS}
TEMPLATES = {name: (FOLDER / f"{name}.html.j2").read_text(encoding="utf-8") for name in PAGES}
NOT_WORDS = {"headstart", "English", "en"}


class Attributes(HTMLParser):
    """The attributes of every element."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("code", languages()[1:])
def test_every_text_is_translated(code, name):
    spoken = language_named(code)
    made = Environment(extensions=["jinja2.ext.i18n"], autoescape=True)
    made.policies["ext.i18n.trimmed"] = True
    of_template = [message for _, _, message in made.extract_translations(TEMPLATES[name])]
    assert len(of_template) > 8
    assert [text for text in (*of_template, *SHARED_TEXTS, *PAGES[name]) if not spoken.has(text)] == []


@pytest.mark.parametrize("name", PAGES)
def test_no_text_is_outside_the_catalog(name):
    text = re.sub(r"{% trans.*?{% endtrans %}|{%.*?%}|{{.*?}}", "", TEMPLATES[name], flags=re.DOTALL)
    assert set(re.findall(r"[A-Za-z]{2,}", re.sub("<[^>]*>", " ", text))) <= NOT_WORDS


@pytest.mark.parametrize("name", ["page", "runs", "shared"])
def test_the_script_shows_the_texts_that_are_translated_and_no_others(name):
    script = asset(f"{name}.js").decode()
    shown = set(re.findall(r'said\("((?:[^"\\]|\\.)*)"', script))
    assert shown == set(PAGES.get(name, SHARED_TEXTS))


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("code", languages())
def test_the_page_has_its_texts_and_asks_no_other_host(code, name):
    page = page_html(code, True) if name == "page" else runs_html(code, False)
    body = next(attributes for tag, attributes in Attributes(page).found if tag == "body")
    assert json.loads(body["data-texts"]) == {text: language_named(code).gettext(text) for text in (*SHARED_TEXTS, *PAGES[name])}
    places = [attributes.get(name) for _, attributes in Attributes(page).found for name in ("src", "href") if name in attributes]
    own = {"/page.css", "/shared.js", f"/{name}.js", "data:,"} | (
        {"/runs.css", f"/runs?lang={code}"} if name == "runs" else set()
    )
    assert {place for place in places if not place.startswith("?lang=")} == own
    for name in ASSETS:
        assert re.findall(rb"https?://|//[a-z]+\.|@import|url\(", asset(name)) == []


def test_the_page_is_served_in_the_language_of_the_browser_with_a_strict_policy(server_of):
    client = server_of()
    answer = client.get("/", headers={"accept-language": "zh-CN,zh;q=0.9"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert '<html lang="zh">' in answer.text
    assert 'data-learns="1"' in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert '<html lang="en">' in client.get("/?lang=en", headers={"accept-language": "zh"}).text
    for name, kind in ASSETS.items():
        answer = client.get(f"/{name}")
        assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (200, kind)


def test_a_server_that_may_not_change_offers_no_correction(server_of):
    assert 'data-learns="0"' in server_of(service={"read_only": True}).get("/").text


@pytest.mark.parametrize(
    ("asked", "header", "language"),
    [(None, "", "en"), ("zh", "en", "zh"), (None, "de, fr;q=0.5", "en"), ("xx", "ZH-tw", "zh"), (None, ";;,q", "en")],
)
def test_the_language_is_one_that_there_is(asked, header, language):
    assert language_for(asked, header) == language


def test_what_is_said_of_a_model_is_in_the_language_that_is_asked_for(server_of):
    client = server_of()
    english, chinese, other = (client.get(f"/models{query}").json()["models"][0] for query in ("", "?lang=zh", "?lang=xx"))
    assert english["protocol"].startswith("Every one of 33 labeled images")
    assert not re.search("[A-Za-z]{2,}", chinese["protocol"])
    assert other == english
