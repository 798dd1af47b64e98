"""Printable: nothing that moves a cursor or letters reaches a terminal, a page or a card."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import headstart
from headstart.core.errors import DataError
from headstart.core.printable import UNPRINTABLE, printable, printable_json
from headstart.core.progress import note

NAMES = ("a\x1b[2Jb", "re\u202egpj.exe", "\u2066x\u2069", "\x9b31m", "\udc80")


@pytest.mark.parametrize("name", NAMES)
def test_names_are_shown_with_escapes(name: str) -> None:
    assert not UNPRINTABLE.search(printable(name))
    assert printable(name).encode("utf-8")


def test_other_scripts_and_joined_emoji_stay() -> None:
    for text in ("图片，您好", "मछली", "👩\u200d🔬", "می\u200cخواهم", "tab\there\nline"):
        assert printable(text) == text


@given(st.dictionaries(st.text(st.characters(codec=None)), st.text(st.characters(codec=None))))
def test_json_means_the_same(value: dict[str, str]) -> None:
    document = printable_json(json.dumps(value, ensure_ascii=False))
    assert not UNPRINTABLE.search(document)
    assert json.loads(document) == value


def test_a_hostile_name_reaches_terminal_report_and_card_escaped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, headstart_command, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names = ("\x1b]0;owned\x07", "cl\u202eass")
    draw = np.random.default_rng(0)
    for level, name in enumerate(names):
        Path("data", name).mkdir(parents=True)
        for row in range(12):
            pixels = (120 * level + draw.integers(0, 130, (16, 16, 3))).astype(np.uint8)
            Image.fromarray(pixels).save(Path("data", name, f"\u202e{row}.png"))
    answer = headstart_command("fit", "data", "--method", "ridge", "--pretrained", "pixels", "-o", "RUN")
    assert answer.code == 0, answer.err
    answers = [answer, headstart_command("predict", "RUN", "data"), headstart_command("predict", "RUN", "data", "--json")]
    answers += [headstart_command("evaluate", "RUN", "data"), headstart_command("inspect", "data")]
    answers.append(headstart_command("predict", "RUN", "\x1b[2J.png"))
    for one in answers:
        assert not UNPRINTABLE.search(one.out + one.err)
    assert "\\u202e" in answers[1].out
    for file in ("report.html", "card.md"):
        assert not UNPRINTABLE.search(Path("RUN", file).read_text(encoding="utf-8")), file
    note("seen \x1b[2J")
    assert "\x1b" not in capsys.readouterr().err
    with pytest.raises(DataError):
        headstart.read_task("\x1b[2J")
