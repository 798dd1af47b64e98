"""Lines of Chinese, which has no spaces: where they may break, marked for Rich, which breaks lines at blanks only."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import IO, Any, cast

BREAK = "\x1f"
"""A blank that takes no room. It is taken out again before a line is printed."""
BLANK = "\ue000"
"""Stands for a blank beside Chinese: Rich cuts a line of wide letters where a blank at its end does not fit."""
WIDE = "\u2e80-\u9fff\uac00-\ud7af\uff00-\uffef“”"
BEFORE_NONE = "。，、；：？！）”》」』】"
AFTER_NONE = "（“《「『【"
PLACE = re.compile(
    rf"(?<=[^\s{AFTER_NONE}])(?=[{WIDE}])(?![{BEFORE_NONE}])|(?<=[{WIDE}])(?<![{AFTER_NONE}])(?=[^\s{BEFORE_NONE}])"
)


def breakable(text: str) -> str:
    """A text with a mark wherever a line of Chinese may break: not before a closing sign, and not after an opening one.

    >>> breakable("图片，OK").split(BREAK)
    ['图', '片，', 'OK']
    """
    return PLACE.sub(BREAK, text.replace(" ", BLANK + BREAK)) if re.search(f"[{WIDE}]", text) else text


def unmarked(text: str) -> str:
    """A text without the marks.

    >>> unmarked(breakable("N 张图片"))
    'N 张图片'
    """
    return text.replace(BREAK, "").replace(BLANK, " ")


class _Unmarked:
    """A stream that takes the marks out of what is written to it.

    Args:
        stream: That it is written to.
    """

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write a text without the marks."""
        return self._stream.write(unmarked(text))


@contextmanager
def without_marks() -> Iterator[None]:
    """Inside, what is printed has no marks."""
    with redirect_stdout(cast("IO[str]", _Unmarked(sys.stdout))):
        yield
