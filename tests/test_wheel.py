"""Wheel and sdist: what they hold, and that the tutorial's four commands lead from the wheel to a served model."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from email.parser import Parser
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from scripts.four_commands import ROOT, build, commands, new_environment, run_them, write_pictures

import headstart

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Wheel and sdist."""
    return build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def in_wheel(built: tuple[Path, Path]) -> set[str]:
    with zipfile.ZipFile(built[0]) as wheel:
        return set(wheel.namelist())


@pytest.fixture(scope="module")
def in_sdist(built: tuple[Path, Path]) -> set[str]:
    with tarfile.open(built[1]) as sdist:
        return {member.name.partition("/")[2] for member in sdist.getmembers() if member.isfile()}


def files_of(*folders: str) -> set[str]:
    """The files below folders that git has or does not ignore."""
    if not (ROOT / ".git").exists():
        pytest.skip("no clone: nothing says which files belong to the tree")
    words = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *folders]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    return {name for name in done.stdout.splitlines() if (ROOT / name).exists()}


def metadata_of(wheel: Path) -> list[Requirement]:
    with zipfile.ZipFile(wheel) as opened:
        (name,) = [one for one in opened.namelist() if one.endswith(".dist-info/METADATA")]
        headers = Parser().parsestr(opened.read(name).decode("utf-8"))
    return [Requirement(text) for text in headers.get_all("Requires-Dist", [])]


def test_the_wheel_has_the_package_its_data_and_licenses_and_nothing_else(in_wheel):
    package = {name.removeprefix("src/") for name in files_of("src")}
    findings = {f"headstart/findings/{name.rpartition('/')[2]}" for name in files_of("docs/findings")}
    information = {name for name in in_wheel if name.startswith(f"headstart-{headstart.__version__}.dist-info/")}
    assert in_wheel == package | findings | information
    assert {"headstart/locale/zh.po", "headstart/py.typed", "headstart/serving/page/page.js"} <= package
    assert {"headstart/report/templates/report.html.j2", "headstart/report/templates/style.css"} <= package
    assert {"licenses/LICENSE", "licenses/NOTICE", "entry_points.txt"} <= {name.partition("/")[2] for name in information}


def test_the_sdist_has_the_tests_and_the_pages_and_no_caches(in_sdist):
    assert {"pyproject.toml", "Makefile", "mkdocs.yml", "tests/conftest.py", "docs/tutorial.md", "LICENSE", "NOTICE"} <= in_sdist
    assert [name for name in in_sdist if re.search(r"__pycache__|\.pyc$|^\.venv|^runs/|^build/", name)] == []


def test_the_wheel_from_the_sdist_is_that_of_the_tree(built, in_wheel, tmp_path):
    words = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(words, cwd=ROOT, check=True, capture_output=True)
    (direct,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(direct) as one, zipfile.ZipFile(built[0]) as other:
        assert {info.filename: info.CRC for info in one.infolist()} == {info.filename: info.CRC for info in other.infolist()}


def needed(requirements: list[Requirement], extras: set[str], seen: set[tuple[str, str]]) -> Iterator[str]:
    """The names of all distributions that requirements ask for on this machine, theirs included."""
    for one in requirements:
        wanted = [extra for extra in {"", *extras} if one.marker is None or one.marker.evaluate({"extra": extra})]
        for extra in {"", *one.extras} if wanted else ():
            key = (canonicalize_name(one.name), extra)
            if key in seen:
                continue
            seen.add(key)
            yield key[0]
            try:
                further = [Requirement(text) for text in distribution(one.name).requires or []]
            except PackageNotFoundError:
                pytest.fail(f"{one} is not installed here. Install the extra dev.")
            yield from needed(further, {extra}, seen)


def link_what_is_asked_for(wheel: Path, extras: set[str], packages: Path) -> set[str]:
    """Link the distributions that a wheel asks for, and no others, from this environment into another."""
    names = set(needed(metadata_of(wheel), extras, set())) - {"headstart"}
    for name in names:
        for file in distribution(name).files or ():
            top = file.parts[0]
            there, here = packages / top, Path(str(distribution(name).locate_file(top)))
            if top not in {"..", "__pycache__"} and here.exists() and not there.exists():
                there.symlink_to(here)
    return names


def test_four_commands_lead_from_the_wheel_to_a_served_model(built, tmp_path):
    """What the wheel asks for is linked, not fetched; an import that it does not ask for fails as it would for a user."""
    python = new_environment(tmp_path / "environment")
    (packages,) = (tmp_path / "environment").glob("[Ll]ib/**/site-packages")
    names = link_what_is_asked_for(built[0], {"serve"}, packages)
    assert {"torch", "fastapi"} <= names
    assert not {"pytest", "mkdocs", "nncf", "optuna"} & names
    write_pictures(tmp_path)
    answer, _ = run_them(tmp_path, python, built[0], ("--no-index", "--quiet"), ("--minutes", "0.2"))
    (row,) = answer["predictions"]
    assert (answer["model"], row["path"], row["label"]) == ("flowers", "new.jpg", "rose")
    assert sum(row["probs"].values()) == pytest.approx(1, abs=1e-5)
    where = subprocess.run(
        [python, "-I", "-c", "import headstart; print(headstart.__file__)"], capture_output=True, text=True, check=True
    )
    assert Path(where.stdout.strip()).is_relative_to(tmp_path)


def test_pages_name_the_wheel_of_this_version():
    pages = [*ROOT.glob("README*.md"), *(ROOT / "docs").rglob("*.md")]
    named = {name for page in pages for name in re.findall(r"headstart-[\d.]+-py3[\w-]*\.whl", page.read_text(encoding="utf-8"))}
    assert named == {f"headstart-{headstart.__version__}-py3-none-any.whl"}


def test_the_tutorial_begins_with_the_wheel_of_this_version():
    assert [words[0] for words in commands()] == ["pip", "headstart", "headstart", "curl"]
    assert commands()[0][-1] == f"headstart-{headstart.__version__}-py3-none-any.whl[serve]"
