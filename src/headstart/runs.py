"""Run: a folder that holds one whole chain; killed anywhere and started again, only what is missing runs."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import torch

from headstart.backbones.learned import keep_learned, learned_by
from headstart.core.errors import DataError, PlanError, TrainingError
from headstart.core.evaluation import Evaluation
from headstart.core.findings import Finding
from headstart.core.predictions import Predictions
from headstart.core.progress import stage
from headstart.core.records import Record, fingerprint_of, write_atomically
from headstart.core.steps import Steps
from headstart.data.images import ImageSet
from headstart.data.summary import TaskSummary
from headstart.data.task import Task
from headstart.evaluation.extension import Extension
from headstart.evaluation.forgetting import Forgetting
from headstart.evaluation.protocols import evaluate, evaluation_of
from headstart.evaluation.pseudo_label_audit import PseudoLabelAudit
from headstart.methods import METHODS
from headstart.methods.model import Model
from headstart.planning.adapting.adaptation import Adaptation
from headstart.planning.adjustment import Adjustment
from headstart.planning.decision import Decision
from headstart.planning.fitting import fit_plan, out_of_fold
from headstart.planning.learned_labels import check_not_learned
from headstart.planning.plan import Plan
from headstart.planning.pool_audit import audited
from headstart.planning.ranking import Ranking
from headstart.planning.source_ranking import SourceRanking
from headstart.training.rate_finder import RateCurve

Kind = TypeVar("Kind", bound=Record)
STAGES = {
    "inspect": ("inspect",),
    "rank": ("rank",),
    "decide": ("sources", "decide", "adapt"),
    "fit": ("fit",),
    "evaluate": ("evaluate",),
}
"""The steps whose seconds a stage counts: judging sources and adapting to a target are ways to decide."""


class Findings(Record):
    """What inspection noticed."""

    findings: tuple[Finding, ...]


class Done(Record):
    """A stage whose result lies in files of its own."""


class Audited(Record):
    """What predictions for unlabeled images are worth, where there are any and something was held out."""

    audit: PseudoLabelAudit | None


CHOSEN_ON_THEM = "The method was chosen on these same images, so that the numbers lean to the bright side."


@dataclass(frozen=True)
class Run:
    """A run's folder, read when asked.

    Attributes:
        folder: Where it lies.
    """

    folder: Path

    @classmethod
    def load(cls, folder: str | Path) -> Run:
        """The run in that folder.

        Args:
            folder: Where it lies.

        Returns:
            The run.

        Raises:
            DataError: The folder holds no finished fit.
        """
        path = Path(folder)
        if not (path / "model" / "model.json").exists():
            raise DataError(
                f"{path} holds no finished run. `headstart runs` lists those there are; an unfinished one goes on with `run`."
            )
        return cls(path)

    def _read(self, name: str) -> str | None:
        path = self.folder / name
        return path.read_text(encoding="utf-8") if path.exists() else None

    def _record(self, kind: type[Kind], name: str) -> Kind | None:
        text = self._read(name)
        return None if text is None else kind.from_json(text, str(self.folder / name))

    @cached_property
    def plan(self) -> Plan:
        """The plan that was fitted."""
        return Plan.from_toml(self._read("plan.toml") or "", str(self.folder / "plan.toml"))

    @cached_property
    def ranking(self) -> Ranking | None:
        """None for a fit of a plan written by hand."""
        return self._record(Ranking, "ranking.json")

    @cached_property
    def decision(self) -> Decision | None:
        """None for a fit of a plan written by hand."""
        return self._record(Decision, "decision.json")

    @cached_property
    def sources(self) -> SourceRanking | None:
        """None where no source was named."""
        return self._record(SourceRanking, "sources.json")

    @cached_property
    def adaptation(self) -> Adaptation | None:
        """None where target labels decided."""
        return self._record(Adaptation, "adaptation.json")

    @cached_property
    def adjustment(self) -> Adjustment | None:
        """What was tried on the run that this one came from; None for a run that no adjusting made."""
        return self._record(Adjustment, "adjustment.json")

    @cached_property
    def rate_curve(self) -> RateCurve | None:
        """None where the step size was not looked for."""
        return self._record(RateCurve, "rate_curve.json")

    @cached_property
    def failure(self) -> str | None:
        """Why its training broke down; None where it did not."""
        return None if (self.folder / "model" / "model.json").exists() else self._read("failure.txt")

    @cached_property
    def forgetting(self) -> Forgetting | None:
        """None where the run started from no other run whose test images were at hand."""
        return self._record(Forgetting, "forgetting.json")

    @cached_property
    def extension(self) -> Extension | None:
        """What the run that this one extends gained and lost; None for a run that extends none."""
        return self._record(Extension, "extension.json")

    @cached_property
    def evaluation(self) -> Evaluation | None:
        """None before the evaluation."""
        return self._record(Evaluation, "evaluation.json")

    @cached_property
    def predictions(self) -> Predictions | None:
        """The evaluated rows."""
        path = self.folder / "predictions.parquet"
        return Predictions.read(path) if path.exists() else None

    @cached_property
    def unlabeled(self) -> Predictions | None:
        """The unlabeled rows, as the model predicts them; None where there are none, and in runs of earlier versions."""
        path = self.folder / "unlabeled.parquet"
        return Predictions.read(path) if path.exists() else None

    @cached_property
    def pool_audit(self) -> PseudoLabelAudit | None:
        """None where there are no unlabeled images, or no labeled image was held out."""
        return self._record(PseudoLabelAudit, "pool_audit.json")

    @cached_property
    def findings(self) -> tuple[Finding, ...] | None:
        """What inspection noticed, and adapting; None where the data were not inspected."""
        noticed = self._record(Findings, "findings.json")
        adapting = self.adaptation.findings if self.adaptation else ()
        return None if noticed is None else (*noticed.findings, *adapting)

    @cached_property
    def task_summary(self) -> TaskSummary:
        """The task's numbers."""
        return TaskSummary.from_json(self._read("task.json") or "{}", str(self.folder / "task.json"))

    @cached_property
    def model(self) -> Model:
        """The fitted model."""
        return Model.load(self.folder / "model")

    @property
    def seconds(self) -> dict[str, float]:
        """Seconds spent by stage."""
        spent = Steps(self.folder / "steps").seconds()
        return {stage: sum(spent.get(name, 0.0) for name in names) for stage, names in STAGES.items()}

    @property
    def environment(self) -> dict[str, Any]:
        """What it ran on."""
        try:
            return dict(json.loads(self._read("env.json") or "{}"))
        except json.JSONDecodeError as error:
            raise PlanError(f"{self.folder / 'env.json'}: not valid JSON ({error}). Restore or delete it.") from None

    @cached_property
    def result(self) -> dict[str, Any]:
        """The run as `run --json` prints it."""
        decision = self.decision
        decided = None
        if decision is not None:
            decided = {
                "pretrained": self.plan.pretrained,
                "method": self.plan.method["kind"],
                "gain": decision.gain.to_dict(),
                "sentence": decision.sentence,
                "reasons": list(decision.reasons),
                "rejected": [one.to_dict() for one in decision.rejected],
            }
        return {
            "run": str(self.folder),
            "verdict": decision.verdict if decision else None,
            "decision": decided,
            "sources": self.sources.to_dict() if self.sources else None,
            "adaptation": self.adaptation.to_dict() if self.adaptation else None,
            "evaluation": self.evaluation.to_dict() if self.evaluation else None,
            "forgetting": self.forgetting.to_dict() if self.forgetting else None,
            "extension": self.extension.to_dict() if self.extension else None,
            "findings": None if self.findings is None else [finding.to_dict() for finding in self.findings],
            "seconds": self.seconds,
        }

    def write_result(self) -> None:
        """Write `result.json`: what `--json` prints."""
        write_atomically(self.folder / "result.json", json.dumps(self.result, indent=2, ensure_ascii=False))

    def predict(self, images: ImageSet) -> Predictions:
        """Probabilities for images."""
        return self.model.predict(images)


