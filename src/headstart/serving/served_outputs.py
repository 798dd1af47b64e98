"""Served outputs: a run of several labels or numbers under its name."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from headstart.backbones.catalog import provider_of
from headstart.core.errors import PlanError
from headstart.core.progress import silent
from headstart.features.store.transient import transient_features
from headstart.multioutput.model import OutputModel
from headstart.multioutput.predicting import answers_of
from headstart.multioutput.run import OutputRun
from headstart.runs.run_folder import MODEL_FOLDER
from headstart.serving.pictures import DecodedImages, DecodedPicture
from headstart.serving.refusals import RefusedError, without_folders
from headstart.serving.served import Made, Served
from headstart.serving.versions import blank_pictures
from headstart.serving.wanted import NOTHING_MORE, Wanted

FOR_CLASSES = "This model predicts {noun}; sets, a wanted accuracy and p-values are for one class an image. Leave them out."


@dataclass(frozen=True)
class AnsweringOutputs:
    """What a model of outputs says about pictures; requests with equal ones are computed together."""

    model: OutputModel = field(repr=False)
    version: str

    def __call__(self, pictures: Sequence[DecodedPicture]) -> list[dict[str, Any]]:
        """One row a picture, as `headstart predict --json` prints it."""
        rows = zip(pictures, answers_of(self.model, DecodedImages(tuple(pictures))), strict=True)
        return [{"path": picture.name, **answer} for picture, answer in rows]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AnsweringOutputs) and self.version == other.version

    def __hash__(self) -> int:
        return hash(self.version)


class ServedOutputs(Served):
    """A run folder of several labels or numbers, as it is when the server starts.

    Args:
        folder: Where it lies.
        make_batcher: Gives its batcher.
    """

    def __init__(self, folder: Path, make_batcher: Made) -> None:
        self.run = OutputRun.load(folder)
        self.model = self.run.model
        if not provider_of(self.model.networks[0].card).takes_pictures:
            raise PlanError(f"{folder} was fitted on feature vectors, and pictures are served. Use `headstart predict` with it.")
        digest = hashlib.sha256()
        for path in sorted((folder / MODEL_FOLDER).glob("outputs.*")):
            digest.update(path.read_bytes())
        self._version = digest.hexdigest()[:12]
        with silent(), transient_features():
            list(answers_of(self.model, blank_pictures(max(self.sides))))
        super().__init__(folder, make_batcher)

    @property
    def sides(self) -> tuple[int, ...]:
        return tuple(sorted({network.transform.pixels for network in self.model.networks}))

    @property
    def version(self) -> str:
        return self._version

    @property
    def num_engines(self) -> int:
        return len(self.model.networks)

    def answering(self, wanted: Wanted) -> tuple[AnsweringOutputs, str, tuple[int, ...]]:
        if wanted != NOTHING_MORE:
            raise RefusedError(422, "bad-argument", FOR_CLASSES.format(noun=self.model.kind.noun))
        return AnsweringOutputs(self.model, self.version), self.version, self.sides

    def card(self) -> dict[str, Any]:
        summary, decision, evaluation = self.run.summary, self.run.decision, self.run.evaluation
        places = (str(self.run.folder), summary.place)
        return {
            "name": self.name,
            "version": self.version,
            "kind": "outputs",
            "outputs": summary.kind,
            "classes": list(self.model.outputs),
            "task": without_folders(summary.name, places),
            "num_train": summary.num_labeled,
            "pretrained": [network.card.name for network in self.model.networks],
            "licenses": {network.card.name: network.card.license for network in self.model.networks},
            "verdict": decision.verdict,
            "sentence": without_folders(decision.sentence, places),
            "metrics": {name: one.to_dict() for name, one in evaluation.metrics.items()},
            "num_images": evaluation.num_images,
            "protocol": without_folders(evaluation.protocol, places),
        }
