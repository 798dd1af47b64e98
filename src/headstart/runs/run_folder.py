"""RunFolder: a folder of a run of whatever kind, and what tells the kinds apart."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from headstart.core.errors import DataError, HeadstartError
from headstart.core.parsing import is_changed, toml_in
from headstart.core.progress import note

MODEL_FOLDER = "model"
PLAN_FILE = "plan.toml"
PEAK_MEMORY = "peak_memory_bytes"
"""Of the environment: the most memory that a process of the run has had, in bytes; runs of earlier versions have none."""
EARLIER = "earlier"
"""Of the environment: what differed when earlier calls worked on the same run; absent where nothing did."""
OUTPUT_MODEL = "outputs.json"
"""In the folder of a model of several labels an image, or of numbers: what it is made of."""


@dataclass(frozen=True)
class RunFolder:
    """A folder of a run of whatever kind.

    Attributes:
        folder: Where it lies.
    """

    folder: Path


def holds_outputs(folder: Path) -> bool:
    """Whether a folder holds a run of several labels an image, or of numbers."""
    return (folder / MODEL_FOLDER / OUTPUT_MODEL).exists()


def check_of_classes(folder: Path) -> None:
    """Refuse a run of several labels or numbers where one of classes is wanted: `DataError`."""
    if holds_outputs(folder):
        raise DataError(
            f"{folder} is a run of several labels an image, or of numbers, and one of classes is wanted. `predict`, `evaluate`, "
            "`report`, `export`, `verify` and `serve` take such runs."
        )


def note_changed_plan(folder: Path) -> None:
    """Say that the plan of a run is another one than was fitted, for commands that read the model and not the plan.

    What cannot be read is left to the commands that need it, which refuse it.
    """
    path = folder / PLAN_FILE
    try:
        changed = path.is_file() and is_changed(path, toml_in(path))
    except OSError:
        return
    except HeadstartError:
        changed = True
    if changed:
        note(f"{path} was changed after headstart wrote it. The model is that of the plan as it was before.")
