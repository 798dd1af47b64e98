"""What a report is made of; a Run has all of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from headstart.core.evaluation import Evaluation
from headstart.core.findings import Finding
from headstart.core.predictions import Predictions
from headstart.data.summary import TaskSummary
from headstart.evaluation.extension import Extension
from headstart.evaluation.forgetting import Forgetting
from headstart.evaluation.pseudo_label_audit import PseudoLabelAudit
from headstart.planning.adapting.adaptation import Adaptation
from headstart.planning.improving.adjustment import Adjustment
from headstart.planning.plan import Plan
from headstart.planning.ranking.ranking import Ranking
from headstart.planning.results import Decision
from headstart.planning.sources.source_ranking import SourceRanking
from headstart.training.learning_rate_finder import LearningRateCurve


class Reported(Protocol):
    """The parts of a run that a report shows; None and empty parts are said to be missing, in words."""

    @property
    def folder(self) -> Path:
        """Where the run lies."""

    @property
    def plan(self) -> Plan:
        """What was fitted."""

    @property
    def ranking(self) -> Ranking | None:
        """Candidates to transfer from."""

    @property
    def decision(self) -> Decision | None:
        """The verdict and what was tried for it."""

    @property
    def rate_curve(self) -> LearningRateCurve | None:
        """How the step size was found."""

    @property
    def forgetting(self) -> Forgetting | None:
        """What was lost on an earlier task."""

    @property
    def sources(self) -> SourceRanking | None:
        """What labeled sources are worth."""

    @property
    def adaptation(self) -> Adaptation | None:
        """How a source was carried over to the target."""

    @property
    def adjustment(self) -> Adjustment | None:
        """What was changed of the run that this one came from."""

    @property
    def extension(self) -> Extension | None:
        """What images that came later changed."""

    @property
    def evaluation(self) -> Evaluation | None:
        """Metrics with intervals."""

    @property
    def predictions(self) -> Predictions | None:
        """The evaluated rows."""

    @property
    def unlabeled(self) -> Predictions | None:
        """The unlabeled rows."""

    @property
    def pool_audit(self) -> PseudoLabelAudit | None:
        """What predictions for unlabeled images are worth."""

    @property
    def findings(self) -> Sequence[Finding] | None:
        """What inspection noticed; None where the data were not inspected."""

    @property
    def task_summary(self) -> TaskSummary:
        """The task's numbers."""

    @property
    def seconds(self) -> Mapping[str, float]:
        """Seconds spent by stage."""

    @property
    def environment(self) -> Mapping[str, Any]:
        """What it ran on."""
