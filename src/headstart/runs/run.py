"""Run: a run folder, read."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from headstart.core.errors import DataError
from headstart.core.findings import Finding
from headstart.core.key_files import read_keys
from headstart.core.parsing import json_table_in, written_toml_in
from headstart.core.records import Record
from headstart.core.shown import Shown
from headstart.core.steps import Steps
from headstart.core.types import Floats
from headstart.core.verbs import public
from headstart.runs.repeatability import repeatability_of
from headstart.runs.run_folder import MODEL_FOLDER, PEAK_MEMORY, RunFolder, check_of_classes, note_changed_plan

if TYPE_CHECKING:  # a part of a run is imported when it is read: a prediction reads the model alone
    from headstart.attribution.explanation import ExplainedMistakes
    from headstart.cluster.account import ClusterUse
    from headstart.core.evaluation import Evaluation
    from headstart.core.exported import Export, Repository
    from headstart.core.prediction_rows import PredictionRows
    from headstart.core.predictions import Predictions
    from headstart.core.types import TestTime
    from headstart.data.given_images import GivenImages
    from headstart.data.summary import TaskSummary
    from headstart.data.task import Task
    from headstart.evaluation.extension import Extension
    from headstart.evaluation.forgetting import Forgetting
    from headstart.evaluation.label_error_report import LabelErrors
    from headstart.evaluation.pseudo_label_audit import PseudoLabelAudit
    from headstart.evaluation.run_comparison import RunComparisons
    from headstart.evaluation.stress import Stress
    from headstart.methods.model import Model
    from headstart.planning.adapting.adaptation import Adaptation
    from headstart.planning.improving.adjustment import Adjustment
    from headstart.planning.plan import Plan
    from headstart.planning.ranking.ranking import Ranking
    from headstart.planning.results import Decision, FirstModel, Verdict
    from headstart.planning.sources.source_ranking import SourceRanking
    from headstart.runs.manifest import Manifest
    from headstart.runs.verification import Verification
    from headstart.training.learning_rate_finder import LearningRateCurve

Kind = TypeVar("Kind", bound=Record)
STAGES = {
    "inspect": ("inspect",),
    "rank": ("rank",),
    "decide": ("sources", "decide", "presence", "adapt"),
    "fit": ("first", "fit", "refit"),
    "evaluate": ("evaluate", "labels", "mistakes"),
}
"""The steps whose seconds each stage counts: ranking the sources and adapting to a target are ways to decide, and
the first model is fitted, too."""


class Findings(Record):
    """What inspection noticed."""

    findings: tuple[Finding, ...]


FILES: dict[str, str] = {
    "headstart.cluster.account.ClusterUse": "cluster.json",
    "headstart.attribution.explanation.ExplainedMistakes": "mistakes.json",
    "headstart.backbones.lineage.Lineage": "lineage.json",
    "headstart.core.evaluation.Evaluation": "evaluation.json",
    "headstart.data.summary.TaskSummary": "task.json",
    "headstart.evaluation.extension.Extension": "extension.json",
    "headstart.evaluation.forgetting.Forgetting": "forgetting.json",
    "headstart.evaluation.label_error_report.LabelErrors": "label_errors.json",
    "headstart.evaluation.pseudo_label_audit.PseudoLabelAudit": "pool_audit.json",
    "headstart.evaluation.stress.Stress": "stress.json",
    "headstart.planning.adapting.adaptation.Adaptation": "adaptation.json",
    "headstart.planning.improving.adjustment.Adjustment": "adjustment.json",
    "headstart.planning.plan.Plan": "plan.toml",
    "headstart.planning.ranking.ranking.Ranking": "ranking.json",
    "headstart.planning.results.Decision": "decision.json",
    "headstart.planning.results.FirstModel": "first_model.json",
    "headstart.planning.sources.source_ranking.SourceRanking": "sources.json",
    "headstart.runs.manifest.Manifest": "manifest.json",
    "headstart.runs.run.Findings": "findings.json",
    "headstart.training.learning_rate_finder.LearningRateCurve": "rate_curve.json",
}
"""The file of each record in a run folder, by the place of its class."""


def file_of(kind: type[Record]) -> str:
    """The file of a record of that class."""
    return FILES[f"{kind.__module__}.{kind.__qualname__}"]


MODEL = MODEL_FOLDER
FIRST_MODEL = "first_model"
"""The folder of the first model, until the final one is there."""
TEST_PREDICTIONS = "predictions.parquet"
POOL_PREDICTIONS = "unlabeled.parquet"
FAILURE = "failure.txt"
ENVIRONMENT = "env.json"
STATISTICS = "memory.safetensors"
RESULT = "result.json"
REQUEST = "request.json"
"""What a run was asked for, which it goes on with."""
KNOWN = "known.txt"
"""Content keys of the images that the statistics are made of and of those that measure them, one a line."""


class _Part(Generic[Kind]):
    """An attribute of a run: the record in the file of its kind, read once; None while the file is absent."""

    def __init__(self, place: str) -> None:
        self.place = place

    def __set_name__(self, owner: type[Run], name: str) -> None:
        self.name = name

    def __get__(self, run: Run, owner: type[Run]) -> Kind | None:
        path = run.vouched(FILES[self.place])
        if not path.exists():
            return None
        run.__dict__[self.name] = record = self._kind().read(path)
        return record

    def _kind(self) -> type[Kind]:
        module, _, name = self.place.rpartition(".")
        kind: type[Kind] = getattr(importlib.import_module(module), name)
        return kind


@dataclass(frozen=True)
class Run(RunFolder, Shown):
    """A run folder; each part is read when first asked for.

    Attributes:
        folder: Where it lies.
    """

    ranking: ClassVar[_Part[Ranking]] = _Part("headstart.planning.ranking.ranking.Ranking")
    """None for a fit of a plan written by hand, as are `decision` and `adaptation`."""
    decision: ClassVar[_Part[Decision]] = _Part("headstart.planning.results.Decision")
    """None where the labels of the target did not decide."""
    sources: ClassVar[_Part[SourceRanking]] = _Part("headstart.planning.sources.source_ranking.SourceRanking")
    """None where no source was named."""
    adaptation: ClassVar[_Part[Adaptation]] = _Part("headstart.planning.adapting.adaptation.Adaptation")
    """None where target labels decided."""
    adjustment: ClassVar[_Part[Adjustment]] = _Part("headstart.planning.improving.adjustment.Adjustment")
    """What was tried on the run that this one was adjusted from; None for other runs."""
    extension: ClassVar[_Part[Extension]] = _Part("headstart.evaluation.extension.Extension")
    """Gains and losses against the run that this one extends; None for other runs."""
    rate_curve: ClassVar[_Part[LearningRateCurve]] = _Part("headstart.training.learning_rate_finder.LearningRateCurve")
    """None where the learning-rate finder was not asked for."""
    forgetting: ClassVar[_Part[Forgetting]] = _Part("headstart.evaluation.forgetting.Forgetting")
    """None where the run started from no other run whose test images were at hand."""
    first: ClassVar[_Part[FirstModel]] = _Part("headstart.planning.results.FirstModel")
    """What could be predicted with before the decision; None where nothing was fitted first, and in runs of earlier versions."""
    evaluation: ClassVar[_Part[Evaluation]] = _Part("headstart.core.evaluation.Evaluation")
    """None before the evaluation."""
    pool_audit: ClassVar[_Part[PseudoLabelAudit]] = _Part("headstart.evaluation.pseudo_label_audit.PseudoLabelAudit")
    """None where there are no unlabeled images, or no labeled image was held out."""
    label_errors: ClassVar[_Part[LabelErrors]] = _Part("headstart.evaluation.label_error_report.LabelErrors")
    """None where the labels could not be assessed."""
    explained_mistakes: ClassVar[_Part[ExplainedMistakes]] = _Part("headstart.attribution.explanation.ExplainedMistakes")
    """None where nothing was predicted wrongly, and in runs of earlier versions."""
    cluster_use: ClassVar[_Part[ClusterUse]] = _Part("headstart.cluster.account.ClusterUse")
    """None where all was computed in one process."""
    stress: ClassVar[_Part[Stress]] = _Part("headstart.evaluation.stress.Stress")
    """None where no pictures were made worse."""
    manifest: ClassVar[_Part[Manifest]] = _Part("headstart.runs.manifest.Manifest")
    """None in runs that have not ended, and in those of earlier versions."""
    noticed: ClassVar[_Part[Findings]] = _Part("headstart.runs.run.Findings")
    """None where the data were not inspected."""

    @classmethod
    def load(cls, run: RunFolder | str | Path, *, broken: bool = False, first: bool = False) -> Run:
        """The finished run in a folder; a run comes back as it is.

        With `broken` also one whose training broke down, which has no model, and with `first` an unfinished one with a first
        model. A DataError says that the folder holds no finished fit.
        """
        if isinstance(run, Run):
            return run
        found = cls(run.folder if isinstance(run, RunFolder) else Path(run))
        check_of_classes(found.folder)
        if not (found.finished or (broken and found.failure) or (first and found.has_first_model)):
            raise DataError(
                f"{found.folder} holds no finished run. `headstart runs` lists those there are; an unfinished one goes on with "
                "`run`."
            )
        note_changed_plan(found.folder)
        return found

    def vouched(self, name: str) -> Path:
        """Where a part lies; a `DamagedError` where it is another file than the one that the manifest knows."""
        if name != FILES["headstart.runs.manifest.Manifest"] and self.manifest is not None:
            self.manifest.check(self.folder, name)
        return self.folder / name

    @property
    def finished(self) -> bool:
        """Whether the folder holds a model."""
        return (self.folder / MODEL / "model.json").exists()

    @property
    def has_first_model(self) -> bool:
        """Whether the folder holds the first model of an unfinished run."""
        return not self.finished and (self.folder / FIRST_MODEL / "model.json").exists()

    @cached_property
    def plan(self) -> Plan:
        """The plan that was fitted."""
        from headstart.planning.plan import Plan  # noqa: PLC0415

        path = self.folder / file_of(Plan)
        return Plan.from_dict(written_toml_in(path) if path.exists() else {}, str(path))

    @cached_property
    def task_summary(self) -> TaskSummary:
        """The task's numbers."""
        from headstart.data.summary import TaskSummary  # noqa: PLC0415

        path = self.folder / file_of(TaskSummary)
        return TaskSummary.read(path) if path.exists() else TaskSummary.from_dict({}, str(path))

    @cached_property
    def failure(self) -> str | None:
        """Why its training broke down; None where it did not."""
        return None if self.finished else _text_of(self.folder / FAILURE)

    @cached_property
    def predictions(self) -> Predictions | None:
        """The evaluated rows."""
        return _predictions_in(self.vouched(TEST_PREDICTIONS))

    @cached_property
    def unlabeled(self) -> Predictions | None:
        """The unlabeled rows, as the model predicts them; None where there are none, and in runs of earlier versions."""
        return _predictions_in(self.vouched(POOL_PREDICTIONS))

    @cached_property
    def findings(self) -> tuple[Finding, ...] | None:
        """What inspection, adapting and the assessment of labels noticed; None where the data were not inspected."""
        later = [found.findings for found in (self.adaptation, self.label_errors) if found]
        return None if self.noticed is None else (*self.noticed.findings, *(one for some in later for one in some))

    @cached_property
    def model(self) -> Model:
        """The fitted model, or the first one of an unfinished run."""
        from headstart.methods.model import Model  # noqa: PLC0415

        return Model.load(self.folder / (FIRST_MODEL if self.has_first_model else MODEL))

    @property
    def statistics(self) -> dict[int, dict[str, Floats]]:
        """Sums over its rows, of which the head of each of its models can be solved again, by the model's place.

        Empty where none were stored; see `headstart.heads.ridge_statistics`.
        """
        from headstart.heads.ridge_statistics import load_statistics  # noqa: PLC0415

        path = self.folder / STATISTICS
        return load_statistics(path) if path.exists() else {}

    @property
    def known(self) -> frozenset[str]:
        """Content keys of the images that its statistics and their evaluation are made of, as far as they were kept."""
        return read_keys(self.folder / KNOWN)

    @property
    def seconds(self) -> dict[str, float]:
        """Seconds spent by stage."""
        spent = Steps(self.folder / "steps").seconds()
        return {stage: sum(spent.get(name, 0.0) for name in names) for stage, names in STAGES.items()}

    @property
    def environment(self) -> dict[str, Any]:
        """Versions and hardware that it ran on."""
        return json_table_in(path) if (path := self.folder / ENVIRONMENT).exists() else {}

    @property
    def repeatability(self) -> str:
        """What is guaranteed where its command is given again, as a sentence; empty where its machine was not noted."""
        found = self.decision or self.adaptation
        return repeatability_of(self.environment, self.plan.seed, stopped=bool(found and found.stopped))

    @property
    def verdict(self) -> Verdict | None:
        """That of the decision or, where target labels did not decide, of the adaptation; None where nothing was decided."""
        return found.verdict if (found := self.decision or self.adaptation) else None

    @property
    def verdict_sentence(self) -> str:
        """The sentence to quote with the verdict; empty where nothing was decided."""
        found = self.decision or self.adaptation
        return found.sentence if found else ""

    @cached_property
    def result(self) -> dict[str, Any]:
        """The run as `run --json` prints it; the `first_model` of its seconds is when that was there, from the beginning on."""
        return {
            "run": str(self.folder),
            "verdict": self.verdict,
            "decision": self._decided,
            "audit": _plain(self.decision.audit) if self.decision else None,
            "sources": _plain(self.sources),
            "adaptation": _plain(self.adaptation),
            "evaluation": _plain(self.evaluation),
            **self._left_out_domains(),
            "forgetting": _plain(self.forgetting),
            "extension": _plain(self.extension),
            "label_errors": _plain(self.label_errors),
            "findings": None if self.findings is None else [finding.to_dict() for finding in self.findings],
            PEAK_MEMORY: self.environment.get(PEAK_MEMORY),
            "repeatability": self.repeatability,
            "seconds": self.seconds | ({"first_model": self.first.seconds} if self.first else {}),
        }

    @property
    def _decided(self) -> dict[str, Any] | None:
        """What was decided; the gain of adapting is None, as it cannot be measured without target labels."""
        decision, adaptation, plan = self.decision, self.adaptation, self.plan
        found = decision or adaptation
        if found is None:
            return None
        estimated = adaptation.likely_accuracy.to_dict() if adaptation and not decision else None
        return {
            "pretrained": plan.pretrained,
            "method": plan.method["kind"],
            "gain": decision.gain.to_dict() if decision else None,
            "sentence": found.sentence,
            "reasons": list(found.reasons),
            "rejected": [one.to_dict() for one in (decision or plan).rejected],
        } | ({"adapted_by": list(adaptation.chosen), "estimated_accuracy": estimated} if adaptation and not decision else {})

    def _left_out_domains(self) -> dict[str, Any]:
        """What was measured of left-out domains, and what chose among candidates where any did; nothing without such domains."""
        evaluation = self.evaluation
        if not self.plan.leave_domain_out or evaluation is None or evaluation.worst_domain is None:
            return {}
        chosen = {"chosen_by": "mean over all images"} if self.decision and self.decision.compared else {}
        measured = {"mean": _plain(evaluation.domain_mean), "worst": evaluation.worst_domain.to_dict()}
        return {"left_out_domains": measured | chosen}

    def predict(
        self, images: GivenImages, refuse: float | None = None, adapt: TestTime | None = None, **asked: Any
    ) -> PredictionRows:
        """One row an image, with its label and probabilities or the error; `headstart.predict` lists the options."""
        rows: PredictionRows = public("predict")(self, images, refuse, adapt, **asked)
        return rows

    def evaluate(self, data: Task | str | Path | None = None) -> Evaluation:
        """Its evaluation, or that of its model on other labeled data; see `headstart.evaluate`."""
        evaluation: Evaluation = public("evaluate")(self, data)
        return evaluation

    def compare(self, *others: Run | str | Path, seed: int = 0) -> RunComparisons:
        """This run against each of the others; see `headstart.compare`."""
        comparisons: RunComparisons = public("compare")(self, *others, seed=seed)
        return comparisons

    def export(
        self, to: str = "onnx", *, precision: str = "float32", out: str | Path | None = None, archive: bool = False
    ) -> Export:
        """The folder with its model for a runtime alone; see `headstart.export`."""
        made: Export = public("export")(self, to, precision=precision, out=out, archive=archive)
        return made

    def push(self, place: str | Path, **options: Any) -> Repository:
        """The repository with its model, in a folder or on the Hugging Face hub; `headstart.push` lists the options."""
        made: Repository = public("push")(self, place, **options)
        return made

    def report(self, *, language: str | None = None) -> Path:
        """The file of its report, written again; see `headstart.report`."""
        path: Path = public("report")(self, language=language)
        return path

    def verify(self, data: Task | str | Path | None = None, *, repair: bool = True) -> Verification:
        """Whether its files, images, weights and versions are those of its manifest; see `headstart.verify`."""
        found: Verification = public("verify")(self, data, repair=repair)
        return found


def _text_of(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


def _predictions_in(path: Path) -> Predictions | None:
    from headstart.core.predictions import Predictions  # noqa: PLC0415

    return Predictions.read(path) if path.exists() else None


def _plain(record: Record | None) -> dict[str, Any] | None:
    return record.to_dict() if record else None
