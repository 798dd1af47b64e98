"""The error tree: a child says what the user can do about it, and is also the built-in a caller would expect."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Self

MAKE_AGAIN = "Restore it from a copy, or make it again."
OTHER_CONTENT = "its checksum is not that of its content"


class HeadstartError(Exception):
    """Whatever headstart raises on purpose; the message is one sentence for the user."""


class DataError(HeadstartError, ValueError):
    """The data cannot be used as it is: mend the data or point elsewhere."""


class PretrainedError(HeadstartError, ValueError):
    """The pretrained model cannot be found, read or trusted: bring another file or choose another model."""


class PlanError(HeadstartError, ValueError):
    """The plan, or an option, asks for something that does not exist: edit it."""


class DamagedError(DataError, PlanError):
    """A file is not as it was written: restore it from a copy, or make it again.

    Attributes:
        reason: What is wrong, without the name of the file and what to do.
    """

    reason: str = ""

    @classmethod
    def of(cls, where: object, reason: object, advice: str = MAKE_AGAIN) -> Self:
        """The error for that file and reason, a part of a sentence."""
        said = first_line(reason).rstrip(".")
        error = cls(f"{where} is damaged ({said}). {advice}")
        error.reason = said
        return error


class ArgumentError(PlanError, TypeError):
    """A function was given an argument that it does not take, or of a type that is not accepted: give another one."""


class TrainingError(HeadstartError, RuntimeError):
    """Training cannot go on: change its settings."""


class ExportError(HeadstartError, RuntimeError):
    """The result cannot be written: choose another place or format."""


class MissingExtraError(HeadstartError, ImportError):
    """An optional package is not installed: the message names the extra that brings it."""


def first_line(said: object) -> str:
    r"""The first line of what a library's error says, as part of a sentence.

    >>> first_line(ValueError("Two columns are called label.\nlabel: int64"))
    'Two columns are called label.'
    """
    return (str(said).strip().splitlines() or [""])[0]


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """A sentence fragment that names the nearest choice, or an empty string when none is near.

    >>> did_you_mean("fixmach", ["fix_match", "ridge"])
    ' Did you mean "fix_match"?'
    """
    near = difflib.get_close_matches(word, list(choices), n=1)
    return f' Did you mean "{near[0]}"?' if near else ""
