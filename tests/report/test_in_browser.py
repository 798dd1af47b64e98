"""What a browser makes of a report: nothing is cut on a phone, pictures are whole, terms open. Skipped without Chromium."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from headstart import report
from headstart.core.language import languages, speaking
from headstart.data.images import ArrayImages
from headstart.report.html import report_html
from headstart.report.pictures import thumbnail

BROWSER = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)
pytestmark = [pytest.mark.slow, pytest.mark.skipif(BROWSER is None, reason="there is no Chromium")]

LOOK = """<script>
const inside = (inner, outer) => inner.left >= outer.left - 1 && inner.right <= outer.right + 1 && inner.top >= outer.top - 1
  && inner.bottom <= outer.bottom + 1;
const pictures = [...document.querySelectorAll(".gallery img")].map(one => ({
  inside: inside(one.getBoundingClientRect(), one.parentElement.getBoundingClientRect()), fit: getComputedStyle(one).objectFit,
  side: one.parentElement.getBoundingClientRect().width, height: one.parentElement.getBoundingClientRect().height}));
const parts = [...document.querySelectorAll("table, svg, pre, dl, p, h1")]
  .filter(one => !one.closest(".scroll") && one.offsetParent !== null);
const cut = parts.filter(one => one.getBoundingClientRect().right > innerWidth + 1).map(one => one.outerHTML.slice(0, 80));
const scrolls = [...document.querySelectorAll(".scroll")].filter(one => one.scrollWidth > one.clientWidth + 1);
const cues = scrolls.map(one => getComputedStyle(one).backgroundImage.split("linear-gradient").length - 1);
document.querySelector("button.term").click();
const open = document.querySelector(":popover-open");
const seen = open && inside(open.getBoundingClientRect(), {left: 0, top: -1e9, right: innerWidth, bottom: 1e9});
const found = {width: innerWidth, page: document.documentElement.scrollWidth, pictures, cut, scrolls: scrolls.length, cues,
  shown: seen ? open.textContent : ""};
document.body.innerHTML = "<pre id=found>" + JSON.stringify(found).replaceAll("<", "&lt;") + "</pre>";
</script>"""


def looked_at(page, folder, width):
    path = folder / "page.html"
    path.write_text(page.replace("</body>", f"{LOOK}</body>"), encoding="utf-8")
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--window-size={width},900", "--dump-dom", path.as_uri()]
    printed = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout
    found = re.search(r'<pre id="found">(.*?)</pre>', printed, re.DOTALL)[1]
    return json.loads(found.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))


@pytest.fixture
def page(make_run):
    """A report whose pictures are twice as high as wide."""
    run, task = make_run(tuple(f"class {index}" for index in range(9)), per_class=9, pixels=48)
    portrait = ArrayImages(np.zeros((1, 400, 200, 3), np.uint8) + 90, "portrait", np.array([0]))
    uri, tiny = thumbnail(portrait.read(0, 128))
    assert not tiny

    def in_language(code):
        with speaking(code):
            return re.sub(r'src="data:image/[^"]*"', f'src="{uri}"', report_html(run, task))

    return in_language


@pytest.mark.parametrize("code", languages())
@pytest.mark.parametrize("width", [1200, 500])
def test_nothing_is_cut_and_terms_open(page, tmp_path, code, width):
    found = looked_at(page(code), tmp_path, width)
    assert found["page"] <= found["width"]
    assert found["cut"] == []
    assert found["cues"] == [4] * found["scrolls"]
    assert found["scrolls"] or width == 1200
    assert found["pictures"]
    for picture in found["pictures"]:
        assert picture["inside"]
        assert picture["fit"] == "contain"
        assert abs(picture["side"] - picture["height"]) < 1
    assert len(found["shown"]) > 20


def pages_on_paper(page, folder):
    """How many sheets a page takes."""
    path, paper = folder / "page.html", folder / "page.pdf"
    path.write_text(page, encoding="utf-8")
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--print-to-pdf={paper}", path.as_uri()]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return len(re.findall(rb"/Type\s*/Page\b", paper.read_bytes()))


def test_folded_details_are_whole_on_paper(tmp_path):
    style = (Path(report.__file__).parent / "templates" / "style.css").read_text(encoding="utf-8")
    folded = f"<!doctype html><style>{style}</style><details><summary>more</summary><div>{'<p>line</p>' * 300}</div></details>"
    assert pages_on_paper(folded, tmp_path) > 2
    assert pages_on_paper(folded.replace("::details-content", "::none"), tmp_path) == 1