def list_runs(folder: str | Path = "runs") -> list[Run]:
    """The finished runs in a folder, oldest first; those that `damaged_runs` names are left out."""
    return [run for run in _runs_in(folder) if not _damage(run)]


def damaged_runs(folder: str | Path = "runs") -> dict[str, str]:
    """The runs in a folder that cannot be read, each with a sentence that says why."""
    return {str(run.folder): damage for run in _runs_in(folder) if (damage := _damage(run))}


def _runs_in(folder: str | Path) -> list[Run]:
    found = [path.parent.parent for path in Path(folder).glob("*/model/model.json")]
    return [Run(path) for path in sorted(found, key=lambda path: (path / "model" / "model.json").stat().st_mtime)]


def _damage(run: Run) -> str:
    """Why plan, task or result cannot be read; empty where they can."""
    try:
        _ = run.plan, run.task_summary, run.result
    except (PlanError, UnicodeDecodeError) as error:
        return str(error) if isinstance(error, PlanError) else f"{run.folder}: a file is not UTF-8 text. Restore or delete it."
    return ""


def fit(task: Task, plan: Plan, out: Path | None = None) -> Run:
    """Fit a plan and evaluate it on the test set.

    Args:
        task: The plan's task.
        plan: What to fit.
        out: The run's folder; None for `runs/NAME-FINGERPRINT`.

    Returns:
        The run. Without a test set it is evaluated out of fold, and says so; without classes, or any label, it is not evaluated.

    Raises:
        PlanError: The folder holds another plan's fit, or a network has learned the labels of the test images.
        TrainingError: The fit broke down; `failure.txt` keeps the sentence, so that `adjust` can go on from there.
        ExportError: The folder cannot be written.
    """
    check_not_learned(task, plan.networks, judged=False)
    folder = out or Path("runs") / f"{task.name}-{fingerprint_of([plan.to_dict(), task.fingerprint])[:8]}"
    steps = Steps(folder / "steps")
    inputs = {"plan": plan.to_dict(), "task": task.fingerprint}
    _check_sole(folder, steps.stem("fit", inputs))
    write_atomically(folder / "plan.toml", plan.to_toml())
    write_atomically(folder / "task.json", task.summary().to_json())
    if not (folder / "evaluation.json").exists():
        write_atomically(folder / "env.json", json.dumps(_environment(), indent=2))

    def fitted(workspace: Path) -> Done:
        try:
            fit_plan(task, plan, folder / "model", steps, workspace)
        except TrainingError as error:
            write_atomically(folder / "failure.txt", str(error))
            raise
        return Done()

    _forget_broken(folder, steps, inputs)
    with stage("fitting"):
        steps.run("fit", inputs, Done, fitted)
    keep_learned(folder, _learned(task, plan))
    _answer_unlabeled(task, folder)
    if task.classes and (task.test is not None or task.folds):
        with stage("evaluating"):
            evaluation = steps.run("evaluate", inputs, Evaluation, lambda _: _evaluated(task, plan, folder, steps))
        write_atomically(folder / "evaluation.json", evaluation.to_json())
        _audit_pool(task, plan, folder, steps, inputs)
    finished = Run(folder)
    finished.write_result()
    return finished


