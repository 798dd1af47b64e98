"""Stress: a run's model on pictures that are made worse, on images that it has not learned from."""

from __future__ import annotations

from typing import Any

from headstart.core.arguments import Texts, checked
from headstart.core.errors import PlanError, did_you_mean
from headstart.core.records import write_atomically
from headstart.core.steps import Steps
from headstart.data.corruptions import CORRUPTIONS, all_corruptions
from headstart.evaluation.stress import (
    CLEAN,
    CorruptionMean,
    Stress,
    StressRow,
    common_rows,
    gain_of,
    keys_of,
    mean_of_rows,
    with_estimates,
)
from headstart.export.card import run_card
from headstart.report.pages import write_stress
from headstart.runs.origin import task_of
from headstart.runs.run import Run, file_of
from headstart.runs.workspace import Workspace
from headstart.workflows.arguments import AnyRun, Data, many
from headstart.workflows.corrupted_pictures import (
    Basis,
    Cache,
    Rows,
    conditions_of,
    inputs_of,
    of_condition,
    pictures_of,
    rows_of,
)
from headstart.workflows.robustness import robust_alternative

PAGE = "stress.html"
PART, PAGE_OF_PART = "stress_part.json", "stress_part.html"
"""What has fewer corruptions than the `stress.json` that is there, which so stays."""


ASKED: dict[str, Any] = {"against": None, "robust": None}
"""What is found only where it is asked for."""


@checked
def stress(
    run: AnyRun, data: Data | None = None, *, corruption: Texts = (), against: AnyRun | None = None, robust: bool = False
) -> Stress:
    """Accuracy, calibration and the share flagged as unknown, where pictures get worse in each of many ways.

    The images are those of `data`, or else the run's test images or, without a test, its labeled images out of fold. Each
    corruption and strength is kept in the run's folder as soon as it is done, so that the same call goes on where it was stopped.
    Writes `stress.json` and `stress.html` there, with the corruptions that were tried on the same images before. A `stress.json`
    of more corruptions stays, and `stress_part.json` and `stress_part.html` are written. Without `corruption` all are tried; a
    PlanError lists them. With `against`, another run is tried in the same way, and a paired test says which does better where
    pictures get worse; nothing is written into the other run's folder. With `robust`, so is the run's own plan in the form that
    is to stand such pictures: heads fitted to corrupted views, too, and fine-tuned weights half of the way back; where it does
    better, its plan is written into `robust_plan.toml`.
    """
    names, run = _names(many(corruption)), Run.load(run)
    cache = Cache(Steps(run.folder / "steps"), run.folder / "steps")
    basis = pictures_of(run, data, cache)
    if against is None:
        rows, gain = rows_of(basis, names, cache), None
    else:
        other = Run.load(against)
        theirs = cache._replace(known=other.folder / "steps")
        other_basis = pictures_of(other, data, theirs)
        shared = common_rows(str(other.folder), keys_of(basis.models), keys_of(other_basis.models))
        rows, others = rows_of(basis, names, cache), rows_of(other_basis, names, theirs)
        pairs = {condition: (folder, others[condition][1]) for condition, (_, folder) in rows.items()}
        gain = gain_of(str(other.folder), pairs, shared)
    alternative = robust_alternative(run, data, names, cache) if robust else None
    found = _summed(run, basis, rows, names).model_copy(update={"against": gain, "robust": alternative})
    _write(run, _with_earlier(run, found, basis, names, cache))
    return found


def page_of(run: Run, found: Stress) -> str:
    """The name of the page in the run's folder that shows what was found."""
    earlier = Run(run.folder).stress  # as it is now
    shown = earlier is not None and earlier.clean == found.clean and all(row in earlier.rows for row in found.rows)
    return PAGE if shown else PAGE_OF_PART


def _with_earlier(run: Run, found: Stress, basis: Basis, names: tuple[str, ...], cache: Cache) -> Stress:
    """The same with the corruptions that were tried on these images before, and the comparisons that are kept for all of them."""
    inputs = inputs_of(basis)
    every = tuple(
        name
        for name in all_corruptions()
        if name in names or all(cache.has("stress", inputs | of_condition(*one)) for one in conditions_of([name]))
    )
    whole = found if every == names else _summed(run, basis, rows_of(basis, every, cache), every)
    earlier = Run(run.folder).stress  # as it is now
    if earlier is None or earlier.model_copy(update=ASKED) != whole.model_copy(update=ASKED):
        return whole
    return whole.model_copy(update={name: getattr(whole, name) or getattr(earlier, name) for name in ASKED})


def _names(asked: tuple[str, ...]) -> tuple[str, ...]:
    """The corruptions that were asked for, in the order of all."""
    known = tuple(all_corruptions())
    unknown = next((name for name in asked if name not in known), None)
    if unknown is not None:
        near = did_you_mean(unknown, known)
        raise PlanError(f'"{unknown}" is not a corruption.{near} Known: {", ".join(known)}.')
    return tuple(name for name in known if name in asked) if asked else known


def _summed(run: Run, basis: Basis, found: Rows, names: tuple[str, ...]) -> Stress:
    folders = {condition: folder for condition, (_, folder) in found.items() if condition[0] != CLEAN}
    clean, *rows = (with_estimates(row, folder, run.predictions) for row, folder in found.values())
    means = tuple(mean_of_rows(name, {one: own for one, own in folders.items() if one[0] == name}) for name in names)
    mean = mean_of_rows("all corruptions", folders) if len(names) == len(all_corruptions()) else None
    return Stress(
        run=str(run.folder),
        num_images=basis.num_images,
        basis=basis.sentence,
        clean=clean,
        rows=tuple(rows),
        means=means,
        mean=mean,
        sentence=_sentence(clean, means, mean),
    )


def _sentence(clean: StressRow, means: tuple[CorruptionMean, ...], mean: CorruptionMean | None) -> str:
    worst = min(means, key=lambda one: one.accuracy.value)
    title = CORRUPTIONS.get(worst.name).title
    ends = f"[{worst.accuracy.low:.1%}, {worst.accuracy.high:.1%}]"
    start = f"Accuracy is {clean.accuracy.value:.1%} on the pictures as they are"
    over = f", {mean.accuracy.value:.1%} [{mean.accuracy.low:.1%}, {mean.accuracy.high:.1%}] over all corruptions" if mean else ""
    return f"{start}{over}, and lowest under {title}: {worst.accuracy.value:.1%} {ends} over its strengths."


def _write(run: Run, found: Stress) -> None:
    workspace, earlier = Workspace(run.folder), Run(run.folder).stress
    if earlier is not None and len(earlier.means) > len(found.means):
        write_atomically(run.folder / PART, found.to_json())
        workspace.vouch_for(PART)
        write_stress(found, run.folder / PAGE_OF_PART)
        return
    workspace.write(found)
    workspace.vouch_for(file_of(Stress))
    write_stress(found, run.folder / PAGE)
    now = workspace.run
    workspace.write_card(run_card(now, task_of(run), has_manifest=now.manifest is not None))
