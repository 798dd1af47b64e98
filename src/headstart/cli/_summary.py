"""The summary of a finished run on the terminal, on one screen of 80 columns and 24 lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headstart.cli._printing import facts, said
from headstart.cli._views import (
    SEVERITY_STYLES,
    VERDICT_STYLES,
    accuracy_line,
    domains_line,
    gravest_first,
    named_files,
    worse_slices,
    worst_group_line,
)

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

    from headstart.core.findings import Finding
    from headstart.runs.run import Run

MOST_FINDINGS = 3
"""Findings that the summary names, the gravest first."""


def summary_view(run: Run) -> RenderableType:
    """The outcome in plain words, the verdict, the accuracy with what judged it, what was left out, and where everything lies."""
    from headstart.planning.deciding.wording import log_loss_decides
    from headstart.report.figures import not_tried, on_fewer, reconciled
    from headstart.report.plain_words import in_plain_words
    from headstart.runs.suggesting import predict_command

    result, decision, adaptation = run.result, run.decision, run.adaptation
    rows: list[tuple[str, str | Text]] = [
        ("Result", said(in_plain_words(run), style="bold")),
        ("Verdict", _verdict(run)),
        ("", run.verdict_sentence),
        ("", adaptation.reasons[-1] if adaptation else ""),
        ("", log_loss_decides(decision.results, decision.chosen) if decision else ""),
        ("Members", decision.ensemble.sentence if decision and decision.ensemble else ""),
        ("Sources", run.sources.sentence if run.sources else ""),
        ("Estimate", adaptation.estimate_sentence if adaptation else ""),
        ("Accuracy", accuracy_line(result["evaluation"])),
        ("", reconciled(run)),
        ("", " ".join(on_fewer(run))),
        ("Domains", domains_line(result["evaluation"])),
        ("Groups", worst_group_line(result["evaluation"])),
        ("Slices", next(iter(worse_slices(result["evaluation"])), "")),
        ("Left out", not_tried(decision) if decision else adaptation.unfinished if adaptation else ""),
        *_findings(run.findings, run.task_summary.place),
        ("Step size", run.rate_curve.sentence if run.rate_curve else ""),
        ("Forgotten", run.forgetting.sentence if run.forgetting else ""),
        ("Report", f"{run.folder}/report.html"),
        ("Next", predict_command(run.folder, pictures=run.task_summary.native_pixels > 0)),
    ]
    return facts([(name, value) for name, value in rows if str(value)])


def _verdict(run: Run) -> Text:
    verdict = run.verdict or "none: fitted as planned"
    return said(verdict, style=VERDICT_STYLES.get(verdict, ""))


def _findings(findings: tuple[Finding, ...] | None, place: str) -> list[tuple[str, str | Text]]:
    """The gravest by their titles, with files that they are about, and how many more there are."""
    if not findings:
        return [] if findings is None else [("Findings", "none")]
    rows: list[tuple[str, str | Text]] = []
    for one in gravest_first([finding.to_dict() for finding in findings])[:MOST_FINDINGS]:
        files = named_files(one, place)
        shown = (one["severity"], ": ", one["title"], f" {files}." if files else "")
        rows.append(("" if rows else "Findings", said(*shown, style=SEVERITY_STYLES[one["severity"]])))
    more = len(findings) - MOST_FINDINGS
    return [*rows, ("", f"{more:,} more in the report")] if more > 0 else rows
