"""Every message on the page about trouble is what the command above it says, word for word."""

from __future__ import annotations

import contextlib
import re
import shlex
import shutil
import socket
from pathlib import Path

import pytest
from scripts.four_commands import ROOT, write_pictures

from headstart.backbones import loading

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"^```text\n\$ ([^\n]+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
PORT = 8765
"""The port that the page has in use."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all that is wrong, and a run that is right."""
    import headstart

    folder = tmp_path_factory.mktemp("trouble")
    write_pictures(folder)
    pictures = sorted((folder / "flowers" / "rose").glob("*.png"))
    for number in range(5):
        for place in (f"flat/{number}.png", f"single/rose/{number}.png"):
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(pictures[number], folder / place)
    for name in ("daisy", "rose"):
        shutil.copytree(folder / "flowers" / name, folder / "deep" / "set" / "inner" / name)
    (folder / "flowers.zip").write_bytes(b"PK\x03\x04")
    with contextlib.chdir(folder):
        headstart.fit("flowers", method="ridge", pretrained="pixels", out="runs/flowers")
    return folder


AVAILABLE = 18_600_000_000
"""Bytes of memory that the page's machine has left."""


@pytest.fixture(scope="module")
def _port_in_use():
    with socket.socket() as taken:
        with contextlib.suppress(OSError):  # another program has it
            taken.bind(("127.0.0.1", PORT))
            taken.listen()
        yield


@pytest.mark.usefixtures("_port_in_use")
@pytest.mark.parametrize(("line", "message"), SHOWN, ids=[line for line, _ in SHOWN])
def test_the_message_is_the_one_on_the_page(line, message, place, monkeypatch, headstart_command):
    if " serve " in line:
        pytest.importorskip("fastapi")
    monkeypatch.chdir(place)
    monkeypatch.setenv("TORCH_HOME", "/home/you/.cache/torch")
    monkeypatch.setattr(loading, "available_bytes", lambda: AVAILABLE)
    answer = headstart_command(*shlex.split(line)[1:])
    assert (answer.code, " ".join(answer.err.split())) == (2, " ".join(message.split()))


def test_the_page_has_messages_of_every_kind():
    assert len(SHOWN) == PAGE.count("$ headstart") > 10
    assert {shlex.split(line)[1] for line, _ in SHOWN} == {"run", "inspect", "fit", "predict", "serve", "export"}
