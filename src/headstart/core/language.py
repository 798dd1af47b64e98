"""Language: what a person reads, in their language; `headstart/locale` has one catalog a language, in gettext's PO format.

Texts of templates are looked up as they are. Sentences that functions write, or that a run keeps, have numbers and names in
them: their entry is a pattern (flag `python-brace-format`). In a pattern `{num_...}` stands for a number, `{said_...}` for text
that is translated in turn, `{told_...}` for text that has to have a translation, `{list_...}` for "a, b and c" of which each is
translated, `{items_...}` for "a; b" of which each has to be, `{word_...}` for one word, and any other name for text that is kept.
What has no entry stays English.

One language is spoken to people at a time: that of `HEADSTART_LANGUAGE`, which `--language` sets, or English. What machines read,
such as JSON and the files of a run, is in English always.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from importlib.resources import files

from headstart.core.errors import PlanError, did_you_mean
from headstart.core.po import Message, messages_in

ENGLISH = "en"
VARIABLE = "HEADSTART_LANGUAGE"
"""The environment variable with the code of the language that is spoken, here and in processes that are started from here."""
SENTENCE_END = re.compile(r"(?<=[.!?]) +(?=\S)")
ITEMS = re.compile(r"; (?![^(]*\))")
ENUMERATION = re.compile(r", | and ")
PLACEHOLDER = re.compile(r"\{(\w+)\}")
CONTENT = {
    "num": r"[-+−<]? ?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?%?",
    "word": r"[^\s,]+",
    "list": r"(?:(?!: |; |\[|\((?!random)).)+?",
    "items": r".+?; .+?",
}
"""What holes may hold, by the first part of their name; others hold anything."""
ENUMERATED, SEPARATED = ", ", "; "
"""What stands between the words and between the items of a list."""
MOST_KEPT = 4_096
"""Translations that a language keeps, as many patterns try the same part of a sentence."""
WIDE = "。！？；：，、）"
"""Punctuation after which Chinese has no space."""


@dataclass(frozen=True)
class Pattern:
    """A sentence with holes, and its translation with the same holes."""

    original: str
    translation: str

    @cached_property
    def literals(self) -> list[str]:
        """The texts between holes."""
        return PLACEHOLDER.split(self.original)[::2]

    @cached_property
    def expression(self) -> re.Pattern[str]:
        """What matches the sentence; compiled only for sentences that have all its literals, as a catalog has a thousand."""
        holes = [f"(?P<{name}>{CONTENT.get(name.partition('_')[0], '.+?')})" for name in PLACEHOLDER.findall(self.original)]
        text = "".join(piece for pair in zip(map(re.escape, self.literals), [*holes, ""], strict=True) for piece in pair)
        return re.compile(text, re.DOTALL)

    def match(self, text: str) -> re.Match[str] | None:
        """What the holes hold in a text; None where it is another sentence."""
        return self.expression.fullmatch(text) if all(piece in text for piece in self.literals) else None


class Language:
    """A language that people are spoken to in.

    Args:
        code: "en", or the name of a catalog.
        messages: The entries of its catalog; none for English.
    """

    def __init__(self, code: str, messages: tuple[Message, ...] = ()) -> None:
        self.code = code
        self._plain = {one.original: one.translations for one in messages if not one.is_pattern}
        self._messages = messages
        self._matched = lru_cache(MOST_KEPT)(self._match)

    @cached_property
    def _patterns(self) -> list[Pattern]:
        """The patterns, those with most literal text first."""
        made = [
            Pattern(original, one.translations[0])
            for one in self._messages
            if one.is_pattern
            for original in filter(None, (one.original, one.plural))
        ]
        return sorted(made, key=lambda one: -sum(map(len, one.literals)))

    def gettext(self, text: str) -> str:
        """A text in this language; as it is where the catalog has none."""
        return self._plain.get(text, (text,))[0]

    def ngettext(self, one: str, many: str, number: int) -> str:
        """A text that depends on a number. A catalog with one form has it for every number."""
        return self._plain.get(one, (one if number == 1 else many,))[0]

    @property
    def gap(self) -> str:
        """What stands between two sentences."""
        return "" if self.gettext(".")[-1] in WIDE else " "

    def has(self, text: str) -> bool:
        """Whether the catalog has this text, as it is."""
        return text in self._plain

    def sentence(self, text: str) -> str:
        """One or several sentences in this language; those that no entry matches stay as they are."""
        if not text or self.code == ENGLISH:
            return text
        whole = self._matched(text)
        if whole is not None:
            return whole
        sentences = SENTENCE_END.split(text)
        if len(sentences) == 1:
            return text
        return self.joined(self._matched(one) or one for one in sentences)

    def joined(self, sentences: Iterable[str]) -> str:
        """Sentences of this language one after the other, with a space between them where it has one; empty ones are left out."""
        return "".join(self._spaced([one for one in sentences if one]))

    def _match(self, text: str) -> str | None:
        """A text without a sentence end inside, or one that an entry has whole, in this language; None where no entry has it."""
        if text in self._plain:
            return self._plain[text][0]
        for pattern in self._patterns:
            found = pattern.match(text)
            if found is not None and not any(map(SENTENCE_END.search, found.groups())):
                holes = {name: self._filled(name, value) for name, value in found.groupdict().items()}
                if None not in holes.values():
                    return pattern.translation.format(**holes)
        return None

    def _filled(self, name: str, value: str) -> str | None:
        """What a hole holds, in this language; None where it has to be translated and cannot be."""
        kind = name.partition("_")[0]
        if kind == "told":
            return self._matched(value)
        if kind == "items":
            items = ITEMS.split(value)
            each = [self._matched(one) for one in items] if len(items) > 1 else [None]
            return self.gettext(SEPARATED).join(one for one in each if one) if all(each) else None
        if kind == "said":
            return self.sentence(value)
        if kind == "list":
            return self.gettext(ENUMERATED).join(map(self.sentence, ENUMERATION.split(value)))
        return self.gettext(value) if kind == "word" else value

    @staticmethod
    def _spaced(sentences: list[str]) -> Iterator[str]:
        for place, sentence in enumerate(sentences):
            yield sentence if place == 0 or sentences[place - 1][-1] in WIDE else f" {sentence}"


def catalog_text(code: str) -> str:
    """The catalog of a language as PO text."""
    return files("headstart").joinpath("locale", f"{code}.po").read_text(encoding="utf-8")


def languages() -> tuple[str, ...]:
    """English, and every language that has a catalog."""
    there = (entry.name for entry in files("headstart").joinpath("locale").iterdir())
    return (ENGLISH, *sorted(name.removesuffix(".po") for name in there if name.endswith(".po")))


@cache
def language_named(code: str) -> Language:
    """The language of a code; a PlanError names those there are."""
    if code == ENGLISH:
        return Language(ENGLISH)
    if code not in languages():
        known = ", ".join(languages())
        raise PlanError(f'"{code}" is not a language of headstart.{did_you_mean(code, languages())} There are: {known}.')
    return Language(code, messages_in(catalog_text(code), f"{code}.po"))


def spoken() -> Language:
    """The language that people are spoken to in; a PlanError says that `HEADSTART_LANGUAGE` names none."""
    return language_named(os.environ.get(VARIABLE) or ENGLISH)


def speak(code: str) -> None:
    """Speak that language from now on; a PlanError names those there are."""
    os.environ[VARIABLE] = language_named(code).code


@contextmanager
def speaking(code: str | None = None) -> Iterator[None]:
    """Inside, people are spoken to in that language, or in the one spoken outside until another is chosen; then as before."""
    before = os.environ.get(VARIABLE)
    try:
        if code is not None:
            speak(code)
        yield
    finally:
        os.environ.pop(VARIABLE, None)
        if before is not None:
            os.environ[VARIABLE] = before
