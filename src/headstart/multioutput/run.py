"""OutputRun: the folder of a run of several labels or numbers, read."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from headstart.core.errors import DataError
from headstart.core.findings import Finding
from headstart.core.prediction_rows import PredictionRows
from headstart.core.records import Record
from headstart.core.verbs import public
from headstart.data.given_images import GivenImages
from headstart.multioutput.candidate import OutputCandidate
from headstart.multioutput.model import OutputModel
from headstart.multioutput.predictions import OutputPredictions
from headstart.multioutput.records import OutputDecision, OutputEvaluation
from headstart.multioutput.task import OutputSummary
from headstart.planning.ranking.ranking import Ranking
from headstart.runs.manifest import Manifest
from headstart.runs.run import MODEL, RESULT, TEST_PREDICTIONS, Findings
from headstart.runs.run_folder import RunFolder, holds_outputs
from headstart.runs.verification import Verification

Kind = TypeVar("Kind", bound=Record)
FILES: dict[type[Record], str] = {
    OutputSummary: "task.json",
    Findings: "findings.json",
    Ranking: "ranking.json",
    OutputDecision: "decision.json",
    OutputEvaluation: "evaluation.json",
    Manifest: "manifest.json",
}
"""The file of each record."""


@dataclass(frozen=True)
class OutputRun(RunFolder):
    """A run folder of several labels an image, or of numbers; each part is read when first asked for.

    Attributes:
        folder: Where it lies.
    """

    @classmethod
    def load(cls, run: RunFolder | str | Path) -> OutputRun:
        """The finished run in a folder; a `DataError` where it holds no finished one of this kind."""
        if isinstance(run, OutputRun):
            return run
        folder = run.folder if isinstance(run, RunFolder) else Path(run)
        if not holds_outputs(folder):
            raise DataError(f"{folder} holds no finished run of several labels or numbers. `headstart run` makes one.")
        return cls(folder)

    def predict(self, images: GivenImages, interval: float | None = None) -> PredictionRows:
        """One row an image; see `headstart.predict`."""
        rows: PredictionRows = public("predict")(self, images, interval=interval)
        return rows

    def evaluate(self, data: str | Path | None = None) -> OutputEvaluation:
        """Its evaluation, or that of its model on other labeled data; see `headstart.evaluate`."""
        found: OutputEvaluation = public("evaluate")(self, data)
        return found

    def verify(self, data: str | Path | None = None) -> Verification:
        """Whether it is what its manifest says; see `headstart.verify`."""
        found: Verification = public("verify")(self, data)
        return found

    def _read(self, kind: type[Kind]) -> Kind | None:
        path = self._vouched(FILES[kind])
        return kind.read(path) if path.exists() else None

    def _vouched(self, name: str) -> Path:
        """Where a part lies; a `DamagedError` where it is another file than the one that the manifest knows."""
        manifest = None if name == FILES[Manifest] else self.manifest
        if manifest is not None:
            manifest.check(self.folder, name)
        return self.folder / name

    def _part(self, kind: type[Kind]) -> Kind:
        found = self._read(kind)
        if found is None:
            raise DataError(f"{self.folder} lacks {FILES[kind]}. Give the command that made it again: it makes what is missing.")
        return found

    @cached_property
    def summary(self) -> OutputSummary:
        """The task's numbers."""
        return self._part(OutputSummary)

    @cached_property
    def decision(self) -> OutputDecision:
        """What was decided."""
        return self._part(OutputDecision)

    @cached_property
    def evaluation(self) -> OutputEvaluation:
        """How good it is."""
        return self._part(OutputEvaluation)

    @cached_property
    def ranking(self) -> Ranking | None:
        """The networks; None where none was to be transferred from."""
        return self._read(Ranking)

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What reading noticed."""
        found = self._read(Findings)
        return () if found is None else found.findings

    @property
    def manifest(self) -> Manifest | None:
        """What it used; None in a run that has not ended, and in those of earlier versions."""
        return self._read(Manifest)

    @property
    def candidate(self) -> OutputCandidate | None:
        """What was fitted; None where a decision of an earlier version does not name it."""
        return next((one.candidate for one in self.decision.results if one.name == self.decision.chosen), None)

    @cached_property
    def model(self) -> OutputModel:
        """The fitted model."""
        return OutputModel.load(self.folder / MODEL)

    @cached_property
    def predictions(self) -> OutputPredictions:
        """The evaluated images."""
        return OutputPredictions.read(self._vouched(TEST_PREDICTIONS))

    @cached_property
    def result(self) -> dict[str, Any]:
        """The run as `run --json` prints it."""
        return {
            "run": str(self.folder),
            "kind": self.summary.kind,
            "outputs": list(self.summary.outputs),
            "verdict": self.decision.verdict,
            "decision": self.decision.to_dict(),
            "evaluation": self.evaluation.to_dict(),
            "findings": [finding.to_dict() for finding in self.findings],
        }


def list_output_runs(folder: str | Path = "runs") -> list[OutputRun]:
    """The finished runs of several labels or numbers in a folder, oldest first."""
    found = [path.parent for path in Path(folder).glob(f"*/{RESULT}") if holds_outputs(path.parent)]
    return [OutputRun(path) for path in sorted(found, key=lambda path: (path.stat().st_mtime, path.name))]
