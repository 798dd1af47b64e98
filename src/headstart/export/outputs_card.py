"""The model card of a model of several labels or numbers, of a run's folder and of a bundle."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from headstart.backbones.catalog import provider_of
from headstart.core.exported import Export
from headstart.core.language import spoken
from headstart.export.card import MOST_CLASSES, data_licenses, in_language, rendered, started_from
from headstart.export.formats.base import Format
from headstart.multioutput.metrics import metrics_for
from headstart.multioutput.run import OutputRun
from headstart.runs.run import Run


def outputs_card(run: OutputRun, *, has_manifest: bool) -> str:
    """The card of a run's folder as Markdown; it names the manifest where the run has one, or is about to."""
    return in_language(rendered("outputs_run.md.j2", **facts_of_outputs(run), has_manifest=has_manifest), spoken())


def outputs_bundle_card(run: OutputRun, made: Export, kind: type[Format]) -> str:
    """The card of a bundle as Markdown."""
    return in_language(rendered("outputs.md.j2", **facts_of_outputs(run), made=made, parity=made.parity, kind=kind), spoken())


def facts_of_outputs(run: OutputRun) -> dict[str, Any]:
    """What every card says of a run."""
    summary, chosen = run.summary, run.candidate
    return {
        "run": run,
        "task": summary,
        "evaluation": run.evaluation,
        "metrics": metrics_for(summary.kind),
        "are_labels": run.model.kind.noun == "labels",
        "fitted_by": "" if chosen is None else chosen.name,
        "num_members": len(run.model.averaged),
        "networks": started_from(run.model.networks),
        "data_licenses": data_licenses(summary.name, summary.place),
        "embedded": not provider_of(run.model.networks[0].card).takes_pictures,
        "environment": Run(run.folder).environment,
        "warnings": [one for one in run.findings if one.severity != "info"],
        "most_classes": MOST_CLASSES,
        "version": version("headstart"),
    }
