"""Workspace: a run folder, named, claimed and written. Nothing else writes into a run folder or says who may use it."""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from headstart.attribution.explanation import ExplainedMistakes
from headstart.backbones.engines.choice import requested_engine
from headstart.backbones.engines.machine import machine_fingerprint
from headstart.backbones.label_contamination import FILE as LEARNED
from headstart.core.conditions import finding_of_conditions
from headstart.core.cores import num_threads
from headstart.core.dropping import finding_of_drops
from headstart.core.errors import ExportError, PlanError
from headstart.core.evaluation import Evaluation
from headstart.core.folders import cache_folder
from headstart.core.key_files import write_keys
from headstart.core.launched import check_connected
from headstart.core.memory import peak_bytes
from headstart.core.parsing import json_document, json_table_in, json_text
from headstart.core.predictions import Predictions
from headstart.core.records import Record, fingerprint_of, holds_anything, write_atomically
from headstart.core.steps import Steps
from headstart.core.types import Floats
from headstart.core.unfinished import sweep
from headstart.data.task import Task
from headstart.evaluation.conformal import Calibration
from headstart.evaluation.forgetting import Forgetting
from headstart.evaluation.label_error_report import MANIFEST, LabelErrors, numbered_manifest
from headstart.evaluation.pseudo_label_audit import PseudoLabelAudit
from headstart.evaluation.stress import Stress
from headstart.heads.ridge_statistics import save_statistics
from headstart.methods.model import Model
from headstart.planning.plan import Plan
from headstart.runs.calibrated import FILE as CALIBRATION
from headstart.runs.damaged_parts import drop_damaged_parts, request_in
from headstart.runs.in_progress import forget_in, noted_in
from headstart.runs.manifest import IMAGES, Manifest, UsedImages, lines_of_images
from headstart.runs.provenance import environment_now
from headstart.runs.repeatability import with_earlier
from headstart.runs.run import (
    ENVIRONMENT,
    FAILURE,
    FIRST_MODEL,
    KNOWN,
    MODEL,
    POOL_PREDICTIONS,
    REQUEST,
    RESULT,
    STATISTICS,
    TEST_PREDICTIONS,
    Findings,
    Run,
    file_of,
)
from headstart.runs.run_folder import EARLIER, PEAK_MEMORY

REPORT = "report.html"
CARD = "card.md"
"""The model card."""
ANOTHER_REQUEST = "a run of another request or of data that changed since"
MANIFEST_HASHES = "steps/label_manifests.json"
"""Tells which manifests of labels a person has changed since they were written."""
MADE_OF_FIT = ("refit", "evaluate", "audit", "labels", "mistakes")
"""Steps with the inputs of a fit that come after it."""


def shared_steps() -> Path:
    """Where runs leave what others can use; another version, engine, number of threads or machine computes something else."""
    engine = requested_engine() or "auto"
    return cache_folder() / "steps" / f"{version('headstart')}-{engine}-{num_threads()}-{machine_fingerprint()}"