def _forget_broken(folder: Path, steps: Steps, inputs: dict[str, Any]) -> None:
    """Let a fit whose model is no longer whole be made again, and what the model said of images before it."""
    if Model.whole_in(folder / "model") is None:
        (folder / "unlabeled.parquet").unlink(missing_ok=True)
        steps.forget(("audit", "evaluate", "fit"), inputs)


def _learned(task: Task, plan: Plan) -> set[str]:
    """Content keys of the images whose labels the network of a fit has learned, those that it knew before included."""
    method = METHODS.get(plan.method["kind"])
    known = set(learned_by(plan.pretrained)) if plan.weights == "pretrained" else set()
    if method.cost != "gradient" or method.label_free:
        return known
    parts = [task.labeled, *([task.source] if task.source and "source" in method.needs else [])]
    return known.union(*(part.content_keys for part in parts))


def _evaluated(task: Task, plan: Plan, folder: Path, steps: Steps) -> Evaluation:
    """Write `predictions.parquet`: of the test images, with how familiar each looks, or out of fold where there are none."""
    if task.test is None:
        predictions = out_of_fold(task, plan, steps)
        evaluation = evaluation_of(predictions, "out of fold")
        evaluation = evaluation.model_copy(update={"protocol": f"{evaluation.protocol} {CHOSEN_ON_THEM}"})
    else:
        model = Model.load(folder / "model")
        evaluation, predictions = evaluate(model, task.test)
        if model.witness:
            predictions = replace(predictions, familiarity=model.familiarity(task.test))
    predictions.write(folder / "predictions.parquet")
    return evaluation


def _answer_unlabeled(task: Task, folder: Path) -> None:
    """Write `unlabeled.parquet`: predictions for the unlabeled images, and how familiar each looks."""
    path = folder / "unlabeled.parquet"
    if task.unlabeled and task.classes and not path.exists():
        with stage("predicting unlabeled images"):
            Model.load(folder / "model").judged(task.unlabeled).write(path)


def _audit_pool(task: Task, plan: Plan, folder: Path, steps: Steps, inputs: dict[str, Any]) -> None:
    """Write `pool_audit.json`: what the model's predictions for unlabeled images would be worth as labels."""
    if not task.unlabeled:
        return
    with stage("looking at unlabeled images"):
        made = steps.run(
            "audit", inputs, Audited, lambda _: Audited(audit=audited(task, plan, Model.load(folder / "model"), steps))
        )
    if made.audit:
        write_atomically(folder / "pool_audit.json", made.audit.to_json())


def _check_sole(folder: Path, stem: str) -> None:
    """Finished steps are not redone, so that a second plan in one folder would leave its model to the first one's numbers."""
    if any(path.stem != stem for path in (folder / "steps").glob("fit-*.json")):
        raise PlanError(
            f"{folder} holds the fit of another plan or of data that changed since. Give another --out, or delete it."
        )


def _environment() -> dict[str, Any]:
    packages = ("headstart", "torch", "timm", "numpy", "scikit-learn")
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "packages": dict(_versions(packages)),
    }


def _versions(packages: Sequence[str]) -> Iterator[tuple[str, str]]:
    for package in packages:
        yield package, version(package)
