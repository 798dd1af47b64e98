"""Pictures of a run's report as readers see it: on a screen and a phone, light and dark, on paper, in every language.

    python scripts/report_screenshots.py runs/demo pictures/

It needs Chromium (`apt-get install chromium fonts-noto-cjk`). The run and its own report stay as they are.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
from pathlib import Path

from headstart.core.language import languages
from headstart.report.html import report_html
from headstart.runs.origin import task_of
from headstart.runs.run import Run

WIDTHS = {1200: 11_000, 420: 16_000}
"""Pixels of a window, and how high a page of that width gets at most."""
SCHEMES = {"light": [], "dark": ["--blink-settings=preferredColorScheme=0"]}
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def browser() -> str | None:
    """The path of the first browser that there is; None without one."""
    return next((found for name in BROWSERS if (found := shutil.which(name))), None)


def headless(program: str, page: Path, *options: str) -> str:
    """What the browser prints about a page."""
    fixed = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars")
    done = subprocess.run([program, *fixed, *options, page.as_uri()], check=True, capture_output=True, text=True, timeout=300)
    return done.stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    program = browser()
    if program is None:
        parser.error(f"there is no browser; install one of {', '.join(BROWSERS)}")
    run = Run.load(given.run)
    task = task_of(run)
    given.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for code in languages():
            page = Path(folder) / f"{code}.html"
            page.write_text(report_html(run, task, code), encoding="utf-8")
            for width, height in WIDTHS.items():
                for scheme, options in SCHEMES.items():
                    picture = given.out.resolve() / f"{code}-{width}-{scheme}.png"
                    headless(program, page, f"--window-size={width},{height}", f"--screenshot={picture}", *options)
            headless(program, page, "--no-pdf-header-footer", f"--print-to-pdf={given.out.resolve() / f'{code}.pdf'}")
    print(f"{len(list(given.out.iterdir()))} pictures in {given.out}")


if __name__ == "__main__":
    main()
