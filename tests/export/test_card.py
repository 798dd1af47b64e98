"""Model cards: names of classes from strangers become neither HTML nor links."""

from __future__ import annotations

import pytest

from headstart.export.card import in_markdown


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("<script>alert(1)</script>", "&lt;script>alert(1)&lt;/script>"),
        ("[a](javascript:b)", "[a]\\(javascript:b)"),
        ("\u202egpj.exe\x1b[2J", "\\u202egpj.exe\\x1b[2J"),
        ("a < b, `code` and 猫", "a &lt; b, `code` and 猫"),
    ],
)
def test_a_name_becomes_neither_html_nor_a_link_nor_a_control(name, shown):
    assert in_markdown(name) == shown
