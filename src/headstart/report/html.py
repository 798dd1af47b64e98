"""The report of a run: one HTML page."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from headstart.backbones.lineage import lineage_of
from headstart.core.estimate import Estimate
from headstart.core.evaluation import ClassRow
from headstart.data.task import Task
from headstart.evaluation.label_error_report import SuspectLabel
from headstart.evaluation.metrics import all_metrics
from headstart.evaluation.pseudo_label_audit import ClassShares, PseudoLabelAudit
from headstart.evaluation.slices import all_attributes
from headstart.evaluation.validators import VALIDATORS, deciding_validators
from headstart.planning.adapting.adaptation import Adaptation
from headstart.planning.deciding.wording import log_loss_decides
from headstart.planning.plan import Plan
from headstart.report.axis import Axis
from headstart.report.brief import brief_of
from headstart.report.charts import (
    curve_chart,
    heatmap,
    rate_chart,
    reliability_dots,
    selective_chart,
    stages_chart,
    top_confusions,
)
from headstart.report.domain_panels import domain_panels
from headstart.report.figures import (
    figures_of,
    judged_differently,
    judged_on,
    name_of,
    not_tried,
    of_both_sides,
    on_fewer,
    reconciled,
    why_no_curve,
)
from headstart.report.finding_pages import page_of_finding
from headstart.report.pages import page_of
from headstart.report.pictures import (
    MOST_PICTURES,
    PictureBook,
    confident_mistakes,
    flagged_share,
    least_like_training,
    least_sure,
    pictures_of,
    rows_named,
)
from headstart.runs.run import Run

MOST_ROWS = 30
WEAKEST_ROWS = 15
"""A table of more than 30 classes shows the weakest 15 and folds the others away."""


def report_html(run: Run, task: Task | None = None) -> str:
    """A run's report as one self-contained HTML page; without the task only pictures that are files are shown."""
    return page_of(
        "report",
        run=run,
        task=run.task_summary,
        plan=run.plan,
        settings=method_settings(run.plan.method),
        headline=headline(run),
        brief=brief_of(run),
        name_of=name_of,
        lineage=lineage_of(run.folder),
        folder=shlex.quote(str(run.folder)),
        run_name=shlex.quote(f"run:{run.folder}"),
        folder_literal=repr(str(run.folder)),
        page_of_finding=page_of_finding,
        no_curve=why_no_curve(run),
        metrics=all_metrics(),
        unit_axis=Axis(0.0, 1.0, (0.0, 1.0)),
        rates=rate_chart(run.rate_curve) if run.rate_curve else None,
        stages=stages_chart(run.ranking) if run.ranking else None,
        most_rows=MOST_ROWS,
        attributes=all_attributes(),
        shares=_shares(run.pool_audit) if run.pool_audit else (),
        domain_panels=domain_panels(run.adaptation) if run.adaptation else (),
        deciding=list(deciding_validators()),
        shown_validators=sorted(VALIDATORS.names()),
        figures=figures_of(run),
        suspects=_suspects(run, task),
        reconciled=reconciled(run),
        on_fewer=on_fewer(run),
        **_decision_values(run),
        **_evaluation_values(run, task),
    )


def headline(run: Run) -> str:
    """The verdict in a few words."""
    decision = run.decision
    if decision is None:
        return _headline_of_adapting(run.adaptation) if run.adaptation else _headline_of_a_fit(run)
    return {
        "transfer": f"Transfer from {_transferred(run.plan)}",
        "scratch": "Train from scratch",
        "no difference": "No difference that these labels can show",
        "not judged": "Not judged: one side was not tried",
    }[decision.verdict]


def _transferred(plan: Plan) -> str:
    """The networks of a plan that bring knowledge along: by name where they are few."""
    names = list(dict.fromkeys(member.pretrained for member in (plan, *plan.partners) if member.weights != "none"))
    return " and ".join(names) if len(names) < 3 else f"{len(names)} networks together"


def _headline_of_adapting(adaptation: Adaptation) -> str:
    names = adaptation.chosen
    return {
        "transfer": f"Transfer: adapted by {' and '.join(names) if len(names) < 3 else f'{len(names)} methods together'}",
        "no difference": "No difference between adapted and unadapted models",
        "not judged": "Not judged: adapted and unadapted models were not compared",
    }[adaptation.verdict]