@dataclass(frozen=True)
class Workspace:
    """A run folder that is written. A claim raises PlanError where it is a file or holds other work, ExportError where read-only.

    Attributes:
        folder: Where it lies; it need not exist.
    """

    folder: Path

    @classmethod
    def named(cls, out: str | Path | None, near: Path, content: Any) -> Workspace:
        """The workspace in `out`, or else one beside a path, named after that and the fingerprint of what the run is about."""
        return cls(Path(out) if out else near.with_name(f"{near.name}-{fingerprint_of(content)[:8]}"))

    @property
    def run(self) -> Run:
        """The folder as it is now, read afresh."""
        return Run(self.folder)

    @property
    def steps(self) -> Steps:
        """The finished steps of this run."""
        return Steps(self.folder / "steps")

    @property
    def sharing_steps(self) -> Steps:
        """The finished steps of this run, which takes costly ones over from other runs and leaves them its own."""
        return Steps(self.folder / "steps", shared_steps())

    def path(self, name: str) -> Path:
        """Where a file of that name lies."""
        return self.folder / name

    def claim_request(self, kind: str, request: Record, task: Task) -> None:
        """Take the folder for the request of a run or of a "pretraining", or go on with the same one.

        A pretraining wants the folder for itself, and leaves it free where it came to nothing.
        """
        self._check_writable()
        content = {kind: request.to_dict(), "task": task.fingerprint}
        path = self.path(REQUEST)
        there = request_in(self.run, json_text(content))
        if kind == "request" and there is not None and there != content:
            other = _fields_of(there) != set(request.to_dict())
            retained = ", whose model is kept and predicts as before" if self.run.finished else ""
            self._refuse(f"a run of another version of headstart{retained}" if other else ANOTHER_REQUEST)
        fitted = there is None or any((self.folder / "steps").glob("fit-*"))
        if kind == "pretraining" and there != content and fitted and self._used:
            self._refuse("something else than this pretraining")
        write_atomically(path, json_text(content))

    def claim_fit(self, inputs: dict[str, Any]) -> None:
        """Take the folder for one fit: finished steps are not redone, so a second fit would get the numbers of the first."""
        self._check_writable()
        stem = self.steps.stem("fit", inputs)
        if any(path.stem != stem for path in (self.folder / "steps").glob("fit-*.json")):
            self._refuse("the fit of another plan, of data that changed since, or of an earlier version of headstart")

    def reopen(self) -> None:
        """Let a finished run go on: without its report it counts as unfinished; its model stays until another takes its place.

        Until it has ended again nothing vouches for its files.
        """
        self.path(REPORT).unlink(missing_ok=True)
        self.drop(Manifest)

    def forget_other_fits(self, inputs: dict[str, Any]) -> None:
        """Delete what was made of a fit with other inputs, but for its model, which stays until the next one is saved."""
        stem = self.steps.stem("fit", inputs)
        others = [path for path in (self.folder / "steps").glob("fit-*.json") if path.stem != stem]
        if not others:
            return
        for path in [path for name in MADE_OF_FIT for path in (self.folder / "steps").glob(f"{name}-*.json")]:
            path.unlink()
        self.drop(Evaluation, PseudoLabelAudit, Forgetting, LabelErrors, ExplainedMistakes, Stress, Manifest)
        for name in (TEST_PREDICTIONS, POOL_PREDICTIONS, STATISTICS, KNOWN, LEARNED, RESULT, REPORT, CARD, IMAGES):
            self.path(name).unlink(missing_ok=True)
        for name in self._written_manifests():
            if self._is_replaceable(name):
                self.path(name).unlink(missing_ok=True)
        (self.model_folder / CALIBRATION).unlink(missing_ok=True)
        for path in others:
            path.unlink()

    def claim_adjustment(self, parent: Path, minutes: float | None, margin: float | None = None) -> None:
        """Take the folder for an adjusted run, or go on with what a killed call with the same arguments left."""
        self._check_writable()
        there = self.run.adjustment
        if self._used and (there is None or (there.parent, there.minutes, there.margin) != (str(parent), minutes, margin)):
            self._refuse("another run" if self.path(file_of(Plan)).exists() else "something else than an adjusted run")

    def claim_extension(self, parent: Path, fingerprint: str) -> bool:
        """Take the folder for an extension of a run; true where this very extension, by its images, lies there whole."""
        self._check_writable()
        if not self.path(file_of(Plan)).exists():
            return False
        there = self.run.extension
        if there is None or (there.parent, there.fingerprint) != (str(parent), fingerprint):
            self._refuse("another run")
        return self.path(REPORT).exists() and self.whole_model is not None

    @property
    def is_evaluated(self) -> bool:
        """Whether a run ended here, with its model, its evaluation and its report."""
        names = (file_of(Evaluation), TEST_PREDICTIONS, RESULT, REPORT)
        return all(self.path(name).exists() for name in names) and self.whole_model is not None

    @property
    def _used(self) -> bool:
        return holds_anything(self.folder)

    def _refuse(self, contents: str) -> None:
        raise PlanError(f"{self.folder} holds {contents}. Give another --out, or delete it.")

    def _check_writable(self) -> None:
        check_connected()
        if self.folder.exists() and not self.folder.is_dir():
            raise PlanError(f"{self.folder} is a file. Give another --out.")
        if self.folder.exists() and not os.access(self.folder, os.W_OK):
            raise ExportError(f"{self.folder} is read-only. Choose another folder with --out.")
        sweep(shared_steps())
        self.sweep()

    def sweep(self) -> None:
        """Delete what killed commands have left half-written here."""
        sweep(self.folder)
        for name in ("steps", MODEL, FIRST_MODEL):
            sweep(self.path(name), below=True)

    def write(self, *records: Record) -> None:
        """Write records, each into the file of its kind; what is there already stays as it is."""
        for record in records:
            path = self.path(file_of(type(record)))
            text = record.to_sealed_toml() if path.suffix == ".toml" else record.to_json()
            if not (path.is_file() and path.read_bytes() == text.encode("utf-8", "surrogateescape")):
                write_atomically(self._unvouched(path.name), text)

    def _unvouched(self, name: str) -> Path:
        """Where a file is to be written; the manifest of a run that has ended does not vouch for it until it is."""
        manifest = None if name == file_of(Manifest) else self.run.manifest
        if manifest is not None and name in manifest.files:
            self.write(manifest.model_copy(update={"files": {one: manifest.files[one] for one in manifest.files if one != name}}))
        return self.path(name)

    def noted(self) -> AbstractContextManager[None]:
        """Inside, a file of the folder says what is being done; see `headstart.runs.in_progress`."""
        return noted_in(self.folder)

    def not_in_progress(self) -> None:
        """Delete that file, which a call that was killed after the report has left."""
        forget_in(self.folder)

    def drop(self, *kinds: type[Record]) -> None:
        """Delete the records of those classes, which an earlier, stopped call has left."""
        for kind in kinds:
            self.path(file_of(kind)).unlink(missing_ok=True)

    def write_predictions(self, predictions: Predictions, *, unlabeled: bool = False) -> None:
        """Write the predictions of the evaluated rows, or of the unlabeled ones."""
        predictions.write(self._unvouched(POOL_PREDICTIONS if unlabeled else TEST_PREDICTIONS))

    def write_calibration(self, predictions: Predictions) -> None:
        """Write what out-of-fold predictions say about the certainty of the model, beside it."""
        Calibration.of(predictions).write(self.model_folder / CALIBRATION)

    @property
    def is_calibrated(self) -> bool:
        """Whether that is there."""
        return (self.model_folder / CALIBRATION).exists()

    def write_environment(self) -> None:
        """Write the versions and hardware that the run runs on."""
        write_atomically(self.path(ENVIRONMENT), json_text(with_earlier(self.run.environment, environment_now())))

    def write_peak_memory(self) -> None:
        """Add to the versions and hardware the most memory that this process has had, or an earlier one that worked on the run.

        Nothing where they were not written, as in a run that extends another one, or where the run has ended already.
        """
        values = self.run.environment
        if values and not (PEAK_MEMORY in values and self.path(REPORT).exists()):
            values[PEAK_MEMORY] = max(peak_bytes(), values.get(PEAK_MEMORY) or 0)
            write_atomically(self.path(ENVIRONMENT), json_text(values))

    def write_failure(self, sentence: str) -> None:
        """Write why training broke down."""
        write_atomically(self.path(FAILURE), sentence)

    def write_learned(self, keys: Iterable[str]) -> None:
        """Write the content keys of the images whose labels the network has learned, where there are any."""
        if known := set(keys):
            write_keys(self.path(LEARNED), known)

    def write_model(self, model: Model) -> None:
        """Write the model."""
        model.save(self.model_folder)

    def write_first_model(self, model: Model) -> None:
        """Write the first model; the folder can be predicted with once its last file is there."""
        self._delete_first_model()  # what a kill has left
        model.save(self.path(FIRST_MODEL))

    def drop_first_model(self) -> None:
        """Delete the first model where the final one is there, which `Run.model` reads from then on."""
        if self.run.finished:
            self._delete_first_model()

    def _delete_first_model(self) -> None:
        """The file without which it is none goes first: after a kill in between nobody takes the rest for a model."""
        folder = self.path(FIRST_MODEL)
        (folder / "model.json").unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)

    def write_statistics(self, statistics: Mapping[int, Mapping[str, Floats]]) -> Path:
        """Write the sums of which the heads of models can be solved again, by the models' places; their file comes back."""
        save_statistics(self.path(STATISTICS), statistics)
        return self.path(STATISTICS)

    def write_known(self, keys: Iterable[str]) -> None:
        """Write the content keys of the images that later additions leave out."""
        write_keys(self.path(KNOWN), set(keys))

    @property
    def model_folder(self) -> Path:
        """Where the model lies."""
        return self.folder / MODEL

    @property
    def whole_model(self) -> Model | None:
        """The model; None where a file of it is missing."""
        return Model.whole_in(self.model_folder)

    def drop_damaged(self) -> None:
        """Drop what is damaged of a run that is made again, which then goes on; see `drop_damaged_parts`."""
        if drop_damaged_parts(self.folder):
            self.reopen()

    def forget_broken_model(self, inputs: dict[str, Any]) -> None:
        """Where the model is no longer whole, let its fit be made again, and what the model predicted."""
        if self.whole_model is None:
            self.path(POOL_PREDICTIONS).unlink(missing_ok=True)
            self.steps.forget((*MADE_OF_FIT, "fit"), inputs)

    def write_noted(self) -> None:
        """Add to the findings that damaged files were dropped meanwhile, and that not all was made under the same conditions.

        See `headstart.core.dropping` and `headstart.core.conditions`.
        """
        run = self.run
        found = (*finding_of_drops(), *finding_of_conditions(run.environment.get(EARLIER, ())))
        if found:
            self.write(Findings(findings=(*(run.noticed.findings if run.noticed else ()), *found)))

    def write_result(self) -> Run:
        """Write what `--json` prints; the run comes back."""
        run = self.run
        write_atomically(self.path(RESULT), json_document(run.result))
        return run

    def write_label_manifest(self, text: str) -> str:
        """Write the manifest whose labels a person may correct; its name comes back.

        A manifest that is no longer as it was written stays: the next free number then tells the new one from it.
        """
        names = itertools.chain([MANIFEST], (numbered_manifest(number) for number in itertools.count(2)))
        name = next(name for name in names if self._is_replaceable(name))
        hashes = self._written_manifests() | {name: _hash_of(text.encode())}
        write_atomically(self.path(MANIFEST_HASHES), json_text(hashes))
        write_atomically(self.path(name), text)
        return name

    def _written_manifests(self) -> dict[str, str]:
        """The hash of each manifest as it was written, by its name; empty for a run of an earlier version."""
        path = self.path(MANIFEST_HASHES)
        return json_table_in(path) if path.exists() else {}

    def _is_replaceable(self, name: str) -> bool:
        """Whether a manifest is not there, or still as it was written."""
        path = self.path(name)
        return not path.exists() or _hash_of(path.read_bytes()) == self._written_manifests().get(name)

    def write_report(self, page: str) -> None:
        """Write the report."""
        write_atomically(self.path(REPORT), page)

    def write_card(self, text: str) -> None:
        """Write the model card."""
        write_atomically(self.path(CARD), text)
        self.vouch_for(CARD)

    def write_manifest(self, images: UsedImages, manifest: Manifest) -> None:
        """Write what the run used, and the hash of each of its files as they are now; only the report comes later."""
        write_atomically(self.path(IMAGES), lines_of_images(images.rows))
        self.write(manifest.with_files(self.folder))

    def vouch_for(self, *names: str) -> None:
        """Let the manifest of a finished run have the hashes of these files, which a later command wrote; others stay."""
        manifest = self.run.manifest
        if manifest is not None:
            self.write(manifest.with_files(self.folder, names))


def _hash_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _fields_of(content: Any) -> set[str]:
    """The fields of the request that a file holds; none where it holds another kind."""
    request = content.get("request") if isinstance(content, dict) else None
    return set(request) if isinstance(request, dict) else set()
