"""Lines of Chinese break where they may, and nothing of a text is lost."""

from __future__ import annotations

import pytest
from rich.cells import cell_len
from rich.console import Console

from headstart.cli._printing import plain
from headstart.cli._wrapping import breakable, unmarked

TEXTS = (
    "每个类别只保留 N 张带标签的训练图片；0 表示去掉有源领域的目标的全部标签。",
    "（见 `headstart methods`）。",
    "runs/花 1/模型.bin",
)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("width", [9, 17, 38])
def test_every_letter_is_printed_and_no_line_is_too_wide(text, width):
    console = Console(width=width, no_color=True)
    with console.capture() as capture:
        console.print(plain(text))
    lines = [line.rstrip() for line in unmarked(capture.get()).splitlines()]
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert max(map(cell_len, lines)) <= width


def test_no_line_begins_with_a_closing_sign_or_ends_with_an_opening_one():
    pieces = breakable("图片（N 张），标签。").split("\x1f")
    assert not any(piece[0] in "）。，" for piece in pieces)
    assert not any(piece[-1] == "（" for piece in pieces)


def test_marking_twice_changes_nothing():
    once = breakable(TEXTS[0])
    assert breakable(once) == once
    assert unmarked(once) == TEXTS[0]


def test_a_text_without_chinese_is_left_alone():
    assert breakable("N images, or none") == "N images, or none"
