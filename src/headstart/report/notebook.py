"""How tasks, plans, runs and results look in a notebook: one function a kind, found by the class of what is shown."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import numpy as np

from headstart.core.evaluation import Evaluation
from headstart.core.language import spoken
from headstart.core.prediction_rows import PredictionRows
from headstart.core.types import UNLABELED
from headstart.data.images import Images, ImageSet
from headstart.data.task import Task
from headstart.data.task_card import facts_of
from headstart.evaluation.run_comparison import RunComparisons
from headstart.planning.plan import Plan
from headstart.planning.ranking.ranking import Ranking
from headstart.report.axis import Axis
from headstart.report.html import MOST_ROWS, headline, method_settings
from headstart.report.pages import page_of
from headstart.report.pictures import (
    MOST_PICTURES,
    Picture,
    PictureBook,
    confident_mistakes,
    least_sure,
    picture_of,
    pictures_of,
)
from headstart.runs.run import Run
from headstart.runs.workspace import REPORT

MOST_PREDICTED = 24
"""Rows of predictions that are shown; the others are counted."""
UNIT = Axis(0.0, 1.0, (0.0, 1.0))


@singledispatch
def html_of(shown: Any) -> str:
    """The part of a page that shows something; a TypeError says that this file does not know how that looks."""
    raise TypeError(f"headstart.report.notebook does not say how a {type(shown).__name__} looks.")


@html_of.register
def _task(task: Task) -> str:
    one_each = [] if task.train.images.embedded else _by_class(task, 1)[:MOST_PICTURES]
    pictures = [picture for _, own in one_each for picture in own]
    return _cell("task", title=task.name, facts=facts_of(task)[1:], pictures=pictures, findings=task.findings)


def html_of_images(task: Task, per_class: int) -> str:
    """So many labeled images of each class."""
    return _cell("images", title=task.name, classes=_by_class(task, per_class))


@html_of.register
def _ranking(ranking: Ranking) -> str:
    return _cell("ranking", title=spoken().gettext("Ranking"), ranking=ranking, axis=UNIT, most=MOST_ROWS)


@html_of.register
def _plan(plan: Plan) -> str:
    members = [(one, method_settings(one.method)) for one in (plan, *plan.partners)]
    return _cell("plan", title=spoken().gettext(plan.verdict or "Plan"), plan=plan, members=members)


@html_of.register
def _run(run: Run) -> str:
    if not run.finished:
        return _cell("unfinished", title=run.folder.name, run=run)
    predictions, book = run.predictions, PictureBook(None)
    pictures: tuple[Picture, ...] = ()
    caption = ""
    if predictions is not None and len(predictions):
        mistakes = confident_mistakes(predictions)
        caption = "Wrong, surest first" if len(mistakes) else "Least sure"
        found = pictures_of(predictions, mistakes if len(mistakes) else least_sure(predictions), book)
        pictures = tuple(picture for picture in found if picture.uri)[: MOST_PICTURES // 2]
    report = run.folder / REPORT
    return _cell(
        "run", title=spoken().sentence(headline(run)), run=run, axis=UNIT, pictures=pictures, caption=caption,
        settings=method_settings(run.plan.method), report=str(report) if report.exists() else "",
    )  # fmt: skip


@html_of.register
def _evaluation(evaluation: Evaluation) -> str:
    return _cell("evaluation", title=spoken().gettext("Evaluation"), evaluation=evaluation, axis=UNIT, most=MOST_ROWS)


@html_of.register
def _comparisons(comparisons: RunComparisons) -> str:
    return _cell("comparisons", title=spoken().gettext("Comparison"), comparisons=comparisons)


@html_of.register
def _prediction_rows(rows: PredictionRows) -> str:
    answers = [(row, _predicted(rows.images, place, row)) for place, row in enumerate(rows[:MOST_PREDICTED])]
    shown = [picture for _, picture in answers if picture is not None]
    errors = [row for row in rows if "error" in row]
    return _cell(
        "predictions", title=spoken().sentence(_counted(rows)), pictures=shown, errors=errors[:MOST_PREDICTED],
        rows=[] if rows.images is not None else [row for row, _ in answers if "error" not in row],
        num_left=max(0, len(rows) - MOST_PREDICTED),
    )  # fmt: skip


def _counted(rows: PredictionRows) -> str:
    return f"{len(rows):,} prediction{'s' * (len(rows) != 1)}"


def _predicted(images: object | None, place: int, row: dict[str, Any]) -> Picture | None:
    """The picture of a row; None where the row has an error, or the images are feature vectors."""
    if not isinstance(images, Images) or "error" in row:
        return None
    unknown = row["unknown"] or {}
    uri, tiny = picture_of(images, place)
    label = row["label"] or spoken().sentence(f"unknown ({row['best_guess']})")
    return Picture(row["path"], uri, tiny, "", label, row["probability"], 0.0, unknown.get("p_value"))


def _by_class(task: Task, most: int) -> list[tuple[str, list[Picture]]]:
    """The first labeled images of each class: those of sources where the target has no labels."""
    rows = task.labeled if len(task.labeled) or task.source is None else task.source
    return [(name, _of_label(rows, label, most)) for label, name in enumerate(task.classes)]


def _of_label(rows: ImageSet, label: int, most: int) -> list[Picture]:
    made = []
    for row in np.flatnonzero(rows.labels == label)[:most].tolist() if label != UNLABELED else []:
        uri, tiny = picture_of(rows.images, row)
        name = rows.classes[label]
        made.append(Picture(rows.images.name(row), uri, tiny, name, name, 1.0, 1.0))
    return made


def _cell(kind: str, **values: Any) -> str:
    """A part of a page, with its style; `title` heads it."""
    return page_of(f"notebook/{kind}", **values)
