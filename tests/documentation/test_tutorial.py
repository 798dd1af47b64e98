"""The tutorial, word for word: every command of headstart on it, and its Python. The test of the wheel serves and asks."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from scripts.four_commands import ROOT, commands, write_pictures

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
PAGE = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINES = [shlex.split(line) for kind, body in BLOCK.findall(PAGE) if kind == "console" for line in body.splitlines()]
SHORTENED = {"run": ("--minutes", "0.15"), "serve": ("--check",)}
"""What is added to commands, so that they end soon."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tutorial")
    write_pictures(folder)
    write_pictures(folder / "other", seed=11)
    return folder


def correct(run: Path) -> None:
    """Keep two pictures under their class, as the page of the server does."""
    from fastapi.testclient import TestClient

    from headstart.serving.application import application
    from headstart.serving.limits import Limits
    from headstart.serving.service import Service

    with TestClient(application(Service((run,), (), Limits()))) as client:
        for picture in ("new.jpg", "other/new.jpg"):
            kept = client.post("/corrections", files={"files": Path(picture).read_bytes()}, data={"label": "rose"})
            assert kept.status_code == 201, kept.text


def test_every_command_works_one_after_the_other(place, monkeypatch, headstart_command):
    pytest.importorskip("fastapi")
    monkeypatch.chdir(place)
    done = []
    for _, name, *rest in [words for words in LINES if words[0] == "headstart"]:
        if name == "extend":
            correct(Path("runs/flowers"))
        answer = headstart_command(name, *rest, *SHORTENED.get(name, ()))
        assert answer.code == 0, (name, answer.err)
        done.append(name)
    assert set(done) == {"run", "inspect", "report", "predict", "serve", "extend", "export"}
    assert {line.split(",")[0] for line in Path("labels.csv").read_text(encoding="utf-8").splitlines()[1:]} == {"more/tulip.png"}
    assert Path("flowers-openvino/predict.py").is_file()


def test_the_python_does_the_same(place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    (text,) = [body for kind, body in BLOCK.findall(PAGE) if kind == "python"]
    assert 'out="runs/flowers")' in text
    shortened = text.replace(
        'out="runs/flowers")', 'out="runs/flowers", minutes=0.15)'
    )  # the run of the commands, if they came first
    exec(compile(shortened, "tutorial", "exec"), {})
    verdict, *rows = capsys.readouterr().out.splitlines()
    assert verdict.startswith(("transfer ", "scratch ", "no difference ", "not judged "))
    assert [row.split()[:2] for row in rows] == [["new.jpg", "rose"], ["more/tulip.png", "tulip"]]


def test_what_is_not_a_command_of_headstart_is_among_the_first_four():
    assert [words for words in LINES if words[0] != "headstart" and words not in commands()] == []