def _headline_of_a_fit(run: Run) -> str:
    if run.adjustment:
        return f"Adjusted from {Path(run.adjustment.parent).name}"
    if run.extension:
        return f"Extended from {Path(run.extension.parent).name}"
    return f"Pretrained on {run.task_summary.name}" if lineage_of(run.folder) else "Fitted as planned"


def method_settings(method: dict[str, Any]) -> str:
    """A method's hyper-parameters as a person reads them."""
    return ", ".join(f"{key} = {value}" for key, value in method.items() if key != "kind" and value is not None)


def _decision_values(run: Run) -> dict[str, Any]:
    decision = run.decision
    if decision is None:
        absent = dict.fromkeys(("accuracy_axis", "gain_axis", "gain_strip", "curve"))
        left = run.adaptation.unfinished if run.adaptation else ""
        return absent | {"rule": "", "not_tried": left, "judged": {}, "compared": False, "comparisons": ()}
    fitted = [result.accuracy for result in decision.results if result.accuracy is not None]
    gains = [made.accuracy_gain for made in decision.comparisons]
    return {
        "accuracy_axis": Axis.over(_ends(fitted), least=0.0, most=1.0),
        "gain_axis": Axis.over([0.0, *_ends(gains)]),
        "gain_strip": Axis.over([0.0, *_ends([decision.gain])]),
        "curve": curve_chart(decision.curve) if decision.curve else None,
        "rule": log_loss_decides(decision.results, decision.chosen),
        "not_tried": not_tried(decision),
        "compared": of_both_sides(decision) is not None,
        "comparisons": tuple({(made.better, made.worse): made for made in decision.comparisons}.values()),
        "judged": {one.name: judged_on(one) for one in decision.results} if judged_differently(decision) else {},
    }


def _evaluation_values(run: Run, task: Task | None) -> dict[str, Any]:
    values: dict[str, Any] = {"mistakes": (), "reasons": (), "unsure": (), "novel": (), "flagged": "", "worse": ()}
    evaluation, predictions = run.evaluation, run.predictions
    book = PictureBook(task)
    odd = run.unlabeled or predictions
    if odd is not None:
        values |= {"novel": pictures_of(odd, least_like_training(odd), book), "flagged": flagged_share(odd)}
    if predictions is not None and len(predictions):
        explained = run.explained_mistakes
        values["reasons"] = tuple(map(book.reasons, explained.explanations)) if explained else ()
        values["mistakes"] = pictures_of(predictions, confident_mistakes(predictions), book)
        values["unsure"] = pictures_of(predictions, least_sure(predictions), book)
        worse = evaluation.slices.worse if evaluation and evaluation.slices else ()
        values["worse"] = tuple((one, pictures_of(predictions, rows_named(predictions, one.images), book)) for one in worse)
    if evaluation is None:
        return values
    weakest = sorted(evaluation.per_class, key=_weakness)
    many = len(weakest) > MOST_ROWS
    return values | {
        "rows": weakest[:WEAKEST_ROWS] if many else evaluation.per_class,
        "folded": weakest[WEAKEST_ROWS:] if many else (),
        "heat": heatmap(evaluation.confusion),
        "confused": top_confusions(evaluation.confusion),
        "selective": selective_chart(evaluation.selective) if len(evaluation.selective) > 1 else None,
        "dots": reliability_dots(evaluation.reliability, 40, 236, 220),
        "dots_before": reliability_dots(evaluation.reliability_before, 40, 236, 220),
    }


def _suspects(run: Run, task: Task | None) -> tuple[tuple[SuspectLabel, tuple[str, bool]], ...]:
    """The most suspicious of the flagged labels, each with its thumbnail and whether that is tiny."""
    book, found = PictureBook(task), run.label_errors.suspects if run.label_errors else ()
    return tuple((one, book.uri(one.name)) for one in found[:MOST_PICTURES] if one.flagged)


def _shares(audit: PseudoLabelAudit) -> tuple[ClassShares, ...]:
    """The classes in their order; of many, those whose shares differ most."""
    if len(audit.classes) <= MOST_ROWS:
        return audit.classes
    return tuple(sorted(audit.classes, key=lambda one: -abs(one.corrected - one.labeled))[:MOST_ROWS])


def _weakness(row: ClassRow) -> tuple[bool, float, str]:
    return (row.support == 0, row.f1, row.name)


def _ends(estimates: list[Estimate]) -> list[float]:
    return [end for estimate in estimates for end in (estimate.low, estimate.high)]
