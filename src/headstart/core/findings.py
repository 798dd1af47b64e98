"""Finding: one thing a person should know about the data or a run, with a stable code."""

from __future__ import annotations

from typing import Any, Literal, Self

from headstart.core.records import Record

Severity = Literal["info", "warning", "error"]

MOST_EXAMPLES = 20
"""Paths shown as evidence of one finding."""


class Finding(Record):
    """What was noticed, how bad it is, what shows it, and what to do.

    Attributes:
        code: Stable kebab-case identifier, documented in docs/findings.
        severity: "info", "warning" or "error".
        title: One sentence that can stand alone.
        evidence: Numbers and paths that show it, as plain JSON values.
        advice: One sentence: what to do next; empty when nothing needs doing.
    """

    code: str
    severity: Severity
    title: str
    evidence: dict[str, Any] = {}
    advice: str = ""

    @classmethod
    def info(cls, code: str, title: str, advice: str = "", **evidence: Any) -> Self:
        """A finding of severity "info" with that evidence."""
        return cls(code=code, severity="info", title=title, evidence=evidence, advice=advice)

    @classmethod
    def warning(cls, code: str, title: str, advice: str = "", **evidence: Any) -> Self:
        """A finding of severity "warning" with that evidence."""
        return cls(code=code, severity="warning", title=title, evidence=evidence, advice=advice)


class NotApplicable(Record):
    """Why a check has nothing to look at.

    Attributes:
        reason: A clause with lower case, such as "there is no source".
    """

    reason: str
