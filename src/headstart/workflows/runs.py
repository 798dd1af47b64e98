"""Runs: the finished runs of a folder, and how well their rankings did."""

from __future__ import annotations

from headstart.core.arguments import AnyPath, checked
from headstart.planning.ranking.ranking_history import RankingHistory, history_of
from headstart.runs.finished import list_runs
from headstart.runs.run import Run


@checked
def runs(folder: AnyPath = "runs") -> list[Run]:
    """The finished runs in a folder, oldest first; those that cannot be read are left out."""
    return list_runs(folder)


@checked
def audit_runs(folder: AnyPath = "runs") -> RankingHistory | None:
    """The rankings of the finished runs in a folder, held against their fits; None where no run compared two networks.

    It shows which networks and which scores were right. No ranking reads it: the same command gives the same plan.
    """
    decided = [(run.task_summary.name, run.decision) for run in list_runs(folder)]
    return history_of((name, decision.audit) for name, decision in decided if decision and decision.audit)
