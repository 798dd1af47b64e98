"""The task that was given, of classes or of outputs, and the refusal of options that are for classes alone."""

from __future__ import annotations

from typing import Any

from headstart.core.errors import PlanError
from headstart.core.progress import stage
from headstart.data.outputs import MEANT, SeveralOutputsError
from headstart.data.raw_dataset import RawDataset
from headstart.data.readers import read_numbers
from headstart.data.task import Task
from headstart.multioutput.reading import outputs_of
from headstart.multioutput.task import OutputTask
from headstart.workflows.arguments import Data, Reading, place_of, task_from

FOR_CLASSES = "{option} is for one class an image, and {noun} are predicted here. Leave it out."


def refuse(noun: str, options: dict[str, Any]) -> None:
    """Refuse options that have no meaning for several labels or numbers: `PlanError`."""
    given = next((name for name, value in options.items() if value not in (None, (), [], {}, False, "")), None)
    if given is not None:
        raise PlanError(FOR_CLASSES.format(option=given, noun=noun))


def task_or_outputs(data: Data, reading: Reading, numbers: str | None = None) -> Task | OutputTask:
    """The task of data: of classes, or, where they have several labels or the numbers of a column are asked for, of outputs."""
    if numbers:
        with stage("reading the data"):
            raw = read_numbers(place_of(data), numbers)
        return _outputs_of(raw, reading, numbers)
    try:
        return task_from(data, reading)
    except SeveralOutputsError as found:
        return _outputs_of(found.raw, reading, "")


def _outputs_of(raw: RawDataset, reading: Reading, numbers: str) -> OutputTask:
    options = reading._asdict()
    for name in ("place", "seed", "test"):
        options.pop(name)
    refuse(MEANT[raw.outputs], options)
    return outputs_of(raw, reading.place, reading.seed, numbers=numbers, test=reading.test)
