"""Runs that were interrupted or broke down: what is known of each, and the command that goes on."""

from __future__ import annotations

import shlex
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headstart.core.parsing import json_in
from headstart.runs.in_progress import PROGRESS, InProgress, in_progress
from headstart.runs.run import FAILURE, FIRST_MODEL, MODEL, REQUEST
from headstart.runs.run_folder import OUTPUT_MODEL

OPTIONS = {
    "sources": "--source",
    "target_domains": "--target-domain",
    "pretrained": "--pretrained",
    "weights": "--weights",
    "minutes": "--minutes",
    "method": "--method",
    "only": "--only",
    "members": "--members",
    "seed": "--seed",
    "per_class": "--per-class",
    "test": "--test",
    "numbers": "--numbers",
}
"""The option of each field of a request."""
DEFAULTS = {"weights": "pretrained", "seed": 0, "numbers": ""}


@dataclass(frozen=True)
class UnfinishedRun:
    """A run folder without a final model.

    Attributes:
        folder: Where it lies.
        state: "in progress", "interrupted", with a first model or without, or "broke down".
        advice: What it is doing, the command that goes on with it, or why it broke down.
        doing: What it does, or did last; None where it did not say.
    """

    folder: Path
    state: str
    advice: str
    doing: InProgress | None = None


def unfinished_runs(folder: str | Path = "runs") -> list[UnfinishedRun]:
    """The runs in a folder that have steps or a request and no final model, or go on with one, oldest first."""
    places = {path.parent for name in ("steps", REQUEST, FAILURE, PROGRESS) for path in Path(folder).glob(f"*/{name}")}
    waiting = [place for place in places if _exists(place / PROGRESS) or not _has_model(place)]
    described = {place: _described(place) for place in waiting}
    changed = {}
    for place in waiting:
        with suppress(FileNotFoundError):  # deleted meanwhile: there is no such run any more
            changed[place] = place.stat().st_mtime
    return [described[place] for place in sorted(changed, key=lambda place: (changed[place], place.name))]


def command_of(request: dict[str, Any], folder: Path) -> str:
    """The command line that goes on with a request.

    Args:
        request: As `request.json` keeps it, under "request" or "pretraining".
        folder: The run's folder.

    Returns:
        The command, with options that have their default left out.
    """
    kind = "request" if "request" in request else "pretraining"
    asked = dict(request[kind])
    words = ["headstart", "run" if kind == "request" else "pretrain", asked["place"]]
    for field, option in OPTIONS.items():
        value = asked.get(field)
        if value is not None and value != DEFAULTS.get(field):
            words += [word for one in (value if isinstance(value, list) else [value]) for word in (option, str(one))]
    words += [word for key, value in (asked.get("settings") or {}).items() for word in ("--set", f"{key}={value}")]
    return shlex.join([*words, "-o", str(folder)])


def _described(place: Path) -> UnfinishedRun:
    doing = in_progress(place)
    if doing is not None and doing.goes_on:
        return UnfinishedRun(place, "in progress", doing.stage, doing)
    failure = _failure_of(place)
    if failure is not None:
        return UnfinishedRun(place, "broke down", failure, doing)
    first = _exists(place / FIRST_MODEL / "model.json")
    state = "interrupted; its first model predicts" if first else "interrupted"
    try:
        request = json_in(place / REQUEST)
        return UnfinishedRun(place, state, command_of(request, place), doing)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return UnfinishedRun(place, state, "the same command as before", doing)


def _failure_of(place: Path) -> str | None:
    """Why a run broke down, as far as that can be read; None where it did not."""
    try:
        return (place / FAILURE).read_text(encoding="utf-8", errors="replace").strip()
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"{FAILURE}: cannot be read ({error.strerror})."


def _has_model(place: Path) -> bool:
    return _exists(place / MODEL / "model.json") or _exists(place / MODEL / OUTPUT_MODEL)


def _exists(path: Path) -> bool:
    """Whether there is a file, as far as one may look."""
    try:
        return path.exists()
    except OSError:
        return False
