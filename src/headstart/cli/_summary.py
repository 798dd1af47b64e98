"""The summary of a finished run on the terminal, on one screen of 80 columns and 24 lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headstart.cli._printing import facts, plain
from headstart.cli._views import VERDICT_STYLES, accuracy_line

if TYPE_CHECKING:
    from rich.console import RenderableType

    from headstart.core.findings import Finding
    from headstart.planning.adapting.adaptation import Adaptation
    from headstart.runs.run import Run


def summary_view(run: Run) -> RenderableType:
    """The verdict, the accuracy with what judged it, what was left out and how to go on, and where everything lies."""
    from headstart.planning.deciding.wording import log_loss_decides
    from headstart.report.figures import not_tried, on_fewer, reconciled

    result, decision, adaptation = run.result, run.decision, run.adaptation
    rows: list[tuple[str, RenderableType]] = [
        ("Verdict", _verdict(result, adaptation)),
        ("", decision.sentence if decision else adaptation.reasons[-1] if adaptation else ""),
        ("", log_loss_decides(decision.results, decision.chosen) if decision else ""),
        ("Members", decision.ensemble.sentence if decision and decision.ensemble else ""),
        ("Sources", run.sources.sentence if run.sources else ""),
        ("Estimate", _estimate_line(adaptation)),
        ("Accuracy", accuracy_line(result["evaluation"])),
        ("", reconciled(run)),
        ("", " ".join(on_fewer(run))),
        ("Left out", not_tried(decision) if decision else ""),
        ("Findings", _findings_line(run.findings)),
        ("Step size", run.rate_curve.sentence if run.rate_curve else ""),
        ("Forgotten", run.forgetting.sentence if run.forgetting else ""),
        ("Report", f"{run.folder}/report.html"),
        ("Next", f"headstart predict {run.folder} NEW_IMAGES"),
    ]
    return facts([row for row in rows if str(row[1])])


def _verdict(result: dict[str, Any], adaptation: Adaptation | None) -> RenderableType:
    if adaptation is not None:
        verdict = "adapted" if adaptation.adapted else "not adapted"
    else:
        verdict = result["verdict"] or "none: fitted as planned"
    return plain(verdict, VERDICT_STYLES.get(verdict, ""))


def _estimate_line(adaptation: Adaptation | None) -> str:
    """The accuracy that an adapted model's confidence estimates; it is no measurement."""
    if adaptation is None:
        return ""
    now, before = adaptation.accuracy, adaptation.unadapted_accuracy
    span = f"{now.low:.2f} to {now.high:.2f}"
    return f"accuracy about {now.value:.2f} ({span}), unadapted {before.value:.2f}; from confidence alone"


def _findings_line(findings: tuple[Finding, ...] | None) -> RenderableType:
    """How many there are, and the gravest."""
    if findings is None:
        return ""
    grave = [finding for severity in ("error", "warning") for finding in findings if finding.severity == severity]
    if not grave:
        return f"{len(findings):,}, none of them a warning" if findings else "none"
    more = f" (the report has {len(findings) - 1:,} more)" if len(findings) > 1 else ""
    return plain(f"{grave[0].severity}: {grave[0].title}{more}", "yellow")
