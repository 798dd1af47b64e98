"""Repetition: whether two folders of results are the same to the byte, but for what was measured while they were made."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

from headstart.core.checksums import KEY
from headstart.runs.run import ENVIRONMENT, RESULT
from headstart.runs.run_folder import PEAK_MEMORY


class Measured(NamedTuple):
    """Values of files that a clock, or the operating system's account of memory, gave: they differ each time.

    Attributes:
        files: Pattern of the files' paths from the folder of results.
        keys: Names of the values, wherever they stand in a JSON document; empty where the file is a text.
        text: Regular expression of what is left out of each line of a text; empty where the file is JSON.
        why: What was measured, as a sentence.
    """

    files: str
    keys: frozenset[str]
    text: str
    why: str


def _in_json(files: str, keys: str, why: str) -> Measured:
    return Measured(files, frozenset(keys.split()), "", why)


STEPS = "steps"
"""The folder of intermediate results, to which later commands add."""
MEASURED = (
    _in_json(ENVIRONMENT, PEAK_MEMORY, "The most memory that the process has had."),
    _in_json(RESULT, f"run {PEAK_MEMORY} seconds", "The folder itself; memory, and seconds by stage and by candidate."),
    _in_json("first_model.json", "seconds spent_seconds", "When the first model was there, and what it took."),
    _in_json("steps/first-*.json", "seconds spent_seconds", "When the first model was there, and what it took."),
    _in_json("ranking.json", "seconds", "Seconds spent on each ranked network."),
    _in_json("decision.json", "seconds", "Seconds that fitting each candidate took; what was predicted is the same each time."),
    _in_json("adaptation.json", "seconds", "Seconds that each way to adapt took, and all of them."),
    _in_json("adjustment.json", "seconds", "Seconds that each changed plan took."),
    _in_json("found.json", "seconds", "Seconds that each trial took."),
    *(
        _in_json(f"steps/{step}-*.json", "seconds", "Seconds that the step took.")
        for step in (
            "adapt", "adapted", "circular", "decide", "evidence", "flip_test", "fold", "look", "outputs", "pool", "rank", "refit",
            "trained", "trial",
        )
    ),
    _in_json("**/history.jsonl", "seconds", "Seconds since the training began."),
    Measured("steps/log.tsv", frozenset(), r"\t[0-9.]+$", "Seconds of each step."),
    _in_json("manifest.json", "files", "Hashes of the other files, those with measured values among them."),
    Measured("SHA256SUMS", frozenset(), "^[0-9a-f]{64}", "Hashes of the other files, the page with measured times among them."),
)  # fmt: skip
"""All that two runs of one command with one seed may differ in, on one machine, with as many threads and the same engine. The
checksum of a JSON document follows from its values and is left out with them."""

NOT_COMPARED = {
    "report.html": "made of the other files, in words and pictures",
    "stress.html": "made of the other files, in words and pictures",
    "stress_part.html": "made of the other files, in words and pictures",
    "card.md": "made of the other files, with the peak memory in words",
    "README.md": "made of the other files, with the milliseconds that a picture took in words",
    "cluster.json": "seconds, bytes and memory of works on a cluster",
    "progress.json": "what a run that is being made is doing now",
    "tracking": "what trackers were told, with the times",
}
"""Files and folders of results that are made of others, or whose every value is measured, each with the reason."""


def differing_files(one: Path, other: Path, left_out: Iterable[str] = ()) -> list[str]:
    """The paths of files that two folders of results do not share, or that differ in more than what was measured.

    Args:
        one: A folder.
        other: Another one.
        left_out: Files and folders in them that do not count, beside those in `NOT_COMPARED`.

    Returns:
        Paths from the folders, in order; none where one is a repetition of the other.
    """
    apart = {*NOT_COMPARED, *left_out}
    first, second = ({name: path for name, path in _files_in(folder) if _top(name) not in apart} for folder in (one, other))
    shared = (name for name in first.keys() & second.keys() if not _is_repeated(name, first[name], second[name]))
    return sorted([*(first.keys() ^ second.keys()), *shared])


def _files_in(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in folder.rglob("*"):
        name = path.relative_to(folder)
        if path.is_file() and not any(part.startswith(".") for part in name.parts):
            yield name.as_posix(), path


def _top(name: str) -> str:
    return name.partition("/")[0]


def _is_repeated(name: str, first: Path, second: Path) -> bool:
    content, again = first.read_bytes(), second.read_bytes()
    if content == again:
        return True
    known = next((one for one in MEASURED if fnmatchcase(name, one.files)), None)
    return known is not None and without_measured(content, known) == without_measured(again, known)


def without_measured(content: bytes, measured: Measured) -> Any:
    """The content of a file without its measured values."""
    text = content.decode("utf-8", "surrogateescape")
    if measured.text:
        return re.sub(measured.text, "", text, flags=re.MULTILINE)
    read: Callable[[str], Any] = json.loads
    documents = [read(line) for line in text.splitlines()] if measured.files.endswith(".jsonl") else [read(text)]
    return [_without(document, measured.keys | {KEY}) for document in documents]


def _without(value: Any, keys: frozenset[str]) -> Any:
    """A JSON value without the values of those names; the names stay, in their order."""
    if isinstance(value, dict):
        return [(name, None if name in keys else _without(inner, keys)) for name, inner in value.items()]
    return [_without(inner, keys) for inner in value] if isinstance(value, list) else value
